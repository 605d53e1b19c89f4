// Package naming turns a filename template and the facts of a run into the name of an object.
//
// A template is literal text with expressions in it: {{query_name}}_{{now|local:'Asia/Tokyo'|format:'yyyy-MM-dd'}}.csv.gz.
// An expression is a variable and the filters that it passes through, left to right. Whatever is wrong with a template
// is found by Parse, before any run; Render can only miss a value that this kind of run does not have.
package naming

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrTemplate is wrapped by every error about the text of a template or about a value that it asks for.
var ErrTemplate = errors.New("not a usable filename template")

// A Template is a parsed filename template. It is safe for concurrent use.
type Template struct {
	text  string
	parts []part
}

// A part is either literal text or an expression.
type part struct {
	literal    string
	expression *expression
}

// Variables holds what a template may ask for. A value that a run does not have stays empty; a template that asks for
// it is then refused by Render.
type Variables struct {
	Now               time.Time // one instant for the whole run
	CampaignName      string
	GroupName         string
	OrchestrationName string
	QueryName         string
	RunID             string
	FileNumber        int // from 1; 0: this file is not numbered
}

// Parse reads a template. Its error wraps ErrTemplate and says what is wrong, at which character of text (counted from
// 1), and what would be right.
func Parse(text string) (*Template, error) {
	if text == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrTemplate)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: it is not UTF-8 text", ErrTemplate)
	}
	t := &Template{text: text}
	s := &scanner{text: text}
	for !s.done() {
		p, err := s.part()
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
	}
	return t, nil
}

// Render returns the name for v. Spaces in the value of a variable become "_"; spaces that the template's author wrote
// stay. The result still has to pass Check.
func (t *Template) Render(v Variables) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.expression == nil {
			b.WriteString(p.literal)
			continue
		}
		value, err := p.expression.render(v)
		if err != nil {
			return "", at(t.text, p.expression.offset, "%w", err)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// Uses reports whether the template asks for the variable, such as "file_number".
func (t *Template) Uses(variable string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool {
		return p.expression != nil && p.expression.variable.name == variable
	})
}

// Doubts returns what the template says that is often meant otherwise, such as the day of the year beside a month.
func (t *Template) Doubts() []string {
	letters := make([]string, len(t.parts))
	for i, p := range t.parts {
		if p.expression != nil {
			letters[i] = p.expression.letters
		}
	}
	timed := strings.ContainsAny(strings.Join(letters, ""), "Hh")
	var doubts []string
	for _, one := range letters {
		if doubt := doubtOf(one, timed); doubt != "" {
			doubts = append(doubts, doubt)
		}
	}
	return doubts
}

// String returns the text that was parsed.
func (t *Template) String() string { return t.text }

// at returns an error about the character of text that begins at byte offset.
func at(text string, offset int, format string, args ...any) error {
	character := utf8.RuneCountInString(text[:offset]) + 1
	return fmt.Errorf("%w: character %d: %w", ErrTemplate, character, fmt.Errorf(format, args...))
}
