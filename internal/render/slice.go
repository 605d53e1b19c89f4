package render

import (
	"sync/atomic"

	"consign/internal/table"
)

// cutBatch returns b's rows before the one at at, and the others. The two share its memory, which is given back when both
// are released.
func cutBatch(b *table.Batch, at int) (first, rest *table.Batch) {
	var left atomic.Int32
	left.Store(2)
	free := func() {
		if left.Add(-1) == 0 {
			b.Release()
		}
	}
	first, rest = sliceBatch(b, 0, at), sliceBatch(b, at, b.Rows)
	first.Free, rest.Free = free, free
	return first, rest
}

// sliceBatch returns rows from to to of b as a batch that shares b's memory and does not own it.
func sliceBatch(b *table.Batch, from, to int) *table.Batch {
	piece := &table.Batch{Rows: to - from, Columns: make([]table.Vector, len(b.Columns))}
	for i := range b.Columns {
		piece.Columns[i] = sliceVector(&b.Columns[i], from, to)
	}
	return piece
}

func sliceVector(v *table.Vector, from, to int) table.Vector {
	s := table.Vector{
		Valid: sliceValid(v.Valid, from, to),
		Bools: part(v.Bools, from, to),
		I8:    part(v.I8, from, to), I16: part(v.I16, from, to), I32: part(v.I32, from, to), I64: part(v.I64, from, to),
		U8: part(v.U8, from, to), U16: part(v.U16, from, to), U32: part(v.U32, from, to), U64: part(v.U64, from, to),
		I128: part(v.I128, from, to), F32: part(v.F32, from, to), F64: part(v.F64, from, to),
		Strings: part(v.Strings, from, to), UUIDs: part(v.UUIDs, from, to), Intervals: part(v.Intervals, from, to),
		Entries: part(v.Entries, from, to),
	}
	switch {
	case v.Children == nil:
	case v.Entries != nil: // the entries still point to the same places
		s.Children = v.Children
	default: // a struct's fields go row by row with it
		s.Children = make([]table.Vector, len(v.Children))
		for i := range v.Children {
			s.Children[i] = sliceVector(&v.Children[i], from, to)
		}
	}
	return s
}

func part[T any](s []T, from, to int) []T {
	if s == nil {
		return nil
	}
	return s[from:to:to]
}

// sliceValid moves the bits of rows from to to to the front.
func sliceValid(valid []uint64, from, to int) []uint64 {
	if valid == nil {
		return nil
	}
	word, shift := from/64, uint(from%64)
	if shift == 0 {
		return valid[word:]
	}
	moved := make([]uint64, (to-from+63)/64)
	for i := range moved {
		moved[i] = valid[word+i] >> shift
		if word+i+1 < len(valid) {
			moved[i] |= valid[word+i+1] << (64 - shift)
		}
	}
	return moved
}
