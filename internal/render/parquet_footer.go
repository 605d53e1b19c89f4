package render

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const parquetMagic = "PAR1"

// A parquetFile writes finished row groups one behind the other, and then what they are.
type parquetFile struct {
	w       io.Writer
	written int64
	schema  *parquetSchema
	codec   format.CompressionCodec
	groups  []format.RowGroup
	indexes [][]*columnChunk // what the page indexes are made of; without the pages themselves
	rows    int64
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

// addGroup writes the column chunks of a row group; chunks keep no bytes afterwards.
func (f *parquetFile) addGroup(chunks []*columnChunk) error {
	if err := f.write(nil); err != nil {
		return err
	}
	g := format.RowGroup{NumRows: chunks[0].rows, FileOffset: f.written, Ordinal: int16(len(f.groups))}
	for i, c := range chunks {
		column := format.ColumnChunk{MetaData: c.metadata(f.schema.leaves[i], f.codec)}
		m := &column.MetaData
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
		c.settle(m.DataPageOffset)
		g.TotalByteSize += m.TotalUncompressedSize
		g.TotalCompressedSize += m.TotalCompressedSize
		g.Columns = append(g.Columns, column)
	}
	f.groups = append(f.groups, g)
	f.indexes = append(f.indexes, chunks)
	f.rows += g.NumRows
	return nil
}

// settle notes where the pages are in the file, and gives their memory back.
func (c *columnChunk) settle(offset int64) {
	for i := range c.pages {
		c.pages[i].offset = offset
		offset += int64(c.pages[i].size)
	}
	select {
	case c.spare <- c.data[:0]:
	default:
	}
	c.data, c.dictionary, c.bounds = nil, nil, pageBounds{}
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

// close writes page indexes and footer.
func (f *parquetFile) close(createdBy string) error {
	if err := f.writeIndexes(); err != nil {
		return err
	}
	meta := format.FileMetaData{
		Version: 2, Schema: f.schema.elements, NumRows: f.rows, RowGroups: f.groups, CreatedBy: createdBy,
	}
	if meta.RowGroups == nil {
		meta.RowGroups = []format.RowGroup{} // a required list may be empty, but not missing
	}
	for range f.schema.leaves {
		meta.ColumnOrders = append(meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	if err != nil {
		return fmt.Errorf("footer: %w", err)
	}
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	return f.write(append(footer, parquetMagic...))
}

// writeIndexes writes all column indexes, then all offset indexes, which is the order that readers expect to fetch
// them in.
func (f *parquetFile) writeIndexes() error {
	for g, chunks := range f.indexes {
		for i, c := range chunks {
			index := c.columnIndex(f.schema.leaves[i])
			if index == nil {
				continue
			}
			at := &f.groups[g].Columns[i]
			n, err := f.writeIndex(index)
			if err != nil {
				return err
			}
			at.ColumnIndexOffset, at.ColumnIndexLength = f.written-int64(n), int32(n)
		}
	}
	for g, chunks := range f.indexes {
		for i, c := range chunks {
			at := &f.groups[g].Columns[i]
			n, err := f.writeIndex(c.offsetIndex())
			if err != nil {
				return err
			}
			at.OffsetIndexOffset, at.OffsetIndexLength = f.written-int64(n), int32(n)
		}
	}
	return nil
}

func (f *parquetFile) writeIndex(index any) (int, error) {
	b, err := thrift.Marshal(new(thrift.CompactProtocol), index)
	if err != nil {
		return 0, fmt.Errorf("page index: %w", err)
	}
	return len(b), f.write(b)
}

func (c *columnChunk) offsetIndex() *format.OffsetIndex {
	index := &format.OffsetIndex{}
	for _, p := range c.pages {
		index.PageLocations = append(index.PageLocations, format.PageLocation{
			Offset: p.offset, CompressedPageSize: p.size, FirstRowIndex: p.row,
		})
	}
	return index
}

// columnIndex returns the bounds of every page; nil if some page has none to give, since the index knows no gaps.
func (c *columnChunk) columnIndex(l *parquetLeaf) *format.ColumnIndex {
	if c.noIndex {
		return nil
	}
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
