package table_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

func TestATypeIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	number, text := table.Type{Kind: table.Int32}, table.Type{Kind: table.String}
	list := table.Type{Kind: table.List, Elem: &number}
	nested := table.Type{Kind: table.Struct, Fields: []table.Field{
		{Name: `a "quoted", (odd) name`, Type: table.Type{Kind: table.Map, Key: &text, Elem: &list}},
		{Name: "b", Type: table.Type{Kind: table.Decimal, Precision: 38, Scale: 10}},
	}}
	types := []table.Type{
		list, nested,
		{Kind: table.List, Elem: &nested},
		{Kind: table.List, Elem: &list},
		{Kind: table.Timestamp},
		{Kind: table.Timestamp, Unit: table.Second},
		{Kind: table.Timestamp, Unit: table.Nano},
		{Kind: table.Decimal, Precision: 4},
	}
	for k := table.Bool; k <= table.Interval; k++ {
		if k != table.Decimal {
			types = append(types, table.Type{Kind: k})
		}
	}
	for _, want := range types {
		got, err := table.ParseType(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestATextThatIsNoTypeIsNotRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "INVALID", "LIST", "MAP", "STRUCT", "DECIMAL", "nothing", "INTEGER[", "INTEGER)", "DECIMAL(x,1)", "DECIMAL(1,", "STRUCT(a INTEGER)",
		`STRUCT("a" INTEGER`, "MAP(INTEGER", "MAP(INTEGER, ", "TIMESTAMP_US",
	} {
		_, err := table.ParseType(text)
		require.Error(t, err, text)
	}
}
