package render

import (
	"math"
	"math/bits"
	"strconv"

	"consign/internal/table"
)

// plainCell returns the function that writes a type's text without regard to a dialect. Text kinds are not among them.
func plainCell(t table.Type) cell {
	switch t.Kind {
	case table.Bool:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendBool(dst, v.Bools[i]), ""
		}
	case table.Float32:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendFloat(dst, float64(v.F32[i]), 32), ""
		}
	case table.Float64:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendFloat(dst, v.F64[i], 64), ""
		}
	case table.Decimal:
		return decimalCell(t)
	case table.Blob:
		return blobCell
	case table.UUID:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendUUID(dst, &v.UUIDs[i]), ""
		}
	case table.Date, table.Time, table.Timestamp, table.TimestampTZ, table.Interval:
		return momentCell(t)
	case table.List, table.Struct, table.Map:
		return jsonCell(t)
	default:
		return integerCell(t.Kind)
	}
}

func integerCell(k table.Kind) cell {
	switch k {
	case table.Int8:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendInt(dst, int64(v.I8[i]), 10), ""
		}
	case table.Int16:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendInt(dst, int64(v.I16[i]), 10), ""
		}
	case table.Int32:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendInt(dst, int64(v.I32[i]), 10), ""
		}
	case table.Int64:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendInt(dst, v.I64[i], 10), ""
		}
	case table.HugeInt:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendInt128(dst, v.I128[i], 0), ""
		}
	default:
		return unsignedCell(k)
	}
}

func unsignedCell(k table.Kind) cell {
	switch k {
	case table.Uint8:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendUint(dst, uint64(v.U8[i]), 10), ""
		}
	case table.Uint16:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendUint(dst, uint64(v.U16[i]), 10), ""
		}
	case table.Uint32:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendUint(dst, uint64(v.U32[i]), 10), ""
		}
	case table.Uint64:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return strconv.AppendUint(dst, v.U64[i], 10), ""
		}
	default: // UHugeInt; Schema has refused what has no kind
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendUint128(dst, uint64(v.I128[i].Hi), v.I128[i].Lo, 0), ""
		}
	}
}

// decimalCell reads the carrier that goes with the precision.
func decimalCell(t table.Type) cell {
	scale := int(t.Scale)
	switch {
	case t.Precision <= 4:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendFixed(dst, int64(v.I16[i]), scale), ""
		}
	case t.Precision <= 9:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendFixed(dst, int64(v.I32[i]), scale), ""
		}
	case t.Precision <= 18:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendFixed(dst, v.I64[i], scale), ""
		}
	default:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendInt128(dst, v.I128[i], scale), ""
		}
	}
}

// appendFixed appends n * 10^-scale with all digits of the scale.
func appendFixed(dst []byte, n int64, scale int) []byte {
	u := uint64(n)
	if n < 0 {
		dst = append(dst, '-')
		u = -u
	}
	return appendScaled(dst, u, scale)
}

func appendScaled(dst []byte, u uint64, scale int) []byte {
	if scale == 0 {
		return strconv.AppendUint(dst, u, 10)
	}
	var text [24]byte
	at := len(text)
	for n := 0; n <= scale || u > 0; n++ {
		if n == scale {
			at--
			text[at] = '.'
		}
		at--
		text[at] = byte('0' + u%10)
		u /= 10
	}
	return append(dst, text[at:]...)
}

func appendInt128(dst []byte, n table.Int128, scale int) []byte {
	hi, lo := uint64(n.Hi), n.Lo
	if n.Hi < 0 {
		dst = append(dst, '-')
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return appendUint128(dst, hi, lo, scale)
}

// appendUint128 divides by the greatest power of ten of 64 bits, three times at most.
func appendUint128(dst []byte, hi, lo uint64, scale int) []byte {
	const power, width = 10_000_000_000_000_000_000, 19
	if hi == 0 && scale < width {
		return appendScaled(dst, lo, scale)
	}
	var text [3 * width]byte
	at := len(text)
	for at > 0 {
		var rest uint64
		high := hi / power
		lo, rest = bits.Div64(hi%power, lo, power)
		hi = high
		for range width {
			at--
			text[at] = byte('0' + rest%10)
			rest /= 10
		}
	}
	point := len(text) - scale
	at = 0
	for at < point-1 && text[at] == '0' {
		at++
	}
	dst = append(dst, text[at:point]...)
	if scale > 0 {
		dst = append(append(dst, '.'), text[point:]...)
	}
	return dst
}

// shortFloat appends a float of few digits, as amounts and scores are, and reports whether f is one: then it is some n /
// 10^6 with n below 10^15. No two decimals of 15 digits are the same float, so that no other one that short reads back to
// f, and none is shorter than n without the zeros at its end.
func shortFloat(dst []byte, f float64) ([]byte, bool) {
	size := math.Abs(f)
	n := uint64(size*1e6 + 0.5)
	if !(size < 1e9) || n < 10 || float64(n)/1e6 != size { // NaN is not less, and 0.000009 has an exponent
		return dst, false
	}
	if f < 0 {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, n/1_000_000, 10)
	return appendFraction(dst, uint(n%1_000_000)*1_000), true
}

// appendFloat appends the shortest digits that read back to the same float: without exponent where that is short, and
// else like 1e+20 and 1e-07, as C, PostgreSQL, Python and DuckDB write it themselves.
func appendFloat(dst []byte, f float64, bitSize int) []byte {
	if bitSize == 64 {
		if dst, short := shortFloat(dst, f); short {
			return dst
		}
	}
	size := math.Abs(f)
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case size > math.MaxFloat64:
		if f > 0 {
			return append(dst, "Infinity"...)
		}
		return append(dst, "-Infinity"...)
	case size >= 1e16 || size < 1e-5 && size > 0:
		return strconv.AppendFloat(dst, f, 'e', -1, bitSize)
	default:
		return strconv.AppendFloat(dst, f, 'f', -1, bitSize)
	}
}
