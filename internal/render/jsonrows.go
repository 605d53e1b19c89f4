package render

import "consign/internal/table"

// A jsonRows encoder writes one object per row: lines, or the elements of one array.
type jsonRows struct {
	schema table.Schema
	cells  []cell
	keys   []string
	before string // a row
	after  string
	around frame
}

func newJSONRows(schema table.Schema, o Options) *jsonRows {
	end := lineEnd(o.LineEnding)
	e := &jsonRows{schema: schema, before: "{", after: "}" + end}
	if o.FileFormat == FormatJSON {
		// Each row brings the comma that divides it from the one before; the first of a file leaves it out.
		e.before, e.after = ","+end+"{", "}"
		e.around = frame{head: "[", skip: len(","), tail: end + "]" + end}
	}
	for i, c := range schema {
		e.cells = append(e.cells, nullable(jsonCell(c.Type)))
		e.keys = append(e.keys, jsonKey(i, c.Name))
	}
	return e
}

func (e *jsonRows) frame() frame { return e.around }

func (e *jsonRows) appendRows(dst []byte, ends []int, b *table.Batch, from int, firstRow int64, enough int) ([]byte, []int, int, error) {
	row := from
	for ; row < b.Rows && len(dst) < enough; row++ {
		dst = append(dst, e.before...)
		for i, c := range e.cells {
			var why string
			if dst, why = c(append(dst, e.keys[i]...), &b.Columns[i], row); why != "" {
				return dst, ends, row, &UnwritableValue{Row: firstRow + int64(row), Column: e.schema[i].Name, Reason: why}
			}
		}
		dst = append(dst, e.after...)
		ends = append(ends, len(dst))
	}
	return dst, ends, row, nil
}
