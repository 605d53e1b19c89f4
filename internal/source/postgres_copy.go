package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"consign/internal/table"
)

// copySignature begins the binary form of COPY. Flags and an extension of no length follow, four bytes each.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

const (
	copyHeader = 11 + 4 + 4
	// batchBytes ends a batch before it has all its rows, so that long values do not add up.
	batchBytes = 4 << 20
	// arenaBytes is the size of the blocks that hold texts.
	arenaBytes = 256 << 10
)

var errCopyForm = errors.New("the server does not send the binary form of COPY")

// copyParser is a writer that reads what COPY sends, in whatever pieces it comes, and gives batches away.
type copyParser struct {
	columns []pgColumn
	send    func(*table.Batch) error
	spare   *spareColumns

	begun, ended bool
	pending      []byte // the beginning of a row whose end has not come yet
	rows         int64  // of the batches before this one
	current      []table.Vector
	count, bytes int
	texts        arena
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
	if p.current == nil {
		p.current = p.spare.take(len(p.columns))
	}
	p.bytes += len(data)
	data = data[2:]
	for c := range p.columns {
		value, rest, err := nextValue(data)
		if err == nil {
			err = p.columns[c].appendValue(value, p.count, &p.current[c], &p.texts)
		}
		if err != nil {
			return fmt.Errorf("row %d, column %q: %w: the value %w", p.rows+int64(p.count)+1, p.columns[c].name, ErrData, err)
		}
		data = rest
	}
	if p.count++; p.count == table.BatchRows || p.bytes >= batchBytes {
		return p.flush()
	}
	return nil
}

// flush gives the batch away.
func (p *copyParser) flush() error {
	if p.count == 0 {
		return nil
	}
	columns, spare := p.current, p.spare
	b := &table.Batch{Rows: p.count, Columns: columns, Free: func() {
		for i := range columns {
			reset(&columns[i])
		}
		spare.put(columns)
	}}
	p.rows += int64(p.count)
	p.current, p.count, p.bytes, p.texts = nil, 0, 0, arena{}
	return p.send(b)
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

// arena holds the texts of a batch in few blocks.
type arena struct {
	block []byte
}

// keep copies data and returns it as a string.
func (a *arena) keep(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	if cap(a.block)-len(a.block) < len(data) {
		a.block = make([]byte, 0, max(arenaBytes, len(data)))
	}
	begin := len(a.block)
	a.block = append(a.block, data...)
	return unsafe.String(&a.block[begin], len(data))
}

// stream is what the copying goroutine and Next share.
type stream struct {
	batches chan *table.Batch
	stop    context.CancelFunc
	done    chan struct{} // closed when err is final
	err     error
}
