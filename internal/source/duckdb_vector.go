package source

import (
	"encoding/binary"
	"unsafe"

	duck "github.com/duckdb/duckdb-go-bindings"

	"consign/internal/table"
)

// A reader fills a vector of ours from one of the engine's with n values, in place: what has the same layout on both
// sides is not copied, the rest goes into slices that the vector keeps for the next batch.
type reader func(in duck.Vector, n int, out *table.Vector)

// inPlace returns the engine's values as a slice of the same layout.
func inPlace[T any](v duck.Vector, n int) []T {
	return unsafe.Slice((*T)(duck.VectorGetData(v)), n)
}

// newReader returns the reader for a column of type t. It reads enums' names from the engine, but does not keep t.
func newReader(t duck.LogicalType) reader {
	read := valueReader(t)
	return func(in duck.Vector, n int, out *table.Vector) {
		out.Valid = nil
		if mask := duck.VectorGetValidity(in); mask != nil && n > 0 {
			out.Valid = unsafe.Slice((*uint64)(mask), (n+63)/64)
		}
		if n > 0 {
			read(in, n, out)
		}
	}
}

func valueReader(t duck.LogicalType) reader {
	switch id := duck.GetTypeId(t); id {
	case duck.TypeDecimal:
		return plainReader(duck.DecimalInternalType(t))
	case duck.TypeVarchar, duck.TypeBlob:
		return readStrings
	case duck.TypeEnum:
		return enumReader(t)
	case duck.TypeUUID:
		return readUUIDs
	case duck.TypeList:
		return listReader(duck.ListTypeChildType(t))
	case duck.TypeMap:
		return mapReader(t)
	case duck.TypeArray:
		return arrayReader(duck.ArrayTypeChildType(t), int(duck.ArrayTypeArraySize(t)))
	case duck.TypeStruct:
		return structReader(t)
	default:
		return plainReader(id)
	}
}

// plainReader returns the reader of a type that is laid out as ours.
func plainReader(id duck.Type) reader {
	switch id {
	case duck.TypeBoolean:
		return func(in duck.Vector, n int, out *table.Vector) { out.Bools = inPlace[bool](in, n) }
	case duck.TypeTinyInt:
		return func(in duck.Vector, n int, out *table.Vector) { out.I8 = inPlace[int8](in, n) }
	case duck.TypeSmallInt:
		return func(in duck.Vector, n int, out *table.Vector) { out.I16 = inPlace[int16](in, n) }
	case duck.TypeInteger, duck.TypeDate, duck.TypeSQLNull:
		return func(in duck.Vector, n int, out *table.Vector) { out.I32 = inPlace[int32](in, n) }
	case duck.TypeUTinyInt:
		return func(in duck.Vector, n int, out *table.Vector) { out.U8 = inPlace[uint8](in, n) }
	case duck.TypeUSmallInt:
		return func(in duck.Vector, n int, out *table.Vector) { out.U16 = inPlace[uint16](in, n) }
	case duck.TypeUInteger:
		return func(in duck.Vector, n int, out *table.Vector) { out.U32 = inPlace[uint32](in, n) }
	case duck.TypeUBigInt:
		return func(in duck.Vector, n int, out *table.Vector) { out.U64 = inPlace[uint64](in, n) }
	case duck.TypeHugeInt, duck.TypeUHugeInt:
		return func(in duck.Vector, n int, out *table.Vector) { out.I128 = inPlace[table.Int128](in, n) }
	case duck.TypeFloat:
		return func(in duck.Vector, n int, out *table.Vector) { out.F32 = inPlace[float32](in, n) }
	case duck.TypeDouble:
		return func(in duck.Vector, n int, out *table.Vector) { out.F64 = inPlace[float64](in, n) }
	case duck.TypeInterval:
		return func(in duck.Vector, n int, out *table.Vector) { out.Intervals = inPlace[table.IntervalValue](in, n) }
	default: // BIGINT, TIME and the timestamps; every other type was refused by typeOf
		return func(in duck.Vector, n int, out *table.Vector) { out.I64 = inPlace[int64](in, n) }
	}
}

// inlineBytes is the longest text that the engine keeps in the vector itself.
const inlineBytes = 12

// engineString is the engine's duckdb_string_t.
type engineString struct {
	length uint32
	prefix [4]byte
	long   *byte // the text, if it is longer than inlineBytes; else the text begins at prefix
}

// readStrings makes string headers that point into the engine's memory. Where a value is NULL the engine's header is
// garbage, which must not become a Go pointer.
func readStrings(in duck.Vector, n int, out *table.Vector) {
	out.Strings = sized(out.Strings, n)
	values := inPlace[engineString](in, n)
	for i := range values {
		v := &values[i]
		switch {
		case out.Null(i):
			out.Strings[i] = ""
		case v.length <= inlineBytes:
			out.Strings[i] = unsafe.String(&v.prefix[0], v.length)
		default:
			out.Strings[i] = unsafe.String(v.long, v.length)
		}
	}
}

func enumReader(t duck.LogicalType) reader {
	names := make([]string, duck.EnumDictionarySize(t))
	for i := range names {
		names[i] = duck.EnumDictionaryValue(t, duck.IdxT(i))
	}
	switch duck.EnumInternalType(t) {
	case duck.TypeUTinyInt:
		return enumReaderOf[uint8](names)
	case duck.TypeUSmallInt:
		return enumReaderOf[uint16](names)
	default:
		return enumReaderOf[uint32](names)
	}
}

func enumReaderOf[T uint8 | uint16 | uint32](names []string) reader {
	return func(in duck.Vector, n int, out *table.Vector) {
		out.Strings = sized(out.Strings, n)
		for i, v := range inPlace[T](in, n) {
			if out.Null(i) {
				out.Strings[i] = ""
			} else {
				out.Strings[i] = names[v]
			}
		}
	}
}

// readUUIDs undoes the engine's order of bytes, and the first bit that it flips so that UUIDs sort as numbers.
func readUUIDs(in duck.Vector, n int, out *table.Vector) {
	out.UUIDs = sized(out.UUIDs, n)
	for i, v := range inPlace[table.Int128](in, n) {
		binary.BigEndian.PutUint64(out.UUIDs[i][:8], uint64(v.Hi)^(1<<63))
		binary.BigEndian.PutUint64(out.UUIDs[i][8:], v.Lo)
	}
}

func listReader(elem duck.LogicalType) reader {
	defer duck.DestroyLogicalType(&elem)
	read := newReader(elem)
	return func(in duck.Vector, n int, out *table.Vector) {
		out.Entries = inPlace[table.Entry](in, n)
		out.Children = sized(out.Children, 1)
		read(duck.ListVectorGetChild(in), int(duck.ListVectorGetSize(in)), &out.Children[0])
	}
}

func mapReader(t duck.LogicalType) reader {
	key, value := duck.MapTypeKeyType(t), duck.MapTypeValueType(t)
	defer duck.DestroyLogicalType(&key)
	defer duck.DestroyLogicalType(&value)
	readKey, readValue := newReader(key), newReader(value)
	return func(in duck.Vector, n int, out *table.Vector) {
		out.Entries = inPlace[table.Entry](in, n)
		out.Children = sized(out.Children, 2)
		pairs, size := duck.ListVectorGetChild(in), int(duck.ListVectorGetSize(in))
		readKey(duck.StructVectorGetChild(pairs, 0), size, &out.Children[0])
		readValue(duck.StructVectorGetChild(pairs, 1), size, &out.Children[1])
	}
}

// arrayReader reads arrays of a fixed size as lists.
func arrayReader(elem duck.LogicalType, size int) reader {
	defer duck.DestroyLogicalType(&elem)
	read := newReader(elem)
	var entries []table.Entry // the same for every batch; only grows, by replacement
	return func(in duck.Vector, n int, out *table.Vector) {
		if len(entries) < n {
			entries = make([]table.Entry, max(n, table.BatchRows))
			for i := range entries {
				entries[i] = table.Entry{Offset: uint64(i * size), Length: uint64(size)}
			}
		}
		out.Entries = entries[:n]
		out.Children = sized(out.Children, 1)
		read(duck.ArrayVectorGetChild(in), n*size, &out.Children[0])
	}
}

func structReader(t duck.LogicalType) reader {
	fields := make([]reader, duck.StructTypeChildCount(t))
	for i := range fields {
		child := duck.StructTypeChildType(t, duck.IdxT(i))
		fields[i] = newReader(child)
		duck.DestroyLogicalType(&child)
	}
	return func(in duck.Vector, n int, out *table.Vector) {
		out.Children = sized(out.Children, len(fields))
		for i, read := range fields {
			read(duck.StructVectorGetChild(in, duck.IdxT(i)), n, &out.Children[i])
		}
	}
}

// sized returns a slice of length n, s itself if it is large enough.
func sized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, max(n, 64))[:n]
}

// forget drops every pointer into the engine's memory, which is about to be freed, and keeps our own slices for the
// next batch. A pointer left behind could later look to the garbage collector like one into its own memory.
func forget(v *table.Vector) {
	clear(v.Strings[:cap(v.Strings)])
	for i := range v.Children {
		forget(&v.Children[i])
	}
	*v = table.Vector{Strings: v.Strings[:0], UUIDs: v.UUIDs[:0], Children: v.Children}
}
