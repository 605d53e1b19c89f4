package source_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
	"consign/internal/table"
)

// person is a value that no error may show.
const person = "jane@example.com"

func TestAWrongQueryIsExplainedWithItsPlace(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id, 'x' AS name"))
	for name, c := range map[string]struct{ sql, want string }{
		"syntax":        {"SELECT id\nFORM t", "the query cannot be run: syntax error at or near \"t\"\nline 2: FORM t\n             ^"},
		"no such table": {"SELECT 'é', * FROM customers", "the query cannot be run: Table with name customers does not exist!"},
		"no such column": {
			"SELECT id,\n  emial\nFROM t",
			"Referenced column \"emial\" not found in FROM clause!\nCandidate bindings: \"name\"\nline 2:   emial\n          ^",
		},
		"no such function": {"SELECT frobnicate(id) FROM t", "Scalar Function with name frobnicate does not exist!"},
		"wrong types":      {"SELECT id + [1] FROM t", "No function matches the given name and argument types"},
		"not allowed file": {"SELECT * FROM read_csv('/etc/passwd')", "Permission"},
		"nothing":          {"", "the query cannot be run: there is no statement in it"},
		"two statements":   {"SELECT 1; SELECT 2", "the query cannot be run: it has 2 statements (a PIVOT without IN counts as several); write one SELECT"},
		"a change":         {"DELETE FROM t", "the query cannot be run: only a SELECT may be run; queries read, and change nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Describe(t.Context(), c.sql)
			require.ErrorIs(t, err, source.ErrQuery)
			if name != "not allowed file" {
				require.Contains(t, err.Error(), c.want)
			}
			require.NotContains(t, err.Error(), "exception_type")
		})
	}
}

// What a query compares with may be a person's, and a parser repeats what it stumbles over.
func TestAWrongQueryShowsNoText(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id, 'x' AS name"))
	for _, sql := range []string{
		"SELECT id FORM t WHERE name = '" + person + "'", "SELECT id FROM t WHERE name '" + person + "'", "SELECT id FROM t WHERE name = '" + person,
		"SELECT emial FROM t WHERE name = E'" + person + "'", "SELECT id FROM t WHERE $$" + person + "$$ name", "SELECT frobnicate('" + person + "')",
		"SELECT id FROM t WHERE name = 'x' '" + person + "' 'y' ;;", "SELECT '" + person + "'::INTEGER FROM t", "SELECT id FROM t WHERE id = '" + person + "'",
	} {
		_, err := s.Describe(t.Context(), sql)
		if err != nil { // some are an error in the data, which Describe does not see
			require.NotContains(t, err.Error(), person, sql)
		}
	}
	_, err := s.Describe(t.Context(), "SELECT id FORM t WHERE name = '"+person+"'")
	require.ErrorContains(t, err, "WHERE name = '****************'")
}

func TestAnErrorInTheDataNeverShowsTheValue(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT CASE WHEN i = 5000 THEN '"+person+"' ELSE i::VARCHAR END AS s, i AS n FROM range(6000) r(i)"))
	for name, sql := range map[string]string{
		"a cast to a number":       "SELECT s::INTEGER FROM t",
		"a cast to a date":         "SELECT (DATE '2020-01-01' + n::INT)::DATE, CASE WHEN n = 5000 THEN s::DATE END FROM t",
		"a cast to a UUID":         "SELECT CASE WHEN n = 5000 THEN s::UUID END FROM t",
		"a cast to JSON":           "SELECT s::JSON FROM t",
		"a cast to a decimal":      "SELECT s::DECIMAL(9, 2) FROM t",
		"a cast to an enumeration": "SELECT CASE WHEN n = 5000 THEN s::ENUM('a', 'b') END FROM t",
		"a date format":            "SELECT CASE WHEN n = 5000 THEN strptime(s, '%Y') END FROM t",
		"an error of its own":      "SELECT CASE WHEN n = 5000 THEN error(s) ELSE '' END FROM t",
		"a number too large":       "SELECT (n * 10)::SMALLINT FROM t",
		"a sum too large":          "SELECT 9223372036854775000 + n FROM t",
		"a subquery of many rows":  "SELECT (SELECT s FROM t) FROM t",
		"a pattern":                "SELECT regexp_matches('x', CASE WHEN n = 5000 THEN s || '(' ELSE s END) FROM t",
		"a time zone":              "SELECT CASE WHEN n = 5000 THEN TIMESTAMP '2020-01-01' AT TIME ZONE s END FROM t",
		"a date with a zone":       "SELECT CASE WHEN n = 5000 THEN strptime('2020-01-01 10:00:00 ' || s, '%Y-%m-%d %H:%M:%S %Z') END FROM t",
		"a date part":              "SELECT date_part(s, DATE '2020-01-01') FROM t",
		"a JSON path":              "SELECT json_extract('{}', CASE WHEN n = 5000 THEN '$.' || s || '[' ELSE '$' END) FROM t",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Describe(t.Context(), sql)
			require.NoError(t, err)
			err = each(t.Context(), s, sql, func(table.Schema, *table.Batch) {})
			require.ErrorIs(t, err, source.ErrData)
			require.NotContains(t, err.Error(), person)
			require.NotContains(t, err.Error(), "jane")
			require.Contains(t, err.Error(), "the value is not shown: run the query at the source to see it")
		})
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	good, err := os.ReadFile(parquet(t, "SELECT i AS id, md5(i::VARCHAR) AS s FROM range(100000) r(i)"))
	require.NoError(t, err)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"cut.parquet":   good[:len(good)/2],
		"empty.parquet": {},
		"text.parquet":  []byte("id,email\n1," + person + "\n"),
		"foot.parquet":  append(append([]byte{}, good[:len(good)-200]...), append(make([]byte, 192), good[len(good)-8:]...)...),
		"bad.ndjson":    []byte("{\"id\": 1}\n{\"id\": \"" + person + "\n"),
		"bad.csv.gz":    []byte("id\n" + person + "\n"),
		"latin1.csv":    []byte("id,name\n1,Ren\xe9\n"),
		"mixed.csv":     []byte("id,name\r\n1," + person + "\r\n2,x\n"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	for name, files := range map[string]string{
		"half a Parquet file":           "cut.parquet",
		"an empty Parquet file":         "empty.parquet",
		"text that is called Parquet":   "text.parquet",
		"a Parquet file without footer": "foot.parquet",
		"broken JSON":                   "bad.ndjson",
		"not compressed":                "bad.csv.gz",
		"text that is not UTF-8":        "latin1.csv",
		"lines that end in two ways":    "mixed.csv",
		"a missing file":                "missing.parquet",
		"a missing folder":              "missing/*.csv",
		"a glob without match":          "customers-*.parquet",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "people", Files: filepath.Join(dir, files)}}})
			require.ErrorIs(t, err, source.ErrUnreadable)
			require.Contains(t, err.Error(), "table people")
			require.Contains(t, err.Error(), filepath.Base(files))
			require.NotContains(t, err.Error(), "jane")
			require.Equal(t, files == "latin1.csv" || files == "mixed.csv", strings.Contains(err.Error(), "is not UTF-8, ends some lines with CR LF and others with LF,"))
		})
	}
}

func TestADamagedPageIsFoundWhileReading(t *testing.T) {
	t.Parallel()
	path := parquet(t, "SELECT i AS id, '"+person+"' || md5(i::VARCHAR) AS s FROM range(100000) r(i)")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := len(content) / 2; i < len(content)/2+4000; i++ {
		content[i] ^= 0xa5
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	s := overFiles(t, path)
	err = each(t.Context(), s, "SELECT * FROM t", func(table.Schema, *table.Batch) {})
	require.Error(t, err)
	t.Log(err)
	require.NotContains(t, err.Error(), "jane")
}

func TestAMissingOrForeignDatabaseIsUnreadable(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"missing": filepath.Join(t.TempDir(), "missing.duckdb"),
		"text":    write(t, "text.duckdb", strings.Repeat("not a database ", 1000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Database: path})
			require.ErrorIs(t, err, source.ErrUnreadable)
			require.Contains(t, err.Error(), path)
		})
	}
}

func TestAQueryThatNeedsTooMuch(t *testing.T) {
	t.Parallel()
	path := parquet(t, "SELECT 1 AS id")
	sql := "SELECT md5(i::VARCHAR) || sha256(i::VARCHAR) AS s FROM range(600000) r(i) ORDER BY s"
	open := func(temp string, bytes int64) source.Source {
		s, err := source.Open(t.Context(), source.Options{
			Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: path}},
			Memory: 32 << 20, Threads: 1, TempDir: temp, TempBytes: bytes,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	none := func(table.Schema, *table.Batch) {}
	require.ErrorIs(t, each(t.Context(), open("", 0), sql, none), source.ErrOutOfMemory, "more memory, with nowhere to spill")
	require.ErrorIs(t, each(t.Context(), open(t.TempDir(), 4<<20), sql, none), source.ErrNoSpace, "more room than there is for spilling")

	temp := t.TempDir()
	s := open(temp, 0)
	require.NoError(t, each(t.Context(), s, sql, none), "spilled")
	require.NoError(t, s.Close())
	left, err := filepath.Glob(filepath.Join(temp, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAStoppedContextStopsOpen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := over(old(t, "SELECT 1 AS id"))
	_, err := source.Open(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	p := source.NewPool(t.TempDir(), 1, later)
	require.NoError(t, opened(t, p, o).Close())
	_, err = p.Open(ctx, o)
	require.ErrorIs(t, err, context.Canceled, "nor is there an engine ready for it")
}
