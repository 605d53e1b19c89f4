package source

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"consign/internal/table"
)

// A decoder appends a value in the server's binary form to a vector, whose texts point into data: it stays as long as
// the batch. Its error says what is wrong without the value.
type decoder func(data []byte, to *table.Vector) error

// Between the server's epoch, 2000-01-01, and 1970-01-01.
const (
	epochDays   = 10957
	epochMicros = epochDays * 86400 * 1_000_000
)

var (
	errLength    = errors.New("has a length that its type cannot have")
	errRange     = errors.New("is a time that no file can hold")
	errInfinite  = errors.New("is an infinite interval, which no file can hold; use NULLIF, or cast the column to text")
	errNoNumber  = errors.New("is NaN or Infinity, which a DECIMAL cannot hold; cast the column to double precision, or use NULLIF")
	errDigits    = errors.New("has more digits than its type")
	errByte      = errors.New("is a byte that is no text; cast the column to integer")
	errDimension = errors.New("is an array of more than one dimension; cast the column to text, or use to_json")
)

func decodeBool(data []byte, to *table.Vector) error {
	if len(data) != 1 {
		return errLength
	}
	to.Bools = append(to.Bools, data[0] != 0)
	return nil
}

func decodeInt16(data []byte, to *table.Vector) error {
	if len(data) != 2 {
		return errLength
	}
	to.I16 = append(to.I16, int16(binary.BigEndian.Uint16(data)))
	return nil
}

func decodeInt32(data []byte, to *table.Vector) error {
	if len(data) != 4 {
		return errLength
	}
	to.I32 = append(to.I32, int32(binary.BigEndian.Uint32(data)))
	return nil
}

func decodeUint32(data []byte, to *table.Vector) error {
	if len(data) != 4 {
		return errLength
	}
	to.U32 = append(to.U32, binary.BigEndian.Uint32(data))
	return nil
}

func decodeInt64(data []byte, to *table.Vector) error {
	if len(data) != 8 {
		return errLength
	}
	to.I64 = append(to.I64, int64(binary.BigEndian.Uint64(data)))
	return nil
}

func decodeFloat32(data []byte, to *table.Vector) error {
	if len(data) != 4 {
		return errLength
	}
	to.F32 = append(to.F32, math.Float32frombits(binary.BigEndian.Uint32(data)))
	return nil
}

func decodeFloat64(data []byte, to *table.Vector) error {
	if len(data) != 8 {
		return errLength
	}
	to.F64 = append(to.F64, math.Float64frombits(binary.BigEndian.Uint64(data)))
	return nil
}

func decodeText(data []byte, to *table.Vector) error {
	to.Strings = append(to.Strings, unsafe.String(unsafe.SliceData(data), len(data)))
	return nil
}

// decodeChar reads the type "char", a single byte. The empty text is the byte 0.
func decodeChar(data []byte, to *table.Vector) error {
	switch {
	case len(data) != 1:
		return errLength
	case data[0] == 0:
		data = nil
	case data[0] >= utf8.RuneSelf:
		return errByte
	}
	return decodeText(data, to)
}

// decodeJSONB skips the format's version, which is 1.
func decodeJSONB(data []byte, to *table.Vector) error {
	if len(data) < 1 || data[0] != 1 {
		return errLength
	}
	return decodeText(data[1:], to)
}

func decodeUUID(data []byte, to *table.Vector) error {
	if len(data) != 16 {
		return errLength
	}
	to.UUIDs = append(to.UUIDs, [16]byte(data))
	return nil
}

func decodeDate(data []byte, to *table.Vector) error {
	if len(data) != 4 {
		return errLength
	}
	switch days := int32(binary.BigEndian.Uint32(data)); days {
	case math.MaxInt32:
		to.I32 = append(to.I32, table.DateInfinity)
	case math.MinInt32:
		to.I32 = append(to.I32, table.DateNegInfinity)
	default:
		to.I32 = append(to.I32, days+epochDays)
	}
	return nil
}

func decodeTimestamp(data []byte, to *table.Vector) error {
	if len(data) != 8 {
		return errLength
	}
	switch micros := int64(binary.BigEndian.Uint64(data)); {
	case micros == math.MaxInt64:
		to.I64 = append(to.I64, table.TimestampInfinity)
	case micros == math.MinInt64:
		to.I64 = append(to.I64, table.TimestampNegInfinity)
	case micros >= math.MaxInt64-epochMicros:
		return errRange // the server goes on to the year 294276, microseconds since 1970 end 30 years before
	default:
		to.I64 = append(to.I64, micros+epochMicros)
	}
	return nil
}

// decodeInterval reads an interval. Since PostgreSQL 17 it may be infinite, which is all parts at their ends.
func decodeInterval(data []byte, to *table.Vector) error {
	if len(data) != 16 {
		return errLength
	}
	value := table.IntervalValue{
		Micros: int64(binary.BigEndian.Uint64(data)),
		Days:   int32(binary.BigEndian.Uint32(data[8:])),
		Months: int32(binary.BigEndian.Uint32(data[12:])),
	}
	switch value {
	case table.IntervalValue{Micros: math.MaxInt64, Days: math.MaxInt32, Months: math.MaxInt32},
		table.IntervalValue{Micros: math.MinInt64, Days: math.MinInt32, Months: math.MinInt32}:
		return errInfinite
	}
	to.Intervals = append(to.Intervals, value)
	return nil
}

// decodeArray reads a one-dimensional array: dimensions, a flag, the type, the length, the first index, the elements.
func decodeArray(elem pgColumn) decoder {
	return func(data []byte, to *table.Vector) error {
		if len(data) < 12 {
			return errLength
		}
		to.Children = sized(to.Children, 1)
		child := &to.Children[0]
		offset, length := childLength(to), uint32(0)
		switch dimensions := binary.BigEndian.Uint32(data); {
		case dimensions > 1:
			return errDimension
		case dimensions == 1 && len(data) < 20:
			return errLength
		case dimensions == 1:
			length = binary.BigEndian.Uint32(data[12:])
			data = data[20:]
		}
		for i := range uint64(length) {
			value, rest, err := nextValue(data)
			if err != nil {
				return err
			}
			data = rest
			if value == nil {
				elem.appendNull(int(offset+i), child)
			} else if err := elem.appendValue(value, int(offset+i), child); err != nil {
				return err
			}
		}
		to.Entries = append(to.Entries, table.Entry{Offset: offset, Length: uint64(length)})
		return nil
	}
}

// childLength returns how many elements the entries so far have: the last one, empty or not, ends where they end.
func childLength(v *table.Vector) uint64 {
	if len(v.Entries) == 0 {
		return 0
	}
	last := v.Entries[len(v.Entries)-1]
	return last.Offset + last.Length
}

// nextValue cuts a value with its length off the front of data; nil is NULL.
func nextValue(data []byte) (value, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errLength
	}
	length := int32(binary.BigEndian.Uint32(data))
	data = data[4:]
	switch {
	case length < 0:
		return nil, data, nil
	case int(length) > len(data):
		return nil, nil, errLength
	}
	return data[:length:length], data[length:], nil
}

// The signs of the server's numeric.
const (
	numericPositive = 0x0000
	numericNegative = 0x4000
)

// decodeNumeric reads the server's groups of four decimal digits into an integer with scale digits behind the point.
func decodeNumeric(precision, scale int) decoder {
	return func(data []byte, to *table.Vector) error {
		if len(data) < 8 {
			return errLength
		}
		groups := int(binary.BigEndian.Uint16(data))
		weight := int(int16(binary.BigEndian.Uint16(data[2:])))
		sign := binary.BigEndian.Uint16(data[4:])
		if sign != numericPositive && sign != numericNegative {
			return errNoNumber
		}
		if len(data) != 8+2*groups {
			return errLength
		}
		value, err := scaled(data[8:], groups, weight, precision, scale)
		if err != nil {
			return err
		}
		if sign == numericNegative {
			value = negated(value)
		}
		appendDecimal(to, precision, value)
		return nil
	}
}

// scaled returns the digits as an integer. The last group may reach behind the scale, with zeros. A value may have more digits
// than its type all the same: of a table of somewhere else, or of one whose catalog was changed.
func scaled(digits []byte, groups, weight, precision, scale int) (table.Int128, error) {
	var value table.Int128
	exponent := 4*(weight-groups+1) + scale // of ten, for the last group
	if groups == 0 {
		return value, nil
	}
	first := 0 // digits of the first group
	for first < 4 && uint64(binary.BigEndian.Uint16(digits)) >= powers[first] {
		first++
	}
	if exponent < -3 || first+4*(groups-1)+exponent > precision {
		return value, errDigits
	}
	for i := range groups {
		digit, shift := uint64(binary.BigEndian.Uint16(digits[2*i:])), 4
		if last := i == groups-1; last && exponent < 0 {
			shift += exponent
			if digit%powers[-exponent] != 0 {
				return value, errDigits
			}
			digit /= powers[-exponent]
		}
		value = mulAdd(value, powers[shift], digit)
	}
	for ; exponent > 0; exponent -= min(exponent, 4) {
		value = mulAdd(value, powers[min(exponent, 4)], 0)
	}
	return value, nil
}

var powers = [...]uint64{1, 10, 100, 1000, 10000}

func mulAdd(v table.Int128, m, a uint64) table.Int128 {
	carry, lo := bits.Mul64(v.Lo, m)
	lo, c := bits.Add64(lo, a, 0)
	return table.Int128{Lo: lo, Hi: int64(uint64(v.Hi)*m + carry + c)}
}

func negated(v table.Int128) table.Int128 {
	lo, borrow := bits.Sub64(0, v.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(v.Hi), borrow)
	return table.Int128{Lo: lo, Hi: int64(hi)}
}

// appendDecimal appends to the carrier of the precision.
func appendDecimal(to *table.Vector, precision int, v table.Int128) {
	switch {
	case precision <= 4:
		to.I16 = append(to.I16, int16(v.Lo))
	case precision <= 9:
		to.I32 = append(to.I32, int32(v.Lo))
	case precision <= 18:
		to.I64 = append(to.I64, int64(v.Lo))
	default:
		to.I128 = append(to.I128, v)
	}
}
