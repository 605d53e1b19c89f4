package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"consign/internal/table"
)

// copySignature begins the binary form of COPY. Flags and an extension of no length follow, four bytes each.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

const (
	copyHeader = 11 + 4 + 4
	// batchBytes ends a batch before it has all its rows, so that long values do not add up.
	batchBytes = 4 << 20
	// blockBytes is the size of the blocks that hold rows.
	blockBytes = 256 << 10
)

var errCopyForm = errors.New("the server does not send the binary form of COPY")

// copyParser is a writer that reads what COPY sends, in whatever pieces it comes, and gives batches away.
type copyParser struct {
	columns []pgColumn
	send    func(*table.Batch) error
	spare   *spare[copied]

	begun, ended bool
	pending      []byte // the beginning of a row whose end has not come yet
	rows         int64  // of the batches before this one
	current      copied
	count, bytes int
}

// copied is what a batch is made of: its columns, and the blocks that hold its rows as they came, which its texts point
// into.
type copied struct {
	columns []table.Vector
	blocks  [][]byte
	at      int // the block that has room
}

// Write takes the next piece.
func (p *copyParser) Write(piece []byte) (int, error) {
	data := piece
	if len(p.pending) > 0 {
		p.pending = append(p.pending, piece...)
		data = p.pending
	}
	rest, err := p.parse(data)
	if err != nil {
		return 0, err
	}
	p.pending = append(p.pending[:0], rest...) // rest may be the end of pending itself: append moves it safely
	return len(piece), nil
}

// parse reads all whole rows and returns what is left.
func (p *copyParser) parse(data []byte) ([]byte, error) {
	if !p.begun {
		if len(data) < copyHeader {
			return data, nil
		}
		if !bytes.HasPrefix(data, copySignature) {
			return nil, fmt.Errorf("%w: %w", ErrEngine, errCopyForm)
		}
		if binary.BigEndian.Uint32(data[15:]) != 0 { // an extension, of which there is none so far
			return nil, fmt.Errorf("%w: %w", ErrEngine, errCopyForm)
		}
		data = data[copyHeader:]
		p.begun = true
	}
	for !p.ended {
		size, whole := rowSize(data)
		if !whole {
			return data, nil
		}
		if err := p.row(data[:size]); err != nil {
			return nil, err
		}
		data = data[size:]
	}
	return nil, nil
}

// rowSize returns the size of the row at the front of data, if it is all there. The end is a row of -1 columns.
func rowSize(data []byte) (size int, whole bool) {
	if len(data) < 2 {
		return 0, false
	}
	size = 2
	for range int16(binary.BigEndian.Uint16(data)) {
		if len(data) < size+4 {
			return 0, false
		}
		length := int32(binary.BigEndian.Uint32(data[size:]))
		size += 4 + int(max(length, 0))
		if len(data) < size {
			return 0, false
		}
	}
	return size, true
}

func (p *copyParser) row(data []byte) error {
	fields := int16(binary.BigEndian.Uint16(data))
	if fields == -1 {
		p.ended = true
		return p.flush()
	}
	if int(fields) != len(p.columns) {
		return fmt.Errorf("%w: %w", ErrEngine, errCopyForm)
	}
	if p.current.columns == nil {
		p.begin()
	}
	p.bytes += len(data)
	data = p.current.keep(data)[2:]
	for c := range p.columns {
		column, to := &p.columns[c], &p.current.columns[c]
		length := int32(binary.BigEndian.Uint32(data)) // rowSize has seen that so many bytes follow
		data = data[4:]
		if length < 0 {
			column.appendNull(p.count, to)
			continue
		}
		if err := column.appendValue(data[:length:length], p.count, to); err != nil {
			return fmt.Errorf("row %d, column %q: %w: the value %w", p.rows+int64(p.count)+1, column.name, ErrData, err)
		}
		data = data[length:]
	}
	if p.count++; p.count == table.BatchRows || p.bytes >= batchBytes {
		return p.flush()
	}
	return nil
}

// begin makes room for a batch.
func (p *copyParser) begin() {
	var used bool
	if p.current, used = p.spare.take(); !used {
		p.current.columns = make([]table.Vector, len(p.columns))
	}
}

// flush gives the batch away.
func (p *copyParser) flush() error {
	if p.count == 0 {
		return nil
	}
	current, spare := p.current, p.spare
	b := &table.Batch{Rows: p.count, Columns: current.columns, Free: func() {
		current.reset()
		spare.put(current)
	}}
	p.rows += int64(p.count)
	p.current, p.count, p.bytes = copied{}, 0, 0
	return p.send(b)
}

// keep copies a row to where it stays until the batch is released: one copy, instead of one for each of its texts.
func (c *copied) keep(row []byte) []byte {
	for c.at < len(c.blocks) && cap(c.blocks[c.at])-len(c.blocks[c.at]) < len(row) {
		c.at++
	}
	if c.at == len(c.blocks) {
		c.blocks = append(c.blocks, make([]byte, 0, max(blockBytes, len(row))))
	}
	block := &c.blocks[c.at]
	begin := len(*block)
	*block = append(*block, row...)
	return (*block)[begin:]
}

// reset empties the batch and keeps its memory, but for the blocks of rows that are larger than others.
func (c *copied) reset() {
	for i := range c.columns {
		reset(&c.columns[i])
	}
	c.blocks = slices.DeleteFunc(c.blocks, func(block []byte) bool { return cap(block) > blockBytes })
	for i := range c.blocks {
		c.blocks[i] = c.blocks[i][:0]
	}
	c.at = 0
}

// reset empties a vector of ours and keeps its slices.
func reset(v *table.Vector) {
	clear(v.Strings)
	for i := range v.Children {
		reset(&v.Children[i])
	}
	*v = table.Vector{
		Bools: v.Bools[:0], I16: v.I16[:0], I32: v.I32[:0], I64: v.I64[:0], U32: v.U32[:0], I128: v.I128[:0], F32: v.F32[:0], F64: v.F64[:0],
		Strings: v.Strings[:0], UUIDs: v.UUIDs[:0], Intervals: v.Intervals[:0], Entries: v.Entries[:0], Children: v.Children,
	}
}
