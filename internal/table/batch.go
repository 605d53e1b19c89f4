package table

// BatchRows is the greatest number of rows in a batch: DuckDB's vector size, so that its memory can be read in place.
const BatchRows = 2048

// A Batch is up to BatchRows rows, column by column. It may point into the source's own memory: it is valid until
// Release, and batches are independent of each other, so that several can be encoded at once.
type Batch struct {
	Rows    int
	Columns []Vector // parallel to the Schema
	// Free gives the memory back to the source; nil if there is nothing to give back. Use Release.
	Free func()
}

// Release gives the batch's memory back to its source. The batch must not be used afterwards. Releasing twice is safe.
func (b *Batch) Release() {
	if b.Free != nil {
		free := b.Free
		b.Free = nil
		free()
	}
}

// A Vector is the values of one column of a batch, in the slice that its Kind names. Values at NULL positions are
// undefined: look at Null first.
type Vector struct {
	Valid []uint64 // bit i%64 of word i/64 is set if value i is not NULL; nil: none is NULL

	Bools     []bool
	I8        []int8
	I16       []int16
	I32       []int32
	I64       []int64
	U8        []uint8
	U16       []uint16
	U32       []uint32
	U64       []uint64
	I128      []Int128
	F32       []float32
	F64       []float64
	Strings   []string // may point into the source's memory: copy what must outlive the batch
	UUIDs     [][16]byte
	Intervals []IntervalValue
	Entries   []Entry
	Children  []Vector // of a list or map: as long as its entries say, and perhaps none if they say nothing; of a struct: as long as the vector itself
}

// Null reports whether value i is NULL.
func (v *Vector) Null(i int) bool {
	return v.Valid != nil && v.Valid[uint(i)/64]&(1<<(uint(i)%64)) == 0
}

// Int128 is a two's complement 128-bit integer: Hi*2^64 + Lo.
type Int128 struct {
	Lo uint64
	Hi int64
}

// IntervalValue is a calendar interval: its three parts do not convert into each other.
type IntervalValue struct {
	Months, Days int32
	Micros       int64
}

// An Entry is where the elements of one list or map are in the child vectors.
type Entry struct {
	Offset, Length uint64
}
