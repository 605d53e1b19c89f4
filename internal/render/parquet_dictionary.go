package render

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/bits"

	"github.com/parquet-go/parquet-go/encoding/rle"
)

// When a dictionary pays. All of it counts values of the column chunk, never time or threads, so that the same rows
// give the same bytes.
const (
	dictionaryTrial   = 1024    // so many entries are let in before their number is compared with that of the values
	dictionaryRepeats = 8       // from then on each entry must have served so many values on average
	dictionaryEntries = 1 << 16 // indexes of at most 16 bits
	dictionaryBytes   = 1 << 20 // what a reader has to hold in its cache
	dictionaryEntry   = 4 << 10 // longer values are not looked up
)

// A dictionary tells the distinct values of a column chunk from each other.
type dictionary struct {
	slots   []int32 // open addressing: 1 + the entry, or 0
	entries int
	bytes   int // of the entries in plain encoding
	values  int // that it served
	off     bool
	used    bool // by a page that is written already
	indexes []int32
	scratch []byte
}

func (d *dictionary) reset() {
	clear(d.slots)
	d.entries, d.bytes, d.values = 0, 0, 0
	d.off, d.used = false, false
	d.indexes = d.indexes[:0]
}

// pays reports whether the dictionary is still worth having.
func (d *dictionary) pays() bool {
	if d.entries > dictionaryTrial && d.entries*dictionaryRepeats > d.values {
		return false
	}
	return d.entries <= dictionaryEntries && d.bytes <= dictionaryBytes
}

// paysAtAll is asked before the first page is written, which may be the only one.
func (d *dictionary) paysAtAll() bool {
	return d.used || d.entries > 0 && d.entries*2 <= d.values
}

// grow makes room for one more entry; rehash returns the slot's hash of an entry.
func (d *dictionary) grow(hash func(entry int32) uint64) {
	if 2*d.entries < len(d.slots) {
		return
	}
	d.slots = make([]int32, max(256, 2*len(d.slots)))
	mask := uint64(len(d.slots) - 1)
	for e := range int32(d.entries) {
		at := hash(e) & mask
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = e + 1
	}
}

// appendIndexes appends the page's indexes, bit-packed or as runs, and begins the next page.
func (d *dictionary) appendIndexes(dst []byte) ([]byte, error) {
	width := max(1, bits.Len(uint(max(0, d.entries-1))))
	packed, err := (&rle.Encoding{BitWidth: width}).EncodeInt32(d.scratch[:0], d.indexes)
	if err != nil {
		return dst, fmt.Errorf("dictionary indexes: %w", err)
	}
	d.scratch, d.indexes, d.used = packed, d.indexes[:0], true
	return append(append(dst, byte(width)), packed...), nil
}

// A numberDictionary holds integers, or the bits of floats.
type numberDictionary[C int32 | int64] struct {
	dictionary
	keys []C
}

func (d *numberDictionary[C]) hash(key C) uint64 {
	h := uint64(key) * 0x9E3779B97F4A7C15 // 2^64 over the golden ratio: spreads neighbours
	return h ^ h>>32
}

// add appends the indexes of the values and returns how many it took: fewer than all once the dictionary does not pay.
func (d *numberDictionary[C]) add(values []C) int {
	for i, key := range values {
		d.grow(func(e int32) uint64 { return d.hash(d.keys[e]) })
		mask := uint64(len(d.slots) - 1)
		at := d.hash(key) & mask
		for d.slots[at] != 0 && d.keys[d.slots[at]-1] != key {
			at = (at + 1) & mask
		}
		d.values++
		if d.slots[at] == 0 {
			d.keys = append(d.keys, key)
			d.entries++
			d.slots[at] = int32(d.entries)
			d.indexes = append(d.indexes, int32(d.entries-1))
			if !d.pays() {
				return i + 1
			}
			continue
		}
		d.indexes = append(d.indexes, d.slots[at]-1)
	}
	return len(values)
}

// A textDictionary holds strings and blobs.
type textDictionary struct {
	dictionary
	data   []byte // the entries in plain encoding: length, bytes
	starts []uint32
	hashes []uint64
	stamps []uint32 // the page that used the entry last
	page   uint32
	seed   maphash.Seed // decides which slot an entry is in, but not its number
}

func (d *textDictionary) reset() {
	d.dictionary.reset()
	d.data, d.starts, d.hashes, d.stamps, d.page = d.data[:0], d.starts[:0], d.hashes[:0], d.stamps[:0], 1
}

// entry returns the bytes of an entry; full has its length before it.
func (d *textDictionary) entry(e int32) (value, full []byte) {
	start := d.starts[e]
	n := binary.LittleEndian.Uint32(d.data[start:])
	full = d.data[start : start+4+n]
	return full[4:], full
}

// find returns the entry of the value, which it adds if it is new.
func (d *textDictionary) find(s string) (entry int32, added bool) {
	d.grow(func(e int32) uint64 { return d.hashes[e] })
	h := maphash.String(d.seed, s)
	mask := uint64(len(d.slots) - 1)
	at := h & mask
	for d.slots[at] != 0 {
		e := d.slots[at] - 1
		if d.hashes[e] == h {
			if value, _ := d.entry(e); string(value) == s {
				return e, false
			}
		}
		at = (at + 1) & mask
	}
	d.starts = append(d.starts, uint32(len(d.data)))
	d.hashes = append(d.hashes, h)
	d.stamps = append(d.stamps, 0)
	d.data = appendText(d.data, s)
	d.bytes = len(d.data)
	d.entries++
	d.slots[at] = int32(d.entries)
	return int32(d.entries - 1), true
}

// appendText appends a BYTE_ARRAY in plain encoding.
func appendText(dst []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}
