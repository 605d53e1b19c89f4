package source

import (
	"bufio"
	"context"
	"fmt"
)

// deepest is how deep a value in an NDJSON file may be nested. The engine finds out its type with a call within a call for
// each level, and some ten thousand levels, which are no more bytes, end the process and with it everybody's runs.
const deepest = 1000

const depthBuffer = 256 << 10

// byteOrderMark stands at the beginning of what some programs write. The engine finds out the columns of NDJSON behind it, and
// breaks off when it is to read the rows.
const byteOrderMark = "\ufeff"

// checkDepths refuses NDJSON files with a byte order mark, or with a value that is nested too deep.
func checkDepths(ctx context.Context, t Table, files []string) error {
	if r, _ := readerOf(t.Files); r.function != jsonReader {
		return nil
	}
	for _, name := range files {
		if err := checkDepth(ctx, t, name); err != nil {
			return err
		}
	}
	return nil
}

// checkDepth is checkDepths of one file. What cannot be read is left to the engine to complain about.
func checkDepth(ctx context.Context, t Table, name string) error {
	file := unpacked(name)
	if file == nil {
		return nil
	}
	defer func() { _ = file.Close() }() // it was only read
	begin := bufio.NewReader(file)
	if mark, _ := begin.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		return fmt.Errorf("table %s: %w: %s begins with a byte order mark, which JSON may not; write it without one", t.Name, ErrUnreadable, name)
	}
	var d depth
	var err error
	for buffer := make([]byte, depthBuffer); err == nil && d.most <= deepest; {
		var n int
		n, err = begin.Read(buffer)
		d.read(buffer[:n])
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if d.most > deepest {
		return fmt.Errorf("table %s: %w: %s has a value that is nested more than %d deep; leave it out, or write it as a text", t.Name, ErrUnreadable, name, deepest)
	}
	return nil
}

// A depth follows the brackets of JSON values, of which each has a line.
type depth struct {
	now, most       int
	within, literal bool // a text; behind a backslash in it
}

// marks are the bytes that mean something.
var marks = func() (marks [256]bool) {
	for _, c := range []byte("[]{}\"\\") {
		marks[c] = true
	}
	return marks
}()

func (d *depth) read(text []byte) {
	for _, c := range text {
		switch {
		case c == '\n':
			d.now, d.within, d.literal = 0, false, false
		case d.literal:
			d.literal = false
		case !marks[c]:
		case c == '"':
			d.within = !d.within
		case d.within:
			d.literal = c == '\\'
		case c == '[' || c == '{':
			d.now++
			d.most = max(d.most, d.now)
		case c == ']' || c == '}':
			d.now--
		}
	}
}
