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
		"texts in small letters, then UUIDs": {
			[]string{"'7b9f2c1e-0d5a-4c1b-9a53-5d2f7f0f3f43' AS v", "'8b9f2c1e-0d5a-4c1b-9a53-5d2f7f0f3f43'::UUID AS v"},
			[]string{"7b9f2c1e-0d5a-4c1b-9a53-5d2f7f0f3f43", "8b9f2c1e-0d5a-4c1b-9a53-5d2f7f0f3f43"},
		},
		"truth values, then texts":      {[]string{"true AS v", "'no' AS v"}, []string{"true", "no"}},
		"no truth value, then a number": {[]string{"NULL::BOOLEAN AS v", "2 AS v"}, []string{"NULL", "2"}},
		"no text, then bytes":           {[]string{"NULL::VARCHAR AS v", "'a'::BLOB AS v"}, []string{"NULL", "a"}},
		"no number, then a moment":      {[]string{"NULL::INTEGER AS v", "TIMESTAMPTZ '2026-01-01 10:00:00+00' AS v"}, []string{"NULL", "2026-01-01 10:00:00+00"}},
		"names in other letters":        {[]string{"7 AS V", "8 AS v"}, []string{"7", "8"}},
		"a truth value more in a field": {[]string{"{'a': 1} AS v", "{'a': 2, 'b': true} AS v"}, []string{"{'a': 1, 'b': NULL}", "{'a': 2, 'b': true}"}},
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
		"digits that come back by chance": {[]string{"123456789012.123456::DECIMAL(18,6) AS v", "0.5::DOUBLE AS v"}, `column "v" is DECIMAL(18,6) in`},
		"texts that are bytes elsewhere":  {[]string{"'Ann' AS v", "'a'::BLOB AS v"}, `column "v" is VARCHAR in`},
		"texts that are UUIDs elsewhere":  {[]string{"'7B9F2C1E-0D5A-4C1B-9A53-5D2F7F0F3F43' AS v", "'7b9f2c1e-0d5a-4c1b-9a53-5d2f7f0f3f43'::UUID AS v"}, `column "v" is VARCHAR in`},
		"truth values beside numbers":     {[]string{"true AS v", "2 AS v"}, `column "v" is BOOLEAN in`},
		"truth values in lists of fields": {[]string{"[{'a': true}] AS v", "[{'b': 1, 'A': 2}] AS v"}, `column "v" is STRUCT(a BOOLEAN)[] in`},
		"truth values in maps":            {[]string{"MAP {'a': true} AS v", "MAP {'a': 1} AS v"}, `column "v" is MAP(VARCHAR, BOOLEAN) in`},
		"times in no zone beside others":  {[]string{"TIMESTAMPTZ '2026-01-01 10:00:00+01' AS v", "TIMESTAMP '2026-01-01 10:00:00' AS v"}, `column "v" is TIMESTAMP in`},
		"days beside moments":             {[]string{"TIMESTAMPTZ '2026-01-01 10:00:00+01' AS v", "DATE '2026-01-01' AS v"}, `column "v" is DATE in`},
		"moments beside nanoseconds":      {[]string{"TIMESTAMPTZ '2026-01-01 10:00:00+01' AS v", "'2026-01-01 10:00:00'::TIMESTAMP_NS AS v"}, `column "v" is TIMESTAMP WITH TIME ZONE in`},
		"numbers beside days":             {[]string{"20260101 AS v", "DATE '2026-01-01' AS v"}, `column "v" is INTEGER in`},
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

// TestParquetFilesWithNamesThatDifferByCaseAloneAreRefusedBesideOthers: the engine calls the second of two such columns by
// another name, by which it looked for it in the other files: it delivered the values of one column as those of the other.
func TestParquetFilesWithNamesThatDifferByCaseAloneAreRefusedBesideOthers(t *testing.T) {
	t.Parallel()
	number := parquetgo.Int(32)
	both := parquetgo.Row{parquetgo.Int32Value(10).Level(0, 0, 0), parquetgo.Int32Value(11).Level(0, 0, 1)}
	dir := t.TempDir()
	writeParquet(t, filepath.Join(dir, "2.parquet"), parquetgo.Group{"A": number, "a": number}, both)
	writeParquet(t, filepath.Join(dir, "3.parquet"), parquetgo.Group{"A": number, "a": number}, both)
	require.Equal(t, [][]string{{"10", "11"}, {"10", "11"}}, texts(t, overFiles(t, filepath.Join(dir, "*.parquet")), "FROM t"))

	writeParquet(t, filepath.Join(dir, "1.parquet"), parquetgo.Group{"a": number}, parquetgo.Row{parquetgo.Int32Value(12).Level(0, 0, 0)})
	require.Contains(t, unreadable(t, filepath.Join(dir, "*.parquet")), "2.parquet has two columns whose names are the same but for upper and lower case")
}

// TestAParquetColumnWithoutANameIsFoundInAllFiles: the index of a table that pandas had written as CSV has none, say. The engine
// calls it by its place, which is no name of the file's.
func TestAParquetColumnWithoutANameIsFoundInAllFiles(t *testing.T) {
	t.Parallel()
	number, big := parquetgo.Int(32), parquetgo.Int(64)
	dir := t.TempDir()
	writeParquet(t, filepath.Join(dir, "1.parquet"), parquetgo.Group{"v": number}, parquetgo.Row{parquetgo.Int32Value(10).Level(0, 0, 0)})
	writeParquet(t, filepath.Join(dir, "2.parquet"), parquetgo.Group{"": big, "v": number}, parquetgo.Row{parquetgo.Int64Value(1<<53+1).Level(0, 0, 0), parquetgo.Int32Value(11).Level(0, 0, 1)})
	require.Equal(t, [][]string{{"10", "NULL"}, {"11", "9007199254740993"}}, texts(t, overFiles(t, filepath.Join(dir, "*.parquet")), "FROM t"))

	writeParquet(t, filepath.Join(dir, "3.parquet"), parquetgo.Group{"": parquetgo.Leaf(parquetgo.DoubleType)}, parquetgo.Row{parquetgo.DoubleValue(0.5).Level(0, 0, 0)})
	require.Contains(t, unreadable(t, filepath.Join(dir, "*.parquet")), `column "C0" is BIGINT in `)
}

// TestAParquetColumnThatIsRepeatedIsNotAlikeOneThatIsNot: a list that is written without saying so was a text such as [x, y].
func TestAParquetColumnThatIsRepeatedIsNotAlikeOneThatIsNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := parquetgo.ByteArrayValue([]byte("x"))
	writeParquet(t, filepath.Join(dir, "1.parquet"), parquetgo.Group{"v": parquetgo.String()}, parquetgo.Row{x.Level(0, 0, 0)})
	writeParquet(t, filepath.Join(dir, "2.parquet"), parquetgo.Group{"v": parquetgo.Repeated(parquetgo.String())}, parquetgo.Row{x.Level(0, 1, 0), x.Level(1, 1, 0)})
	require.Contains(t, unreadable(t, filepath.Join(dir, "*.parquet")), `column "v" is VARCHAR in `)
}

func writeParquet(t *testing.T, path string, columns parquetgo.Group, row parquetgo.Row) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	w := parquetgo.NewWriter(f, parquetgo.NewSchema("rows", columns))
	_, err = w.WriteRows([]parquetgo.Row{row})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
}

// TestAParquetDecimalThatTheEngineCannotHoldIsRefused: the engine read it as a DOUBLE, here as -2882303761517117.5.
func TestAParquetDecimalThatTheEngineCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.parquet")
	hundredths := make([]byte, 17) // -0.05
	for i := range hundredths {
		hundredths[i] = 0xff
	}
	hundredths[16] = 0xfb
	writeParquet(t, path, parquetgo.Group{"v": parquetgo.Decimal(2, 40, parquetgo.FixedLenByteArrayType(17))}, parquetgo.Row{parquetgo.FixedLenByteArrayValue(hundredths).Level(0, 0, 0)})

	_, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: path}}})
	require.ErrorIs(t, err, source.ErrUnreadable)
	require.ErrorContains(t, err, `column "v" of `+path+" is a DECIMAL of more than 38 digits")
}
