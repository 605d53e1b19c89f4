package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"consign/internal/problem"
)

// places knows where every key of the configuration was written. A path counts the items of a list,
// "destinations[3].settings.bucket"; people are shown the item's name instead of its number.
type places struct {
	where map[string]string // path: "consign.yaml:12"
	names map[string]string // "destinations[3]": "acme"
	bad   map[string]bool   // paths that were written wrongly, and so are not there: see unread
	holds map[string]bool   // those, and all around them
}

func newPlaces() places {
	return places{where: map[string]string{}, names: map[string]string{}, bad: map[string]bool{}, holds: map[string]bool{}}
}

// spoil notes that what was written at path cannot be read.
func (p places) spoil(path string) {
	p.bad[path], p.holds[path] = true, true
	for i, c := range path {
		if c == '.' || c == '[' {
			p.holds[path[:i]] = true
		}
	}
}

// of returns where path was written, or the innermost thing around it that was written.
func (p places) of(path string) string {
	for path != "" {
		if where, ok := p.where[path]; ok {
			return where
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return p.where[""]
}

// written reports whether anything of a section was.
func (p places) written(section string) bool {
	for path := range p.where {
		if path == section || strings.HasPrefix(path, section+".") {
			return true
		}
	}
	return false
}

// key returns path as people know it.
func (p places) key(path string) string {
	var b strings.Builder
	start := 0
	for i := range path {
		if path[i] != ']' {
			continue
		}
		if name, ok := p.names[path[:i+1]]; ok {
			open := strings.LastIndexByte(path[:i], '[')
			b.WriteString(path[start:open] + "[" + name + "]")
			start = i + 1
		}
	}
	return b.String() + path[start:]
}

// unread reports whether what was written at path, or something in it, could not be read. That is reported there; what seems
// wrong for want of it may be right.
func (p places) unread(path string) bool { return p.holds[path] }

// nameless reports whether a thing of the list, or its name, could not be read: it may be the one that is not found.
func (p places) nameless(list string) bool {
	for bad := range p.bad {
		rest, of := strings.CutPrefix(bad, list)
		if _, within, one := strings.Cut(rest, "]"); one {
			rest = within
		}
		if of && (rest == "" || rest == ".name") {
			return true
		}
	}
	return false
}

// A report collects problems about places of the configuration.
type report struct {
	places
	list problem.List
}

func (r *report) add(path, hint, format string, args ...any) {
	r.put(problem.Problem{Key: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (r *report) warn(path, format string, args ...any) {
	r.put(problem.Problem{Key: path, Message: fmt.Sprintf(format, args...), Warning: true})
}

// put adds a problem whose key is a path of something that could be read.
func (r *report) put(p problem.Problem) {
	if !r.unread(p.Key) {
		r.say(p)
	}
}

// say adds a problem whose key is a path, unless it is there already: what a destination has set wrongly is wrong for each of
// its templates too.
func (r *report) say(p problem.Problem) {
	if p.Where == "" {
		p.Where = r.of(p.Key)
	}
	p.Key = r.key(p.Key)
	if !slices.Contains(r.list, p) {
		r.list = append(r.list, p)
	}
}

// reported reports whether something is wrong with path already.
func (r *report) reported(path string) bool {
	return slices.ContainsFunc(r.list, func(p problem.Problem) bool {
		return !p.Warning && p.Key == r.key(path) && p.Where == r.of(path)
	})
}

// missing reports that path must be set.
func (r *report) missing(path, hint string) { r.add(path, hint, "is missing") }

// sortByPlace puts problems in the order of the files.
func sortByPlace(list problem.List) {
	slices.SortStableFunc(list, func(a, b problem.Problem) int {
		fileA, lineA := splitPlace(a.Where)
		fileB, lineB := splitPlace(b.Where)
		return cmp.Or(strings.Compare(fileA, fileB), cmp.Compare(lineA, lineB), strings.Compare(a.Key, b.Key))
	})
}

func splitPlace(where string) (string, int) {
	at := strings.LastIndexByte(where, ':')
	line, err := strconv.Atoi(where[at+1:])
	if err != nil {
		return where, 0
	}
	return where[:at], line
}
