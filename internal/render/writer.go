package render

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"consign/internal/table"
)

// Create opens file number 1, 2, ... for writing. The Writer closes it.
type Create func(number int) (io.WriteCloser, error)

// A File is one that the Writer has finished.
type File struct {
	Number int
	Rows   int64
	Bytes  int64
}

// A Writer renders batches into files. Write, Close and Abort are for one goroutine; Progress is for any.
//
// Its memory is bounded by Options.Threads and by the largest row, whatever the number of rows: a few batches and a few
// chunks of text are in flight, and Write waits when there are too many.
type Writer struct {
	project projection
	sink    sink
	out     *output
	failure *failure
	taken   int64 // rows
	ended   bool
}

// A sink takes projected batches in order.
type sink interface {
	write(b *table.Batch, firstRow int64) error // takes the batch over
	close() error
	abort()
}

// New returns a Writer of files with the columns that o asks for. It opens no file before it has something to write.
func New(schema table.Schema, o Options, create Create) (*Writer, error) {
	if err := o.Validate().Err(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	out, err := o.Schema(schema)
	if err != nil {
		return nil, err
	}
	w := &Writer{project: newProjection(schema, o), failure: &failure{}}
	w.out = &output{create: create, splitRows: o.SplitRows, splitBytes: o.SplitMegabytes * bytesPerMegabyte}
	if o.FileFormat == FormatParquet {
		w.sink = &parquetSink{out: w.out, failure: w.failure, schema: out, options: o}
		return w, nil
	}
	w.sink = newTextSink(w.out, w.failure, newTextEncoder(out, o), o.Threads)
	return w, nil
}

// Write renders a batch of the result. It takes the batch over and releases it in time, from any goroutine, also when it
// fails. The first error sticks.
func (w *Writer) Write(b *table.Batch) error {
	err := w.failure.get()
	if err == nil && w.ended {
		err = errors.New("write to a closed writer")
	}
	if err != nil || b.Rows == 0 {
		b.Release()
		return err
	}
	first := w.taken + 1
	w.taken += int64(b.Rows)
	err = w.sink.write(w.project.apply(b, first), first)
	w.failure.set(err)
	return err
}

// Close finishes the files. The first file exists even if there are no rows. Closing twice is safe.
func (w *Writer) Close() error {
	if w.ended {
		return w.failure.get()
	}
	w.ended = true
	err := w.sink.close()
	w.failure.set(err)
	w.out.discard()
	return w.failure.get()
}

// Abort gives up: it stops the goroutines, releases the batches and closes open files, which are then not whole. It is
// safe after Close, and does nothing then.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.failure.set(ErrAborted)
	w.sink.abort()
	w.out.discard()
}

// Files returns the finished files in order, after Close.
func (w *Writer) Files() []File { return w.out.files }

// Progress returns how many rows and bytes have been written to files so far.
func (w *Writer) Progress() (rows, bytes int64) { return w.out.allRows.Load(), w.out.allBytes.Load() }

// failure holds the first error, or of several unwritable values the one in the earliest row.
type failure struct {
	failed atomic.Bool
	mu     sync.Mutex
	err    error
}

func (f *failure) set(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var before, now *UnwritableValue
	if f.err == nil || errors.As(f.err, &before) && errors.As(err, &now) && now.Row < before.Row {
		f.err = err
	}
	f.failed.Store(true)
}

func (f *failure) get() error {
	if !f.failed.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
