package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	duck "github.com/duckdb/duckdb-go-bindings"
	"github.com/stretchr/testify/require"

	"consign/internal/source"
	"consign/internal/table"
)

// generate runs statements in an engine without limits, to generate files. It is not the engine under test.
func generate(tb testing.TB, path string, statements ...string) {
	tb.Helper()
	var config duck.Config
	require.Equal(tb, duck.StateSuccess, duck.CreateConfig(&config))
	defer duck.DestroyConfig(&config)
	var db duck.Database
	var text string
	require.Equal(tb, duck.StateSuccess, duck.OpenExt(path, &db, config, &text), text)
	defer duck.Close(&db)
	var conn duck.Connection
	require.Equal(tb, duck.StateSuccess, duck.Connect(db, &conn))
	defer duck.Disconnect(&conn)
	for _, s := range statements {
		var result duck.Result
		state := duck.Query(conn, s, &result)
		message := ""
		if state != duck.StateSuccess {
			message = duck.ResultError(&result)
		}
		duck.DestroyResult(&result)
		require.Equal(tb, duck.StateSuccess, state, message)
	}
}

// parquet writes the rows of a query to a file and returns its path.
func parquet(tb testing.TB, sql string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "rows.parquet")
	generate(tb, ":memory:", "COPY ("+sql+") TO '"+path+"' (FORMAT parquet)")
	return path
}

func write(tb testing.TB, name, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	require.NoError(tb, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// numbered writes files called 1, 2 and so on, and returns the pattern of them all.
func numbered(tb testing.TB, extension string, contents ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	for i, content := range contents {
		require.NoError(tb, os.WriteFile(filepath.Join(dir, strconv.Itoa(i+1)+extension), []byte(content), 0o600))
	}
	return filepath.Join(dir, "*"+extension)
}

// unreadable returns what is said of files that cannot be a table.
func unreadable(tb testing.TB, files string) string {
	tb.Helper()
	_, err := source.Open(tb.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: files}}, TempDir: tb.TempDir()})
	require.ErrorIs(tb, err, source.ErrUnreadable)
	return err.Error()
}

// overFiles opens a source with one table t.
func overFiles(tb testing.TB, files string) source.Source {
	tb.Helper()
	s, err := source.Open(tb.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: files}}, Threads: 2, TempDir: tb.TempDir()})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// each calls see with every batch of a query and releases it.
func each(ctx context.Context, s source.Source, sql string, see func(schema table.Schema, b *table.Batch)) error {
	rows, err := s.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for {
		b, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		see(rows.Schema(), b)
		b.Release()
	}
}

// texts returns a result's values in the engine's own notation, row by row; NULL is "NULL".
func texts(tb testing.TB, s source.Source, sql string) [][]string {
	tb.Helper()
	var out [][]string
	require.NoError(tb, each(tb.Context(), s, sql, func(schema table.Schema, b *table.Batch) {
		for i := range b.Rows {
			row := make([]string, len(schema))
			for c := range schema {
				row[c] = strings.Clone(text(schema[c].Type, &b.Columns[c], i)) // outlives the batch
			}
			out = append(out, row)
		}
	}))
	return out
}

func TestAFileIsATable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	generate(t, ":memory:",
		"COPY (SELECT i AS id, 'name ' || i AS name FROM range(3) r(i)) TO '"+dir+"/a-1.parquet'",
		"COPY (SELECT i AS id, 'name ' || i AS name FROM range(3, 5) r(i)) TO '"+dir+"/a-2.parquet'",
		"COPY (SELECT i AS id, 'name ' || i AS name FROM range(5) r(i)) TO '"+dir+"/b.csv'",
		"COPY (SELECT i AS id, 'name ' || i AS name FROM range(5) r(i)) TO '"+dir+"/b.csv.gz' (FORMAT csv, COMPRESSION gzip)",
		"COPY (SELECT i AS id, 'name ' || i AS name FROM range(5) r(i)) TO '"+dir+"/b.tsv' (FORMAT csv, DELIMITER '\t')",
		"COPY (SELECT i AS id, 'name ' || i AS name FROM range(5) r(i)) TO '"+dir+"/c.ndjson' (FORMAT json)",
	)
	for name, files := range map[string]string{
		"two Parquet files by a glob":   "a-*.parquet",
		"a CSV file":                    "b.csv",
		"a compressed CSV file":         "b.csv.gz",
		"a file with tabs":              "b.tsv",
		"a file of one JSON per line":   "c.ndjson",
		"a glob through all the levels": "../**/a-*.parquet",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := overFiles(t, filepath.Join(dir, files))
			schema, err := s.Describe(t.Context(), "SELECT * FROM t ORDER BY id")
			require.NoError(t, err)
			require.Equal(t, table.Schema{{Name: "id", Type: table.Type{Kind: table.Int64}}, {Name: "name", Type: table.Type{Kind: table.String}}}, schema)
			require.Equal(t, [][]string{{"0", "name 0"}, {"1", "name 1"}, {"2", "name 2"}, {"3", "name 3"}, {"4", "name 4"}}, texts(t, s, "SELECT * FROM t"))
		})
	}
}

func TestADatabaseFileIsReadAndNotWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.duckdb")
	generate(t, path, "CREATE TABLE customers AS SELECT 7 AS id", "CREATE SCHEMA old", "CREATE TABLE old.customers AS SELECT 6 AS id", "CREATE TYPE mood AS ENUM ('glad')", "CREATE TABLE moods AS SELECT 'glad'::mood AS m")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Database: path, TempDir: t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"7"}}, texts(t, s, "SELECT * FROM customers"))
	require.Equal(t, [][]string{{"6"}}, texts(t, s, "SELECT * FROM old.customers"))
	require.Equal(t, [][]string{{"glad"}}, texts(t, s, "SELECT * FROM moods"))
	require.NoError(t, s.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// TestAValueThatIsNestedTooDeepIsRefused: the engine would follow it until its stack, and with it the process, ends.
func TestAValueThatIsNestedTooDeepIsRefused(t *testing.T) {
	t.Parallel()
	nested := func(open, end string, depth int) string {
		return `{"id":1,"v":` + strings.Repeat(open, depth) + "1" + strings.Repeat(end, depth) + "}\n"
	}
	texts := `{"id":1,"v":"` + strings.Repeat(`[\"{\\`, 200_000) + "\"}\n"
	for name, content := range map[string]string{
		"lists": nested("[", "]", 200_000), "objects": nested(`{"a":`, "}", 200_000), "behind others": texts + nested("[", "]", 1_000),
	} {
		path := filepath.Join(t.TempDir(), "deep.ndjson")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		if name == "lists" { // in gzip, too
			generate(t, ":memory:", "COPY (SELECT content FROM read_text('"+path+"')) TO '"+path+".gz' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01', COMPRESSION gzip)")
			path += ".gz"
		}
		require.Contains(t, unreadable(t, path), "nested more than 1000 deep", name)
	}
	s := overFiles(t, write(t, "fine.ndjson", texts+nested("[", "]", 900)))
	_, err := s.Describe(t.Context(), "FROM t")
	require.NoError(t, err)
}

// TestAByteOrderMarkBeforeJSONIsRefused: the engine finds out the columns behind it, and breaks off at the rows.
func TestAByteOrderMarkBeforeJSONIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte("\ufeff{\"a\": 1}\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, content := range map[string][]byte{"a.ndjson": []byte("\ufeff{\"a\": 1}\n{\"a\": 2}\n"), "a.jsonl.gz": zipped.Bytes()} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.Contains(t, unreadable(t, path), path+" begins with a byte order mark")
	}
	require.Equal(t, [][]string{{"\ufeff"}}, texts(t, overFiles(t, write(t, "b.ndjson", "{\"a\": \"\ufeff\"}\n")), "FROM t"))
}
