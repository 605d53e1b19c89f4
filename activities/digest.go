package activities

import (
	"encoding/hex"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"consign/internal/defect"
	"consign/internal/upload"
)

const (
	digestChunk = 256 << 10 // bytes handed to the writing goroutine at a time
	digestQueue = 4         // chunks under way, so that a slow disk does not stop the stage before it at once
)

// digestChunks are chunks that nobody uses. A small file takes one, which is larger than most of what its step allocates.
var digestChunks = sync.Pool{New: func() any { return new([digestChunk]byte) }}

// A digestWriter writes behind its caller's back, and computes the SHA-256 and the CRC32C of what it writes, so that
// nothing has to be read again to be hashed: a stage that works on one goroutine, such as a cipher, waits for neither
// the disk nor the hashes. An error shows in a later Write, or in Close. Close it; then ask for size and sums.
type digestWriter struct {
	chunk  []byte
	chunks chan []byte
	free   chan []byte
	failed atomic.Pointer[error]
	closed bool
	size   int64 // taken
	// wrote, if it is set before the first Write, is told after each chunk how much is written, and the sums of its whole MiB.
	wrote func(size int64, sums []byte)

	// Of the goroutine; the caller's after done.
	w    io.Writer
	sha  hash.Hash // nil: nobody will ask
	sums upload.Summer
	done chan struct{}
}

// newDigestWriter begins to write to w. sha may be nil, which leaves the CRC32C.
func newDigestWriter(w io.Writer, sha hash.Hash) *digestWriter {
	d := &digestWriter{
		w: w, sha: sha,
		chunks: make(chan []byte, digestQueue), free: make(chan []byte, digestQueue), done: make(chan struct{}),
	}
	go d.writeAll()
	return d
}

// writeAll writes chunks until there are no more. After an error it only lets them go by.
func (d *digestWriter) writeAll() {
	defer close(d.done)
	written := int64(0)
	for chunk := range d.chunks {
		if d.failed.Load() == nil {
			written += int64(len(chunk))
			if err := d.writeOne(chunk, written); err != nil {
				d.failed.Store(&err)
			}
		}
		select {
		case d.free <- chunk[:0]:
		default:
		}
	}
}

// writeOne writes a chunk, with which so much is written.
func (d *digestWriter) writeOne(chunk []byte, written int64) (err error) {
	defer defect.Recover(&err)
	if _, err := d.w.Write(chunk); err != nil {
		return err
	}
	if d.sha != nil {
		d.sha.Write(chunk)
	}
	d.sums.Write(chunk)
	if d.wrote != nil {
		d.wrote(written, d.sums.Whole())
	}
	return nil
}

func (d *digestWriter) err() error {
	if failed := d.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// Write takes p. It waits while too much is under way.
func (d *digestWriter) Write(p []byte) (int, error) {
	if err := d.err(); err != nil {
		return 0, err
	}
	n := len(p)
	d.size += int64(n)
	for len(p) > 0 {
		if d.chunk == nil {
			d.chunk = digestChunks.Get().(*[digestChunk]byte)[:0]
		}
		take := min(len(p), digestChunk-len(d.chunk))
		d.chunk = append(d.chunk, p[:take]...)
		p = p[take:]
		if len(d.chunk) == digestChunk {
			d.hand()
		}
	}
	return n, nil
}

func (d *digestWriter) hand() {
	d.chunks <- d.chunk
	select {
	case d.chunk = <-d.free:
	default:
		d.chunk = nil
	}
}

// Close returns when all is written and hashed; the inner writer stays open. Closing twice is safe.
func (d *digestWriter) Close() error {
	if !d.closed {
		d.closed = true
		d.chunks <- d.chunk
		close(d.chunks)
		<-d.done
		for len(d.free) > 0 {
			if chunk := <-d.free; cap(chunk) == digestChunk { // an empty file has none
				digestChunks.Put((*[digestChunk]byte)(chunk[:digestChunk]))
			}
		}
		d.w, d.chunk, d.free = nil, nil, nil // what is known of the file stays until the last one of the delivery is written
	}
	return d.err()
}

// SHA256 returns the digest in hex, empty without one. The writer is closed.
func (d *digestWriter) SHA256() string {
	if d.sha == nil {
		return ""
	}
	return hex.EncodeToString(d.sha.Sum(nil))
}

// CRC32C returns the checksum as S3 writes it. The writer is closed.
func (d *digestWriter) CRC32C() string { return d.sums.CRC32C() }

// A checkedReader compares what is read to its journal's CRC32C at the end: a file that a power cut damaged must not be
// archived, encrypted or sent.
type checkedReader struct {
	r    io.Reader
	sums upload.Summer
	want string
	bad  error
}

// Read reads, and answers bad instead of io.EOF if the bytes were not the expected ones.
func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sums.Write(p[:n])
	if err == io.EOF && c.sums.CRC32C() != c.want {
		err = c.bad
	}
	return n, err
}
