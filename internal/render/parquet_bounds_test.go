package render

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// requireStatisticsAgree compares what the file says about a column with what DuckDB finds in it, and the page index
// with the values of each page as parquet-go reads them.
func requireStatisticsAgree(t *testing.T, d duck, path, column string, typ table.Type) {
	t.Helper()
	groups := d.texts(t, fmt.Sprintf(`SELECT stats_min_value, stats_max_value, stats_null_count, num_values
		FROM parquet_metadata('%s')`, path))
	require.Len(t, groups, 1)
	said := groups[0]
	cast := d.texts(t, "DESCRIBE FROM '"+path+"'")[0][1]
	found := d.texts(t, fmt.Sprintf(`SELECT min(%[1]s)::VARCHAR, max(%[1]s)::VARCHAR, count(*) - count(%[1]s), count(*),
		coalesce(bool_or(%[2]s), false), greatest(strlen(min(%[1]s)::VARCHAR), strlen(max(%[1]s)::VARCHAR)) > 256 FROM '%[3]s'`, column, nanTest(typ, column), path))[0]
	require.Equal(t, found[2:4], said[2:4])
	if found[4] == "true" || found[5] == "true" {
		require.Equal(t, []string{"NULL", "NULL"}, said[:2], "bounds of NaN, or too long")
	} else {
		same := fmt.Sprintf(`SELECT min(%[1]s) = '%[3]s'::%[2]s AND max(%[1]s) = '%[4]s'::%[2]s FROM '%[5]s'`,
			column, cast, strings.ReplaceAll(said[0], "'", "''"), strings.ReplaceAll(said[1], "'", "''"), path)
		require.Equal(t, "true", d.text(t, same), same)
	}
	requirePageIndexAgrees(t, path)
}

func nanTest(typ table.Type, column string) string {
	if typ.Kind == table.Float32 || typ.Kind == table.Float64 {
		return "isnan(" + column + ")"
	}
	return "false"
}

// requirePageIndexAgrees checks every page of a file against the bounds that the page index gives for it.
func requirePageIndexAgrees(t *testing.T, path string) (pages int) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	for _, g := range f.RowGroups() {
		for _, c := range g.ColumnChunks() {
			pages += requireChunkIndexAgrees(t, c)
		}
	}
	return pages
}

func requireChunkIndexAgrees(t *testing.T, c parquet.ColumnChunk) int {
	t.Helper()
	index, err := c.ColumnIndex()
	if err != nil {
		require.ErrorIs(t, err, parquet.ErrMissingColumnIndex)
		index = nil
	}
	offsets, err := c.OffsetIndex()
	require.NoError(t, err)
	pages := c.Pages()
	defer func() { _ = pages.Close() }()
	row := int64(0)
	for i := range offsets.NumPages() {
		if i > 0 {
			require.Equal(t, offsets.Offset(i-1)+offsets.CompressedPageSize(i-1), offsets.Offset(i))
		}
		p, err := pages.ReadPage()
		require.NoError(t, err)
		require.Equal(t, row, offsets.FirstRowIndex(i))
		row += p.NumRows()
		if index == nil {
			continue
		}
		require.Equal(t, p.NumNulls(), index.NullCount(i))
		require.Equal(t, p.NumNulls() == p.NumValues(), index.NullPage(i))
		values := make([]parquet.Value, p.NumValues())
		_, _ = p.Values().ReadValues(values)
		for _, v := range values {
			if !v.IsNull() {
				require.LessOrEqual(t, compareValues(c.Type(), index.MinValue(i), v), 0)
				require.GreaterOrEqual(t, compareValues(c.Type(), index.MaxValue(i), v), 0)
			}
		}
	}
	return offsets.NumPages()
}

// compareValues is parquet-go's order, but for decimals in byte arrays, of which it overlooks the sign.
func compareValues(typ parquet.Type, a, b parquet.Value) int {
	if _, ok := decimalType(typ); ok && typ.Kind() == parquet.FixedLenByteArray {
		return bytes.Compare(turned(a.ByteArray()), turned(b.ByteArray()))
	}
	return typ.Compare(a, b)
}

func decimalType(typ parquet.Type) (*format.DecimalType, bool) {
	logical := typ.LogicalType()
	if logical == nil {
		return nil, false
	}
	decimal, ok := logical.Value.(*format.DecimalType)
	return decimal, ok
}

func turned(b []byte) []byte {
	b = bytes.Clone(b)
	b[0] ^= 0x80
	return b
}

func TestParquetPageIndexAgreesOverManyPages(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	schema := table.Schema{
		{Name: "rising", Type: scalar(table.Int64)},
		{Name: "falling", Type: scalar(table.Int32)},
		{Name: "text", Type: scalar(table.String)},
		{Name: "few", Type: scalar(table.String)},
		{Name: "gaps", Type: scalar(table.UUID)},
		{Name: "list", Type: listOf(decimal(20, 0))},
	}
	query := `SELECT i AS rising, (-i)::INTEGER AS falling, repeat('é', (i % 90)::INT) || i AS text, 'f' || i % 9 AS few,
		CASE WHEN i > 30000 THEN md5(i::VARCHAR)::UUID END AS gaps, [i * -1e15, NULL, i]::DECIMAL(20,0)[] AS list FROM range(45000) t(i)`
	path := d.roundTrip(t, schema, query)
	require.Greater(t, requirePageIndexAgrees(t, path), 6*2)
	require.Equal(t, "44000", d.text(t, "SELECT rising FROM '"+path+"' WHERE rising = 44000"))
}

func TestParquetBoundsThatAreCutStayBounds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 63)
	for _, c := range []struct {
		name, min, max, lower, upper string
		text                         bool
	}{
		{"short ones are exact", "a", "b", "a", "b", true},
		{"a byte is raised", long + "yz", long + "yz", long + "y", long + "z", false},
		{"a full byte is dropped and the one before it raised", long + "\xFF\x01", long + "\xFF\x01", long + "\xFF", long[:62] + "y", false},
		{"a character is raised", long + "yz", long + "yz", long + "y", long + "z", true},
		{"a character is not cut in two", long + "éz", long + "éz", long, long[:62] + "y", true},
		{"a long character is raised as a whole", strings.Repeat("日", 30), strings.Repeat("日", 30), strings.Repeat("日", 21), strings.Repeat("日", 20) + "旦", true},
		{"no surrogate comes out", long[:61] + "\uD7FFz", long[:61] + "\uD7FFz", long[:61] + "\uD7FF", long[:61] + "\uE000", true},
		{"the last character gives way to the one before it", "a" + strings.Repeat("\U0010FFFF", 20), "a" + strings.Repeat("\U0010FFFF", 20), "a" + strings.Repeat("\U0010FFFF", 15), "b", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := pageBounds{min: []byte(c.min), max: []byte(c.max), ok: true}
			require.True(t, b.cut(c.text))
			require.Equal(t, c.lower, string(b.min))
			require.Equal(t, c.upper, string(b.max))
			require.LessOrEqual(t, string(b.min), c.min)
			require.GreaterOrEqual(t, string(b.max), c.max)
		})
	}
	highest := pageBounds{min: []byte{}, max: bytes.Repeat([]byte{0xFF}, 100), ok: true}
	require.False(t, highest.cut(false), "nothing short is greater")
}

func TestParquetBoundaryOrder(t *testing.T) {
	t.Parallel()
	leaf := &parquetLeaf{physical: format.Int32}
	page := func(lo, hi int32) pageSummary {
		return pageSummary{bounds: pageBounds{ok: true, min: put32(nil, []int32{lo}), max: put32(nil, []int32{hi})}}
	}
	for _, c := range []struct {
		name  string
		pages []pageSummary
		want  format.BoundaryOrder
	}{
		{"rising, with a page of NULLs between", []pageSummary{page(-5, 1), {}, page(1, 2)}, format.Ascending},
		{"falling", []pageSummary{page(5, 9), page(-1, 5)}, format.Descending},
		{"neither", []pageSummary{page(5, 9), page(-1, 10)}, format.Unordered},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, (&columnChunk{pages: c.pages}).boundaryOrder(leaf))
		})
	}
}

func TestParquetZerosAreBoundsOfBothSigns(t *testing.T) {
	t.Parallel()
	s := newValueStore(&parquetLeaf{physical: format.Double, order: floatOrder, typ: scalar(table.Float64)})
	_, _ = s.add(&table.Vector{F64: []float64{0}}, rowsOf{lo: 0, hi: 1})
	b := s.bounds()
	require.Equal(t, byte(0x80), b.min[7], "-0.0")
	require.Equal(t, byte(0), b.max[7], "+0.0")
}

func TestParquetSaysNothingAboutTheBoundsOfNaN(t *testing.T) {
	t.Parallel()
	w, err := newPageWriter(CompressionNone, 1)
	require.NoError(t, err)
	for _, typ := range []table.Type{scalar(table.Float32), scalar(table.Float64)} {
		leaf := newLeafWriter(newParquetSchema(table.Schema{{Name: "v", Type: typ}}).leaves[0], w)
		nan := math.NaN()
		bad, err := leaf.addFlat(&table.Vector{F32: []float32{1, float32(nan), 2}, F64: []float64{1, nan, 2}}, 0, 3)
		require.NoError(t, err)
		require.Nil(t, bad)
		c, err := leaf.finish()
		require.NoError(t, err)
		require.True(t, c.noIndex)
		require.Equal(t, format.Statistics{}, c.bounds.statistics(0))
	}
}

func TestParquetComparesLikeTheFormat(t *testing.T) {
	t.Parallel()
	small, large := func(i int32) []byte { return put32(nil, []int32{i}) }, func(i int64) []byte { return put64(nil, []int64{i}) }
	for _, c := range []struct {
		name          string
		leaf          parquetLeaf
		less, greater []byte
	}{
		{"32 bits", parquetLeaf{physical: format.Int32}, small(-1), small(1)},
		{"32 bits unsigned", parquetLeaf{physical: format.Int32, order: unsignedOrder}, small(1), small(-1)},
		{"64 bits", parquetLeaf{physical: format.Int64}, large(-1), large(1)},
		{"64 bits unsigned", parquetLeaf{physical: format.Int64, order: unsignedOrder}, large(1), large(-1)},
		{"floats", parquetLeaf{physical: format.Float, order: floatOrder}, small(bitsOf[int32](-2)), small(bitsOf[int32](-1))},
		{"doubles", parquetLeaf{physical: format.Double, order: floatOrder}, large(bitsOf[int64](-2)), large(bitsOf[int64](-1))},
		{"wide decimals", parquetLeaf{physical: format.FixedLenByteArray, width: 2}, []byte{0xFF, 0xFF}, []byte{0, 1}},
		{"negative wide decimals", parquetLeaf{physical: format.FixedLenByteArray, width: 2}, []byte{0xFF, 0xFE}, []byte{0xFF, 0xFF}},
		{"UUIDs", parquetLeaf{physical: format.FixedLenByteArray, order: bytesOrder}, []byte{0, 1}, []byte{0xFF, 0xFF}},
		{"strings", parquetLeaf{physical: format.ByteArray, order: bytesOrder}, []byte("z"), []byte("é")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Negative(t, c.leaf.compare(c.less, c.greater))
			require.Positive(t, c.leaf.compare(c.greater, c.less))
			require.Zero(t, c.leaf.compare(c.less, c.less))
		})
	}
}
