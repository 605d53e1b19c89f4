package upload

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"sync"
)

// polynomial is Castagnoli's. hash/crc32 computes it with the processor's own instruction.
var polynomial = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the CRC32C of data as S3 writes it.
func Checksum(data []byte) string { return encodeCRC(crc32.Checksum(data, polynomial)) }

func encodeCRC(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

func decodeCRC(s string) (uint32, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// sumBuffer is how much of a file is read at once to sum it: a few times the processor's cache lines cost, far from its
// cache's size.
const sumBuffer = 128 << 10

// sum reads r to its end.
func sum(r io.Reader, buffers *sync.Pool) (uint32, int64, error) {
	buf, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	var crc uint32
	var n int64
	for {
		k, err := r.Read(*buf)
		crc = crc32.Update(crc, polynomial, (*buf)[:k])
		n += int64(k)
		if err == io.EOF {
			return crc, n, nil
		}
		if err != nil {
			return 0, n, err
		}
	}
}

func newBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { b := make([]byte, sumBuffer); return &b }}
}

// sumBytes is what each of Object.Sums is of.
const sumBytes = 1 << 20

// A Summer computes the checksums of an Object from its bytes, while they are written say. The zero value is ready.
type Summer struct {
	sums  []byte // of whole blocks
	crc   uint32 // of all these together
	block uint32 // of the one under way
	size  int    // and how long it is
}

// Write adds p.
func (s *Summer) Write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), sumBytes-s.size)
		s.block = crc32.Update(s.block, polynomial, p[:n])
		p = p[n:]
		if s.size += n; s.size == sumBytes {
			s.sums, s.crc = binary.BigEndian.AppendUint32(s.sums, s.block), combine(s.crc, s.block, sumBytes)
			s.block, s.size = 0, 0
		}
	}
}

// Sums returns Object.Sums.
func (s *Summer) Sums() []byte {
	if s.size == 0 {
		return s.sums
	}
	return binary.BigEndian.AppendUint32(slices.Clip(s.sums), s.block)
}

// Whole returns the sums of the whole MiB by now. They stay as they are when more is written.
func (s *Summer) Whole() []byte { return s.sums }

// CRC32C returns Object.CRC32C.
func (s *Summer) CRC32C() string { return encodeCRC(combine(s.crc, s.block, int64(s.size))) }

// sumOf returns the CRC of length bytes from offset on, from a file's sums; ok is false if they do not tell it: there
// are none, or the bytes begin or end within a block.
func sumOf(sums []byte, offset, length, size int64) (crc uint32, ok bool) {
	end := offset + length
	if int64(len(sums)) != (size+sumBytes-1)/sumBytes*4 || offset%sumBytes != 0 || end%sumBytes != 0 && end != size {
		return 0, false
	}
	whole := power(sumBytes)
	for at := offset; at < end; at += sumBytes {
		block := binary.BigEndian.Uint32(sums[at/sumBytes*4:])
		if end-at >= sumBytes { // most
			crc = multiply(whole, crc) ^ block
		} else {
			crc = combine(crc, block, end-at)
		}
	}
	return crc, true
}

// combine returns the CRC of two blocks, one after the other, from the CRCs of each and the length of the second.
//
// Appending n zero bytes to a message multiplies its CRC, a polynomial over GF(2), by x^(8n) modulo Castagnoli's
// polynomial; what the second block adds is added by exclusive or. x^(8n) is built by squaring, in 64 steps at most.
func combine(first, second uint32, length int64) uint32 {
	if length <= 0 {
		return first
	}
	return multiply(power(length), first) ^ second
}

// In the reversed notation of this CRC the highest bit is x^0.
const (
	one         = uint32(1) << 31
	x8          = uint32(1) << 23 // x^8: one byte of zeros
	castagnoli  = uint32(crc32.Castagnoli)
	polynomials = 32
)

// power returns x^(8n) modulo the polynomial.
func power(n int64) uint32 {
	result, square := one, x8
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}

// multiply returns a*b modulo the polynomial.
func multiply(a, b uint32) uint32 {
	var product uint32
	for range polynomials {
		if a&one != 0 {
			product ^= b
		}
		a <<= 1
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= castagnoli
		}
	}
	return product
}
