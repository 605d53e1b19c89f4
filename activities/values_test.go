package activities

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"consign/internal/render"
	"consign/internal/secret"
	"consign/internal/source"
	"consign/internal/source/postgrestest"
)

// resultOf runs a query and ends it with the test.
func resultOf(t *testing.T, from source.Options, sql string) source.Rows {
	t.Helper()
	src, err := source.Open(t.Context(), from)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, src.Close()) })
	rows, err := src.Query(t.Context(), sql)
	require.NoError(t, err, sql)
	t.Cleanup(func() { require.NoError(t, rows.Close()) })
	return rows
}

// renderFile renders what a query gives into one file.
func renderFile(t *testing.T, from source.Options, sql, format, path string) error {
	t.Helper()
	rows := resultOf(t, from, sql)
	w, err := render.New(rows.Schema(), render.Options{FileFormat: format, Threads: 2}, func(int) (io.WriteCloser, error) { return os.Create(path) })
	require.NoError(t, err)
	if err := copyRows(t.Context(), w, rows, &progress{}); err != nil {
		w.Abort()
		return err
	}
	return nil
}

// values reads a query's only column, which is text.
func values(t *testing.T, from source.Options, sql string) []string {
	t.Helper()
	rows := resultOf(t, from, sql)
	var all []string
	for {
		b, err := rows.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		for i := range b.Rows {
			all = append(all, strings.Clone(b.Columns[0].Strings[i]))
		}
		b.Release()
	}
}

func parquetFile(path string) source.Options {
	return source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: path}}}
}

// TestNestedValuesWithoutElementsAreDelivered: nothing but NULL or empty lists in a whole batch is ordinary data.
func TestNestedValuesWithoutElementsAreDelivered(t *testing.T) {
	t.Parallel()
	nothing := filepath.Join(t.TempDir(), "nothing.csv")
	require.NoError(t, os.WriteFile(nothing, []byte("a\n1\n"), 0o600))
	duck := parquetFile(nothing)
	server, err := postgrestest.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	postgres := source.Options{Type: source.TypePostgres, DSN: secret.New(server.DSN())}
	const text = "SELECT coalesce(to_json(v)::VARCHAR, 'NULL') FROM t"
	for i, c := range []struct {
		from source.Options
		sql  string
		want string
	}{
		{postgres, "SELECT NULL::int[] AS v", "NULL"},
		{postgres, "SELECT '{}'::text[] AS v", "[]"},
		{duck, "SELECT NULL::INT[][] AS v", "NULL"},
		{duck, "SELECT []::INT[][] AS v", "[]"},
		{duck, "SELECT []::STRUCT(x INT)[] AS v", "[]"},
		{duck, "SELECT NULL::STRUCT(x INT, y INT[])[] AS v", "NULL"},
		{duck, "SELECT []::INT[3][] AS v", "[]"},
		{duck, "SELECT MAP {}::MAP(INT, INT[]) AS v", "{}"},
		{duck, "SELECT NULL::MAP(VARCHAR, STRUCT(x INT)) AS v", "NULL"},
		{duck, "SELECT NULL::STRUCT(x STRUCT(y INT[][])) AS v", "NULL"},
	} {
		t.Run(c.sql, func(t *testing.T) {
			t.Parallel()
			for _, format := range []string{"parquet", "csv", "ndjson", "json"} {
				path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.%s", i, format))
				require.NoError(t, renderFile(t, c.from, c.sql, format, path), format)
				if format == "parquet" {
					require.Equal(t, []string{c.want}, values(t, parquetFile(path), text))
				}
			}
		})
	}
	t.Run("elements after a batch without any", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "later.parquet")
		sql := "SELECT CASE WHEN i > 2500 THEN [{'sku': 'a', 'qty': i}] END AS v FROM range(3000) g(i)"
		require.NoError(t, renderFile(t, duck, sql, "parquet", path))
		require.Equal(t, []string{"2501 499"}, values(t, parquetFile(path), "SELECT min(v[1].qty) || ' ' || count(v) FROM t"))
	})
}

// TestATimeThatIsNoneOfADayIsRefused: MySQL's go up to 838 hours, and a Parquet file may hold them as they are.
func TestATimeThatIsNoneOfADayIsRefused(t *testing.T) {
	t.Parallel()
	type row struct {
		At int64 `parquet:"at,time(microsecond:local)"`
	}
	for _, micros := range []int64{-1, 86_400_000_001, 838 * 3_600_000_000} {
		path := filepath.Join(t.TempDir(), "times.parquet")
		require.NoError(t, parquet.WriteFile(path, []row{{0}, {micros}}))
		for _, format := range []string{"csv", "ndjson", "json", "parquet"} {
			err := renderFile(t, parquetFile(path), `SELECT "at" FROM t`, format, filepath.Join(t.TempDir(), "out"))
			require.ErrorIs(t, err, render.ErrUnwritableValue, format)
			require.ErrorContains(t, err, `row 2, column "at"`)
		}
	}
}
