package render

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// How long a test waits for what must happen, and how often it looks.
const (
	waitFor = 10 * time.Second
	tick    = 5 * time.Millisecond
)

// counted is a batch of one text column whose release is counted.
func counted(released *atomic.Int64, values ...any) *table.Batch {
	_, b := tableOf(text("a", values...))
	b.Free = func() { released.Add(1) }
	return b
}

func TestRowsAreSplitExactlyWhereAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows, limit int64
		want        []int64
	}{
		"one file is still a split":   {3, 10, []int64{3}},
		"full files leave no rest":    {10, 5, []int64{5, 5}},
		"the last file is shorter":    {11, 5, []int64{5, 5, 1}},
		"a row a file":                {4, 1, []int64{1, 1, 1, 1}},
		"a file of several batches":   {70, 25, []int64{25, 25, 20}},
		"no rows make one empty file": {0, 5, []int64{0}},
	} {
		for _, format := range []string{FormatCSV, FormatNDJSON, FormatJSON, FormatParquet} {
			t.Run(name+" as "+format, func(t *testing.T) {
				t.Parallel()
				m, released, batches := &memory{}, &atomic.Int64{}, int64(0)
				schema, _ := tableOf(text("a"))
				o := Options{FileFormat: format, Header: true, SplitRows: c.limit, RowNumber: "n", Threads: 3}
				w, err := New(schema, o, m.create)
				require.NoError(t, err)
				for row := int64(0); row < c.rows; batches++ {
					var values []any
					for ; len(values) < 7 && row < c.rows; row++ {
						values = append(values, fmt.Sprint("v", row+1))
					}
					require.NoError(t, w.Write(counted(released, values...)))
				}
				require.NoError(t, w.Close())
				var rows []int64
				n := int64(0)
				for i, f := range w.Files() {
					rows = append(rows, f.Rows)
					require.Equal(t, i+1, f.Number)
					require.EqualValues(t, m.files[i].Len(), f.Bytes)
					if format == FormatCSV {
						want := "n,a\n"
						for range f.Rows {
							n++
							want += fmt.Sprintf("%d,v%d\n", n, n)
						}
						require.Equal(t, want, m.files[i].String(), "the count goes on from file to file, the header is in each")
					}
				}
				m.texts(t)
				require.Equal(t, c.want, rows)
				require.Equal(t, batches, released.Load(), "every batch is released once")
				all, _ := w.Progress()
				require.Equal(t, c.rows, all)
			})
		}
	}
}

func TestEveryPartOfAnArrayIsAnArray(t *testing.T) {
	t.Parallel()
	schema, b := tableOf(text("a", "x", "y", "z"))
	require.Equal(t, []string{"[\n{\"a\":\"x\"},\n{\"a\":\"y\"}\n]\n", "[\n{\"a\":\"z\"}\n]\n"},
		renderAll(t, Options{FileFormat: FormatJSON, SplitRows: 2}, schema, b))
}

func TestAFileStaysBelowItsMegabytes(t *testing.T) {
	t.Parallel()
	for _, format := range []string{FormatCSV, FormatJSON} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			values := make([]any, 2000)
			for i := range values {
				values[i] = strings.Repeat("x", i)
			}
			values[1000] = strings.Repeat("y", 1_500_000)
			schema, b := tableOf(text("a", values...))
			o := Options{FileFormat: format, Header: true, SplitMegabytes: 1, Threads: 2}
			parts := renderAll(t, o, schema, b)
			large := 0
			for i, p := range parts {
				if len(p) > bytesPerMegabyte {
					large++
					require.Contains(t, p, strings.Repeat("y", 1_500_000), "only the one row that is larger by itself")
					require.NotContains(t, p, "x")
				} else if i < len(parts)-1 && !strings.Contains(parts[i+1], "y") {
					require.Greater(t, len(p), bytesPerMegabyte-2100, "no row more would fit")
				}
			}
			require.Equal(t, 1, large)
		})
	}
	schema, b := tableOf(text("a", strings.Repeat("x", 499_998), strings.Repeat("y", 499_998), "zz"))
	require.Len(t, renderAll(t, Options{FileFormat: FormatCSV, SplitMegabytes: 1}, schema, b), 2, "a byte too many")
	schema, b = tableOf(text("a", strings.Repeat("x", 499_999), strings.Repeat("y", 499_999)))
	require.Len(t, renderAll(t, Options{FileFormat: FormatCSV, SplitMegabytes: 1}, schema, b), 1, "exactly a megabyte")
}

// textOf is text of a size that hardly compresses: six bits of each byte are chance. Eight bytes are drawn at once: 200 MB take
// a quarter of a minute one by one, with race detection.
func textOf(noise *rand.Rand, size int) string {
	text := make([]byte, 0, size+8)
	for len(text) < size {
		text = binary.LittleEndian.AppendUint64(text, noise.Uint64()&0x3f3f3f3f3f3f3f3f+0x2020202020202020)
	}
	return string(text[:size])
}

func TestAParquetFileStaysNearItsMegabytesHoweverLargeABatchIs(t *testing.T) {
	t.Parallel()
	noise := rand.New(rand.NewPCG(1, 2)) // what does not compress, the same in every run
	for _, large := range []int{200, 2_000, 20_000} {
		var schema table.Schema
		m := &memory{}
		write := func(w *Writer, rows int) {
			values := make([]any, rows)
			for i := range values {
				values[i] = textOf(noise, large)
			}
			_, b := tableOf(text("a", values...))
			require.NoError(t, w.Write(b))
		}
		schema, _ = tableOf(text("a"))
		w, err := New(schema, Options{FileFormat: FormatParquet, SplitMegabytes: 1, Threads: 2}, m.create)
		require.NoError(t, err)
		for range 3 {
			write(w, table.BatchRows/2)
			write(w, table.BatchRows)
		}
		require.NoError(t, w.Close())
		rows := int64(0)
		for _, f := range w.Files() {
			require.LessOrEqual(t, f.Bytes, int64(bytesPerMegabyte)*11/10, "rows of %d bytes", large)
			rows += f.Rows
		}
		require.EqualValues(t, 9*table.BatchRows/2, rows)
		require.Greater(t, len(w.Files()), int(rows)*large/bytesPerMegabyte/2)
	}
}

func TestALargeRowOfParquetGoesWhereItFits(t *testing.T) {
	t.Parallel()
	noise := rand.New(rand.NewPCG(1, 2)) // what does not compress, the same in every run
	for name, c := range map[string]struct {
		sizes []int
		rows  []int64 // of the files
	}{
		"each nearly fills a file":         {[]int{850_000, 850_000, 850_000}, []int64{1, 1, 1}},
		"two fill a file":                  {[]int{400_000, 400_000, 400_000}, []int64{2, 1}},
		"one is larger than a file may be": {[]int{1000, 1000, 3_000_000, 1000}, []int64{2, 1, 1}},
		"one is the first":                 {[]int{3_000_000, 1000}, []int64{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			values := make([]any, len(c.sizes))
			for i, size := range c.sizes {
				values[i] = textOf(noise, size)
			}
			schema, whole := tableOf(text("a", values...))
			var single []*table.Batch
			for _, v := range values {
				_, b := tableOf(text("a", v))
				single = append(single, b)
			}
			for _, batches := range [][]*table.Batch{{whole}, single} {
				m := &memory{}
				w, err := New(schema, Options{FileFormat: FormatParquet, SplitMegabytes: 1, Threads: 2}, m.create)
				require.NoError(t, err)
				for _, b := range batches {
					require.NoError(t, w.Write(b))
				}
				require.NoError(t, w.Close())
				var rows []int64
				for _, f := range w.Files() {
					rows = append(rows, f.Rows)
				}
				require.Equal(t, c.rows, rows)
			}
		})
	}
}

func TestTheSameRowsGiveTheSameBytesWithAnyNumberOfGoroutines(t *testing.T) {
	t.Parallel()
	schema, batch := customers(500)
	for _, format := range []string{FormatCSV, FormatNDJSON, FormatJSON} {
		var first []string
		for _, threads := range []int{1, 2, 7} {
			var batches []*table.Batch
			for range 20 {
				batches = append(batches, &table.Batch{Rows: batch.Rows, Columns: batch.Columns})
			}
			got := renderAll(t, Options{FileFormat: format, Threads: threads, SplitMegabytes: 1}, schema, batches...)
			if first == nil {
				first = got
			}
			require.Equal(t, first, got)
		}
	}
}

func TestABatchMayBeCutAnywhere(t *testing.T) {
	t.Parallel()
	values := make([]any, 200)
	for i := range values {
		if i%3 > 0 {
			values[i] = fmt.Sprint(i)
		}
	}
	nested := make([]any, 200)
	for i := range nested {
		if i%5 > 0 {
			nested[i] = []any{[]any{int64(i), nil}, fmt.Sprint(i)}
		}
	}
	typ := structOf(table.Field{Name: "l", Type: listOf(of(table.Int64))}, table.Field{Name: "s", Type: of(table.String)})
	schema, b := tableOf(text("a", values...), col{"b", typ, nested})
	want := renderAll(t, Options{FileFormat: FormatNDJSON}, schema, b)[0]
	for _, cut := range []int{1, 63, 64, 65, 128, 130, 199} {
		_, b := tableOf(text("a", values...), col{"b", typ, nested})
		released := 0
		b.Free = func() { released++ }
		first, rest := cutBatch(b, cut)
		require.Equal(t, want, renderAll(t, Options{FileFormat: FormatNDJSON}, schema, first, rest)[0], "cut at %d", cut)
		require.Equal(t, 1, released)
	}
}

func TestTheFirstErrorSticksAndEveryBatchIsReleased(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(m *memory){
		"a full disk at once":       func(m *memory) { m.broken = func(int) error { return errDisk } },
		"a full disk in file 3":     func(m *memory) { m.broken = func(n int) error { return map[bool]error{true: errDisk}[n == 3] } },
		"a file that does not open": nil,
		"a value that is not UTF-8": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, released := &memory{}, &atomic.Int64{}
			create, want := m.create, errDisk
			if spoil != nil {
				spoil(m)
			}
			if name == "a file that does not open" {
				create = func(int) (io.WriteCloser, error) { return nil, errDisk }
			}
			schema, _ := tableOf(text("a"))
			w, err := New(schema, Options{FileFormat: FormatCSV, SplitRows: 10, Threads: 2}, create)
			require.NoError(t, err)
			for i := range 50 {
				value := any("x")
				if name == "a value that is not UTF-8" && i == 20 {
					value, want = "\xff", ErrUnwritableValue
				}
				_ = w.Write(counted(released, value, "b", "c", "d"))
			}
			require.ErrorIs(t, w.Close(), want)
			require.ErrorIs(t, w.Close(), want, "closing again says the same")
			require.ErrorIs(t, w.Write(counted(released, "x")), want)
			require.EqualValues(t, 51, released.Load())
			for _, f := range m.files {
				require.Equal(t, 1, f.closed, "file %d", f.number)
			}
		})
	}
}

func TestAbortStopsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, format := range []string{FormatCSV, FormatParquet} {
		m, released := &memory{}, &atomic.Int64{}
		schema, _ := tableOf(text("a"))
		w, err := New(schema, Options{FileFormat: format, Threads: 4}, m.create)
		require.NoError(t, err)
		for range 20 {
			require.NoError(t, w.Write(counted(released, "a", "b")))
		}
		w.Abort()
		w.Abort()
		require.ErrorIs(t, w.Close(), ErrAborted)
		require.ErrorIs(t, w.Write(counted(released, "a")), ErrAborted)
		require.EqualValues(t, 21, released.Load())
		for _, f := range m.files {
			require.Equal(t, 1, f.closed)
		}
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, waitFor, tick, "goroutines are left")
}

func TestAClosedWriterTakesNoMore(t *testing.T) {
	t.Parallel()
	m, released := &memory{}, &atomic.Int64{}
	schema, _ := tableOf(text("a"))
	w, err := New(schema, Options{FileFormat: FormatCSV}, m.create)
	require.NoError(t, err)
	require.NoError(t, w.Write(&table.Batch{Free: func() { released.Add(1) }, Columns: make([]table.Vector, 1)}), "a batch without rows is fine")
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	w.Abort()
	require.Error(t, w.Write(counted(released, "a")))
	require.EqualValues(t, 2, released.Load())
	require.Equal(t, []string{""}, m.texts(t))
	require.Equal(t, []File{{Number: 1}}, w.Files())
}

// gate is a file that waits until it may write, to see how far a Writer runs ahead.
type gate struct{ open chan struct{} }

func (g gate) Write(p []byte) (int, error) { <-g.open; return len(p), nil }
func (g gate) Close() error                { return nil }

func TestAWriterDoesNotRunAheadOfItsFile(t *testing.T) {
	t.Parallel()
	g, released := gate{make(chan struct{})}, &atomic.Int64{}
	schema, _ := tableOf(text("a"))
	w, err := New(schema, Options{FileFormat: FormatCSV, Threads: 2}, func(int) (io.WriteCloser, error) { return g, nil })
	require.NoError(t, err)
	var written atomic.Int64
	done := make(chan error)
	go func() {
		for range 100 {
			if err := w.Write(counted(released, strings.Repeat("x", 100))); err != nil {
				done <- err
				return
			}
			written.Add(1)
		}
		done <- w.Close()
	}()
	require.Eventually(t, func() bool { return written.Load() >= 3 }, waitFor, tick)
	require.Never(t, func() bool { return written.Load() > 5 }, 20*tick, tick, "no more than the queue holds")
	close(g.open)
	require.NoError(t, <-done)
	rows, bytes := w.Progress()
	require.Equal(t, [2]int64{100, 100 * 101}, [2]int64{rows, bytes})
}

func TestAValueOf64MiBWorks(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 64<<20-1) + "\""
	schema, b := tableOf(text("a", huge, "b"))
	w, err := New(schema, Options{FileFormat: FormatCSV}, func(int) (io.WriteCloser, error) { return nopCloser{io.Discard}, nil })
	require.NoError(t, err)
	require.NoError(t, w.Write(b))
	require.NoError(t, w.Close())
	require.EqualValues(t, 64<<20+1+2+1+2, w.Files()[0].Bytes)
	free := w.sink.(*textSink).free
	for range len(free) {
		require.LessOrEqual(t, cap((<-free).text), keepBytes, "its buffer is not kept")
	}
}

func TestTheBracketsOfAnArrayCountToo(t *testing.T) {
	t.Parallel()
	const around = len("[\n{\"a\":\"\"},\n{\"a\":\"\"}\n]\n")
	o := Options{FileFormat: FormatJSON, SplitMegabytes: 1}
	for more, files := range []int{1, 2} {
		schema, b := tableOf(text("a", strings.Repeat("x", 500_000), strings.Repeat("y", 500_000-around+more)))
		got := renderAll(t, o, schema, b)
		require.Len(t, got, files, "%d bytes too many", more)
		if files == 1 {
			require.Len(t, got[0], bytesPerMegabyte)
		}
	}
}
