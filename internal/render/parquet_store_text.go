package render

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go/format"

	"consign/internal/table"
)

// A textStore holds strings and blobs.
type textStore struct {
	plain    []byte
	dict     textDictionary
	min, max []byte // in buffers of their own
	any      bool
}

// keptText is how much memory a store may take to be used again.
const keptText = 512 << 10

// textStores are those that nobody uses. They outlast their file: many a file is small, and the growing of its stores most of
// what is allocated for it.
var textStores = sync.Pool{New: func() any {
	s := &textStore{}
	s.dict.seed, s.dict.page = maphash.MakeSeed(), 1
	return s
}}

func newTextStore() *textStore { return textStores.Get().(*textStore) }

// free gives the memory back, unless there is much of it.
func (s *textStore) free() {
	if s.memory() > keptText {
		return
	}
	s.reset()
	textStores.Put(s)
}

// memory is what the store takes: also for the bounds of a page whose only value was huge.
func (s *textStore) memory() int {
	d := &s.dict
	return cap(s.plain) + cap(s.min) + cap(s.max) + cap(d.data) + 4*cap(d.slots) + 4*cap(d.indexes) + 16*cap(d.hashes)
}

// reset makes the store as good as new, whatever was in it.
func (s *textStore) reset() {
	s.dict.reset()
	s.plain, s.any = s.plain[:0], false
}

func (s *textStore) add(v *table.Vector, r rowsOf) (int, string) {
	done := 0
	if !s.dict.off {
		done = s.addToDictionary(v.Strings, r)
	}
	for i := done; i < r.len(); i++ {
		value := v.Strings[r.position(i)]
		s.widen(value)
		s.plain = appendText(s.plain, value)
	}
	return -1, ""
}

// addToDictionary returns how many values it took.
func (s *textStore) addToDictionary(values []string, r rowsOf) int {
	d := &s.dict
	for i := range r.len() {
		value := values[r.position(i)]
		if len(value) > dictionaryEntry {
			s.leaveDictionary()
			return i
		}
		e, added := d.find(value)
		d.values++
		d.indexes = append(d.indexes, e)
		if d.stamps[e] != d.page {
			d.stamps[e] = d.page
			s.widen(value)
		}
		if added && !d.pays() {
			s.leaveDictionary()
			return i + 1
		}
	}
	return r.len()
}

// leaveDictionary turns the page's indexes back into values. Pages that are written already keep theirs.
func (s *textStore) leaveDictionary() {
	s.dict.off = true
	s.plain = slices.Grow(s.plain, len(s.dict.data))
	for _, e := range s.dict.indexes {
		_, full := s.dict.entry(e)
		s.plain = append(s.plain, full...)
	}
	s.dict.indexes = s.dict.indexes[:0]
}

func (s *textStore) widen(value string) {
	if !s.any {
		s.min, s.max, s.any = append(s.min[:0], value...), append(s.max[:0], value...), true
		return
	}
	if value < string(s.min) {
		s.min = append(s.min[:0], value...)
	} else if value > string(s.max) {
		s.max = append(s.max[:0], value...)
	}
}

func (s *textStore) bounds() pageBounds {
	b := pageBounds{ok: s.any}
	if s.any {
		b.min, b.max = bytes.Clone(s.min), bytes.Clone(s.max)
		if b.min == nil {
			b.min = []byte{} // an empty string is a bound, nil is none
		}
		if b.max == nil {
			b.max = []byte{}
		}
	}
	s.any = false
	return b
}

func (s *textStore) appendPage(dst []byte) ([]byte, format.Encoding, error) {
	if !s.dict.off && !s.dict.paysAtAll() {
		s.leaveDictionary()
	}
	if !s.dict.off {
		s.dict.page++
		dst, err := s.dict.appendIndexes(dst)
		return dst, format.RLEDictionary, err
	}
	dst = append(dst, s.plain...)
	if s.plain = s.plain[:0]; cap(s.plain) > 2*pageBytes {
		s.plain = nil // a huge value was here: do not keep its memory
	}
	return dst, format.Plain, nil
}

func (s *textStore) dictionary() ([]byte, int) {
	var entries []byte
	n := 0
	if s.dict.used {
		entries, n = bytes.Clone(s.dict.data), s.dict.entries
	}
	s.dict.reset()
	return entries, n
}

// A boolStore holds one bit a value.
type boolStore struct {
	bits    []byte
	n       int
	no, yes bool
}

func (s *boolStore) add(v *table.Vector, r rowsOf) (int, string) {
	for i := range r.len() {
		if s.n%8 == 0 {
			s.bits = append(s.bits, 0)
		}
		if v.Bools[r.position(i)] {
			s.bits[s.n/8] |= 1 << (s.n % 8)
			s.yes = true
		} else {
			s.no = true
		}
		s.n++
	}
	return -1, ""
}

func (s *boolStore) bounds() pageBounds {
	b := pageBounds{ok: s.no || s.yes, min: []byte{1}, max: []byte{0}}
	if s.no {
		b.min[0] = 0
	}
	if s.yes {
		b.max[0] = 1
	}
	s.no, s.yes = false, false
	return b
}

func (s *boolStore) appendPage(dst []byte) ([]byte, format.Encoding, error) {
	dst = append(dst, s.bits...)
	s.bits, s.n = s.bits[:0], 0
	return dst, format.Plain, nil
}

func (s *boolStore) dictionary() ([]byte, int) { return nil, 0 }

// A wideStore holds what takes 9 to 16 bytes, big-endian: UUIDs and the decimals of more than 18 digits.
type wideStore struct {
	width    int
	uuid     bool
	plain    []byte
	min, max wideKey
	any      bool
}

// A wideKey is a value in the order of its column.
type wideKey struct{ hi, lo uint64 }

func (k wideKey) less(other wideKey) bool {
	return k.hi < other.hi || k.hi == other.hi && k.lo < other.lo
}

// decimalTurn makes signed numbers sort as unsigned ones.
const decimalTurn = uint64(1) << 63

func (s *wideStore) add(v *table.Vector, r rowsOf) (int, string) {
	for i := range r.len() {
		var k wideKey
		if at := r.position(i); s.uuid {
			u := &v.UUIDs[at]
			k = wideKey{binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])}
		} else {
			k = wideKey{uint64(v.I128[at].Hi) ^ decimalTurn, v.I128[at].Lo}
		}
		if !s.any {
			s.min, s.max, s.any = k, k, true
		} else if k.less(s.min) {
			s.min = k
		} else if s.max.less(k) {
			s.max = k
		}
		s.plain = s.put(s.plain, k)
	}
	return -1, ""
}

func (s *wideStore) put(dst []byte, k wideKey) []byte {
	if !s.uuid {
		k.hi ^= decimalTurn
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return append(dst, b[16-s.width:]...)
}

func (s *wideStore) bounds() pageBounds {
	b := pageBounds{ok: s.any}
	if s.any {
		b.min, b.max = s.put(nil, s.min), s.put(nil, s.max)
	}
	s.any = false
	return b
}

func (s *wideStore) appendPage(dst []byte) ([]byte, format.Encoding, error) {
	dst = append(dst, s.plain...)
	s.plain = s.plain[:0]
	return dst, format.Plain, nil
}

func (s *wideStore) dictionary() ([]byte, int) { return nil, 0 }

// textFits returns how many of the values can be added until the page holds limit bytes or more, and how many bytes
// those are. The value that reaches the limit is the last of its page, wherever the batches end.
func textFits(values []string, r rowsOf, room int) (n, size int) {
	for n < r.len() && size < room {
		size += 4 + len(values[r.position(n)])
		n++
	}
	return n, size
}
