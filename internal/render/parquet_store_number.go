package render

import (
	"math"
	"slices"

	"github.com/parquet-go/parquet-go/format"

	"consign/internal/table"
)

// grown returns b longer by n bytes, whose content is undefined.
func grown(b []byte, n int) []byte {
	return slices.Grow(b, n)[:len(b)+n]
}

// A numberStore holds everything that Parquet keeps in 32 or 64 bits; floats as their bits.
type numberStore[C int32 | int64] struct {
	order valueOrder
	load  loader[C]
	check checker[C] // nil: every value can be written
	put   func(dst []byte, values []C) []byte

	dense    []C
	plain    []byte
	dict     numberDictionary[C]
	turn     C // the sign bit for unsignedOrder, where it makes signed comparison unsigned; else nothing
	min, max C // with turn applied
	floatMin float64
	floatMax float64
	any, nan bool
}

func (s *numberStore[C]) add(v *table.Vector, r rowsOf) (int, string) {
	if r.len() == 0 {
		return -1, ""
	}
	values := s.load(s.dense[:0], v, r)
	if cap(values) > cap(s.dense) && r.at != nil {
		s.dense = values[:0]
	}
	if s.check != nil {
		if bad, why := s.check(values); bad >= 0 {
			return bad, why
		}
	}
	s.widenBounds(values)
	if !s.dict.off {
		values = values[s.dict.add(values):]
		if s.dict.pays() {
			return -1, ""
		}
		s.leaveDictionary()
	}
	s.plain = s.put(s.plain, values)
	return -1, ""
}

// leaveDictionary turns the page's indexes back into values. Pages that are written already keep theirs.
func (s *numberStore[C]) leaveDictionary() {
	s.dict.off = true
	for _, e := range s.dict.indexes {
		s.plain = s.put(s.plain, s.dict.keys[e:e+1])
	}
	s.dict.indexes = s.dict.indexes[:0]
}

func (s *numberStore[C]) widenBounds(values []C) {
	if s.order == floatOrder {
		s.widenFloats(values)
		return
	}
	lo, hi, turn := s.min, s.max, s.turn
	if !s.any {
		lo, hi = values[0]^turn, values[0]^turn
	}
	for _, value := range values {
		lo, hi = min(lo, value^turn), max(hi, value^turn)
	}
	s.min, s.max, s.any = lo, hi, true
}

func (s *numberStore[C]) widenFloats(values []C) {
	for _, value := range values {
		f := floatOf(value)
		if f != f {
			s.nan = true
			continue
		}
		if !s.any {
			s.floatMin, s.floatMax, s.any = f, f, true
			continue
		}
		if f < s.floatMin {
			s.floatMin = f
		}
		if f > s.floatMax {
			s.floatMax = f
		}
	}
}

// floatOf returns the float whose bits these are.
func floatOf[C int32 | int64](value C) float64 {
	if bits, ok := any(value).(int32); ok {
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(uint64(value))
}

func bitsOf[C int32 | int64](f float64) C {
	var zero C
	if _, ok := any(zero).(int32); ok {
		return C(math.Float32bits(float32(f)))
	}
	return C(math.Float64bits(f))
}

// bounds writes a zero minimum as -0.0 and a zero maximum as +0.0, as the format asks for: readers may order the two.
func (s *numberStore[C]) bounds() pageBounds {
	b := pageBounds{ok: s.any, nan: s.nan}
	if s.any {
		lo, hi := s.min^s.turn, s.max^s.turn
		if s.order == floatOrder {
			if s.floatMin == 0 {
				s.floatMin = math.Copysign(0, -1)
			}
			if s.floatMax == 0 {
				s.floatMax = 0
			}
			lo, hi = bitsOf[C](s.floatMin), bitsOf[C](s.floatMax)
		}
		b.min, b.max = s.put(nil, []C{lo}), s.put(nil, []C{hi})
	}
	s.any, s.nan = false, false
	return b
}

func (s *numberStore[C]) appendPage(dst []byte) ([]byte, format.Encoding, error) {
	if !s.dict.off && !s.dict.paysAtAll() {
		s.leaveDictionary()
	}
	if !s.dict.off {
		dst, err := s.dict.appendIndexes(dst)
		return dst, format.RLEDictionary, err
	}
	dst = append(dst, s.plain...)
	s.plain = s.plain[:0]
	return dst, format.Plain, nil
}

func (s *numberStore[C]) dictionary() ([]byte, int) {
	var entries []byte
	n := 0
	if s.dict.used {
		entries, n = s.put(nil, s.dict.keys), len(s.dict.keys)
	}
	s.dict.reset()
	s.dict.keys = s.dict.keys[:0]
	return entries, n
}
