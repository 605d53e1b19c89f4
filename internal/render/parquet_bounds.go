package render

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"
)

// valueOrder is how Parquet compares the values of a column for its minimum and maximum.
type valueOrder uint8

const (
	signedOrder   valueOrder = iota
	unsignedOrder            // unsigned integers
	floatOrder               // NaN has no place in it
	bytesOrder               // byte by byte, unsigned
)

const (
	// longestBound is the greatest length of a minimum or maximum in a column chunk's statistics. Readers may take
	// those for exact, so that longer ones are left out, not cut.
	longestBound = 256
	// longestIndexBound is where the page index cuts them; 64 is what parquet-mr writes.
	longestIndexBound = 64

	surrogatesBegin, surrogatesEnd = 0xD800, 0xE000 // no characters
)

// pageBounds are the least and greatest value of a page or chunk, in Parquet's plain encoding.
type pageBounds struct {
	min, max []byte
	ok       bool // there is a value
	nan      bool // there is a NaN: readers differ about where it sorts, so no bounds are written at all
}

// widen takes other's values in.
func (b *pageBounds) widen(other pageBounds, l *parquetLeaf) {
	b.nan = b.nan || other.nan
	if !other.ok {
		return
	}
	if !b.ok || l.compare(other.min, b.min) < 0 {
		b.min = other.min
	}
	if !b.ok || l.compare(other.max, b.max) > 0 {
		b.max = other.max
	}
	b.ok = true
}

// compare orders two values in plain encoding.
func (l *parquetLeaf) compare(a, b []byte) int {
	switch l.physical {
	case format.Int32:
		x, y := binary.LittleEndian.Uint32(a), binary.LittleEndian.Uint32(b)
		if l.order == unsignedOrder {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(int32(x), int32(y))
	case format.Int64:
		x, y := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)
		if l.order == unsignedOrder {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(int64(x), int64(y))
	case format.Float:
		x, y := binary.LittleEndian.Uint32(a), binary.LittleEndian.Uint32(b)
		return cmp.Compare(math.Float32frombits(x), math.Float32frombits(y))
	case format.Double:
		x, y := binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b)
		return cmp.Compare(math.Float64frombits(x), math.Float64frombits(y))
	default:
		if l.order == signedOrder && l.physical == format.FixedLenByteArray && (a[0]^b[0])&0x80 != 0 {
			return cmp.Compare(b[0], a[0]) // the one with the sign bit is the lesser
		}
		return bytes.Compare(a, b)
	}
}

// statistics returns what a column chunk says about its values.
func (b *pageBounds) statistics(nulls int64) format.Statistics {
	s := format.Statistics{NullCount: nulls}
	if b.ok && !b.nan && len(b.min) <= longestBound && len(b.max) <= longestBound {
		s.MinValue, s.MaxValue = b.min, b.max
	}
	return s
}

// cut shortens bounds for the page index, where they need not be exact: the minimum to its beginning, the maximum to
// something short that is greater. It reports whether there is such a thing.
func (b *pageBounds) cut(text bool) bool {
	if len(b.min) > longestIndexBound {
		b.min = bytes.Clone(b.min[:cutPoint(b.min, text)])
	}
	if len(b.max) <= longestIndexBound {
		return true
	}
	short := bytes.Clone(b.max[:cutPoint(b.max, text)])
	if text {
		b.max = raiseText(short)
	} else {
		b.max = raiseBytes(short)
	}
	return b.max != nil
}

// cutPoint returns the length to cut v to, which in text is not within a character.
func cutPoint(v []byte, text bool) int {
	n := longestIndexBound
	for text && n > longestIndexBound-utf8.UTFMax && !utf8.RuneStart(v[n]) {
		n--
	}
	return n
}

// raiseBytes returns something that is greater than everything that begins with v; nil if there is nothing.
func raiseBytes(v []byte) []byte {
	for i := len(v) - 1; i >= 0; i-- {
		if v[i] < 0xFF {
			v[i]++
			return v[:i+1]
		}
	}
	return nil
}

// raiseText is raiseBytes for UTF-8, of which the result is too.
func raiseText(v []byte) []byte {
	for len(v) > 0 {
		r, n := utf8.DecodeLastRune(v)
		v = v[:len(v)-n]
		if r++; r == surrogatesBegin {
			r = surrogatesEnd
		}
		if n > 1 || r <= utf8.RuneSelf { // else it was no UTF-8
			if r <= utf8.MaxRune {
				return utf8.AppendRune(v, r)
			}
		}
	}
	return nil
}
