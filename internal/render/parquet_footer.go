package render

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"reflect"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	parquetMagic = "PAR1"
	// parquetCreator is what the footer names as the writer. It has no version: the same rows give the same bytes.
	parquetCreator = "consign"
)

// A parquetFile writes finished row groups one behind the other, and then what they are.
type parquetFile struct {
	w       io.Writer
	written int64
	schema  *parquetSchema
	codec   format.CompressionCodec
	groups  []groupRecord
	rows    int64
}

// A groupRecord is what is kept of a row group until the footer is written. It is encoded at once: with hundreds of
// columns and row groups this is all that grows with the file, about 200 bytes for a column chunk.
type groupRecord struct {
	rows, size, packed, offset       int64
	metadata, columnIndex, pageIndex records // by leaf column
}

// records are encoded structs one behind the other.
type records struct {
	bytes []byte
	sizes []int32
}

func (r *records) add(v any) error {
	if v == nil {
		r.sizes = append(r.sizes, 0)
		return nil
	}
	b, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil {
		return err
	}
	r.bytes, r.sizes = append(r.bytes, b...), append(r.sizes, int32(len(b)))
	return nil
}

func (f *parquetFile) write(b []byte) error {
	if f.written == 0 {
		n, err := io.WriteString(f.w, parquetMagic)
		f.written += int64(n)
		if err != nil {
			return err
		}
	}
	n, err := f.w.Write(b)
	f.written += int64(n)
	return err
}

// addGroup writes the column chunks of a row group; their memory is free afterwards.
func (f *parquetFile) addGroup(chunks []*columnChunk) error {
	if len(f.groups) == math.MaxInt16 {
		return fmt.Errorf("the file would have more than %d row groups: split it into several", math.MaxInt16)
	}
	if err := f.write(nil); err != nil {
		return err
	}
	g := groupRecord{rows: chunks[0].rows, offset: f.written}
	for i, c := range chunks {
		m := c.metadata(f.schema.leaves[i], f.codec)
		if len(c.dictionary) > 0 {
			m.DictionaryPageOffset = f.written
			if err := f.write(c.dictionary); err != nil {
				return err
			}
		}
		m.DataPageOffset = f.written
		if err := f.write(c.data); err != nil {
			return err
		}
		g.size += m.TotalUncompressedSize
		g.packed += m.TotalCompressedSize
		if err := g.keep(c, f.schema.leaves[i], &m); err != nil {
			return fmt.Errorf("column %q: %w", f.schema.leaves[i].path[0], err)
		}
		c.recycle()
	}
	f.groups = append(f.groups, g)
	f.rows += g.rows
	return nil
}

func (g *groupRecord) keep(c *columnChunk, l *parquetLeaf, m *format.ColumnMetaData) error {
	if err := g.metadata.add(m); err != nil {
		return err
	}
	if err := g.pageIndex.add(c.offsetIndex(m.DataPageOffset)); err != nil {
		return err
	}
	if c.noIndex {
		return g.columnIndex.add(nil)
	}
	return g.columnIndex.add(c.columnIndex(l))
}

// recycle gives the pages' memory to the next column chunk but one.
func (c *columnChunk) recycle() {
	select {
	case c.spare <- c.data[:0]:
	default:
	}
	c.data = nil
}

func (c *columnChunk) metadata(l *parquetLeaf, codec format.CompressionCodec) format.ColumnMetaData {
	m := format.ColumnMetaData{
		Type: l.physical, PathInSchema: l.path, Codec: codec, NumValues: c.values,
		TotalUncompressedSize: c.uncompressed, TotalCompressedSize: int64(len(c.dictionary) + len(c.data)),
		Statistics: c.bounds.statistics(c.nulls), Encoding: []format.Encoding{format.RLE},
	}
	stat := func(page format.PageType, encoding format.Encoding, count int32) {
		if count > 0 {
			m.EncodingStats = append(m.EncodingStats, format.PageEncodingStats{PageType: page, Encoding: encoding, Count: count})
		}
	}
	if c.plainPages > 0 || len(c.dictionary) > 0 {
		m.Encoding = append(m.Encoding, format.Plain)
	}
	if c.dictionaryPages > 0 {
		m.Encoding = append(m.Encoding, format.RLEDictionary)
		stat(format.DictionaryPage, format.Plain, 1)
	}
	stat(format.DataPage, format.Plain, c.plainPages)
	stat(format.DataPage, format.RLEDictionary, c.dictionaryPages)
	return m
}

// close writes page indexes and footer. All column indexes come first, then all offset indexes: readers fetch each kind
// at one go.
func (f *parquetFile) close() error {
	columnIndexes := f.written
	for i := range f.groups {
		if err := f.write(f.groups[i].columnIndex.bytes); err != nil {
			return err
		}
	}
	pageIndexes := f.written
	for i := range f.groups {
		if err := f.write(f.groups[i].pageIndex.bytes); err != nil {
			return err
		}
	}
	meta := footer{Version: 2, Schema: f.schema.elements, NumRows: f.rows, CreatedBy: parquetCreator}
	meta.RowGroups = make([]footerGroup, len(f.groups))
	for i := range f.groups {
		meta.RowGroups[i] = f.groups[i].footer(i, &columnIndexes, &pageIndexes)
	}
	for range f.schema.leaves {
		meta.ColumnOrders = append(meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(b)))
	return f.write(append(b, parquetMagic...))
}

// footer returns the row group for the footer and moves the offsets of the page indexes on behind its own.
func (g *groupRecord) footer(ordinal int, columnIndexes, pageIndexes *int64) footerGroup {
	out := footerGroup{
		TotalByteSize: g.size, NumRows: g.rows, FileOffset: g.offset, TotalCompressedSize: g.packed, Ordinal: int16(ordinal),
	}
	metadata := g.metadata.bytes
	for i, n := range g.metadata.sizes {
		c := footerChunk{MetaData: metadata[:n]}
		metadata = metadata[n:]
		c.OffsetIndexOffset, c.OffsetIndexLength = *pageIndexes, g.pageIndex.sizes[i]
		*pageIndexes += int64(c.OffsetIndexLength)
		if size := g.columnIndex.sizes[i]; size > 0 {
			c.ColumnIndexOffset, c.ColumnIndexLength = *columnIndexes, size
			*columnIndexes += int64(size)
		}
		out.Columns = append(out.Columns, c)
	}
	return out
}

// footer is format.FileMetaData with column chunks that are encoded already.
type footer struct {
	Version      int32                              `thrift:"1,required"`
	Schema       thrift.Slice[format.SchemaElement] `thrift:"2,required"`
	NumRows      int64                              `thrift:"3,required"`
	RowGroups    thrift.Slice[footerGroup]          `thrift:"4,required"`
	CreatedBy    string                             `thrift:"6,optional"`
	ColumnOrders thrift.Slice[format.ColumnOrder]   `thrift:"7,optional"`
}

// footerGroup is format.RowGroup.
type footerGroup struct {
	Columns             thrift.Slice[footerChunk] `thrift:"1,required"`
	TotalByteSize       int64                     `thrift:"2,required"`
	NumRows             int64                     `thrift:"3,required"`
	FileOffset          int64                     `thrift:"5,optional"`
	TotalCompressedSize int64                     `thrift:"6,optional"`
	Ordinal             int16                     `thrift:"7,optional,writezero"`
}

// footerChunk is format.ColumnChunk.
type footerChunk struct {
	FileOffset        int64         `thrift:"2,required"`
	MetaData          encodedStruct `thrift:"3,optional"`
	OffsetIndexOffset int64         `thrift:"4,optional"`
	OffsetIndexLength int32         `thrift:"5,optional"`
	ColumnIndexOffset int64         `thrift:"6,optional"`
	ColumnIndexLength int32         `thrift:"7,optional"`
}

// An encodedStruct is a struct in the compact protocol, which goes into another as it is.
type encodedStruct []byte

// Type is for the thrift package.
func (encodedStruct) Type() thrift.Type { return thrift.STRUCT }

// EncodeFunc is for the thrift package.
func (encodedStruct) EncodeFunc(thrift.EncodeFuncCache) thrift.EncodeFunc {
	return func(w thrift.Writer, v reflect.Value, _ thrift.Flags) error {
		_, err := w.Writer().Write(v.Bytes())
		return err
	}
}

// DecodeFunc is for the thrift package; footers are only written here.
func (encodedStruct) DecodeFunc(thrift.DecodeFuncCache) thrift.DecodeFunc { return nil }

// NullFunc is for the thrift package.
func (encodedStruct) NullFunc() thrift.NullFunc {
	return func(v reflect.Value) bool { return v.Len() == 0 }
}

// offsetIndex returns where the pages are, the first of which is at offset.
func (c *columnChunk) offsetIndex(offset int64) *format.OffsetIndex {
	index := &format.OffsetIndex{}
	for _, p := range c.pages {
		index.PageLocations = append(index.PageLocations, format.PageLocation{
			Offset: offset, CompressedPageSize: p.size, FirstRowIndex: p.row,
		})
		offset += int64(p.size)
	}
	return index
}

// columnIndex returns the bounds of every page.
func (c *columnChunk) columnIndex(l *parquetLeaf) *format.ColumnIndex {
	index := &format.ColumnIndex{BoundaryOrder: c.boundaryOrder(l)}
	for i := range c.pages {
		p := &c.pages[i]
		index.NullPages = append(index.NullPages, !p.bounds.ok)
		index.MinValues = append(index.MinValues, p.bounds.min)
		index.MaxValues = append(index.MaxValues, p.bounds.max)
		index.NullCounts = append(index.NullCounts, p.nulls)
	}
	return index
}

// boundaryOrder says whether the pages' bounds rise or fall, which lets readers search instead of scan.
func (c *columnChunk) boundaryOrder(l *parquetLeaf) format.BoundaryOrder {
	rising, falling := true, true
	var last *pageBounds
	for i := range c.pages {
		b := &c.pages[i].bounds
		if !b.ok {
			continue
		}
		if last != nil {
			low, high := l.compare(last.min, b.min), l.compare(last.max, b.max)
			rising = rising && low <= 0 && high <= 0
			falling = falling && low >= 0 && high >= 0
		}
		last = b
	}
	switch {
	case rising:
		return format.Ascending
	case falling:
		return format.Descending
	default:
		return format.Unordered
	}
}
