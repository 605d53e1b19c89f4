package render

import (
	"sync"
	"sync/atomic"

	"consign/internal/defect"
	"consign/internal/table"
)

// A piece is what a lane has to do next: add rows, then perhaps finish the row group.
type piece struct {
	batch  *sharedBatch
	lo, hi int
	first  int64     // the number of the batch's first row
	finish *rowGroup // nil: the row group goes on
}

// A sharedBatch is released when all lanes are done with it.
type sharedBatch struct {
	*table.Batch
	weight int
	users  atomic.Int32
}

// A lane is a column with its pieces.
type lane struct {
	index   int // of the column
	first   int // of its leaf columns
	writer  *columnWriter
	mu      sync.Mutex
	pieces  []piece
	waiting bool // in ready, or at work
}

// push gives a piece to every lane.
func (e *parquetEncoder) push(p piece) {
	for _, l := range e.lanes {
		l.mu.Lock()
		l.pieces = append(l.pieces, p)
		wake := !l.waiting
		l.waiting = true
		l.mu.Unlock()
		if wake {
			e.ready <- l
		}
	}
}

// drop gives up one use of the batch.
func (e *parquetEncoder) drop(b *sharedBatch) {
	if b.users.Add(-1) == 0 {
		b.Release()
		e.room.give(b.weight)
	}
}

// work encodes pieces until there are no more to come.
func (e *parquetEncoder) work() {
	for l := range e.ready {
		for {
			l.mu.Lock()
			pieces := l.pieces
			l.pieces = nil
			l.waiting = len(pieces) > 0
			l.mu.Unlock()
			if len(pieces) == 0 {
				break
			}
			for _, p := range pieces {
				e.encode(l, p)
			}
		}
	}
}

func (e *parquetEncoder) encode(l *lane, p piece) {
	if p.batch != nil {
		if !e.failure.failed.Load() {
			e.failure.set(e.add(l, p))
		}
		e.drop(p.batch)
	}
	if p.finish == nil {
		return
	}
	for i, w := range l.writer.order {
		if e.failure.failed.Load() {
			break
		}
		chunk, err := finishColumn(w)
		e.failure.set(err)
		p.finish.chunks[l.first+i] = chunk
	}
	if p.finish.open.Add(-1) == 0 {
		close(p.finish.whole)
	}
}

func (e *parquetEncoder) add(l *lane, p piece) (err error) {
	defer defect.Recover(&err)
	bad, err := l.writer.add(&p.batch.Columns[l.index], p.lo, p.hi)
	if bad != nil {
		err = &UnwritableValue{Row: p.first + int64(bad.index), Column: e.schema[l.index].Name, Reason: bad.why}
	}
	return err
}

func finishColumn(w *leafWriter) (_ *columnChunk, err error) {
	defer defect.Recover(&err)
	return w.finish()
}
