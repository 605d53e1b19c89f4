package render

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// A duck is the reader that nobody here wrote.
type duck struct {
	*sql.DB
	dir string
}

func newDuck(tb testing.TB) duck {
	tb.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(tb, err)
	db.SetMaxOpenConns(1)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	_, err = db.Exec("SET threads=1; SET TimeZone='UTC'")
	require.NoError(tb, err)
	return duck{db, tb.TempDir()}
}

func (d duck) exec(tb testing.TB, query string) {
	tb.Helper()
	_, err := d.Exec(query)
	require.NoError(tb, err, query)
}

// texts returns all rows of a query, every value as DuckDB writes it, NULL as "NULL".
func (d duck) texts(tb testing.TB, query string) [][]string {
	tb.Helper()
	rows, err := d.Query(query)
	require.NoError(tb, err, query)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	require.NoError(tb, err)
	var out [][]string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(tb, rows.Scan(values...))
		line := make([]string, len(columns))
		for i, v := range values {
			line[i] = "NULL"
			if v := *v.(*any); v != nil {
				line[i] = fmt.Sprint(v)
			}
		}
		out = append(out, line)
	}
	require.NoError(tb, rows.Err())
	return out
}

func (d duck) text(tb testing.TB, query string) string {
	tb.Helper()
	rows := d.texts(tb, query)
	require.Len(tb, rows, 1, query)
	return rows[0][0]
}

// batches reads a query into batches of the given size.
func (d duck) batches(tb testing.TB, schema table.Schema, query string, size int) []*table.Batch {
	tb.Helper()
	rows, err := d.Query(query)
	require.NoError(tb, err, query)
	defer func() { _ = rows.Close() }()
	values, pointers := make([]any, len(schema)), make([]any, len(schema))
	for i := range values {
		pointers[i] = &values[i]
	}
	var out []*table.Batch
	for rows.Next() {
		require.NoError(tb, rows.Scan(pointers...))
		if len(out) == 0 || out[len(out)-1].Rows == size {
			out = append(out, &table.Batch{Columns: make([]table.Vector, len(schema))})
		}
		b := out[len(out)-1]
		for i := range values {
			appendValue(tb, &schema[i].Type, &b.Columns[i], b.Rows, values[i])
		}
		b.Rows++
	}
	require.NoError(tb, rows.Err())
	return out
}

// appendValue appends value i to a vector. At NULLs it leaves rubbish, as sources do.
func appendValue(tb testing.TB, typ *table.Type, v *table.Vector, i int, value any) {
	tb.Helper()
	if value == nil && v.Valid == nil {
		v.Valid = make([]uint64, 64)
		for j := range i {
			v.Valid[j/64] |= 1 << (j % 64)
		}
	}
	if v.Valid != nil {
		for len(v.Valid) <= i/64 {
			v.Valid = append(v.Valid, 0)
		}
		if value != nil {
			v.Valid[i/64] |= 1 << (i % 64)
		}
	}
	switch typ.Kind {
	case table.Bool:
		v.Bools = append(v.Bools, or(value, true))
	case table.Int8:
		v.I8 = append(v.I8, or(value, int8(99)))
	case table.Int16:
		v.I16 = append(v.I16, or(value, int16(999)))
	case table.Int32:
		v.I32 = append(v.I32, or(value, int32(99999)))
	case table.Int64:
		v.I64 = append(v.I64, or(value, int64(99999)))
	case table.Uint8:
		v.U8 = append(v.U8, or(value, uint8(99)))
	case table.Uint16:
		v.U16 = append(v.U16, or(value, uint16(999)))
	case table.Uint32:
		v.U32 = append(v.U32, or(value, uint32(99999)))
	case table.Uint64:
		v.U64 = append(v.U64, or(value, uint64(99999)))
	case table.Float32:
		v.F32 = append(v.F32, or(value, float32(99999)))
	case table.Float64:
		v.F64 = append(v.F64, or(value, 99999.0))
	case table.String, table.Enum, table.JSON:
		v.Strings = append(v.Strings, or(value, "rubbish"))
	case table.Blob:
		v.Strings = append(v.Strings, string(or(value, []byte("rubbish"))))
	case table.UUID:
		v.UUIDs = append(v.UUIDs, [16]byte(or(value, make([]byte, 16))))
	case table.Decimal:
		appendDecimal(typ, v, or(value, duckdb.Decimal{Value: big.NewInt(77)}).Value)
	case table.Date, table.Time, table.Timestamp, table.TimestampTZ:
		appendTime(typ, v, or(value, time.Unix(99999, 0)))
	case table.List, table.Map, table.Struct:
		appendNested(tb, typ, v, i, value)
	default:
		require.Fail(tb, "no test values of this type", typ.String())
	}
}

func or[T any](value any, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return value.(T)
}

func appendDecimal(typ *table.Type, v *table.Vector, value *big.Int) {
	switch {
	case typ.Precision <= 4:
		v.I16 = append(v.I16, int16(value.Int64()))
	case typ.Precision <= 9:
		v.I32 = append(v.I32, int32(value.Int64()))
	case typ.Precision <= 18:
		v.I64 = append(v.I64, value.Int64())
	default:
		low := new(big.Int).And(value, new(big.Int).SetUint64(1<<64-1))
		v.I128 = append(v.I128, table.Int128{Lo: low.Uint64(), Hi: new(big.Int).Rsh(value, 64).Int64()})
	}
}

func appendTime(typ *table.Type, v *table.Vector, value time.Time) {
	switch {
	case typ.Kind == table.Date:
		v.I32 = append(v.I32, int32(value.Unix()/86400))
	case typ.Kind == table.Time:
		v.I64 = append(v.I64, value.Sub(time.Date(value.Year(), value.Month(), value.Day(), 0, 0, 0, 0, time.UTC)).Microseconds())
	case typ.Unit == table.Second:
		v.I64 = append(v.I64, value.Unix())
	case typ.Unit == table.Milli:
		v.I64 = append(v.I64, value.UnixMilli())
	case typ.Unit == table.Nano:
		v.I64 = append(v.I64, value.UnixNano())
	default:
		v.I64 = append(v.I64, value.UnixMicro())
	}
}

func appendNested(tb testing.TB, typ *table.Type, v *table.Vector, i int, value any) {
	tb.Helper()
	if v.Children == nil {
		v.Children = make([]table.Vector, map[table.Kind]int{table.List: 1, table.Map: 2, table.Struct: len(typ.Fields)}[typ.Kind])
	}
	if typ.Kind == table.Struct {
		fields, _ := value.(map[string]any)
		for j := range typ.Fields {
			f := &typ.Fields[j]
			appendValue(tb, &f.Type, &v.Children[j], i, fields[f.Name])
		}
		return
	}
	next := 0
	if n := len(v.Entries); n > 0 {
		next = int(v.Entries[n-1].Offset + v.Entries[n-1].Length)
	}
	var keys, values []any
	switch value := value.(type) {
	case []any:
		values = value
	case duckdb.OrderedMap:
		keys, values = value.Keys(), value.Values()
	}
	for j := range values {
		if typ.Kind == table.Map {
			appendValue(tb, typ.Key, &v.Children[0], next+j, keys[j])
			appendValue(tb, typ.Elem, &v.Children[1], next+j, values[j])
		} else {
			appendValue(tb, typ.Elem, &v.Children[0], next+j, values[j])
		}
	}
	v.Entries = append(v.Entries, table.Entry{Offset: uint64(next), Length: uint64(len(values))})
}

// encode writes batches to bytes.
func encode(tb testing.TB, schema table.Schema, batches []*table.Batch, compression string, threads int) []byte {
	tb.Helper()
	return encodeWith(tb, schema, batches, Options{ParquetCompression: compression, Threads: threads})
}

func encodeWith(tb testing.TB, schema table.Schema, batches []*table.Batch, o Options) []byte {
	tb.Helper()
	var out bytes.Buffer
	e, err := newParquetEncoder(&out, schema, o)
	require.NoError(tb, err)
	row := int64(1)
	for _, b := range batches {
		rows := b.Rows
		require.NoError(tb, e.write(b, row))
		row += int64(rows)
	}
	require.NoError(tb, e.close())
	return out.Bytes()
}

// write puts a Parquet file where the duck can read it; each has a name of its own, since DuckDB remembers footers.
func (d duck) write(tb testing.TB, content []byte) string {
	tb.Helper()
	f, err := os.CreateTemp(d.dir, "*.parquet")
	require.NoError(tb, err)
	_, err = f.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, f.Close())
	return f.Name()
}

// roundTrip writes the query's rows as Parquet and requires DuckDB to read the same rows back, in the same order.
func (d duck) roundTrip(tb testing.TB, schema table.Schema, query string) string {
	tb.Helper()
	path := d.write(tb, encode(tb, schema, d.batches(tb, schema, query, table.BatchRows), "snappy", 2))
	d.same(tb, query, path)
	return path
}

func (d duck) same(tb testing.TB, query, path string) {
	tb.Helper()
	wrote := fmt.Sprintf("(SELECT row_number() OVER () AS nr, * FROM (%s))", query)
	read := fmt.Sprintf("(SELECT row_number() OVER () AS nr, * FROM '%s')", path)
	require.Equal(tb, d.text(tb, "SELECT count(*) FROM "+wrote), d.text(tb, "SELECT count(*) FROM "+read))
	for _, pair := range [][2]string{{wrote, read}, {read, wrote}} {
		differ := d.texts(tb, fmt.Sprintf("SELECT * FROM (FROM %s EXCEPT ALL FROM %s) ORDER BY nr LIMIT 3", pair[0], pair[1]))
		require.Empty(tb, differ)
	}
}

func scalar(k table.Kind) table.Type { return table.Type{Kind: k} }

func decimal(p, s uint8) table.Type {
	return table.Type{Kind: table.Decimal, Precision: p, Scale: s}
}

func listOf(t table.Type) table.Type { return table.Type{Kind: table.List, Elem: &t} }
func mapOf(key, elem table.Type) table.Type {
	return table.Type{Kind: table.Map, Key: &key, Elem: &elem}
}

func structOf(fields ...table.Field) table.Type {
	return table.Type{Kind: table.Struct, Fields: slices.Clone(fields)}
}
