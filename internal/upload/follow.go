package upload

import (
	"context"
	"errors"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"consign/internal/defect"
)

// Begin opens an upload of an object whose bytes are still being made. Of o, only Key, Delivery and ContentType count; all else
// is as with Start. The object's metadata will not have its checksum: Look and Complete compare S3's own.
func (b *Bucket) Begin(ctx context.Context, o Object) (uploadID string, err error) {
	return b.create(ctx, Object{Key: o.Key, Delivery: o.Delivery, ContentType: o.ContentType})
}

// A Growth says how much of a file is written, to whoever sends it meanwhile.
type Growth struct {
	mu    sync.Mutex
	size  int64
	sums  []byte
	ended bool
	moved chan struct{} // holds a value when something is new to the one who waits
}

// NewGrowth returns the growth of a file that is empty.
func NewGrowth() *Growth { return &Growth{moved: make(chan struct{}, 1)} }

// Wrote says that size bytes are written, and what is known of their sums, as in Object.Sums, which are whole MiB. It waits
// for nobody.
func (g *Growth) Wrote(size int64, sums []byte) {
	g.mu.Lock()
	g.size, g.sums = size, sums
	g.mu.Unlock()
	g.wake()
}

// End says that no more bytes come.
func (g *Growth) End() {
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	g.wake()
}

func (g *Growth) wake() {
	select {
	case g.moved <- struct{}{}:
	default:
	}
}

// Reaches waits until size bytes are written. It reports false if the file has ended by then, or ctx is over. One goroutine
// waits for a Growth at a time, be it in Reaches or in Follow.
func (g *Growth) Reaches(ctx context.Context, size int64) bool {
	_, ok := g.reaches(ctx, size)
	return ok
}

// reaches is Reaches, and returns the sums.
func (g *Growth) reaches(ctx context.Context, size int64) (sums []byte, ok bool) {
	for {
		g.mu.Lock()
		sums, ok = g.sums, g.size >= size
		ended := g.ended
		g.mu.Unlock()
		if ok || ended {
			return sums, ok && !ended
		}
		select {
		case <-g.moved:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// Follow sends the parts of a file that is being written, each when its last byte is, and returns when the file has ended
// and the parts that had begun by then are sent, or ctx is over. What is left, the end of the file at least, is for Send,
// which finds by S3's list what is there: so an error says only that less was done ahead.
//
// The size of a file that grows is not known: of one of more than 10,000 parts only these are sent, and Send cuts it anew.
func (b *Bucket) Follow(ctx context.Context, o Object, uploadID string, r io.ReaderAt, g *Growth) error {
	part := PartSize(0, b.o.PartSize)
	buffers := newBuffers()
	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(b.o.Concurrency)
	for number := 1; number <= MaxParts; number++ {
		cut := layout{size: int64(number) * part, part: part}
		sums, ok := g.reaches(sending, cut.size)
		if !ok {
			break
		}
		group.Go(defect.Guarded(func() error { return b.ahead(sending, o.Key, uploadID, number, cut, sums, r, buffers) }))
	}
	return errors.Join(group.Wait(), context.Cause(ctx))
}

// ahead sends one part of what is written by now.
func (b *Bucket) ahead(ctx context.Context, key, uploadID string, number int, cut layout, sums []byte, r io.ReaderAt, buffers *sync.Pool) error {
	offset, length := cut.at(number)
	crc, err := partSum(sums[:min(len(sums), int(cut.size/sumBytes*4))], offset, length, cut.size, r, buffers)
	if err != nil {
		return b.failPart(key, number, err)
	}
	return b.sendPart(ctx, key, uploadID, number, crc, &body{SectionReader: io.NewSectionReader(r, offset, length), count: &count{}})
}
