package activities

import (
	"context"
	"errors"
	"io"

	"consign/internal/defect"
)

const (
	aheadChunk = 256 << 10 // bytes read at a time
	aheadQueue = 4         // chunks that wait for their reader
)

// An aheadReader reads on a goroutine of its own, so that a stage that works on one goroutine finds its next bytes
// read, and compared. It ends with its context. Close it.
type aheadReader struct {
	ctx    context.Context // a reader has no other way to be told
	cancel context.CancelFunc
	from   io.ReadCloser
	chunks chan ahead
	free   chan []byte
	size   int   // of a buffer
	now    ahead // what is left of the chunk being read, and the error behind it
	whole  []byte
}

// ahead is a chunk, and what came after it.
type ahead struct {
	bytes []byte
	err   error
}

// readAhead begins to read from, which holds about size bytes.
func readAhead(ctx context.Context, from io.ReadCloser, size int64) *aheadReader {
	r := &aheadReader{from: from, size: int(min(size+1, aheadChunk)), // one more, for the end shows only behind the last byte
		chunks: make(chan ahead, aheadQueue), free: make(chan []byte, aheadQueue)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	go r.readAll()
	return r
}

// readAll reads until there is an error, io.EOF at the latest, or nobody wants more.
func (r *aheadReader) readAll() {
	defer close(r.chunks)
	for {
		var buffer []byte
		select {
		case buffer = <-r.free:
		default:
			buffer = make([]byte, r.size)
		}
		n, err := r.fill(buffer)
		if errors.Is(err, io.ErrUnexpectedEOF) { // of the last chunk
			err = io.EOF
		}
		select {
		case r.chunks <- ahead{buffer[:n], err}:
		case <-r.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (r *aheadReader) fill(buffer []byte) (_ int, err error) {
	defer defect.Recover(&err)
	return io.ReadFull(r.from, buffer)
}

// next makes sure that there are bytes to read, or returns the error that comes after the last.
func (r *aheadReader) next() error {
	for len(r.now.bytes) == 0 {
		if r.now.err != nil {
			return r.now.err
		}
		if r.whole != nil {
			select {
			case r.free <- r.whole[:r.size]:
			default:
			}
			r.whole = nil
		}
		if err := context.Cause(r.ctx); err != nil {
			return err
		}
		select {
		case r.now = <-r.chunks:
			r.whole = r.now.bytes
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	}
	return nil
}

// Read implements io.Reader.
func (r *aheadReader) Read(p []byte) (int, error) {
	if err := r.next(); err != nil {
		return 0, err
	}
	n := copy(p, r.now.bytes)
	r.now.bytes = r.now.bytes[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: io.Copy passes the chunks on as they are.
func (r *aheadReader) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		if err := r.next(); err == io.EOF { //nolint:errorlint // io.Copy's own convention
			return written, nil
		} else if err != nil {
			return written, err
		}
		n, err := w.Write(r.now.bytes)
		written += int64(n)
		if err != nil {
			return written, err
		}
		r.now.bytes = nil
	}
}

// Close ends the reading and closes the file.
func (r *aheadReader) Close() error {
	r.cancel()
	for range r.chunks { // until the goroutine has ended: it reads from what is closed now
	}
	return r.from.Close()
}
