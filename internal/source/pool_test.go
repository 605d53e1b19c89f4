package source_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
	"consign/internal/table"
)

// engines are the engines of a pool that have not ended, by the names of their folders: each new one has the next number.
func engines(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// opened opens a source of a pool that is closed with the test.
func opened(t *testing.T, p *source.Pool, o source.Options) source.Source {
	t.Helper()
	s, err := p.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()); require.NoError(t, p.Close()) })
	return s
}

// over is a source of one table t.
func over(files string) source.Options {
	return source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: files}}, Memory: 256 << 20, Threads: 1}
}

// later is the clock of a pool to which no file has just been written.
func later() time.Time { return time.Now().Add(time.Hour) }

// begin is when the tests began: files of one age have one time.
var begin = time.Now()

// written writes a file that looks as if it had been written so long ago.
func written(path, text string, ago time.Duration) error {
	return errors.Join(os.WriteFile(path, []byte(text), 0o600), aged(path, ago))
}

func aged(path string, ago time.Duration) error {
	if ago == 0 {
		return nil
	}
	return os.Chtimes(path, begin.Add(-ago), begin.Add(-ago))
}

// old is a Parquet file that was written a while ago.
func old(t *testing.T, sql string) string {
	t.Helper()
	path := parquet(t, sql)
	require.NoError(t, aged(path, time.Hour))
	return path
}

const sorts = "SELECT md5(i::VARCHAR) || sha256(i::VARCHAR) AS s FROM range(600000) r(i) ORDER BY s" // more than the memory

func TestAnEngineIsUsedAgainIfNothingOfAQueryIsLeftInIt(t *testing.T) {
	t.Parallel()
	all := func(sql string) func(context.Context, source.Source) error {
		return func(ctx context.Context, s source.Source) error {
			return each(ctx, s, sql, func(table.Schema, *table.Batch) {})
		}
	}
	describes := func(sql string) func(context.Context, source.Source) error {
		return func(ctx context.Context, s source.Source) error {
			_, err := s.Describe(ctx, sql)
			return err
		}
	}
	for name, c := range map[string]struct {
		use   func(context.Context, source.Source) error
		err   error
		again bool
	}{
		"described":       {describes("SELECT * FROM t"), nil, true},
		"read to the end": {all("SELECT * FROM t"), nil, true},
		"read to the end, and a batch is out": {func(ctx context.Context, s source.Source) error {
			rows, err := s.Query(ctx, "SELECT * FROM t")
			if err != nil {
				return err
			}
			batch, err := rows.Next(ctx)
			if err != nil {
				return err
			}
			_, err = rows.Next(ctx)
			err = errors.Join(err, rows.Close(), s.Close())
			batch.Release()
			return err
		}, io.EOF, true},
		"not read": {func(ctx context.Context, s source.Source) error {
			rows, err := s.Query(ctx, "SELECT * FROM t")
			if err != nil {
				return err
			}
			return rows.Close()
		}, nil, false},
		"failed":  {all("SELECT CASE WHEN i = 7 THEN error('x') END FROM t"), source.ErrData, false},
		"refused": {describes("SELECT nothing FROM t"), source.ErrQuery, false},
		"stopped before the engine has heard of it": {func(ctx context.Context, s source.Source) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return errors.Join(describes("SELECT * FROM t")(ctx, s), all("SELECT * FROM t")(ctx, s))
		}, context.Canceled, true},
		"has set the seed of random()": {all("SELECT setseed(0.5)"), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := source.NewPool(dir, 1, later)
			o := over(old(t, "SELECT i, 'name ' || i AS name FROM range(10) r(i)"))
			s := opened(t, p, o)
			require.ErrorIs(t, c.use(t.Context(), s), c.err)
			require.NoError(t, s.Close())
			left := map[bool]string{true: "1", false: ""}[c.again]
			require.Equal(t, left, engines(t, dir))

			s = opened(t, p, o)
			require.Equal(t, map[bool]string{true: "1", false: "2"}[c.again], engines(t, dir))
			require.Equal(t, [][]string{{"0", "name 0", "8.0 MiB"}}, texts(t, s, "SELECT *, current_setting('streaming_buffer_size') FROM t WHERE i < 1"))
		})
	}
}

// What is spilt is data of the customer's.
func TestNothingThatWasSpiltStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := over(old(t, "SELECT 1 AS i"))
	o.Memory = 32 << 20
	s := opened(t, source.NewPool(dir, 1, later), o)
	rows, err := s.Query(t.Context(), sorts)
	require.NoError(t, err)
	spilt, err := filepath.Glob(filepath.Join(dir, "1", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, spilt, "the query has to spill")
	require.NoError(t, rows.Close())
	require.NoError(t, s.Close())
	require.Empty(t, engines(t, dir))
}

func TestAnEngineIsUsedAgainAsLongAsItsFilesAreThoseItHasSeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files  string
		change func(a string) error
		want   [][]string
		again  bool
	}{
		"nothing":          {"a.csv", func(string) error { return nil }, [][]string{{"1"}}, true},
		"nothing, pattern": {"*.csv", func(string) error { return nil }, [][]string{{"1"}}, true},
		"another column":   {"a.csv", func(a string) error { return written(a, "i,j\n1,x\n", time.Minute) }, [][]string{{"1", "x"}}, false},
		"other columns in as many bytes, and its time set back": {"a.csv", func(a string) error {
			return written(a, "j\n1\n", time.Hour)
		}, [][]string{{"1"}}, false},
		"another type in as many bytes": {"a.csv", func(a string) error {
			return written(a, "i\nx\n", time.Minute)
		}, [][]string{{"x"}}, false},
		"another file of the same size and time": {"a.csv", func(a string) error {
			return errors.Join(written(a+".new", "i\nx\n", time.Hour), os.Rename(a+".new", a))
		}, [][]string{{"x"}}, false},
		"one more row, at the same time": {"a.csv", func(a string) error {
			return written(a, "i\n1\n2\n", time.Hour)
		}, [][]string{{"1"}, {"2"}}, false},
		"one more file": {"*.csv", func(a string) error {
			return written(filepath.Join(filepath.Dir(a), "b.csv"), "i\n2\n", time.Minute)
		}, [][]string{{"1"}, {"2"}}, false},
		"a pattern of folders":                     {"../*/a.csv", func(string) error { return nil }, [][]string{{"1"}}, false},
		"a pattern that the engine reads in bytes": {"?.csv", func(string) error { return nil }, [][]string{{"1"}}, false},
		"a pattern that is the engine's own":       {"**.csv", func(string) error { return nil }, [][]string{{"1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, spill := filepath.Join(t.TempDir(), "files"), t.TempDir()
			require.NoError(t, os.Mkdir(dir, 0o700))
			a := filepath.Join(dir, "a.csv")
			require.NoError(t, written(a, "i\n1\n", time.Hour))
			p := source.NewPool(spill, 1, later)
			s := opened(t, p, over(filepath.Join(dir, c.files)))
			require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT * FROM t"))
			require.NoError(t, s.Close())
			require.NoError(t, c.change(a))
			s = opened(t, p, over(filepath.Join(dir, c.files)))
			require.Equal(t, c.want, texts(t, s, "SELECT * FROM t ORDER BY 1"))
			require.Equal(t, map[bool]string{true: "1", false: "2"}[c.again], engines(t, spill))
		})
	}
}

// Such rows are in a table of the connection's own, which would stand before the source's table of that name.
func TestAnEngineIsNotKeptThatHasRejectedRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.csv")
	require.NoError(t, written(path, "i\n1\nx\n", time.Hour))
	dir := t.TempDir()
	p := source.NewPool(dir, 1, later)
	s := opened(t, p, over(path))
	sql := "SELECT i FROM read_csv('" + path + "', columns = {'i': 'INTEGER'}, \"Store_Rejects\" = true, rejects_table = 't')"
	require.Equal(t, [][]string{{"1"}}, texts(t, s, sql))
	require.NoError(t, s.Close())
	require.Empty(t, engines(t, dir))
	require.Equal(t, [][]string{{"1"}, {"x"}}, texts(t, opened(t, p, over(path)), "SELECT * FROM t"))
}

func TestAnEngineIsNotKeptForAFileThatMayBeWrittenStill(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"just written":                    parquet(t, "SELECT 1 AS i"),
		"just written, with its time set": old(t, "SELECT 1 AS i"),
	} {
		dir := t.TempDir()
		s := opened(t, source.NewPool(dir, 1, time.Now), over(path))
		require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT * FROM t"))
		require.NoError(t, s.Close())
		require.Empty(t, engines(t, dir), name)
	}
}

// The engine is locked to what links lead to as it starts.
func TestAnEngineIsNotUsedAgainWhenALinkLeadsElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	monday, tuesday, latest := filepath.Join(dir, "monday"), filepath.Join(dir, "tuesday"), filepath.Join(dir, "latest")
	require.NoError(t, errors.Join(os.Mkdir(monday, 0o700), os.Mkdir(tuesday, 0o700)))
	require.NoError(t, errors.Join(written(filepath.Join(monday, "a.csv"), "i\n1\n", time.Hour), os.Symlink(monday, latest)))
	require.NoError(t, os.Link(filepath.Join(monday, "a.csv"), filepath.Join(tuesday, "a.csv")))
	p := source.NewPool(t.TempDir(), 1, later)
	require.NoError(t, opened(t, p, over(filepath.Join(latest, "a.csv"))).Close())
	require.NoError(t, errors.Join(os.Remove(latest), os.Symlink(tuesday, latest)))
	require.Equal(t, [][]string{{"1"}}, texts(t, opened(t, p, over(filepath.Join(latest, "a.csv"))), "SELECT * FROM t"))
}

func TestAnEngineWorksOnWhereItsFolderHasGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := source.NewPool(dir, 1, later)
	o := over(old(t, "SELECT 1 AS i"))
	o.Memory = 32 << 20
	require.NoError(t, opened(t, p, o).Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "1")))
	require.NoError(t, each(t.Context(), opened(t, p, o), sorts, func(table.Schema, *table.Batch) {}))
	require.Equal(t, "1", engines(t, dir))
}

func TestAFileThatIsGoneIsMissedByAnEngineThatHasSeenIt(t *testing.T) {
	t.Parallel()
	path := write(t, "a.csv", "i\n1\n")
	require.NoError(t, aged(path, time.Hour))
	p := source.NewPool(t.TempDir(), 1, later)
	o := over(path)
	s := opened(t, p, o)
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(path))
	_, err := p.Open(t.Context(), o)
	require.ErrorIs(t, err, source.ErrUnreadable)
}

// The file of a database stays open, and locked for others, for as long as an engine has it.
func TestAnEngineOfADatabaseIsNotKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "main.duckdb")
	generate(t, path, "CREATE TABLE t AS SELECT 1 AS i")
	require.NoError(t, aged(path, time.Hour))
	dir := t.TempDir()
	s := opened(t, source.NewPool(dir, 1, later), source.Options{Type: source.TypeDuckDB, Database: path})
	require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT * FROM t"))
	require.NoError(t, s.Close())
	require.Empty(t, engines(t, dir))
	generate(t, path, "INSERT INTO t VALUES (2)")
}

func TestAPoolKeepsNoMoreEnginesThanItMay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := source.NewPool(dir, 2, later)
	var o []source.Options
	var open []source.Source
	for range 3 {
		o = append(o, over(old(t, "SELECT 1 AS i")))
		open = append(open, opened(t, p, o[len(o)-1]))
	}
	require.Equal(t, "1 2 3", engines(t, dir), "as many as are asked for")
	require.NoError(t, open[0].Close())
	require.Equal(t, "2 3", engines(t, dir), "two are in use")
	require.NoError(t, open[1].Close())
	require.Equal(t, "2 3", engines(t, dir))
	require.NoError(t, open[2].Close())
	require.Equal(t, "2 3", engines(t, dir))

	opened(t, p, o[1])
	require.Equal(t, "2 3", engines(t, dir))
	other := o[2]
	other.Memory *= 2
	last := opened(t, p, other)
	require.Equal(t, "2 4", engines(t, dir), "an engine's memory is its own; the idle one makes room")

	require.NoError(t, p.Close())
	require.NoError(t, last.Close())
	require.Equal(t, "2", engines(t, dir), "one in use ends when it is given back")
}
