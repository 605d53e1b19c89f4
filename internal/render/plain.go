package render

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// Most values of a table are short texts in which nothing means anything to a dialect. They are looked at and copied in
// one go, eight bytes at a time; a value in which anything might is left to the slower way, which knows what.

const (
	lows  = 0x0101010101010101 // one in each byte of a word
	highs = lows << 7          // the sign bits
	fill  = lows * 'x'         // stands where a text is shorter than a word
)

// A sieve finds the words that hold none of a few bytes, all of which are ASCII.
type sieve struct{ delimiter, quote, escape uint64 }

func newSieve(delimiter, escape byte) sieve {
	if escape == 0 {
		escape = quote
	}
	return sieve{delimiter: lows * uint64(delimiter), quote: lows * quote, escape: lows * uint64(escape)}
}

// caught sets sign bits if x holds a control character, a delimiter, a quote or an escape, and none otherwise; the other
// bits mean nothing. Whether a word holds a byte below n is seen by taking n from all of them: the first that is below
// borrows from its own sign bit.
func (s *sieve) caught(x uint64) uint64 {
	a, b, c := x^s.delimiter, x^s.quote, x^s.escape
	return (x-lows*' ')&^x | (a-lows)&^a | (b-lows)&^b | (c-lows)&^c
}

// appendPlain appends text if the sieve catches nothing of it, it is valid UTF-8, and neither begins nor ends with white
// space. Otherwise it returns dst as it was, and false.
func (s *sieve) appendPlain(dst []byte, text string) ([]byte, bool) {
	n := len(text)
	if n == 0 || text[0] == ' ' || text[n-1] == ' ' {
		return dst, false
	}
	if cap(dst)-len(dst) < n {
		dst = slices.Grow(dst, n)
	}
	in, end := unsafe.Slice(unsafe.StringData(text), n), len(dst)+n
	out := dst[len(dst):end]
	var caught, seen uint64
	switch {
	case n >= 8:
		seen = binary.LittleEndian.Uint64(in[n-8:])
		binary.LittleEndian.PutUint64(out[n-8:], seen)
		caught = s.caught(seen)
		for ; len(in) > 8 && len(out) > 8; in, out = in[8:], out[8:] {
			x := binary.LittleEndian.Uint64(in)
			binary.LittleEndian.PutUint64(out, x)
			caught |= s.caught(x)
			seen |= x
		}
	case n >= 4:
		a, b := binary.LittleEndian.Uint32(in), binary.LittleEndian.Uint32(in[n-4:])
		binary.LittleEndian.PutUint32(out, a)
		binary.LittleEndian.PutUint32(out[n-4:], b)
		seen = uint64(b)<<32 | uint64(a)
		caught = s.caught(seen)
	case n >= 2:
		a, b := binary.LittleEndian.Uint16(in), binary.LittleEndian.Uint16(in[n-2:])
		binary.LittleEndian.PutUint16(out, a)
		binary.LittleEndian.PutUint16(out[n-2:], b)
		seen = fill&^0xffffffff | uint64(b)<<16 | uint64(a)
		caught = s.caught(seen)
	default:
		out[0] = in[0]
		seen = fill&^0xff | uint64(in[0])
		caught = s.caught(seen)
	}
	if caught&highs != 0 || seen&highs != 0 && !plainWide(text) {
		return dst, false
	}
	return dst[:end], true
}

// plainWide reports whether a text with bytes above ASCII is whole and has no white space at its ends.
func plainWide(text string) bool {
	return utf8.ValidString(text) && ((text[0]|text[len(text)-1]) < utf8.RuneSelf || !wideSpaceAtEnds(text))
}
