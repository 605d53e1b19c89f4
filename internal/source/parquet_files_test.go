package source_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSeveralParquetFilesHaveColumnsThatFitAllOfThem: the engine took the columns of the first for all, rounded what did not fit
// them and left out what they did not have.
func TestSeveralParquetFilesHaveColumnsThatFitAllOfThem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files, want []string
	}{
		"whole numbers, then others": {
			[]string{"1::BIGINT AS v", "10.75::DOUBLE AS v"}, []string{"1.0", "10.75"},
		},
		"decimals of another scale": {
			[]string{"1.25::DECIMAL(9,2) AS v", "1.2567::DECIMAL(9,4) AS v"}, []string{"1.2500", "1.2567"},
		},
		"days, then moments": {
			[]string{"DATE '2026-01-01' AS v", "TIMESTAMP '2026-01-02 10:11:12' AS v"}, []string{"2026-01-01 00:00:00", "2026-01-02 10:11:12"},
		},
		"nothing but NULL, then text": {
			[]string{"NULL AS v", "'x' AS v"}, []string{"NULL", "x"},
		},
		"a field more":           {[]string{"{'a': 1} AS v", "{'a': 2, 'b': 3} AS v"}, []string{"{'a': 1, 'b': NULL}", "{'a': 2, 'b': 3}"}},
		"a column more":          {[]string{"1 AS n", "2 AS n, 'x' AS v"}, []string{"NULL", "x"}},
		"a column less":          {[]string{"'x' AS v, 1 AS n", "2 AS n"}, []string{"x", "NULL"}},
		"another order":          {[]string{"1 AS n, 'x' AS v", "'y' AS v, 2 AS n"}, []string{"x", "y"}},
		"all alike":              {[]string{"7::TINYINT AS v", "8::TINYINT AS v"}, []string{"7", "8"}},
		"lists of other numbers": {[]string{"[1] AS v", "[1.5::DOUBLE] AS v"}, []string{"[1.0]", "[1.5]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, columns := range c.files {
				generate(t, ":memory:", fmt.Sprintf("COPY (SELECT %s, %d AS row) TO '%s/%d.parquet'", columns, i, dir, i))
			}
			var got []string
			for _, row := range texts(t, overFiles(t, filepath.Join(dir, "*.parquet")), "SELECT v FROM t ORDER BY row") {
				got = append(got, row[0])
			}
			require.Equal(t, c.want, got)
		})
	}
}
