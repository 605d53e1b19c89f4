package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"consign/internal/defect"
	"consign/internal/table"
)

// batchesAhead is how many batches are read while the encoders work.
const batchesAhead = 2

// copyRows is the running COPY of a query.
type copyRows struct {
	schema table.Schema

	batches chan *table.Batch
	stop    context.CancelFunc
	done    chan struct{} // closed when err is final
	err     error

	mu     sync.Mutex // one Next at a time
	closed sync.Once
	shut   chan struct{} // closed by Close
}

// startCopy sends the query's rows into batches, on a goroutine, until Close. The connection belongs to it.
func startCopy(ctx context.Context, conn *pgconn.PgConn, sql string, columns []pgColumn) *copyRows {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &copyRows{
		schema:  schemaOf(columns),
		batches: make(chan *table.Batch, batchesAhead), stop: stop, done: make(chan struct{}), shut: make(chan struct{}),
	}
	parser := &copyParser{columns: columns, spare: &spare[copied]{}, send: func(b *table.Batch) error {
		select {
		case r.batches <- b:
			return nil
		case <-running.Done():
			b.Release()
			return running.Err()
		}
	}}
	go func() {
		defer close(r.done)
		r.err = func() (err error) {
			defer defect.Recover(&err)
			defer hangUp(ctx, conn)
			_, err = conn.CopyTo(running, parser, "COPY (\n"+sql+"\n) TO STDOUT (FORMAT binary)")
			return parser.outcome(running, sql, err)
		}()
		stop()
	}()
	return r
}

// outcome returns what ended the COPY: an error of ours from the parser, or one of the server's.
func (p *copyParser) outcome(ctx context.Context, sql string, err error) error {
	switch {
	case err == nil && p.ended:
		return io.EOF
	case err == nil:
		return fmt.Errorf("%w: the rows end in the middle", ErrUnreachable)
	case errors.Is(err, ErrData), errors.Is(err, ErrEngine):
		return err
	case p.rows > 0:
		return fmt.Errorf("after row %d: %w", p.rows, copyError(ctx, sql, err))
	default:
		return copyError(ctx, sql, err)
	}
}

// Schema implements Rows.
func (r *copyRows) Schema() table.Schema { return r.schema }

// Next implements Rows. A context that is done stops the whole query.
func (r *copyRows) Next(ctx context.Context) (*table.Batch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.shut:
		return nil, ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		r.stop()
		return nil, err
	}
	select {
	case b := <-r.batches:
		return b, nil
	case <-ctx.Done():
		r.stop()
		return nil, ctx.Err()
	case <-r.shut:
		return nil, ErrClosed
	case <-r.done:
	}
	select { // what was sent before the end
	case b := <-r.batches:
		return b, nil
	default:
		return nil, r.err
	}
}

// Close implements Rows. It waits until the server has let go of the query.
func (r *copyRows) Close() error {
	r.closed.Do(func() {
		close(r.shut)
		r.stop()
		<-r.done
		for {
			select {
			case b := <-r.batches:
				b.Release()
			default:
				return
			}
		}
	})
	return nil
}
