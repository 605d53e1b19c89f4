package archive

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// header is that of RFC 1952 without name and time, so that the same content gives the same bytes: magic number,
// deflate, no flags, no time, no hint about the level, unknown system.
const header = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// A gzipper is one gzip file while it is written.
type gzipper struct {
	w       io.Writer
	deflate *deflater
	digest  uint32
	size    uint32 // modulo 2^32, as the format has it
	closed  bool
	err     error
}

// Gzip begins a gzip in w and returns the writer of its content. Close ends it and leaves w open. The first error
// sticks.
func Gzip(w io.Writer, o Options) (io.WriteCloser, error) {
	if err := o.Validate().Err(); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, header); err != nil {
		return nil, fmt.Errorf("begin a gzip: %w", err)
	}
	return &gzipper{w: w, deflate: newDeflater(w, newEncoders(o))}, nil
}

func (g *gzipper) Write(p []byte) (int, error) {
	switch {
	case g.err != nil:
		return 0, g.err
	case g.closed:
		return 0, errClosed
	}
	// The checksum of a gigabyte takes a tenth of a second: not worth a goroutine.
	g.digest = crc32.Update(g.digest, crc32.IEEETable, p)
	g.size += uint32(len(p))
	n, err := g.deflate.Write(p)
	g.err = err
	return n, err
}

func (g *gzipper) Close() error {
	if g.closed || g.err != nil {
		return g.err
	}
	g.closed = true
	if g.err = g.deflate.Close(); g.err != nil {
		return g.err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, g.digest)
	trailer = binary.LittleEndian.AppendUint32(trailer, g.size)
	_, g.err = g.w.Write(trailer)
	return g.err
}
