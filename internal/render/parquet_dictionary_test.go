package render

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

func TestParquetUsesADictionaryWhereItPays(t *testing.T) {
	t.Parallel()
	text, number := scalar(table.String), scalar(table.Int64)
	for _, c := range []struct {
		name, value, encodings string
		typ                    table.Type
	}{
		{"few strings", "'v' || i % 50", "RLE, PLAIN, RLE_DICTIONARY", text},
		{"one string", "'v'", "RLE, PLAIN, RLE_DICTIONARY", text},
		{"no two strings alike", "'v' || i", "RLE, PLAIN", text},
		{"few numbers", "i % 50", "RLE, PLAIN, RLE_DICTIONARY", number},
		{"no two numbers alike", "i * 7", "RLE, PLAIN", number},
		{"few doubles", "(i % 50) / 4", "RLE, PLAIN, RLE_DICTIONARY", scalar(table.Float64)},
		{"strings that repeat after thousands", "'v' || i % 3000", "RLE, PLAIN", text},
		{"strings that are alike at first, and then not", "CASE WHEN i < 25000 THEN 'v' ELSE repeat('w', 40) || i END", "RLE, PLAIN, RLE_DICTIONARY", text},
		{"numbers that are alike at first, and then not", "CASE WHEN i < 25000 THEN 1 ELSE i END", "RLE, PLAIN, RLE_DICTIONARY", number},
		{"nothing but NULL", "NULL::VARCHAR", "RLE, PLAIN", text},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDuck(t)
			path := d.roundTrip(t, table.Schema{{Name: "v", Type: c.typ}}, "SELECT "+c.value+" AS v FROM range(90000) t(i)")
			require.Equal(t, c.encodings, d.text(t, "SELECT encodings FROM parquet_metadata('"+path+"')"))
			requirePageIndexAgrees(t, path)
		})
	}
}

func TestParquetDictionaryIsNotTakenForAHandfulOfRows(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	path := d.roundTrip(t, table.Schema{{Name: "v", Type: scalar(table.String)}}, "SELECT 'v' || i AS v FROM range(100) t(i)")
	require.Equal(t, "RLE, PLAIN", d.text(t, "SELECT encodings FROM parquet_metadata('"+path+"')"))
}
