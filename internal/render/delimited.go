package render

import (
	"fmt"
	"math"
	"strings"

	"consign/internal/table"
)

// A cell appends value i of a vector, which is not NULL. If it cannot be written it returns the reason.
type cell func(dst []byte, v *table.Vector, i int) ([]byte, string)

// newTextEncoder returns the encoder of a text format.
func newTextEncoder(schema table.Schema, o Options) textEncoder {
	if o.delimited() {
		return newDelimited(schema, o)
	}
	return newJSONRows(schema, o)
}

// A delimited encoder writes rows in a dialect.
type delimited struct {
	schema    table.Schema
	cells     []cell
	delimiter byte
	null      string // as it stands in the file
	end       string // of a line
	head      string
	markless  int64 // up to this row a line must not begin with a byte-order mark, for it may begin a file
}

func newDelimited(schema table.Schema, o Options) *delimited {
	d := newDialect(o)
	d.alone = len(schema) == 1
	e := &delimited{schema: schema, delimiter: d.delimiter, null: o.NullString, end: lineEnd(o.LineEnding)}
	if d.mode == QuoteAll {
		e.null = string(quote) + o.NullString + string(quote)
	}
	for _, c := range schema {
		e.cells = append(e.cells, d.cell(c.Type))
	}
	if d.mode == QuoteNone && !d.anyway {
		e.guardNone(d, o)
	}
	if o.BOM {
		e.head = string(bom)
	}
	if o.Header {
		header, _ := d.header(schema) // Schema has refused names that cannot be written
		e.head += header + e.end
	}
	return e
}

// guardNone refuses what would be read as something else because of where it stands, and cannot be quoted.
func (e *delimited) guardNone(d *dialect, o Options) {
	if d.alone && d.escape != '\\' {
		e.cells[0] = refuse(e.cells[0], whyEnd, func(s string) bool { return s == endOfData })
	}
	if d.alone && d.null != "" {
		e.cells[0] = refuse(e.cells[0], whyEmpty, func(s string) bool { return s == "" })
	}
	switch {
	case o.Header || o.BOM:
	case o.SplitRows == 0 && o.SplitMegabytes == 0:
		e.markless = 1
	default:
		e.markless = math.MaxInt64
	}
}

// refuse returns the cell with a condition on what it writes.
func refuse(c cell, why string, bad func(string) bool) cell {
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		start := len(dst)
		dst, wrong := c(dst, v, i)
		if wrong == "" && bad(view(dst[start:])) {
			wrong = why
		}
		return dst, wrong
	}
}

// header returns the line of names.
func (d *dialect) header(schema table.Schema) (string, error) {
	var line []byte
	for i, c := range schema {
		if i > 0 {
			line = append(line, d.delimiter)
		}
		var why string
		if line, why = d.appendText(line, c.Name, d.mode != QuoteMinimal); why != "" {
			return "", fmt.Errorf("%w %q: the name cannot be written: %s", ErrColumn, c.Name, why)
		}
	}
	if why := d.misread(string(line), len(schema) == 1); why != "" {
		return "", fmt.Errorf("%w %q: the name cannot be written: %s", ErrColumn, schema[0].Name, why)
	}
	return string(line), nil
}

// misread says why a line of names would be read as something else because of where it stands; empty if it would not.
func (d *dialect) misread(line string, alone bool) string {
	switch {
	case d.mode != QuoteNone || d.anyway:
		return ""
	case alone && line == endOfData:
		return whyEnd
	case !d.marked && strings.HasPrefix(line, string(bom)):
		return whyBOM
	}
	return ""
}

func (e *delimited) frame() frame { return frame{head: e.head} }

func (e *delimited) appendRows(dst []byte, ends []int, b *table.Batch, from int, firstRow int64, enough int) ([]byte, []int, int, error) {
	row := from
	for ; row < b.Rows && len(dst) < enough; row++ {
		start := len(dst)
		var column int
		var why string
		if dst, column, why = e.appendRow(dst, b, row); why == "" && firstRow+int64(row) <= e.markless && strings.HasPrefix(view(dst[start:]), string(bom)) {
			why = whyBOM
		}
		if why != "" {
			return dst, ends, row, &UnwritableValue{Row: firstRow + int64(row), Column: e.schema[column].Name, Reason: why}
		}
		dst = append(dst, e.end...)
		ends = append(ends, len(dst))
	}
	return dst, ends, row, nil
}

// appendRow appends the fields of a row. If one cannot be written, it returns its column and the reason.
func (e *delimited) appendRow(dst []byte, b *table.Batch, row int) (_ []byte, column int, why string) {
	for i, c := range e.cells {
		if i > 0 {
			dst = append(dst, e.delimiter)
		}
		v := &b.Columns[i]
		if v.Null(row) {
			dst = append(dst, e.null...)
			continue
		}
		if dst, why = c(dst, v, row); why != "" {
			return dst, i, why
		}
	}
	return dst, 0, ""
}
