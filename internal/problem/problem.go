// Package problem is how a configuration is refused: every problem at once, each with its key, what is wrong, and how
// to mend it.
package problem

import (
	"fmt"
	"strings"
)

// A Problem is one thing that is wrong with a setting.
type Problem struct {
	Key     string // the setting, as the operator wrote it: "escape_character", or a whole path: "destinations[acme].bucket"
	Message string // what is wrong, without capital or full stop
	Hint    string // how to mend it; may be empty
	Where   string // file and line, "consign.yaml:12"; empty until the configuration's reader fills it in
	Warning bool   // worth saying, but no reason to refuse
}

// Error returns "where: key: message", followed by a "hint:" line where there is a hint.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString("\n  hint: " + p.Hint)
	}
	return b.String()
}

// A List is all the problems of one configuration, in the order in which they were found.
type List []Problem

// Add appends a problem with the setting key.
func (l *List) Add(key, format string, args ...any) {
	*l = append(*l, Problem{Key: key, Message: fmt.Sprintf(format, args...)})
}

// AddHint appends a problem with a way to mend it.
func (l *List) AddHint(key, hint, format string, args ...any) {
	*l = append(*l, Problem{Key: key, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// Warn appends a warning.
func (l *List) Warn(key, format string, args ...any) {
	*l = append(*l, Problem{Key: key, Message: fmt.Sprintf(format, args...), Warning: true})
}

// Errors returns the problems that are reasons to refuse.
func (l List) Errors() List { return l.only(false) }

// Warnings returns the problems that are not.
func (l List) Warnings() List { return l.only(true) }

func (l List) only(warning bool) List {
	var out List
	for _, p := range l {
		if p.Warning == warning {
			out = append(out, p)
		}
	}
	return out
}

// Err returns the list as an error if it holds a reason to refuse, and nil otherwise. Use errors.As with a List to get
// the single problems back.
func (l List) Err() error {
	if errs := l.Errors(); len(errs) > 0 {
		return errs
	}
	return nil
}

// Error returns one problem a line.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}
