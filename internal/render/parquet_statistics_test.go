package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// A nestedLeaf is a column of a Parquet file below a list, struct or map: its path there, and how SQL gets at its values.
type nestedLeaf struct{ path, values, kind string }

// TestParquetStatisticsOfNestedColumnsAgreeWithTheirValues asks DuckDB what a file says about itself, and what is in it.
func TestParquetStatisticsOfNestedColumnsAgreeWithTheirValues(t *testing.T) {
	t.Parallel()
	number, text := scalar(table.Int32), scalar(table.String)
	schema := table.Schema{
		{Name: "l", Type: listOf(number)},
		{Name: "s", Type: structOf(table.Field{Name: "a", Type: decimal(20, 2)}, table.Field{Name: "b", Type: listOf(text)})},
		{Name: "m", Type: mapOf(text, scalar(table.Date))},
		{Name: "deep", Type: listOf(structOf(table.Field{Name: "u", Type: listOf(scalar(table.Timestamp))}))},
		{Name: "never", Type: listOf(number)},
	}
	query := `SELECT CASE WHEN i % 5 > 0 THEN list_transform(range(i % 4), lambda e: CASE WHEN e <> 2 THEN (i - e * 1000)::INTEGER END) END AS l,
		CASE WHEN i % 7 > 0 THEN {'a': CASE WHEN i % 3 > 0 THEN ((i - 500) * 0.25)::DECIMAL(20,2) END, 'b': ['t' || i, NULL, 'é']} END AS s,
		CASE WHEN i % 2 > 0 THEN MAP {'k' || i: DATE '1969-12-31' - i::INTEGER, 'none': NULL} ELSE MAP {} END AS m,
		[{'u': [TIMESTAMP '1900-01-01' + to_days(i::INTEGER), NULL]}, NULL, {'u': []}] AS deep,
		CASE WHEN i % 2 > 0 THEN []::INTEGER[] END AS never FROM range(1000) t(i)`
	d := newDuck(t)
	path := d.roundTrip(t, schema, query)
	leaves := []nestedLeaf{
		{"l, list, element", "SELECT unnest(l) AS v", "INTEGER"},
		{"s, a", "SELECT s.a AS v", "DECIMAL(20,2)"},
		{"s, b, list, element", "SELECT unnest(s.b) AS v", "VARCHAR"},
		{"m, key_value, key", "SELECT unnest(map_keys(m)) AS v", "VARCHAR"},
		{"m, key_value, value", "SELECT unnest(map_values(m)) AS v", "DATE"},
		{"deep, list, element, u, list, element", "SELECT unnest(s.u) AS v FROM (SELECT unnest(deep) AS s", "TIMESTAMP"},
		{"never, list, element", "SELECT unnest(never) AS v", "INTEGER"},
	}
	said := d.texts(t, fmt.Sprintf("SELECT path_in_schema, stats_min_value, stats_max_value, num_values - stats_null_count FROM parquet_metadata('%s') ORDER BY column_id", path))
	require.Len(t, said, len(leaves))
	for i, leaf := range leaves {
		require.Equal(t, leaf.path, said[i][0])
		values := leaf.values + fmt.Sprintf(" FROM '%s'", path)
		values += strings.Repeat(")", strings.Count(values, "(")-strings.Count(values, ")"))
		found := d.texts(t, "SELECT min(v)::VARCHAR, max(v)::VARCHAR, count(v) FROM ("+values+")")[0]
		require.Equal(t, found[2], said[i][3], leaf.path)
		if found[2] == "0" {
			require.Equal(t, []string{"NULL", "NULL"}, said[i][1:3], leaf.path)
			continue
		}
		for n, name := range []string{"min", "max"} {
			same := fmt.Sprintf("SELECT '%s'::%s = '%s'::%s", found[n], leaf.kind, said[i][n+1], leaf.kind)
			require.Equal(t, "true", d.text(t, same), "%s of %s: %s", name, leaf.path, same)
		}
	}
}

// TestParquetSchemaIsWhatOtherReadersExpect holds the tree of a nested schema, as DuckDB reads it from the footer.
func TestParquetSchemaIsWhatOtherReadersExpect(t *testing.T) {
	t.Parallel()
	schema := table.Schema{
		{Name: "l", Type: listOf(scalar(table.Int8))},
		{Name: "m", Type: mapOf(scalar(table.String), structOf(table.Field{Name: "x", Type: decimal(38, 3)}))},
	}
	d := newDuck(t)
	path := d.roundTrip(t, schema, "SELECT [1::TINYINT] AS l, MAP {'k': {'x': 1.5::DECIMAL(38,3)}} AS m")
	require.Equal(t, [][]string{
		{"l", "OPTIONAL", "1", "LIST"},
		{"list", "REPEATED", "1", "NULL"},
		{"element", "OPTIONAL", "NULL", "INT_8"},
		{"m", "OPTIONAL", "1", "MAP"},
		{"key_value", "REPEATED", "2", "NULL"},
		{"key", "REQUIRED", "NULL", "UTF8"},
		{"value", "OPTIONAL", "1", "NULL"},
		{"x", "OPTIONAL", "NULL", "DECIMAL"},
	}, d.texts(t, fmt.Sprintf("SELECT name, repetition_type, num_children, converted_type FROM parquet_schema('%s') OFFSET 1", path)))
}
