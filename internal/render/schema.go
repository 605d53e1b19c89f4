package render

import (
	"fmt"
	"strings"

	"consign/internal/table"
)

// Schema returns the columns of the files for a result with the columns in: the row number, then the columns asked for.
// It wraps ErrColumn if they do not fit the result, and ErrUnsupportedType if the format has no form for one of them.
func (o Options) Schema(in table.Schema) (table.Schema, error) {
	var out table.Schema
	if o.RowNumber != "" {
		out = append(out, table.Column{Name: o.RowNumber, Type: table.Type{Kind: table.Int64}})
	}
	if len(o.Columns) == 0 {
		out = append(out, in...)
	}
	for _, c := range o.Columns {
		column := table.Column{Name: c.name(), Type: table.Type{Kind: table.String}}
		if c.Value == nil {
			from, err := pick(in, c.From)
			if err != nil {
				return nil, err
			}
			column.Type = from.Type
		}
		out = append(out, column)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: the result has none", ErrColumn)
	}
	if err := o.checkNames(out); err != nil {
		return nil, err
	}
	for _, c := range out {
		if why := o.refusal(c.Type); why != "" {
			return nil, fmt.Errorf("%w: column %q as %s: %s", ErrUnsupportedType, c.Name, o.FileFormat, why)
		}
	}
	return out, nil
}

// pick finds the one column of the result that has the name.
func pick(in table.Schema, name string) (table.Column, error) {
	i := in.Index(name)
	if i < 0 {
		return table.Column{}, fmt.Errorf("%w %q is not in the result, which has %s", ErrColumn, name, names(in))
	}
	if in[i+1:].Index(name) >= 0 {
		return table.Column{}, fmt.Errorf("%w %q is in the result twice: rename one with AS in the query", ErrColumn, name)
	}
	return in[i], nil
}

// checkNames refuses names that a reader could not tell apart or read back.
func (o Options) checkNames(schema table.Schema) error {
	seen := make(map[string]bool, len(schema))
	for i, c := range schema {
		if c.Name == "" {
			return fmt.Errorf("%w %d has no name: give it one with AS in the query, or in columns", ErrColumn, i+1)
		}
		if seen[c.Name] {
			return fmt.Errorf("%w %q is there twice: rename one with AS in the query, or in columns", ErrColumn, c.Name)
		}
		seen[c.Name] = true
		if why := badText(c.Name); why != "" {
			return fmt.Errorf("%w %d: its name cannot be written: %s", ErrColumn, i+1, why)
		}
	}
	if o.Header && o.delimited() && o.delimiterOf() != "" {
		_, err := newDialect(o.withDefaults()).header(schema) // quote_mode none cannot write every name
		return err
	}
	return nil
}

// refusal says why the format cannot hold a type, with the cast to write; empty if it can.
func (o Options) refusal(t table.Type) string {
	if o.FileFormat == FormatParquet {
		if parquetLevels(t) > mostLevels {
			return fmt.Sprintf("it is nested deeper than the %d levels of Parquet's readers: cast it to JSON, or to VARCHAR", mostLevels)
		}
		return parquetRefusal(t)
	}
	if t.Kind == table.Invalid {
		return "the column has no type: cast it to one"
	}
	return ""
}

// names lists at most twenty columns.
func names(schema table.Schema) string {
	const most = 20
	list := make([]string, 0, most+1)
	for i, c := range schema {
		if i == most {
			list = append(list, fmt.Sprintf("and %d more", len(schema)-most))
			break
		}
		list = append(list, fmt.Sprintf("%q", c.Name))
	}
	return strings.Join(list, ", ")
}

// A projection makes the batches of the files from those of the result. It copies no values.
type projection struct {
	columns   []projected // nil: all columns as they are
	rowNumber bool
}

// A projected column is a column of the result, or a constant.
type projected struct {
	from     int
	constant []string // as long as a batch; nil: no constant
}

func newProjection(in table.Schema, o Options) projection {
	p := projection{rowNumber: o.RowNumber != ""}
	for _, c := range o.Columns {
		column := projected{from: in.Index(c.From)}
		if c.Value != nil {
			column.constant = repeat(*c.Value, table.BatchRows)
		}
		p.columns = append(p.columns, column)
	}
	return p
}

// apply takes b over. first is the number of its first row.
func (p projection) apply(b *table.Batch, first int64) *table.Batch {
	if p.columns == nil && !p.rowNumber {
		return b
	}
	out := &table.Batch{Rows: b.Rows, Free: b.Release}
	if p.rowNumber {
		numbers := make([]int64, b.Rows)
		for i := range numbers {
			numbers[i] = first + int64(i)
		}
		out.Columns = append(out.Columns, table.Vector{I64: numbers})
	}
	if p.columns == nil {
		out.Columns = append(out.Columns, b.Columns...)
	}
	for _, c := range p.columns {
		switch {
		case c.constant == nil:
			out.Columns = append(out.Columns, b.Columns[c.from])
		case b.Rows > len(c.constant):
			out.Columns = append(out.Columns, table.Vector{Strings: repeat(c.constant[0], b.Rows)})
		default:
			out.Columns = append(out.Columns, table.Vector{Strings: c.constant[:b.Rows]})
		}
	}
	return out
}

func repeat(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}
