package plan

import (
	"fmt"
	"slices"

	"consign/internal/config"
	"consign/internal/render"
	"consign/internal/table"
)

// rendering puts the run's values into constant columns.
func rendering(o render.Options, variables map[string]string) (render.Options, error) {
	for i, c := range o.Columns {
		if c.Value == nil {
			continue
		}
		text, err := config.Expand(*c.Value, variables)
		if err != nil {
			return o, fmt.Errorf("columns[%d].value: %w", i, err)
		}
		o.Columns[i].Value = &text
	}
	return o, nil
}

// columns works out the columns of the files, and which of them hold personal data.
func columns(o render.Options, q *config.Query, in, out table.Schema) ([]Column, error) {
	for _, name := range q.PII {
		if in.Index(name) < 0 {
			return nil, fmt.Errorf("query %s: pii: there is no column called %q", q.Name, name)
		}
	}
	list := make([]Column, len(out))
	number := 0 // columns of ours before those of the result
	if o.RowNumber != "" {
		number = 1
	}
	for i, c := range out {
		list[i] = Column{Name: c.Name, Type: c.Type.String()}
		if i < number {
			list[i].Constant = true
			continue
		}
		from := c.Name
		if len(o.Columns) > 0 {
			from = o.Columns[i-number].From
		}
		list[i].Constant = from == ""
		list[i].PII = slices.Contains(q.PII, from)
		if from != c.Name {
			list[i].From = from
		}
	}
	return list, nil
}

// schema is the columns of the files as a reader's statements need them.
func (p *Plan) schema() (table.Schema, error) {
	schema := make(table.Schema, len(p.Columns))
	for i, c := range p.Columns {
		t, err := table.ParseType(c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		schema[i] = table.Column{Name: c.Name, Type: t}
	}
	return schema, nil
}
