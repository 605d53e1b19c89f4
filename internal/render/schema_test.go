package render

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

func TestColumnsAreChosenRenamedAndAdded(t *testing.T) {
	t.Parallel()
	type columns = []Column
	for name, c := range map[string]struct {
		columns
		number string
		want   string
	}{
		"all as they are":          {nil, "", "a,b\n1,x\n2,\n"},
		"in another order":         {columns{{From: "b"}, {From: "a"}}, "", "b,a\nx,1\n,2\n"},
		"under other names":        {columns{{From: "a", To: "A"}, {From: "a", To: "again"}}, "", "A,again\n1,1\n2,2\n"},
		"with a constant":          {columns{{From: "a"}, {To: "source", Value: new("web, shop")}}, "", "a,source\n1,\"web, shop\"\n2,\"web, shop\"\n"},
		"with an empty constant":   {columns{{From: "a"}, {To: "source", Value: new("")}}, "", "a,source\n1,\"\"\n2,\"\"\n"},
		"with a row number":        {nil, "n", "n,a,b\n1,1,x\n2,2,\n"},
		"chosen with a row number": {columns{{From: "b"}}, "n", "n,b\n1,x\n2,\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema, b := tableOf(col{"a", of(table.Int32), []any{int32(1), int32(2)}}, text("b", "x", nil))
			require.Equal(t, []string{c.want}, renderAll(t, Options{FileFormat: FormatCSV, Header: true, Columns: c.columns, RowNumber: c.number}, schema, b))
		})
	}
	many := make([]any, table.BatchRows+1)
	for i := range many {
		many[i] = "x"
	}
	schema, b := tableOf(text("a", many...))
	got := renderAll(t, Options{FileFormat: FormatCSV, Columns: columns{{To: "c", Value: new("v")}}}, schema, b)
	require.Equal(t, strings.Repeat("v\n", table.BatchRows+1), got[0], "a batch may be larger than usual")
}

func TestColumnsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	str := of(table.String)
	for name, c := range map[string]struct {
		o      Options
		schema table.Schema
		is     error
		want   string
	}{
		"a column that is not there":    {Options{FileFormat: FormatCSV, Columns: []Column{{From: "x"}}}, table.Schema{{Name: "a", Type: str}, {Name: "b", Type: str}}, ErrColumn, `column "x" is not in the result, which has "a", "b"`},
		"another case is another one":   {Options{FileFormat: FormatCSV, Columns: []Column{{From: "A"}}}, table.Schema{{Name: "a", Type: str}}, ErrColumn, `column "A" is not in the result, which has "a"`},
		"two of one name":               {Options{FileFormat: FormatCSV}, table.Schema{{Name: "a", Type: str}, {Name: "a", Type: str}}, ErrColumn, `column "a" is there twice: rename one with AS in the query, or in columns`},
		"the row number's name":         {Options{FileFormat: FormatCSV, RowNumber: "a"}, table.Schema{{Name: "a", Type: str}}, ErrColumn, `column "a" is there twice: rename one with AS in the query, or in columns`},
		"a column that is there twice":  {Options{FileFormat: FormatCSV, Columns: []Column{{From: "a"}}}, table.Schema{{Name: "a", Type: str}, {Name: "a", Type: str}}, ErrColumn, `column "a" is in the result twice: rename one with AS in the query`},
		"a name that nothing can quote": {Options{FileFormat: FormatCSV, Header: true, QuoteMode: QuoteNone}, table.Schema{{Name: "a,b", Type: str}}, ErrColumn, `column "a,b": the name cannot be written: it holds the delimiter or a line break, and quote_mode none without escape_character has no way to write these`},
		"no name":                       {Options{FileFormat: FormatCSV}, table.Schema{{Type: str}}, ErrColumn, "column 1 has no name: give it one with AS in the query, or in columns"},
		"a name that is not UTF-8":      {Options{FileFormat: FormatCSV}, table.Schema{{Name: "\xff", Type: str}}, ErrColumn, "column 1: its name cannot be written: it is not valid UTF-8"},
		"no columns":                    {Options{FileFormat: FormatCSV}, nil, ErrColumn, "column: the result has none"},
		"a type that nobody knows":      {Options{FileFormat: FormatCSV}, table.Schema{{Name: "a"}}, ErrUnsupportedType, `column type cannot be written in this format: column "a" as csv: the column has no type: cast it to one`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := c.o.Schema(c.schema)
			require.ErrorIs(t, err, c.is)
			require.EqualError(t, err, c.want)
			_, err = New(c.schema, c.o, nil)
			require.ErrorIs(t, err, c.is)
		})
	}
	_, err := Options{FileFormat: FormatParquet}.Schema(table.Schema{{Name: "h", Type: of(table.HugeInt)}})
	require.ErrorIs(t, err, ErrUnsupportedType)
	require.ErrorContains(t, err, "cast it")
	require.NotErrorIs(t, err, ErrColumn)
}

// TestParquetIsNotNestedDeeperThanItsReadersTake: the levels of a value began anew at 256, and nobody could read the file.
func TestParquetIsNotNestedDeeperThanItsReadersTake(t *testing.T) {
	t.Parallel()
	lists := func(deep int) table.Schema {
		typ := of(table.Int64)
		for range deep {
			typ = listOf(typ)
		}
		return table.Schema{{Name: "v", Type: typ}}
	}
	o := Options{FileFormat: FormatParquet}
	_, err := o.Schema(lists(127))
	require.NoError(t, err)
	for _, deep := range []table.Schema{lists(128), {{Name: "v", Type: structOf(table.Field{Name: "f", Type: mapOf(of(table.String), lists(126)[0].Type)})}}} {
		_, err = o.Schema(deep)
		require.ErrorIs(t, err, ErrUnsupportedType)
		require.ErrorContains(t, err, "nested deeper than the 255 levels of Parquet's readers: cast it to JSON, or to VARCHAR")
	}
	_, err = Options{FileFormat: FormatNDJSON}.Schema(lists(128))
	require.NoError(t, err)
}
