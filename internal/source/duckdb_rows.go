package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	duck "github.com/duckdb/duckdb-go-bindings"

	"consign/internal/table"
)

// duckRows is a running query. The result is kept until Close and until the last batch is released, since batches
// point into the engine's memory.
type duckRows struct {
	query *query

	mu      sync.Mutex // held while the engine works for us; guards the fields below
	pending duck.PendingResult
	result  duck.Result
	row     int64
	failed  error

	closed  atomic.Bool
	holders atomic.Int64 // Rows itself until Close, and each batch that is out
	spare   spare[[]table.Vector]
}

// Schema implements Rows.
func (r *duckRows) Schema() table.Schema { return r.query.schema }

// start runs the query until it has rows. The interrupt is armed after the engine has reset its own, so none is lost.
func (r *duckRows) start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	pending, text := startStreaming(r.query.statement)
	if text != "" {
		return runError(r.query.sql, text)
	}
	r.pending = pending
	interruptible(ctx, r.query.conn, func() { text = firstRows(r.pending, &r.result) })
	return r.outcome(ctx, text)
}

// Next implements Rows.
func (r *duckRows) Next(ctx context.Context) (*table.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return nil, ErrClosed
	}
	if r.failed != nil {
		return nil, r.failed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var chunk duck.DataChunk
	var ok bool
	var text string
	interruptible(ctx, r.query.conn, func() { chunk, ok, text = fetch(&r.result) })
	if ok && r.closed.Load() {
		duck.DestroyDataChunk(&chunk)
		return nil, ErrClosed
	}
	if !ok {
		r.failed = r.outcome(ctx, text)
		if r.failed == nil {
			r.failed = r.query.engine.unchanged()
		}
		if r.failed == nil {
			r.failed = io.EOF
		}
		return nil, r.failed
	}
	return r.batch(chunk), nil
}

// outcome returns what the engine's error means: an interrupted query ended because of its context or of Close.
func (r *duckRows) outcome(ctx context.Context, text string) error {
	switch {
	case text == "":
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case r.closed.Load():
		return ErrClosed
	case r.row > 0:
		return fmt.Errorf("after row %d: %w", r.row, runError(r.query.sql, text))
	default:
		return runError(r.query.sql, text)
	}
}

// batch wraps a chunk. The batch owns it until Release.
func (r *duckRows) batch(chunk duck.DataChunk) *table.Batch {
	n := int(duck.DataChunkGetSize(chunk))
	columns, used := r.spare.take()
	if !used {
		columns = make([]table.Vector, len(r.query.readers))
	}
	for i, read := range r.query.readers {
		read(duck.DataChunkGetVector(chunk, duck.IdxT(i)), n, &columns[i])
	}
	r.row += int64(n)
	r.holders.Add(1)
	return &table.Batch{Rows: n, Columns: columns, Free: func() {
		for i := range columns {
			forget(&columns[i])
		}
		r.spare.put(columns)
		duck.DestroyDataChunk(&chunk)
		_ = r.drop() // Rows is closed, and nobody is there to hear it
	}}
}

// Close implements Rows.
func (r *duckRows) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	duck.Interrupt(r.query.conn)
	r.mu.Lock()   // until a Next that still runs has returned, with ErrClosed or with a batch that counts as a holder
	r.mu.Unlock() //nolint:staticcheck // nothing to do in between
	return r.drop()
}

// drop frees the result when nobody holds it any more.
func (r *duckRows) drop() error {
	if r.holders.Add(-1) > 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !errors.Is(r.failed, io.EOF) {
		r.query.engine.spoil() // it was not read to its end
	}
	duck.DestroyResult(&r.result)
	duck.DestroyPending(&r.pending)
	return r.query.free()
}

// spare keeps what released batches were made of, for the next ones.
type spare[T any] struct {
	mu   sync.Mutex
	free []T
}

// take returns what put was given last; ok is false if there is nothing.
func (s *spare[T]) take() (_ T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.free) - 1
	if last < 0 {
		var none T
		return none, false
	}
	one := s.free[last]
	s.free = s.free[:last]
	return one, true
}

func (s *spare[T]) put(one T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, one)
}
