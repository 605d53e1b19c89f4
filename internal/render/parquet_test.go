package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

func TestParquetValuesReadBack(t *testing.T) {
	t.Parallel()
	micros, seconds := table.Type{Kind: table.Timestamp}, table.Type{Kind: table.Timestamp, Unit: table.Second}
	millis, nanos := table.Type{Kind: table.Timestamp, Unit: table.Milli}, table.Type{Kind: table.Timestamp, Unit: table.Nano}
	for _, c := range []struct {
		name, values string
		typ          table.Type
	}{
		{"booleans", "true, false, true", scalar(table.Bool)},
		{"8 bits", "'-128'::TINYINT, 127::TINYINT, 0", scalar(table.Int8)},
		{"16 bits", "'-32768'::SMALLINT, 32767::SMALLINT, 0", scalar(table.Int16)},
		{"32 bits", "'-2147483648'::INTEGER, 2147483647::INTEGER", scalar(table.Int32)},
		{"64 bits", "'-9223372036854775808'::BIGINT, 9223372036854775807::BIGINT", scalar(table.Int64)},
		{"8 bits unsigned", "255::UTINYINT, 0::UTINYINT, 128::UTINYINT", scalar(table.Uint8)},
		{"16 bits unsigned", "65535::USMALLINT, 0::USMALLINT", scalar(table.Uint16)},
		{"32 bits unsigned", "4294967295::UINTEGER, 0::UINTEGER, 2147483648::UINTEGER", scalar(table.Uint32)},
		{"64 bits unsigned", "18446744073709551615::UBIGINT, 0::UBIGINT, 9223372036854775808::UBIGINT", scalar(table.Uint64)},
		{"finite floats", "3.4028235e38::FLOAT, -3.4028235e38::FLOAT, 1e-45::FLOAT", scalar(table.Float32)},
		{"finite doubles", "1.7976931348623157e308, -1.7976931348623157e308, 5e-324", scalar(table.Float64)},
		{"floats", "'nan'::FLOAT, 'inf'::FLOAT, '-inf'::FLOAT, 3.4028235e38::FLOAT, 1e-45::FLOAT, '-0'::FLOAT", scalar(table.Float32)},
		{"doubles", "'nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE, 1.7976931348623157e308, 5e-324, '-0'::DOUBLE", scalar(table.Float64)},
		{"decimals of 4 digits", "99.99::DECIMAL(4,2), -99.99, 0", decimal(4, 2)},
		{"decimals of 9 digits", "999999999::DECIMAL(9,0), -999999999, 0", decimal(9, 0)},
		{"decimals of 18 digits", "9999999999999999.99::DECIMAL(18,2), -9999999999999999.99, 0.01", decimal(18, 2)},
		{"decimals of 19 digits", "9999999999999999999::DECIMAL(19,0), -9999999999999999999, -1, 0", decimal(19, 0)},
		{"decimals of 38 digits", "'99999999999999999999999999999999999999'::DECIMAL(38,0), '-99999999999999999999999999999999999999', '-1', '0'", decimal(38, 0)},
		{"decimals of 38 digits behind the point", "'0.99999999999999999999999999999999999999'::DECIMAL(38,38), '-0.00000000000000000000000000000000000001', '0'", decimal(38, 38)},
		{"strings", `'', ' ', 'a', chr(0)||'x', '"', e'\r\n', '日本語', '😀'`, scalar(table.String)},
		{"strings over the length of statistics", "'a', repeat('long', 65), 'b'", scalar(table.String)},
		{"strings of which the greatest is over the length of statistics", "'a', repeat('long', 65)", scalar(table.String)},
		{"blobs", `''::BLOB, '\x00\xFF'::BLOB, '\x80'::BLOB`, scalar(table.Blob)},
		{"UUIDs", "'00000000-0000-0000-0000-000000000000'::UUID, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID, '7fffffff-0000-0000-0000-000000000001'::UUID, '80000000-0000-0000-0000-000000000001'::UUID", scalar(table.UUID)},
		{"dates before 1582 and after 9999", "'0001-01-01'::DATE, '1582-10-14'::DATE, '1969-12-31'::DATE, '1970-01-01'::DATE, '12345-06-07'::DATE, '0044-03-15 (BC)'::DATE", scalar(table.Date)},
		{"times", "'00:00:00'::TIME, '23:59:59.999999'::TIME, '05:41:59.25'::TIME", scalar(table.Time)},
		{"timestamps", "'1969-12-31 23:59:59.999999'::TIMESTAMP, '0001-01-01 00:00:00'::TIMESTAMP, '9999-12-31 23:59:59.999999'::TIMESTAMP", micros},
		{"timestamps in seconds", "'1969-12-31 23:59:59'::TIMESTAMP_S, '9999-12-31 23:59:59'::TIMESTAMP_S", seconds},
		{"timestamps in milliseconds", "'1969-12-31 23:59:59.999'::TIMESTAMP_MS, '9999-12-31 23:59:59.999'::TIMESTAMP_MS", millis},
		{"timestamps in nanoseconds", "'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS, '2262-01-01 00:00:00.000000001'::TIMESTAMP_NS", nanos},
		{"timestamps with zone", "'2026-11-24 03:00:00+09'::TIMESTAMPTZ, '1969-12-31 23:59:59.999999+00'::TIMESTAMPTZ", scalar(table.TimestampTZ)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDuck(t)
			schema := table.Schema{{Name: "v", Type: c.typ}}
			values := "unnest([" + c.values + "])"
			for name, list := range map[string]string{
				"alone":             values,
				"with a NULL first": "unnest([NULL, " + c.values + "])",
				"with a NULL last":  "unnest([" + c.values + ", NULL])",
				"with NULLs inside": "unnest(list_transform(range(500), lambda i: CASE WHEN i % 3 <> 1 THEN [" + c.values + "][1 + i % 5] END))",
				"many":              "unnest(list_transform(range(21000), lambda i: [" + c.values + "][1 + i % len([" + c.values + "])]))",
			} {
				t.Run(name, func(t *testing.T) {
					path := d.roundTrip(t, schema, "SELECT "+list+" AS v")
					requireStatisticsAgree(t, d, path, "v", c.typ)
				})
			}
			path := d.roundTrip(t, schema, "SELECT ["+c.values+"][99] AS v FROM range(3)")
			require.Equal(t, "3", d.text(t, fmt.Sprintf("SELECT stats_null_count FROM parquet_metadata('%s')", path)))
		})
	}
}

func TestParquetKeepsTheBitsOfFloats(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	path := d.roundTrip(t, table.Schema{{Name: "v", Type: scalar(table.Float64)}}, "SELECT unnest(['-0'::DOUBLE, 0.0, 'nan']) AS v")
	require.Equal(t, [][]string{{"-0"}, {"0"}, {"NaN"}}, d.texts(t, "FROM '"+path+"'"))
}

func TestParquetTypesKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	for _, c := range []struct {
		typ            table.Type
		duck, physical string
	}{
		{scalar(table.Bool), "BOOLEAN", "BOOLEAN"},
		{scalar(table.Int8), "TINYINT", "INT32"},
		{scalar(table.Uint16), "USMALLINT", "INT32"},
		{scalar(table.Uint32), "UINTEGER", "INT32"},
		{scalar(table.Uint64), "UBIGINT", "INT64"},
		{scalar(table.Float32), "FLOAT", "FLOAT"},
		{decimal(4, 1), "DECIMAL(4,1)", "INT32"},
		{decimal(9, 1), "DECIMAL(9,1)", "INT32"},
		{decimal(10, 1), "DECIMAL(10,1)", "INT64"},
		{decimal(18, 18), "DECIMAL(18,18)", "INT64"},
		{decimal(19, 0), "DECIMAL(19,0)", "FIXED_LEN_BYTE_ARRAY 9"},
		{decimal(38, 10), "DECIMAL(38,10)", "FIXED_LEN_BYTE_ARRAY 16"},
		{scalar(table.String), "VARCHAR", "BYTE_ARRAY"},
		{scalar(table.Enum), "VARCHAR", "BYTE_ARRAY"},
		{scalar(table.JSON), "JSON", "BYTE_ARRAY"},
		{scalar(table.Blob), "BLOB", "BYTE_ARRAY"},
		{scalar(table.UUID), "UUID", "FIXED_LEN_BYTE_ARRAY 16"},
		{scalar(table.Date), "DATE", "INT32"},
		{scalar(table.Time), "TIME", "INT64"},
		{scalar(table.Timestamp), "TIMESTAMP", "INT64"},
		{table.Type{Kind: table.Timestamp, Unit: table.Nano}, "TIMESTAMP_NS", "INT64"},
		{scalar(table.TimestampTZ), "TIMESTAMP WITH TIME ZONE", "INT64"},
		{listOf(scalar(table.Int8)), "TINYINT[]", ""},
		{mapOf(scalar(table.String), decimal(20, 2)), "MAP(VARCHAR, DECIMAL(20,2))", ""},
		{structOf(table.Field{Name: "a b", Type: scalar(table.Date)}), `STRUCT("a b" DATE)`, ""},
	} {
		t.Run(c.typ.String(), func(t *testing.T) {
			path := d.write(t, encode(t, table.Schema{{Name: "v", Type: c.typ}}, nil, "snappy", 1))
			require.Equal(t, c.duck, d.texts(t, "DESCRIBE FROM '"+path+"'")[0][1])
			require.Equal(t, "0", d.text(t, "SELECT count(*) FROM '"+path+"'"))
			if c.physical != "" {
				physical := "SELECT type || coalesce(' ' || type_length, '') FROM parquet_schema('" + path + "') WHERE name = 'v'"
				require.Equal(t, c.physical, d.text(t, physical))
			}
			require.Equal(t, "OPTIONAL", d.text(t, "SELECT repetition_type FROM parquet_schema('"+path+"') WHERE name = 'v'"))
			require.Equal(t, "consign", d.text(t, "SELECT created_by FROM parquet_file_metadata('"+path+"')"))
		})
	}
}

func TestParquetRefusesTypesWithTheCastToWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ  table.Type
		want string
	}{
		{scalar(table.HugeInt), "HUGEINT has no Parquet type: cast it to DECIMAL(38,0), or to VARCHAR"},
		{scalar(table.UHugeInt), "UHUGEINT has no Parquet type: cast it to DECIMAL(38,0), or to VARCHAR"},
		{scalar(table.Interval), "INTERVAL has no Parquet type that keeps its value: cast it to VARCHAR"},
		{listOf(scalar(table.HugeInt)), "HUGEINT has"},
		{mapOf(scalar(table.Interval), scalar(table.Int8)), "INTERVAL has"},
		{mapOf(scalar(table.Int8), scalar(table.Interval)), "INTERVAL has"},
		{structOf(table.Field{Name: "a", Type: scalar(table.HugeInt)}), `field "a": HUGEINT has`},
		{structOf(), "a STRUCT without fields has no Parquet type"},
		{table.Type{}, "the column has no type"},
	} {
		t.Run(c.typ.String(), func(t *testing.T) {
			t.Parallel()
			require.Contains(t, parquetRefusal(c.typ), c.want)
			_, err := Options{FileFormat: FormatParquet}.Schema(table.Schema{{Name: "v", Type: c.typ}})
			require.ErrorIs(t, err, ErrUnsupportedType)
			require.ErrorContains(t, err, `column "v"`)
		})
	}
	require.Empty(t, parquetRefusal(listOf(scalar(table.Int64))))
}

func TestParquetValuesWithoutAParquetValueNameRowAndColumn(t *testing.T) {
	t.Parallel()
	seconds := table.Type{Kind: table.Timestamp, Unit: table.Second}
	for _, c := range []struct {
		name string
		typ  table.Type
		bad  table.Vector // the row that cannot be written
	}{
		{"an infinite date", scalar(table.Date), table.Vector{I32: []int32{table.DateInfinity}}},
		{"a date of minus infinity", scalar(table.Date), table.Vector{I32: []int32{table.DateNegInfinity}}},
		{"an infinite timestamp", scalar(table.Timestamp), table.Vector{I64: []int64{table.TimestampInfinity}}},
		{"a timestamp with zone of minus infinity", scalar(table.TimestampTZ), table.Vector{I64: []int64{table.TimestampNegInfinity}}},
		{"seconds that do not fit", seconds, table.Vector{I64: []int64{table.TimestampInfinity/1000 + 1}}},
		{"the end of the day", scalar(table.Time), table.Vector{I64: []int64{microsPerDay}}},
		{"a time before the day", scalar(table.Time), table.Vector{I64: []int64{-1}}},
		{"the end of the day in a list", listOf(scalar(table.Time)), table.Vector{
			Entries: []table.Entry{{Length: 2}}, Children: []table.Vector{{I64: []int64{microsPerDay - 1, microsPerDay}}},
		}},
		{"an infinite date in a list", listOf(scalar(table.Date)), table.Vector{
			Entries: []table.Entry{{Length: 2}}, Children: []table.Vector{{I32: []int32{1, table.DateInfinity}}},
		}},
		{"a NULL key", mapOf(scalar(table.Int8), scalar(table.Int8)), table.Vector{
			Entries: []table.Entry{{Length: 1}}, Children: []table.Vector{{Valid: []uint64{0}, I8: []int8{1}}, {I8: []int8{1}}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			schema := table.Schema{{Name: "fine", Type: scalar(table.Bool)}, {Name: "bad", Type: c.typ}}
			e, err := newParquetEncoder(io.Discard, schema, Options{ParquetCompression: CompressionNone, Threads: 2})
			require.NoError(t, err)
			empty := c.bad
			empty.Valid = []uint64{0}
			var released atomic.Int32
			free := func() { released.Add(1) }
			require.NoError(t, e.write(&table.Batch{Rows: 1, Columns: []table.Vector{{Bools: []bool{true}}, empty}, Free: free}, 41))
			require.NoError(t, e.write(&table.Batch{Rows: 1, Columns: []table.Vector{{Bools: []bool{true}}, c.bad}, Free: free}, 42))
			err = e.close()
			var bad *UnwritableValue
			require.ErrorAs(t, err, &bad)
			require.ErrorIs(t, err, ErrUnwritableValue)
			require.Equal(t, int64(42), bad.Row)
			require.Equal(t, "bad", bad.Column)
			require.NotEmpty(t, bad.Reason)
			require.Equal(t, int32(2), released.Load())
		})
	}
}

func TestParquetOfManyRowsHasRowGroupsOfAMillion(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	schema := table.Schema{{Name: "v", Type: scalar(table.Int64)}}
	path := d.write(t, encode(t, schema, counting(1_000_001), "none", 2))
	require.Equal(t, [][]string{{"1000000"}, {"1"}}, d.texts(t, "SELECT row_group_num_rows FROM parquet_metadata('"+path+"')"))
	require.Equal(t, [][]string{{"1000001", "500000500000", "true"}}, d.texts(t,
		"SELECT count(*), sum(v), bool_and(v = file_row_number) FROM read_parquet('"+path+"', file_row_number=true)"))
	require.Equal(t, "123456", d.text(t, "SELECT v FROM '"+path+"' WHERE v = 123456"))
}

// counting returns batches of one column that counts from 0.
func counting(rows int) []*table.Batch {
	var out []*table.Batch
	for first := 0; first < rows; first += table.BatchRows {
		n := min(table.BatchRows, rows-first)
		v := make([]int64, n)
		for i := range v {
			v[i] = int64(first + i)
		}
		out = append(out, &table.Batch{Rows: n, Columns: []table.Vector{{I64: v}}})
	}
	return out
}

func TestParquetOfLongValuesHasSmallerRowGroups(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	schema := table.Schema{{Name: "v", Type: scalar(table.String)}}
	const long = 1 << 20
	batch := func() *table.Batch {
		v := table.Vector{Strings: make([]string, 40)}
		for i := range v.Strings {
			v.Strings[i] = strings.Repeat(string(rune('a'+i%26)), long)
		}
		return &table.Batch{Rows: len(v.Strings), Columns: []table.Vector{v}}
	}
	path := d.write(t, encode(t, schema, []*table.Batch{batch(), batch()}, "snappy", 2))
	require.Equal(t, [][]string{{"64"}, {"16"}}, d.texts(t, "SELECT row_group_num_rows FROM parquet_metadata('"+path+"')"))
	require.Equal(t, [][]string{{"80", "true"}}, d.texts(t, "SELECT count(*), bool_and(length(v) = 1048576) FROM '"+path+"'"))
	require.Equal(t, [][]string{{"NULL", "NULL"}, {"NULL", "NULL"}}, d.texts(t,
		"SELECT stats_min_value, stats_max_value FROM parquet_metadata('"+path+"')"))
}

func TestParquetBytesDependOnRowsAndOptionsAlone(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	schema := table.Schema{
		{Name: "i", Type: scalar(table.Int64)},
		{Name: "few", Type: scalar(table.String)},
		{Name: "many", Type: scalar(table.String)},
		{Name: "l", Type: listOf(scalar(table.String))},
		{Name: "d", Type: scalar(table.Float64)},
	}
	query := `SELECT i, CASE WHEN i % 7 > 0 THEN 'v' || i % 40 END AS few, repeat('x', (i % 300)::INT) || i AS many,
		CASE WHEN i % 5 > 0 THEN list_transform(range(i % 5), lambda e: 'e' || e * i) END AS l, i % 10 / 4 AS d FROM range(60000) t(i)`
	all := d.batches(t, schema, query, 60_000)[0]
	for _, compression := range compressions {
		t.Run(compression, func(t *testing.T) {
			want := encode(t, schema, cutEvery(all, table.BatchRows), compression, 1)
			d.same(t, query, d.write(t, want))
			for _, c := range [][2]int{{2, table.BatchRows}, {1, 1000}, {7, 333}} {
				again := encode(t, schema, cutEvery(all, c[1]), compression, c[0])
				require.True(t, bytes.Equal(want, again), "%d threads, batches of %d", c[0], c[1])
			}
		})
	}
}

// cutEvery returns a batch in pieces of so many rows.
func cutEvery(b *table.Batch, rows int) []*table.Batch {
	var out []*table.Batch
	for from := 0; from < b.Rows; from += rows {
		out = append(out, sliceBatch(b, from, min(from+rows, b.Rows)))
	}
	return out
}

func TestParquetOf600Columns(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	var schema table.Schema
	var list []string
	for i := range 600 {
		typ, text := scalar(table.Int32), "(i*%[1]d)::INTEGER AS c%[1]d"
		if i%3 == 0 {
			typ, text = scalar(table.String), "CASE WHEN i %% 5 > 0 THEN 'v'||(i*%[1]d) END AS c%[1]d"
		}
		schema = append(schema, table.Column{Name: fmt.Sprintf("c%d", i), Type: typ})
		list = append(list, fmt.Sprintf(text, i))
	}
	d.roundTrip(t, schema, "SELECT "+strings.Join(list, ",")+" FROM range(1000) t(i)")
}

func TestParquetReadsBackWithEveryCompression(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	schema := table.Schema{{Name: "v", Type: scalar(table.String)}}
	query := "SELECT 'value ' || i AS v FROM range(5000) t(i)"
	for compression, name := range map[string]string{"snappy": "SNAPPY", "": "SNAPPY", "zstd": "ZSTD", "none": "UNCOMPRESSED"} {
		path := d.write(t, encode(t, schema, d.batches(t, schema, query, 2048), compression, 2))
		d.same(t, query, path)
		require.Equal(t, name, d.text(t, "SELECT compression FROM parquet_metadata('"+path+"')"))
	}
}

// A brokenWriter takes so many bytes and then no more.
type brokenWriter struct{ room int }

var errFull = errors.New("disk full")

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.room -= len(b); w.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestParquetGivesBatchesBackWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]int{"at once": 0, "in the first row group": 100, "later": 9_000_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := newParquetEncoder(&brokenWriter{room}, table.Schema{{Name: "v", Type: scalar(table.Int64)}}, Options{Threads: 2, ParquetCompression: CompressionNone})
			require.NoError(t, err)
			var kept atomic.Int32
			for _, b := range counting(2_100_000) {
				kept.Add(1)
				b.Free = func() { kept.Add(-1) }
				err = errors.Join(err, e.write(b, 1))
			}
			require.ErrorIs(t, errors.Join(err, e.close()), errFull)
			require.Zero(t, kept.Load())
		})
	}
}

func TestParquetThatIsAbortedGivesBatchesBack(t *testing.T) {
	t.Parallel()
	e, err := newParquetEncoder(io.Discard, table.Schema{{Name: "v", Type: scalar(table.Int64)}}, Options{Threads: 2, ParquetCompression: CompressionNone})
	require.NoError(t, err)
	var kept atomic.Int32
	for _, b := range counting(100_000) {
		kept.Add(1)
		b.Free = func() { kept.Add(-1) }
		require.NoError(t, e.write(b, 1))
	}
	e.abort()
	require.Zero(t, kept.Load())
}

func TestParquetSizeIsKnownBeforeTheFileIsClosed(t *testing.T) {
	t.Parallel()
	var want []int64
	for _, threads := range []int{1, 4} {
		var out bytes.Buffer
		e, err := newParquetEncoder(&out, table.Schema{{Name: "v", Type: scalar(table.Int64)}},
			Options{SplitMegabytes: 4, Threads: threads, ParquetCompression: CompressionSnappy})
		require.NoError(t, err)
		var sizes []int64
		for i, b := range counting(1_000_000) {
			require.NoError(t, e.write(b, int64(i*table.BatchRows)+1))
			sizes = append(sizes, e.size())
		}
		require.IsIncreasing(t, sizes[len(sizes)/2:])
		last := sizes[len(sizes)-1]
		require.NoError(t, e.close())
		require.InEpsilon(t, out.Len(), last, 0.05)
		if want == nil {
			want = sizes
		}
		require.Equal(t, want, sizes, "with any number of threads")
	}
}
