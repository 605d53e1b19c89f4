package render

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// A col is a column of a test table: a name, a type, and its values as the carrier's Go type, nil for NULL. Lists and
// structs are []any, maps are []entry.
type col struct {
	name   string
	typ    table.Type
	values []any
}

type entry struct{ key, value any }

func text(name string, values ...any) col {
	return col{name, table.Type{Kind: table.String}, values}
}

// tableOf returns the columns as a schema and one batch.
func tableOf(cols ...col) (table.Schema, *table.Batch) {
	b := &table.Batch{}
	var s table.Schema
	for i := range cols {
		c := &cols[i]
		s = append(s, table.Column{Name: c.name, Type: c.typ})
		b.Columns = append(b.Columns, vectorOf(&c.typ, c.values))
		b.Rows = len(c.values)
	}
	return s, b
}

// vectorOf builds a vector. At NULLs the slices hold something that must not show.
func vectorOf(t *table.Type, values []any) table.Vector {
	var v table.Vector
	for i, value := range values {
		if value == nil && v.Valid == nil {
			v.Valid = make([]uint64, (len(values)+63)/64)
			for j := range i {
				v.Valid[j/64] |= 1 << (j % 64)
			}
		} else if value != nil && v.Valid != nil {
			v.Valid[i/64] |= 1 << (i % 64)
		}
		if !t.Nested() {
			appendCarrier(t, &v, value)
		}
	}
	if t.Nested() {
		fillNested(t, &v, values)
	}
	return v
}

func appendCarrier(t *table.Type, v *table.Vector, value any) {
	switch t.Kind {
	case table.Bool:
		v.Bools = append(v.Bools, or(value, true))
	case table.Int8:
		v.I8 = append(v.I8, or(value, int8(77)))
	case table.Int16:
		v.I16 = append(v.I16, or(value, int16(77)))
	case table.Int32, table.Date:
		v.I32 = append(v.I32, or(value, int32(77)))
	case table.Int64, table.Time, table.Timestamp, table.TimestampTZ:
		v.I64 = append(v.I64, or(value, int64(77)))
	case table.Uint8:
		v.U8 = append(v.U8, or(value, uint8(77)))
	case table.Uint16:
		v.U16 = append(v.U16, or(value, uint16(77)))
	case table.Uint32:
		v.U32 = append(v.U32, or(value, uint32(77)))
	case table.Uint64:
		v.U64 = append(v.U64, or(value, uint64(77)))
	case table.HugeInt, table.UHugeInt:
		v.I128 = append(v.I128, or(value, table.Int128{Lo: 77}))
	case table.Float32:
		v.F32 = append(v.F32, or(value, float32(77)))
	case table.Float64:
		v.F64 = append(v.F64, or(value, 77.0))
	case table.UUID:
		v.UUIDs = append(v.UUIDs, or(value, [16]byte{77}))
	case table.Interval:
		v.Intervals = append(v.Intervals, or(value, table.IntervalValue{Days: 77}))
	case table.Decimal:
		appendCarrier(&table.Type{Kind: carrier(t.Precision)}, v, value)
	default:
		v.Strings = append(v.Strings, or(value, "not NULL\n"))
	}
}

func carrier(precision uint8) table.Kind {
	switch {
	case precision <= 4:
		return table.Int16
	case precision <= 9:
		return table.Int32
	case precision <= 18:
		return table.Int64
	}
	return table.HugeInt
}

func fillNested(t *table.Type, v *table.Vector, values []any) {
	if t.Kind == table.Struct {
		for i := range t.Fields {
			field := make([]any, len(values))
			for j, value := range values {
				if value != nil {
					field[j] = value.([]any)[i]
				}
			}
			v.Children = append(v.Children, vectorOf(&t.Fields[i].Type, field))
		}
		return
	}
	var keys, elems []any
	for _, value := range values {
		e := table.Entry{Offset: uint64(len(elems))}
		switch value := value.(type) {
		case []any:
			elems = append(elems, value...)
		case []entry:
			for _, pair := range value {
				keys, elems = append(keys, pair.key), append(elems, pair.value)
			}
		}
		e.Length = uint64(len(elems)) - e.Offset
		v.Entries = append(v.Entries, e)
	}
	if t.Kind == table.Map {
		v.Children = append(v.Children, vectorOf(t.Key, keys))
	}
	v.Children = append(v.Children, vectorOf(t.Elem, elems))
}

// memory is where a Writer under test writes to: files in memory, which can be made to fail.
type memory struct {
	mu     sync.Mutex
	files  []*memoryFile
	broken func(file int) error // asked at every write
}

type memoryFile struct {
	bytes.Buffer
	number int
	owner  *memory
	closed int
}

var errDisk = errors.New("no space left on device")

func (m *memory) create(number int) (io.WriteCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &memoryFile{number: number, owner: m}
	m.files = append(m.files, f)
	return f, nil
}

func (f *memoryFile) Write(p []byte) (int, error) {
	if f.owner.broken != nil {
		if err := f.owner.broken(f.number); err != nil {
			return 0, err
		}
	}
	return f.Buffer.Write(p)
}

func (f *memoryFile) Close() error { f.closed++; return nil }

// texts returns the files' content. Every file must have been closed once.
func (m *memory) texts(tb testing.TB) []string {
	tb.Helper()
	var all []string
	for _, f := range m.files {
		require.Equal(tb, 1, f.closed, "file %d", f.number)
		all = append(all, f.String())
	}
	return all
}

// renderAll renders one batch, and fails the test if that does not work.
func renderAll(t *testing.T, o Options, schema table.Schema, batches ...*table.Batch) []string {
	t.Helper()
	m := &memory{}
	w, err := New(schema, o, m.create)
	require.NoError(t, err)
	for _, b := range batches {
		require.NoError(t, w.Write(b))
	}
	require.NoError(t, w.Close())
	return m.texts(t)
}

// renderFails returns the error that the table ends with.
func renderFails(t *testing.T, o Options, schema table.Schema, b *table.Batch) error {
	t.Helper()
	w, err := New(schema, o, (&memory{}).create)
	if err != nil {
		return err
	}
	err = errors.Join(w.Write(b), w.Close())
	require.Error(t, err)
	return w.Close()
}
