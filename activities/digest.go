package activities

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"
)

// castagnoli is the polynomial of CRC32C, the checksum that S3 verifies for us and that costs least (hardware has it).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	digestChunk = 256 << 10 // bytes handed to the hashing goroutine at a time
	digestQueue = 4         // chunks under way, so that a slow disk does not stop the hash and the other way round
)

// A digestWriter passes bytes on and computes their SHA-256 (on a goroutine of its own: it is the slower part) and
// CRC32C, so that nothing has to be read again to be hashed. Close it; then ask for the sums.
type digestWriter struct {
	w      io.Writer
	size   int64
	crc    uint32
	sha    hash.Hash
	chunk  []byte
	chunks chan []byte
	free   chan []byte
	done   chan struct{}
	closed bool
}

func newDigestWriter(w io.Writer) *digestWriter {
	d := &digestWriter{
		w: w, sha: sha256.New(), chunk: make([]byte, 0, digestChunk),
		chunks: make(chan []byte, digestQueue), free: make(chan []byte, digestQueue), done: make(chan struct{}),
	}
	go func() {
		defer close(d.done)
		for chunk := range d.chunks {
			d.sha.Write(chunk)
			select {
			case d.free <- chunk[:0]:
			default:
			}
		}
	}()
	return d
}

// Write passes p on and hashes what was taken.
func (d *digestWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	p = p[:n]
	d.size += int64(n)
	d.crc = crc32.Update(d.crc, castagnoli, p)
	for len(p) > 0 {
		take := min(len(p), digestChunk-len(d.chunk))
		d.chunk = append(d.chunk, p[:take]...)
		p = p[take:]
		if len(d.chunk) == digestChunk {
			d.hand()
		}
	}
	return n, err
}

func (d *digestWriter) hand() {
	d.chunks <- d.chunk
	select {
	case d.chunk = <-d.free:
	default:
		d.chunk = make([]byte, 0, digestChunk)
	}
}

// Close ends the hashing; the inner writer stays open. Closing twice is safe.
func (d *digestWriter) Close() error {
	if !d.closed {
		d.closed = true
		d.chunks <- d.chunk
		close(d.chunks)
		<-d.done
	}
	return nil
}

// SHA256 returns the digest in hex. The writer is closed.
func (d *digestWriter) SHA256() string { return hex.EncodeToString(d.sha.Sum(nil)) }

// CRC32C returns the checksum as S3 writes it: base64 of four big-endian bytes.
func (d *digestWriter) CRC32C() string { return crcText(d.crc) }

func crcText(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

// A checkedReader compares what is read to its journal's CRC32C at the end: a file that a power cut damaged must not be
// archived, encrypted or sent.
type checkedReader struct {
	r    io.Reader
	crc  uint32
	want string
	bad  error
}

// Read reads, and answers bad instead of io.EOF if the bytes were not the expected ones.
func (c *checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.crc = crc32.Update(c.crc, castagnoli, p[:n])
	if err == io.EOF && crcText(c.crc) != c.want {
		err = c.bad
	}
	return n, err
}
