package render

import (
	"testing"

	"consign/internal/table"
)

func TestParquetNestedValuesReadBack(t *testing.T) {
	t.Parallel()
	number, text := scalar(table.Int32), scalar(table.String)
	field := func(name string, typ table.Type) table.Field { return table.Field{Name: name, Type: typ} }
	for _, c := range []struct {
		name, query string
		typ         table.Type
	}{
		{
			"lists: NULL, empty, with NULLs inside",
			"SELECT unnest([NULL, [], [NULL], [1], [1, NULL, 3], NULL, [], [NULL, NULL]])::INTEGER[] AS v", listOf(number),
		},
		{"lists that are all NULL", "SELECT NULL::INTEGER[] AS v FROM range(3)", listOf(number)},
		{"lists that are all empty", "SELECT []::VARCHAR[] AS v FROM range(3)", listOf(text)},
		{"long lists of strings", "SELECT list_transform(range(i), lambda e: 'e' || e) AS v FROM range(700) t(i)", listOf(text)},
		{
			"lists of lists",
			"SELECT unnest([NULL, [], [NULL], [[]], [[], NULL], [[NULL]], [[1, 2], [], [3, NULL]], [[4]]])::INTEGER[][] AS v",
			listOf(listOf(number)),
		},
		{
			"lists of lists of lists",
			"SELECT unnest([[[[1], [2, 3]], [[]], NULL], NULL, [NULL, [NULL], [[NULL]]], [[[7, 8, 9]]]])::INTEGER[][][] AS v",
			listOf(listOf(listOf(number))),
		},
		{
			"structs: NULL, with NULL fields",
			"SELECT unnest([NULL, {a: 1, b: 'x'}, {a: NULL, b: NULL}, {a: 2, b: NULL}])::STRUCT(a INTEGER, b VARCHAR) AS v",
			structOf(field("a", number), field("b", text)),
		},
		{
			"structs of structs",
			"SELECT unnest([NULL, {s: NULL}, {s: {a: NULL}}, {s: {a: 1}}])::STRUCT(s STRUCT(a INTEGER)) AS v",
			structOf(field("s", structOf(field("a", number)))),
		},
		{
			"lists of structs with lists",
			`SELECT unnest([NULL, [], [NULL], [{a: [1, 2], b: 'x'}, {a: [], b: NULL}, {a: NULL, b: 'y'}, NULL]])::STRUCT(a INTEGER[], b VARCHAR)[] AS v`,
			listOf(structOf(field("a", listOf(number)), field("b", text))),
		},
		{
			"structs with lists and maps",
			`SELECT unnest([{l: [1], m: MAP {'k': [1, NULL]}}, NULL, {l: NULL, m: NULL}, {l: [], m: MAP {}}])::STRUCT(l INTEGER[], m MAP(VARCHAR, INTEGER[])) AS v`,
			structOf(field("l", listOf(number)), field("m", mapOf(text, listOf(number)))),
		},
		{
			"maps: NULL, empty, with NULL values",
			"SELECT unnest([NULL, MAP {}, MAP {'a': 1}, MAP {'a': NULL, 'b': 2}])::MAP(VARCHAR, INTEGER) AS v", mapOf(text, number),
		},
		{
			"maps of maps",
			"SELECT unnest([MAP {1: MAP {'x': 1, 'y': NULL}, 2: NULL, 3: MAP {}}, NULL, MAP {}])::MAP(INTEGER, MAP(VARCHAR, INTEGER)) AS v",
			mapOf(number, mapOf(text, number)),
		},
		{
			"lists of every wide type",
			`SELECT unnest([[{u: 'ffffffff-ffff-ffff-ffff-000000000000'::UUID, d: -1.5, t: TIMESTAMP '1969-12-31 00:00:00', b: true}], NULL])::STRUCT(u UUID, d DECIMAL(38,2), t TIMESTAMP, b BOOLEAN)[] AS v`,
			listOf(structOf(field("u", scalar(table.UUID)), field("d", decimal(38, 2)), field("t", scalar(table.Timestamp)), field("b", scalar(table.Bool)))),
		},
		{
			"lists over many pages",
			"SELECT CASE WHEN i % 11 > 0 THEN list_transform(range(i % 4), lambda e: CASE WHEN e <> 2 THEN (e * i)::INTEGER END) END AS v FROM range(50000) t(i)",
			listOf(number),
		},
		{
			"long lists over many pages",
			"SELECT list_transform(range(3000 + i), lambda e: (e * i)::INTEGER) AS v FROM range(150) t(i)", listOf(number),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDuck(t)
			d.roundTrip(t, table.Schema{{Name: "v", Type: c.typ}}, c.query)
		})
	}
}

// Sources may leave rubbish where a list or struct is NULL.
func TestParquetDoesNotLookBehindNulls(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	far := table.Entry{Offset: 1 << 40, Length: 1 << 40}
	batch := &table.Batch{Rows: 2, Columns: []table.Vector{{
		Valid: []uint64{2}, Entries: []table.Entry{far, {Offset: 0, Length: 1}}, Children: []table.Vector{{I32: []int32{7}}},
	}}}
	schema := table.Schema{{Name: "v", Type: listOf(scalar(table.Int32))}}
	d.same(t, "SELECT unnest([NULL, [7]])::INTEGER[] AS v", d.write(t, encode(t, schema, []*table.Batch{batch}, "none", 1)))
}
