package render

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go/format"

	"consign/internal/table"
)

// rowsOf says which values of a vector are meant: those from lo to hi, or, if at is not nil, those at the positions.
// NULLs are never among them.
type rowsOf struct {
	lo, hi int
	at     []int32
}

func (r rowsOf) len() int {
	if r.at != nil {
		return len(r.at)
	}
	return r.hi - r.lo
}

// position returns where the i-th value is in the vector.
func (r rowsOf) position(i int) int {
	if r.at != nil {
		return int(r.at[i])
	}
	return r.lo + i
}

// first returns the first n values.
func (r rowsOf) first(n int) rowsOf {
	if r.at != nil {
		return rowsOf{at: r.at[:n]}
	}
	return rowsOf{lo: r.lo, hi: r.lo + n}
}

// A valueStore holds the values of the page that is being filled, encoded, and the dictionary of the column chunk.
type valueStore interface {
	// add takes values over. If one cannot be written, it returns which of them, and why.
	add(v *table.Vector, r rowsOf) (bad int, why string)
	// appendPage appends the page's values and begins the next page.
	appendPage(dst []byte) ([]byte, format.Encoding, error)
	// bounds returns the page's bounds; call it before appendPage.
	bounds() pageBounds
	// dictionary returns the entries in plain encoding and their number, 0 if no page uses them, and begins the next
	// column chunk. The bytes are valid until the next call of add.
	dictionary() (entries []byte, n int)
}

const (
	whyInfinity = "infinity has no Parquet value"
	whyLastDay  = "it is not between 00:00 and 23:59:59.999999: of 24:00, readers of Parquet make NULL or the next day"
	whyRange    = "it is too far from 1970 for Parquet's milliseconds"
)

// newValueStore returns the store for a leaf column.
func newValueStore(l *parquetLeaf) valueStore {
	switch l.physical {
	case format.Boolean:
		return &boolStore{}
	case format.Int32, format.Float:
		s := &numberStore[int32]{order: l.order, load: load32(l.typ), check: check32(l.typ), put: put32}
		if l.order == unsignedOrder {
			s.turn = math.MinInt32
		}
		return s
	case format.Int64, format.Double:
		s := &numberStore[int64]{order: l.order, load: load64(l.typ), check: check64(l.typ), put: put64}
		if l.order == unsignedOrder {
			s.turn = math.MinInt64
		}
		return s
	case format.FixedLenByteArray:
		return &wideStore{width: l.width, uuid: l.typ.Kind == table.UUID}
	default:
		return newTextStore()
	}
}

// A loader copies the values meant by r, widened to the column's carrier, to dst, or returns them where they are.
type loader[C any] func(dst []C, v *table.Vector, r rowsOf) []C

func load32(t table.Type) loader[int32] {
	switch t.Kind {
	case table.Int8:
		return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return widen(dst, v.I8, r) }
	case table.Int16:
		return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return widen(dst, v.I16, r) }
	case table.Uint8:
		return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return widen(dst, v.U8, r) }
	case table.Uint16:
		return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return widen(dst, v.U16, r) }
	case table.Uint32:
		return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return widen(dst, v.U32, r) }
	case table.Float32:
		return loadFloats32
	case table.Decimal:
		if t.Precision <= 4 {
			return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return widen(dst, v.I16, r) }
		}
	default:
	}
	return func(dst []int32, v *table.Vector, r rowsOf) []int32 { return asTheyAre(dst, v.I32, r) }
}

func load64(t table.Type) loader[int64] {
	switch {
	case t.Kind == table.Uint64:
		return func(dst []int64, v *table.Vector, r rowsOf) []int64 { return widen(dst, v.U64, r) }
	case t.Kind == table.Float64:
		return loadFloats64
	case t.Kind == table.Timestamp && t.Unit == table.Second:
		return loadSeconds
	}
	return func(dst []int64, v *table.Vector, r rowsOf) []int64 { return asTheyAre(dst, v.I64, r) }
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func widen[C, S integer](dst []C, src []S, r rowsOf) []C {
	if r.at == nil {
		for _, value := range src[r.lo:r.hi] {
			dst = append(dst, C(value))
		}
		return dst
	}
	for _, i := range r.at {
		dst = append(dst, C(src[i]))
	}
	return dst
}

func asTheyAre[C any](dst, src []C, r rowsOf) []C {
	if r.at == nil {
		return src[r.lo:r.hi]
	}
	for _, i := range r.at {
		dst = append(dst, src[i])
	}
	return dst
}

func loadFloats32(dst []int32, v *table.Vector, r rowsOf) []int32 {
	for i := range r.len() {
		dst = append(dst, int32(math.Float32bits(v.F32[r.position(i)])))
	}
	return dst
}

func loadFloats64(dst []int64, v *table.Vector, r rowsOf) []int64 {
	for i := range r.len() {
		dst = append(dst, int64(math.Float64bits(v.F64[r.position(i)])))
	}
	return dst
}

// loadSeconds leaves a value that does not fit as an infinity, which check64 finds.
func loadSeconds(dst []int64, v *table.Vector, r rowsOf) []int64 {
	for i := range r.len() {
		seconds := v.I64[r.position(i)]
		switch {
		case seconds > math.MaxInt64/1000:
			seconds = table.TimestampInfinity
		case seconds < math.MinInt64/1000:
			seconds = table.TimestampNegInfinity
		default:
			seconds *= 1000
		}
		dst = append(dst, seconds)
	}
	return dst
}

// A checker returns which value cannot be written, and why; -1 if all can.
type checker[C any] func(values []C) (bad int, why string)

func check32(t table.Type) checker[int32] {
	if t.Kind != table.Date {
		return nil
	}
	return func(values []int32) (int, string) {
		for i, days := range values {
			if days == table.DateInfinity || days == table.DateNegInfinity {
				return i, whyInfinity
			}
		}
		return -1, ""
	}
}

func check64(t table.Type) checker[int64] {
	if t.Kind == table.Time {
		return func(values []int64) (int, string) {
			i := slices.IndexFunc(values, func(micros int64) bool { return micros < 0 || micros >= microsPerDay })
			return i, whyLastDay
		}
	}
	if t.Kind != table.Timestamp && t.Kind != table.TimestampTZ {
		return nil
	}
	why := whyInfinity
	if t.Unit == table.Second {
		why += ", or " + whyRange
	}
	return func(values []int64) (int, string) {
		for i, instant := range values {
			if instant == table.TimestampInfinity || instant == table.TimestampNegInfinity {
				return i, why
			}
		}
		return -1, ""
	}
}

func put32(dst []byte, values []int32) []byte {
	n := len(dst)
	dst = grown(dst, 4*len(values))
	out := dst[n:]
	for _, value := range values {
		binary.LittleEndian.PutUint32(out, uint32(value))
		out = out[4:]
	}
	return dst
}

func put64(dst []byte, values []int64) []byte {
	n := len(dst)
	dst = grown(dst, 8*len(values))
	out := dst[n:]
	for _, value := range values {
		binary.LittleEndian.PutUint64(out, uint64(value))
		out = out[8:]
	}
	return dst
}
