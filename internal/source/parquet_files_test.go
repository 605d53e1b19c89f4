package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"consign/internal/source"
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
		"fields that others have not": {
			[]string{"[{'a': 1}] AS v", "[{'b': {'c': 0.5::DOUBLE}}] AS v"}, []string{"[{'a': 1, 'b': NULL}]", "[{'a': NULL, 'b': {'c': 0.5}}]"},
		},
		"amounts, then floats": {
			[]string{"12.30::DECIMAL(9,2) AS v", "'nan'::DOUBLE AS v"}, []string{"12.3", "nan"},
		},
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

// TestParquetFilesWhoseValuesNoTypeHoldsAreRefused: the engine rounded the values of some.
func TestParquetFilesWhoseValuesNoTypeHoldsAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files []string
		found string // what the error says of them
	}{
		"whole numbers beside a DOUBLE":   {[]string{"9007199254740993 AS v", "0.5::DOUBLE AS v"}, `column "v" is BIGINT in`},
		"whole numbers beside a FLOAT":    {[]string{"0.5::FLOAT AS v", "16777217::INTEGER AS v"}, `column "v" is INTEGER in`},
		"decimals beside a DOUBLE":        {[]string{"12345678901234567.89::DECIMAL(20,2) AS v", "0.5::DOUBLE AS v"}, `column "v" is DECIMAL(20,2) in`},
		"decimals of 38 digits":           {[]string{"1.5::DECIMAL(38,10) AS v", "99999999999999999999999999999999999999::DECIMAL(38,0) AS v"}, `column "v" is DECIMAL(38,10) in`},
		"texts beside bytes":              {[]string{`'C:\x41' AS v`, "'a'::BLOB AS v"}, `column "v" is VARCHAR in`},
		"numbers in lists":                {[]string{"[9007199254740993] AS v", "[0.5::DOUBLE] AS v"}, `column "v" is BIGINT[] in`},
		"numbers in fields":               {[]string{"{'a': 9007199254740993} AS v", "{'a': 0.5::DOUBLE, 'b': 1} AS v"}, `column "v" is STRUCT(a BIGINT) in`},
		"in the second of two like files": {[]string{"1::BIGINT AS v", "9007199254740993 AS v", "0.5::DOUBLE AS v"}, `column "v" is BIGINT in`},
		"names in other letters":          {[]string{"9007199254740993 AS \"V\"", "0.5::DOUBLE AS v"}, `column "V" is BIGINT in`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, columns := range c.files {
				generate(t, ":memory:", fmt.Sprintf("COPY (SELECT %s) TO '%s/%d.parquet'", columns, dir, i))
			}
			_, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: filepath.Join(dir, "*.parquet")}}})
			require.ErrorIs(t, err, source.ErrUnreadable)
			require.ErrorContains(t, err, c.found)
		})
	}
}

// TestAParquetDecimalThatTheEngineCannotHoldIsRefused: the engine read it as a DOUBLE, here as -2882303761517117.5.
func TestAParquetDecimalThatTheEngineCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(path)
	require.NoError(t, err)
	hundredths := make([]byte, 17) // -0.05
	for i := range hundredths {
		hundredths[i] = 0xff
	}
	hundredths[16] = 0xfb
	schema := parquetgo.NewSchema("rows", parquetgo.Group{"v": parquetgo.Decimal(2, 40, parquetgo.FixedLenByteArrayType(17))})
	w := parquetgo.NewWriter(f, schema)
	_, err = w.WriteRows([]parquetgo.Row{{parquetgo.FixedLenByteArrayValue(hundredths).Level(0, 0, 0)}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())

	_, err = source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: path}}})
	require.ErrorIs(t, err, source.ErrUnreadable)
	require.ErrorContains(t, err, `column "v" of `+path+" is a DECIMAL of more than 38 digits")
}
