package source_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
	"consign/internal/table"
)

// inDatabase opens a database file that the statements made.
func inDatabase(tb testing.TB, statements ...string) source.Source {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "test.duckdb")
	generate(tb, path, statements...)
	s, err := source.Open(tb.Context(), source.Options{Type: source.TypeDuckDB, Database: path, Threads: 2, TempDir: tb.TempDir()})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// requireSame checks every column of the query's result against the engine's own cast of it to text.
func requireSame(t *testing.T, s source.Source, from string, rows int) {
	t.Helper()
	schema, err := s.Describe(t.Context(), "SELECT * FROM "+from)
	require.NoError(t, err)
	for _, c := range schema {
		got := texts(t, s, fmt.Sprintf(`SELECT "%s", coalesce("%s"::VARCHAR, 'NULL') FROM %s`, c.Name, c.Name, from))
		require.Len(t, got, rows, c.Name)
		for i, row := range got {
			require.Equal(t, row[1], row[0], "column %s %s, row %d", c.Name, c.Type, i)
		}
	}
}

func TestEveryTypeIsReadWithItsSmallestAndGreatestValueAndNULL(t *testing.T) {
	t.Parallel()
	s := inDatabase(t, "CREATE TABLE a AS SELECT * EXCLUDE (bignum, time_tz, bit, \"union\", time_ns, geometry) FROM test_all_types()")
	requireSame(t, s, "(SELECT * EXCLUDE timestamp_tz FROM a)", 3)
	// The engine's text of the last zoned timestamp is wrong by a millisecond: its calendar counts in floats.
	for i, row := range texts(t, s, "SELECT timestamp_tz, coalesce(make_timestamp(epoch_us(timestamp_tz))::VARCHAR || '+00', 'NULL') FROM a") {
		require.Equal(t, row[1], row[0], "row %d", i)
	}
}

func TestEveryTypeHasItsName(t *testing.T) {
	t.Parallel()
	s := inDatabase(t, "CREATE TABLE a AS SELECT * EXCLUDE (bignum, time_tz, bit, \"union\", time_ns, geometry) FROM test_all_types()",
		"CREATE TYPE email AS VARCHAR", "CREATE TABLE b AS SELECT 'x'::email AS e, '{}'::JSON AS j, NULL AS n, MAP {1: {'a': [1.5]}} AS m, [uuid()] AS u")
	var got []string
	for _, sql := range []string{"SELECT * EXCLUDE (medium_enum, large_enum) FROM a", "FROM b"} {
		schema, err := s.Describe(t.Context(), sql)
		require.NoError(t, err)
		for _, c := range schema {
			got = append(got, c.Name+" "+c.Type.String())
		}
	}
	require.Equal(t, []string{
		"bool BOOLEAN", "tinyint TINYINT", "smallint SMALLINT", "int INTEGER", "bigint BIGINT", "hugeint HUGEINT", "uhugeint UHUGEINT",
		"utinyint UTINYINT", "usmallint USMALLINT", "uint UINTEGER", "ubigint UBIGINT", "date DATE", "time TIME", "timestamp TIMESTAMP",
		"timestamp_s TIMESTAMP_S", "timestamp_ms TIMESTAMP_MS", "timestamp_ns TIMESTAMP_NS", "timestamp_tz TIMESTAMP WITH TIME ZONE",
		"float FLOAT", "double DOUBLE", "dec_4_1 DECIMAL(4,1)", "dec_9_4 DECIMAL(9,4)", "dec_18_6 DECIMAL(18,6)", "dec38_10 DECIMAL(38,10)",
		"uuid UUID", "interval INTERVAL", "varchar VARCHAR", "blob BLOB", "small_enum ENUM", "int_array INTEGER[]", "double_array DOUBLE[]",
		"date_array DATE[]", "timestamp_array TIMESTAMP[]", "timestamptz_array TIMESTAMP WITH TIME ZONE[]", "varchar_array VARCHAR[]",
		"nested_int_array INTEGER[][]", `struct STRUCT("a" INTEGER, "b" VARCHAR)`, `struct_of_arrays STRUCT("a" INTEGER[], "b" VARCHAR[])`,
		`array_of_structs STRUCT("a" INTEGER, "b" VARCHAR)[]`, "map MAP(VARCHAR, VARCHAR)", "fixed_int_array INTEGER[]", "fixed_varchar_array VARCHAR[]",
		"fixed_nested_int_array INTEGER[][]", "fixed_nested_varchar_array VARCHAR[][]", `fixed_struct_array STRUCT("a" INTEGER, "b" VARCHAR)[]`,
		`struct_of_fixed_array STRUCT("a" INTEGER[], "b" VARCHAR[])`, "fixed_array_of_int_list INTEGER[][]", "list_of_fixed_int_array INTEGER[][]",
		"e VARCHAR", "j JSON", "n INTEGER", `m MAP(INTEGER, STRUCT("a" DECIMAL(2,1)[]))`, "u UUID[]",
	}, got)
}

func TestATypeThatNoFileCanHoldIsRefusedWithItsCast(t *testing.T) {
	t.Parallel()
	s := inDatabase(t, `CREATE TABLE a AS SELECT * FROM test_all_types()`, `CREATE TABLE b AS SELECT [bit] AS "in ""list""", {'x': bit} AS s, MAP {1: bit} AS m FROM a`)
	for column, want := range map[string]string{
		`bit FROM a`:            `column "bit": unsupported column type BIT; write CAST("bit" AS VARCHAR) AS "bit" in the query`,
		`time_tz FROM a`:        `column "time_tz": unsupported column type TIME WITH TIME ZONE; write CAST("time_tz" AS VARCHAR) AS "time_tz" in the query`,
		`time_ns FROM a`:        `column "time_ns": unsupported column type TIME_NS; write CAST("time_ns" AS TIME) AS "time_ns" in the query`,
		`"union" FROM a`:        `column "union": unsupported column type UNION; write CAST("union" AS VARCHAR) AS "union" in the query`,
		`bignum FROM a`:         `column "bignum": unsupported column type BIGNUM; write CAST("bignum" AS VARCHAR) AS "bignum" in the query`,
		`"in ""list""" FROM b`:  `column "in \"list\"": unsupported column type BIT; write CAST("in ""list""" AS VARCHAR) AS "in ""list""" in the query`,
		`s FROM b`:              `column "s": unsupported column type BIT; write CAST("s" AS VARCHAR) AS "s" in the query`,
		`m FROM b`:              `column "m": unsupported column type BIT; write CAST("m" AS VARCHAR) AS "m" in the query`,
		`row(1, 2) AS r FROM a`: `column "r": unsupported column type STRUCT with unnamed fields; name them: {'a': 1} instead of row(1)`,
	} {
		_, err := s.Describe(t.Context(), "SELECT "+column)
		require.ErrorIs(t, err, source.ErrUnsupportedType)
		require.EqualError(t, err, want)
		_, err = s.Query(t.Context(), "SELECT "+column)
		require.ErrorIs(t, err, source.ErrUnsupportedType)
	}
	require.Equal(t, [][]string{{"0010001001011100010101011010111"}}, texts(t, s, `SELECT CAST("bit" AS VARCHAR) AS "bit" FROM a LIMIT 1`)[:1])
}

// manyRows has every shape of value across several batches: NULL and not, short and long, empty and nested, at the
// borders of a batch too.
const manyRows = `SELECT i,
	CASE WHEN i % 7 <> 0 THEN i END AS some_null,
	NULL::VARCHAR AS all_null,
	repeat('é', i % 9) AS short,
	CASE WHEN i % 3 = 0 THEN 'text number ' || i || repeat('x', i % 50) END AS long,
	'constant of more than twelve bytes' AS constant,
	CASE i % 4 WHEN 0 THEN 'red' WHEN 1 THEN 'a colour with a long name' WHEN 2 THEN '' END AS repeated,
	CASE WHEN i % 5 > 0 THEN range(i % 11) END AS numbers,
	CASE WHEN i % 5 > 0 THEN [repeat('ab', i % 13), NULL, 'c' || i] END AS strings,
	CASE WHEN i % 6 > 0 THEN {'a': CASE WHEN i % 4 > 0 THEN i END, 'b': 'struct ' || i, 'c': [i, NULL]} END AS struct,
	CASE WHEN i % 8 > 0 THEN MAP {'k' || i: i, 'other': NULL} END AS map,
	[{'x': [{'y': i}]}, NULL] AS deep,
	(i * 1.25)::DECIMAL(12, 2) AS amount,
	TIMESTAMP '2020-02-29 12:34:56.789' + to_microseconds(i) AS at,
	md5(i::VARCHAR)::UUID AS id,
	i % 2 = 0 AS even,
	to_days(i::INTEGER) AS since
FROM range(5000) r(i) ORDER BY i`

func TestValuesAreRightAcrossBatches(t *testing.T) {
	t.Parallel()
	generate(t, ":memory:")
	s := overFiles(t, parquet(t, manyRows))
	requireSame(t, s, "t", 5000)
	requireSame(t, s, "(SELECT * FROM t WHERE i % 3 = 1 ORDER BY i DESC)", 1667)
	requireSame(t, s, "(SELECT * FROM t OFFSET 4999)", 1)
	requireSame(t, s, "(SELECT * FROM t WHERE false)", 0)
	requireSame(t, s, "(SELECT i, [i, NULL]::INT[2] AS pair, [['a' || i, NULL]]::VARCHAR[2][1] AS nest, [] AS nothing, (CASE i % 3 WHEN 0 THEN 'x' WHEN 1 THEN 'yy' END)::ENUM('x', 'yy') AS e FROM t)", 5000)
}

func TestARowlessResultHasItsColumns(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	rows, err := s.Query(t.Context(), "SELECT id AS a, 'x' AS b FROM t WHERE id > 1")
	require.NoError(t, err)
	require.Equal(t, table.Schema{{Name: "a", Type: table.Type{Kind: table.Int32}}, {Name: "b", Type: table.Type{Kind: table.String}}}, rows.Schema())
	require.NoError(t, rows.Close())
}
