package source_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
	"consign/internal/table"
)

// endless is a query that has rows at once and never ends; busy one that has none for years.
const (
	endless = "SELECT r.range AS i FROM range(1000000000000) r"
	busy    = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE hash(a.range, b.range) = 7"
)

func TestAStoppedQueryReturnsTheContextsError(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	for name, sql := range map[string]string{"before the first row": busy, "between rows": endless} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			stopped := make(chan struct{})
			done := make(chan error)
			go func() {
				<-stopped
				cancel(nil)
			}()
			go func() {
				once := sync.Once{}
				if sql == busy {
					once.Do(func() { close(stopped) })
				}
				done <- each(ctx, s, sql, func(table.Schema, *table.Batch) { once.Do(func() { close(stopped) }) })
			}()
			require.ErrorIs(t, <-done, context.Canceled)
			require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT id FROM t"), "other queries go on")
		})
	}
}

func TestADeadlineStopsAQuery(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*1e6)
	defer cancel()
	require.ErrorIs(t, each(ctx, s, busy, func(table.Schema, *table.Batch) {}), context.DeadlineExceeded)
	require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
	_, err := s.Describe(ctx, "SELECT id FROM t")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestClosingStopsTheNextThatRuns(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	rows, err := s.Query(t.Context(), endless)
	require.NoError(t, err)
	done, running := make(chan error), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			if n == 100 {
				close(running)
			}
			b, err := rows.Next(context.WithoutCancel(t.Context()))
			if err != nil {
				done <- err
				return
			}
			b.Release()
		}
	}()
	<-running
	require.NoError(t, rows.Close())
	require.ErrorIs(t, <-done, source.ErrClosed)
	require.NoError(t, rows.Close(), "twice")
}

func TestBatchesOutliveTheirResultAndTheirSource(t *testing.T) {
	t.Parallel()
	s, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: parquet(t, manyRows)}}})
	require.NoError(t, err)
	rows, err := s.Query(t.Context(), "SELECT long, i FROM t")
	require.NoError(t, err)
	var out []*table.Batch
	for {
		b, err := rows.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		out = append(out, b)
	}
	_, err = rows.Next(t.Context())
	require.ErrorIs(t, err, io.EOF, "the end stays the end")
	require.NoError(t, rows.Close())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")
	_, err = s.Query(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, source.ErrClosed)
	_, err = rows.Next(t.Context())
	require.ErrorIs(t, err, source.ErrClosed)

	seen := 0
	var wait sync.WaitGroup
	for _, b := range out {
		for i := range b.Rows {
			if v := b.Columns[1].I64[i]; v%3 == 0 {
				require.Equal(t, "text number "+strconv.FormatInt(v, 10)+strings.Repeat("x", int(v%50)), b.Columns[0].Strings[i])
				seen++
			}
		}
		wait.Go(func() {
			b.Release()
			b.Release() // safe
		})
	}
	wait.Wait()
	require.Equal(t, 1667, seen)
}

func TestAResultMayBeLeftBehindInTheMiddle(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	for range 20 {
		rows, err := s.Query(t.Context(), endless)
		require.NoError(t, err)
		b, err := rows.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		require.Equal(t, int64(0), b.Columns[0].I64[0])
		b.Release()
	}
}

func TestManyQueriesRunSideBySide(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, manyRows))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			rows, sum := 0, int64(0)
			var held []*table.Batch
			err := each(t.Context(), s, "SELECT i, strings FROM t", func(_ table.Schema, b *table.Batch) {
				rows += b.Rows
				for i := range b.Rows {
					sum += b.Columns[0].I64[i]
				}
				kept := *b // encoders on other goroutines release later
				b.Free = nil
				held = append(held, &kept)
			})
			for _, b := range held {
				b.Release()
			}
			if err != nil || rows != 5000 || sum != 4999*5000/2 {
				t.Errorf("%d rows with sum %d: %v", rows, sum, err)
			}
		})
	}
	wait.Wait()
}

func TestOrderIsKeptAndRepeated(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT i, hash(i) % 1000 AS h FROM range(300000) r(i)"))
	next := int64(0)
	require.NoError(t, each(t.Context(), s, "SELECT i FROM t WHERE h >= 0", func(_ table.Schema, b *table.Batch) {
		for _, i := range b.Columns[0].I64 {
			if i != next {
				t.Fatalf("row %d after %d", i, next-1)
			}
			next++
		}
	}))
	require.EqualValues(t, 300000, next)
}

// residentBytes is the memory of this process that is in RAM.
func residentBytes(tb testing.TB) int64 {
	tb.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(tb, err)
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	require.NoError(tb, err)
	return pages * int64(os.Getpagesize())
}

// TestMemoryStaysFlatOverFiveMillionRows is not parallel: other tests would be counted.
func TestMemoryStaysFlatOverFiveMillionRows(t *testing.T) {
	s := overFiles(t, parquet(t, "SELECT i, md5(i::VARCHAR) AS s FROM range(200000) r(i)"))
	before := residentBytes(t)
	peak, rows := before, 0
	err := each(t.Context(), s, "SELECT t.*, n.range FROM range(25) n, t", func(_ table.Schema, b *table.Batch) {
		if rows += b.Rows; rows%(50*table.BatchRows) < table.BatchRows {
			peak = max(peak, residentBytes(t))
		}
	})
	require.NoError(t, err)
	require.Equal(t, 5_000_000, rows)
	require.Less(t, peak-before, int64(150<<20), "the whole result is 240 MB")
}

func TestOneQueryAtATimeMayHaveMoreRowsReady(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS i"))
	ahead := "SELECT current_setting('streaming_buffer_size'), current_setting('lock_configuration'), current_setting('TimeZone')"
	_, err := s.Describe(t.Context(), ahead)
	require.NoError(t, err)
	first, err := s.Query(t.Context(), "SELECT i FROM t")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"976.5 KiB", "true", "UTC"}}, texts(t, s, ahead), "the engine's own, for it is locked")
	require.NoError(t, first.Close())
	for range 2 {
		require.Equal(t, [][]string{{"8.0 MiB", "true", "UTC"}}, texts(t, s, ahead), "a thirty-second of the engine's memory")
	}
}

func TestAValueOfManyMegabytesIsRead(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT repeat('0123456789abcdef', 4 << 20) AS s"))
	rows := 0
	require.NoError(t, each(t.Context(), s, "SELECT s FROM t", func(_ table.Schema, b *table.Batch) {
		rows += b.Rows
		require.Len(t, b.Columns[0].Strings[0], 64<<20)
		require.Equal(t, "0123456789abcdef", b.Columns[0].Strings[0][64<<20-16:])
	}))
	require.Equal(t, 1, rows)
}

func BenchmarkReadFlat(b *testing.B) {
	read(b, "SELECT i, 'name ' || i AS name, md5(i::VARCHAR) AS hash, (i * 1.25)::DECIMAL(12, 2) AS amount, TIMESTAMP '2020-01-01' + to_seconds(i) AS at, CASE WHEN i % 20 > 0 THEN i::DOUBLE / 7 END AS score FROM range(1000000) r(i)")
}

func BenchmarkReadNested(b *testing.B) {
	read(b, "SELECT [i, i + 1] AS list, {'a': i, 'b': 'text ' || i} AS struct, MAP {'k': i} AS map FROM range(1000000) r(i)")
}

// read counts the bytes of the values as they are in memory.
func read(b *testing.B, sql string) {
	b.Helper()
	s, err := source.Open(b.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: parquet(b, sql)}}, TempDir: b.TempDir()})
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	b.ReportAllocs()
	for b.Loop() {
		bytes := int64(0)
		require.NoError(b, each(b.Context(), s, "SELECT * FROM t", func(schema table.Schema, batch *table.Batch) {
			for c := range schema {
				bytes += size(&batch.Columns[c], batch.Rows)
			}
		}))
		b.SetBytes(bytes)
	}
}

func size(v *table.Vector, rows int) int64 {
	n := int64(8 * rows)
	for _, s := range v.Strings {
		n += int64(len(s))
	}
	for i := range v.Children {
		n += size(&v.Children[i], rows)
	}
	return n
}
