package source

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// copyStream is what the server sends for rows of values in their binary form; nil is NULL.
func copyStream(rows ...[][]byte) []byte {
	data := append(append([]byte{}, copySignature...), make([]byte, 8)...)
	for _, row := range rows {
		data = append(data, copyRow(row)...)
	}
	return binary.BigEndian.AppendUint16(data, 0xffff)
}

func copyRow(row [][]byte) []byte {
	data := binary.BigEndian.AppendUint16(nil, uint16(len(row)))
	for _, value := range row {
		if value == nil {
			data = binary.BigEndian.AppendUint32(data, 0xffffffff)
			continue
		}
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(value))), value...)
	}
	return data
}

// textArray is a text[] in its binary form.
func textArray(texts ...string) []byte {
	data := binary.BigEndian.AppendUint32(nil, 1)
	for _, n := range []uint32{1, pgtype.TextOID, uint32(len(texts)), 1} {
		data = binary.BigEndian.AppendUint32(data, n)
	}
	for _, s := range texts {
		data = append(binary.BigEndian.AppendUint32(data, uint32(len(s))), s...)
	}
	return data
}

// threeColumns are a number, a text and a list of texts, with NULLs in all of them.
func threeColumns(rows int) (columns []pgColumn, stream []byte, want []string) {
	text := pgPlain[pgtype.TextOID]
	columns = []pgColumn{
		pgPlain[pgtype.Int4OID], text,
		{typ: table.Type{Kind: table.List, Elem: &text.typ}, read: decodeArray(text)},
	}
	values := make([][][]byte, rows)
	for i := range values {
		s, list := strings.Repeat("é", i%50), []string{"", fmt.Sprint(i)}[:i%3%2+1]
		values[i] = [][]byte{binary.BigEndian.AppendUint32(nil, uint32(i)), []byte(s), textArray(list...)}
		line := fmt.Sprint(i, " ", s, " ", list)
		if i%7 == 3 {
			values[i] = make([][]byte, 3)
			line = "NULL"
		}
		want = append(want, line)
	}
	return columns, copyStream(values...), want
}

// lines are the rows of a batch as threeColumns has them.
func lines(b *table.Batch) []string {
	var out []string
	for i := range b.Rows {
		if b.Columns[0].Null(i) && b.Columns[1].Null(i) && b.Columns[2].Null(i) {
			out = append(out, "NULL")
			continue
		}
		at := b.Columns[2].Entries[i]
		list := b.Columns[2].Children[0].Strings[at.Offset : at.Offset+at.Length]
		out = append(out, fmt.Sprint(b.Columns[0].I32[i], " ", b.Columns[1].Strings[i], " ", list))
	}
	return out
}

func TestRowsAreTheSameInWhateverPiecesTheyCome(t *testing.T) {
	t.Parallel()
	columns, data, want := threeColumns(200)
	for _, size := range []int{1, 2, 3, 7, 64, 1000, len(data)} {
		var got []string
		p := &copyParser{columns: columns, spare: &spare[copied]{}, send: func(b *table.Batch) error {
			got = append(got, lines(b)...)
			b.Release()
			return nil
		}}
		for from := 0; from < len(data); from += size {
			_, err := p.Write(data[from:min(from+size, len(data))])
			require.NoError(t, err)
		}
		require.True(t, p.ended)
		require.Equal(t, want, got, "in pieces of %d bytes", size)
	}
}

func TestABatchStaysAsItIsUntilItIsReleased(t *testing.T) {
	t.Parallel()
	columns, data, want := threeColumns(20 * table.BatchRows)
	var held []*table.Batch
	var got []string
	release := func(b *table.Batch) {
		got = append(got, lines(b)...)
		b.Release()
	}
	p := &copyParser{columns: columns, spare: &spare[copied]{}, send: func(b *table.Batch) error {
		if held = append(held, b); len(held) > 3 { // while others are filled, some of them with what was released
			release(held[0])
			held = held[1:]
		}
		return nil
	}}
	_, err := p.Write(data)
	require.NoError(t, err)
	for _, b := range held {
		release(b)
	}
	require.Equal(t, want, got)
	require.LessOrEqual(t, len(p.spare.free), 5, "released batches are used again")
}

func TestTheMemoryOfAnEnormousRowIsNotKept(t *testing.T) {
	t.Parallel()
	columns := []pgColumn{pgPlain[pgtype.TextOID]}
	long := strings.Repeat("x", batchBytes+1)
	var got []int
	p := &copyParser{columns: columns, spare: &spare[copied]{}, send: func(b *table.Batch) error {
		for i := range b.Rows {
			got = append(got, len(b.Columns[0].Strings[i]))
		}
		b.Release()
		return nil
	}}
	_, err := p.Write(copyStream([][]byte{[]byte("short")}, [][]byte{[]byte(long)}, [][]byte{{}}, [][]byte{[]byte(long)}))
	require.NoError(t, err)
	require.Equal(t, []int{5, len(long), 0, len(long)}, got)
	require.Len(t, p.spare.free, 1)
	require.Len(t, p.spare.free[0].blocks, 1)
	require.Equal(t, blockBytes, cap(p.spare.free[0].blocks[0]))
}

// BenchmarkCopyParser measures how fast rows are taken apart, without a server.
func BenchmarkCopyParser(b *testing.B) {
	columns := make([]pgColumn, 0, 20)
	row := make([][]byte, 0, 20)
	for i := range 20 {
		switch i % 5 {
		case 0, 1, 2:
			columns, row = append(columns, pgPlain[pgtype.TextOID]), append(row, []byte("some text of a customer"[:5+i]))
		case 3:
			columns, row = append(columns, pgPlain[pgtype.TimestampOID]), append(row, make([]byte, 8))
		default:
			columns, row = append(columns, pgPlain[pgtype.Int4OID]), append(row, make([]byte, 4))
		}
		if i%6 == 5 {
			row[i] = nil
		}
	}
	p := &copyParser{columns: columns, spare: &spare[copied]{}, begun: true, send: func(b *table.Batch) error {
		b.Release()
		return nil
	}}
	data := copyRow(row)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Write(data); err != nil {
			b.Fatal(err)
		}
	}
}
