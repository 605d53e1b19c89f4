package render

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// A pageWriter turns encoded values into pages. Several columns use one at once.
type pageWriter struct {
	codec    format.CompressionCodec
	compress func(dst, src []byte) []byte // nil: pages stay as they are
}

// pageScratch is the memory that the making of one page takes.
type pageScratch struct {
	body, levels, packed []byte
	header               bytes.Buffer
}

// pageScratches are those that nobody uses. They outlast their file: many a file is a single small page of each column.
var pageScratches = sync.Pool{New: func() any { return &pageScratch{} }}

// keptScratch is how much memory a scratch may take to be used again: pages of the usual size, with room for how append grows.
const keptScratch = 8 * pageBytes

// free gives the memory back, unless a huge value, or a row of very many, was in it.
func (s *pageScratch) free() {
	if cap(s.body)+cap(s.levels)+cap(s.packed) <= keptScratch {
		pageScratches.Put(s)
	}
}

// newPageWriter returns the writer for a `parquet_compression`. Snappy blocks come from s2, which makes them faster
// than the snappy packages and hardly larger; zstd is at its fastest level, which is already smaller than snappy.
func newPageWriter(compression string, threads int) (*pageWriter, error) {
	p := &pageWriter{codec: format.Uncompressed}
	switch compression {
	case CompressionSnappy:
		p.codec = format.Snappy
		p.compress = func(dst, src []byte) []byte {
			dst = slices.Grow(dst[:0], s2.MaxEncodedLen(len(src)))
			return s2.EncodeSnappy(dst[:cap(dst)], src)
		}
	case CompressionZstd:
		p.codec = format.Zstd
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderConcurrency(threads), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		p.compress = func(dst, src []byte) []byte { return encoder.EncodeAll(src, dst[:0]) }
	}
	return p, nil
}

// append compresses the body of a page and appends it with its header to dst. It also returns the size that the page
// has uncompressed.
func (p *pageWriter) append(dst, body []byte, header format.PageHeader, s *pageScratch) ([]byte, int64, error) {
	if len(body) > math.MaxInt32 {
		return dst, 0, fmt.Errorf("a page of %d bytes is larger than Parquet allows", len(body))
	}
	packed := body
	if p.compress != nil {
		s.packed = p.compress(s.packed, body)
		packed = s.packed
	}
	header.UncompressedPageSize, header.CompressedPageSize = int32(len(body)), int32(len(packed))
	header.CRC = int32(crc32.ChecksumIEEE(packed))
	s.header.Reset()
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&s.header)).Encode(&header); err != nil {
		return dst, 0, fmt.Errorf("page header: %w", err)
	}
	dst = append(append(dst, s.header.Bytes()...), packed...)
	return dst, int64(s.header.Len() + len(body)), nil
}

// levels are the repetition or definition levels of a page's values. As long as all are one, only that one is kept.
type levels struct {
	most  uint8
	n     int
	same  uint8
	bytes []byte // all levels, once they differ
}

func (l *levels) add(level uint8, times int) {
	if times == 0 {
		return
	}
	if l.n == 0 {
		l.same = level
	}
	if len(l.bytes) == 0 && level != l.same {
		l.bytes = append(l.bytes, bytes.Repeat([]byte{l.same}, l.n)...)
	}
	l.n += times
	if len(l.bytes) > 0 {
		n := len(l.bytes)
		l.bytes = grown(l.bytes, times)
		for i := n; i < len(l.bytes); i++ {
			l.bytes[i] = level
		}
	}
}

// appendTo appends the levels in the way of data page version 1, with their length before them, and begins anew.
func (l *levels) appendTo(dst []byte, s *pageScratch) ([]byte, error) {
	if l.most == 0 {
		return dst, nil
	}
	s.levels = s.levels[:0]
	if len(l.bytes) == 0 {
		s.levels = append(binary.AppendUvarint(s.levels, uint64(l.n)<<1), l.same)
	} else {
		var err error
		if s.levels, err = (&rle.Encoding{BitWidth: bits.Len8(l.most)}).EncodeLevels(s.levels, l.bytes); err != nil {
			return dst, fmt.Errorf("levels: %w", err)
		}
	}
	l.n, l.bytes = 0, l.bytes[:0]
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s.levels))), s.levels...), nil
}
