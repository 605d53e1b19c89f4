package source_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/secret"
	"consign/internal/source"
	"consign/internal/source/postgrestest"
	"consign/internal/table"
)

// shared is the server of all the tests: the first that needs it starts it, TestMain stops it.
var shared struct {
	sync.Mutex
	server *postgrestest.Server
}

func postgres() (*postgrestest.Server, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		return shared.server, nil
	}
	server, err := postgrestest.Start(context.Background())
	shared.server = server
	return server, err
}

func TestMain(m *testing.M) {
	defer func() {
		if shared.server != nil {
			shared.server.Stop()
		}
	}()
	m.Run()
}

// psql runs statements by psql.
func psql(tb testing.TB, statements string) string {
	tb.Helper()
	s, err := postgres()
	require.NoError(tb, err)
	out, err := s.SQL(tb.Context(), statements)
	require.NoError(tb, err)
	return out
}

func inPostgres(tb testing.TB, timeout time.Duration) source.Source {
	tb.Helper()
	server, err := postgres()
	require.NoError(tb, err)
	s, err := source.Open(tb.Context(), source.Options{Type: source.TypePostgres, DSN: secret.New(server.DSN()), StatementTimeout: timeout})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// pgTypes are columns by their type, with values: smallest, greatest, everyday. NULL comes by itself.
var pgTypes = []struct{ sql, kind, values string }{
	{"boolean", "BOOLEAN", "false,true"},
	{"smallint", "SMALLINT", "-32768,32767,0"},
	{"integer", "INTEGER", "-2147483648,2147483647,0"},
	{"bigint", "BIGINT", "-9223372036854775808,9223372036854775807,0"},
	{"oid", "UINTEGER", "0,4294967295"},
	{"real", "FLOAT", "-3.4028235e+38,3.4028235e+38,0.5,1.25"},
	{"double precision", "DOUBLE", "-1.7976931348623157e+308,1.7976931348623157e+308,5e-324,0.1"},
	{"numeric(4,1)", "DECIMAL(4,1)", "-999.9,999.9,0.0,0.1,-10.0"},
	{"numeric(4,0)", "DECIMAL(4,0)", "-9999,9999,1000,10"},
	{"numeric(9,4)", "DECIMAL(9,4)", "-99999.9999,99999.9999,0.0001,10000.0000"},
	{"numeric(18,6)", "DECIMAL(18,6)", "-999999999999.999999,999999999999.999999,0.000001"},
	{"numeric(38,10)", "DECIMAL(38,10)", "-9999999999999999999999999999.9999999999,9999999999999999999999999999.9999999999,0.0000000001,1.5000000000"},
	{"numeric(38,0)", "DECIMAL(38,0)", "-99999999999999999999999999999999999999,99999999999999999999999999999999999999,0,10000000000000000000000000000000000000"},
	{"numeric(38,37)", "DECIMAL(38,37)", "-9.9999999999999999999999999999999999999,0.0000000000000000000000000000000000001"},
	{"text", "VARCHAR", ",x,a text of more than twelve bytes,日本語 naïve"},
	{"varchar(20)", "VARCHAR", ",x,élan"},
	{"char(3)", "VARCHAR", "abc,a  "},
	{"name", "VARCHAR", "tables"},
	{`"char"`, "VARCHAR", ",a"},
	{"uuid", "UUID", "00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff,0123cdef-0000-4000-8000-00000000beef"},
	{"date", "DATE", "-infinity,infinity,2000-01-01,1969-12-31,2024-02-29,9999-12-31,0001-01-01"},
	{"time", "TIME", "00:00:00,24:00:00,12:34:56.789012,05:41:59.25"},
	{"timestamp", "TIMESTAMP", "-infinity,infinity,2000-01-01 00:00:00,1969-12-31 23:59:59.999999,0001-01-01 00:00:00,2024-02-29 12:34:56.5"},
	{"timestamptz", "TIMESTAMP WITH TIME ZONE", "-infinity,infinity,2000-01-01 00:00:00+00,1969-12-31 23:59:59.999999+00"},
	{"mood", "ENUM", "glad,so so"},
	{"json", "JSON", `{"a" :  1},null,[]`},
	{"jsonb", "JSON", `{"a": 1},null,[]`},
}

func TestEveryPostgresTypeIsReadAsPsqlShowsIt(t *testing.T) {
	t.Parallel()
	psql(t, "DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('glad', 'so so')")
	s := inPostgres(t, 0)
	for _, c := range pgTypes {
		t.Run(c.sql, func(t *testing.T) {
			t.Parallel()
			rows := []string{"(0, NULL)"}
			for i, v := range strings.Split(c.values, ",") {
				rows = append(rows, fmt.Sprintf("(%d, '%s')", i+1, v), fmt.Sprintf("(%d, NULL)", i+1))
			}
			sql := fmt.Sprintf("SELECT v::%s AS v FROM (VALUES %s) AS t(i, v) ORDER BY i, v IS NULL", c.sql, strings.Join(rows, ", "))
			schema, err := s.Describe(t.Context(), sql)
			require.NoError(t, err)
			require.Equal(t, "v "+c.kind, schema[0].Name+" "+schema[0].Type.String())
			got := []string{}
			for _, row := range texts(t, s, sql) {
				got = append(got, row[0])
			}
			want := psql(t, sql)
			if c.kind == "BOOLEAN" {
				want = strings.NewReplacer("f\n", "false\n", "t\n", "true\n").Replace(want)
			}
			require.Equal(t, want, strings.Join(got, "\n")+"\n")
		})
	}
}

func TestPostgresBytesIntervalsAndArrays(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	require.Equal(t, [][]string{{`\x00\xFFab`, ""}}, texts(t, s, `SELECT '\x00ff6162'::bytea, ''::bytea`))
	require.Equal(t, [][]string{{"1 year 2 months -3 days -04:05:06.5"}}, texts(t, s, "SELECT interval '14 months -3 days -04:05:06.5'"))
	sql := "SELECT ARRAY[1, NULL, 3] AS a, ARRAY[]::text[] AS b, NULL::uuid[] AS c, ARRAY['x', '', NULL] AS d, ARRAY[1.5, NULL]::numeric(5,2)[] AS e, '[5:6]={7,8}'::bigint[] AS f, ARRAY['2020-01-01'::date] AS g FROM generate_series(1, 3)"
	schema, err := s.Describe(t.Context(), sql)
	require.NoError(t, err)
	kinds := []string{}
	for _, c := range schema {
		kinds = append(kinds, c.Type.String())
	}
	require.Equal(t, []string{"INTEGER[]", "VARCHAR[]", "UUID[]", "VARCHAR[]", "DECIMAL(5,2)[]", "BIGINT[]", "DATE[]"}, kinds)
	want := []string{"[1, NULL, 3]", "[]", "NULL", "[x, '', NULL]", "[1.50, NULL]", "[7, 8]", "[2020-01-01]"}
	require.Equal(t, [][]string{want, want, want}, texts(t, s, sql))
}

func TestAPostgresTypeThatNoFileCanHoldIsRefusedWithItsCast(t *testing.T) {
	t.Parallel()
	psql(t, "DROP TYPE IF EXISTS pair; DROP DOMAIN IF EXISTS even; CREATE TYPE pair AS (a int, b int); CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0)")
	s := inPostgres(t, 0)
	for value, want := range map[string]string{
		"1.5":                             "numeric without precision; write CAST(\"v\" AS numeric(38,6))",
		"sum(1.5::numeric(9,2))":          "numeric without precision",
		"1::numeric(39,1)":                "numeric(39,1)",
		"1::numeric(3,-2)":                "numeric(3,-2)",
		"0::numeric(2,5)":                 "numeric(2,5)",
		"'1.1.1.1'::inet":                 "inet; write CAST(\"v\" AS text) AS \"v\" in the query",
		"'1.1.1.0/24'::cidr":              "cidr",
		"1::money":                        "money; write CAST(\"v\" AS numeric(20,2))",
		"'[1,2]'::int4range":              "int4range",
		"'12:00+02'::timetz":              "timetz",
		"B'101'":                          "bit",
		"B'101'::varbit":                  "varbit",
		"'(1,2)'::point":                  "point",
		"row(1, 2)::pair":                 "pair",
		"row(1, 2)":                       "record",
		"ARRAY[row(1, 2)::pair]":          "pair",
		"ARRAY['1.1.1.1'::inet]":          "inet",
		"ARRAY[1.5]":                      "numeric without precision; write CAST(\"v\" AS numeric(38,6)[])",
		"ARRAY[1::money]":                 "money; write CAST(\"v\" AS numeric(20,2)[])",
		"ARRAY[4::even]":                  "even",
		"to_tsvector('a')":                "tsvector",
		"'<a/>'::xml":                     "xml",
		"'{[1,2]}'::int4multirange":       "int4multirange",
		"'08:00:2b:01:02:03'::macaddr":    "macaddr",
		"pg_current_xact_id()::text::xid": "xid",
	} {
		_, err := s.Describe(t.Context(), "SELECT "+value+" AS v")
		require.ErrorIs(t, err, source.ErrUnsupportedType, value)
		require.Contains(t, err.Error(), `column "v": unsupported column type `+want)
		hint := regexp.MustCompile(`write (CAST.* AS "v") in the query`).FindStringSubmatch(err.Error())
		require.Len(t, hint, 2, err)
		schema, err := s.Describe(t.Context(), "SELECT "+hint[1]+" FROM (SELECT "+value+" AS v) AS q")
		require.NoError(t, err, "the cast that is said is one")
		require.Equal(t, strings.HasSuffix(value, "]"), schema[0].Type.Kind == table.List, value)
	}
	require.Equal(t, [][]string{{"4", "x", "7"}}, texts(t, s, "SELECT 4::even, 'x', CAST(7.2 AS numeric(38,0))"), "a domain is what it is made of")
}

func TestAPostgresQueryCannotChangeAnything(t *testing.T) {
	t.Parallel()
	psql(t, "DROP TABLE IF EXISTS customers; DROP SEQUENCE IF EXISTS counter; CREATE TABLE customers AS SELECT 1 AS id; CREATE SEQUENCE counter; CREATE OR REPLACE FUNCTION forget() RETURNS int LANGUAGE sql AS 'DELETE FROM customers RETURNING id'")
	s := inPostgres(t, 0)
	for _, sql := range []string{
		"DELETE FROM customers", "DELETE FROM customers RETURNING id", "INSERT INTO customers VALUES (2) RETURNING id", "UPDATE customers SET id = 2",
		"WITH d AS (DELETE FROM customers RETURNING id) SELECT * FROM d", "SELECT id INTO other FROM customers", "SELECT forget()", "SELECT nextval('counter')",
		"SELECT id FROM customers FOR UPDATE", "SELECT set_config('transaction_read_only', 'off', false)",
		"DROP TABLE customers", "TRUNCATE customers", "CREATE TABLE x (i int)", "COPY customers TO STDOUT", "COPY customers TO PROGRAM 'true'",
		"SELECT 1; DELETE FROM customers", "SELECT 1) TO STDOUT; DELETE FROM customers; COPY (SELECT 1", "COMMIT", "SHOW server_version", "SET x.y = 1",
		"EXPLAIN SELECT 1", "SELECT $1::int", "", "-- nothing", "SELECT", "SELECT 1 AS id \x00", "VACUUM", "CALL forget()", "DO $$ BEGIN DELETE FROM customers; END $$",
		"LISTEN x", "SELECT * FROM nobody", "SELECT id\nFORM customers",
	} {
		err := each(t.Context(), s, sql, func(table.Schema, *table.Batch) {})
		require.ErrorIs(t, err, source.ErrQuery, sql)
	}
	require.Equal(t, "1\n", psql(t, "SELECT id FROM customers"))
	// Up to PostgreSQL 15 a read-only transaction may make a large object; ours is rolled back.
	if err := each(t.Context(), s, "SELECT lo_create(0)", func(table.Schema, *table.Batch) {}); err != nil {
		require.ErrorIs(t, err, source.ErrQuery)
	}
	require.Equal(t, "0\n", psql(t, "SELECT count(*) FROM pg_largeobject_metadata"))
	for _, sql := range []string{"SELECT id FROM customers;", "TABLE customers", "VALUES (1)", "WITH c AS (SELECT * FROM customers) SELECT * FROM c ; ", "SELECT id -- the number\nFROM customers -- all"} {
		require.Equal(t, [][]string{{"1"}}, texts(t, s, sql), sql)
	}
	_, err := s.Describe(t.Context(), "SELECT 'é',\n  emial FROM customers")
	require.EqualError(t, err, "the query cannot be run: column \"emial\" does not exist (SQLSTATE 42703)\nline 2:   emial FROM customers\n          ^")

	for _, sql := range []string{
		"SELECT id FORM customers WHERE name = '" + person + "'", "SELECT id FROM customers WHERE id '" + person + "'", "SELECT id FROM customers WHERE name = '" + person,
		"SELECT emial FROM customers WHERE name = E'it\\'s " + person + "'", "SELECT $$" + person + "$$ $$" + person + "$$", "SELECT id FROM customers WHERE id = '" + person + "'",
	} {
		_, err := s.Describe(t.Context(), sql)
		require.Error(t, err, sql)
		require.NotContains(t, err.Error(), person, sql)
	}
}

func TestAPostgresQuerySeesOneSnapshot(t *testing.T) {
	t.Parallel()
	psql(t, `DROP TABLE IF EXISTS growing; CREATE TABLE growing AS SELECT i, repeat('x', 100) AS s FROM generate_series(1, 300000) i;
		CREATE OR REPLACE FUNCTION grown() RETURNS bigint VOLATILE LANGUAGE sql AS 'SELECT count(*) FROM growing'`)
	s := inPostgres(t, 0)
	seen, last := 0, int64(0)
	require.NoError(t, each(t.Context(), s, "SELECT i::bigint, s FROM growing UNION ALL SELECT grown(), ''", func(_ table.Schema, b *table.Batch) {
		if seen == 0 { // long before the server gets to the function, which would see this by itself
			psql(t, "INSERT INTO growing SELECT 0 FROM generate_series(1, 1000)")
		}
		seen += b.Rows
		last = b.Columns[0].I64[b.Rows-1]
	}))
	require.Equal(t, 300001, seen)
	require.EqualValues(t, 300000, last)
}

func TestAPostgresQueryIsStopped(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	for name, sql := range map[string]string{"before the first row": "SELECT pg_sleep(600)::text AS stopped_a", "between rows": "SELECT generate_series(1, 1000000000) AS stopped_b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, each(ctx, s, sql, func(table.Schema, *table.Batch) {}), context.DeadlineExceeded)
			require.Equal(t, "0\n", psql(t, "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%stopped_"+sql[len(sql)-1:]+"%'"), "the server runs on")
		})
	}
}

func TestAPostgresQueryThatTakesTooLong(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 100*time.Millisecond)
	require.ErrorIs(t, each(t.Context(), s, "SELECT pg_sleep(600)::text", func(table.Schema, *table.Batch) {}), source.ErrTimeout)
}

func TestAPostgresResultMayBeLeftBehindInTheMiddle(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	rows, err := s.Query(t.Context(), "SELECT generate_series(1, 1000000000) AS i")
	require.NoError(t, err)
	b, err := rows.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, rows.Close())
	require.NoError(t, rows.Close())
	require.EqualValues(t, 1, b.Columns[0].I32[0])
	b.Release()
	_, err = rows.Next(t.Context())
	require.ErrorIs(t, err, source.ErrClosed)
}

func TestAPostgresConnectionThatIsLostIsUnreachable(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	killed := false
	err := each(t.Context(), s, "SELECT generate_series(1, 1000000000) AS killed_by_test", func(table.Schema, *table.Batch) {
		if !killed {
			psql(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%killed_by_test%'")
			killed = true
		}
	})
	require.ErrorIs(t, err, source.ErrUnreachable)
}

func TestAPostgresQueryThatSomebodyCancelsMayHaveTakenNoTimeAtAll(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	canceled := false
	err := each(t.Context(), s, "SELECT generate_series(1, 1000000000) AS canceled_by_test", func(table.Schema, *table.Batch) {
		if !canceled {
			psql(t, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%canceled_by_test%'")
			canceled = true
		}
	})
	require.ErrorIs(t, err, source.ErrTimeout)
	require.ErrorContains(t, err, "or somebody cancelled it at the source")
}

func TestALongPostgresValueIsRead(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	rows := 0
	require.NoError(t, each(t.Context(), s, "SELECT repeat('0123456789abcdef', 4 << 20) AS s", func(_ table.Schema, b *table.Batch) {
		rows += b.Rows
		require.Len(t, b.Columns[0].Strings[0], 64<<20)
		require.Equal(t, "0123456789abcdef", b.Columns[0].Strings[0][64<<20-16:])
	}))
	require.Equal(t, 1, rows)
}

// TestANumericWithMoreDigitsThanItsTypeIsRefused: of 1.2345 the last two were left out, and 123456 became -7616.
func TestANumericWithMoreDigitsThanItsTypeIsRefused(t *testing.T) {
	t.Parallel()
	psql(t, `DROP TABLE IF EXISTS narrowed; CREATE TABLE narrowed AS SELECT i, v::numeric(38,4) AS a, v::numeric(38,4) AS b, v::numeric(38,4) AS c
			FROM (VALUES (1, 7), (2, 1.2345), (3, 12345), (4, 1e33)) AS t(i, v);
		UPDATE pg_attribute SET atttypmod = CASE attname WHEN 'a' THEN (9 << 16) + 2 WHEN 'b' THEN (4 << 16) + 0 ELSE (38 << 16) + 8 END + 4
			WHERE attrelid = 'narrowed'::regclass AND attname <> 'i'`)
	s := inPostgres(t, 0)
	require.Equal(t, [][]string{{"7.00", "7", "7.00000000"}}, texts(t, s, "SELECT a, b, c FROM narrowed WHERE i = 1"))
	for column, i := range map[string]int{"a": 2, "b": 3, "c": 4} {
		err := each(t.Context(), s, fmt.Sprintf("SELECT %s FROM narrowed WHERE i = %d", column, i), func(table.Schema, *table.Batch) {})
		require.ErrorIs(t, err, source.ErrData)
		require.ErrorContains(t, err, fmt.Sprintf("row 1, column %q: a value does not fit the query: the value has more digits than its type", column))
	}
}

func TestPostgresValuesAreRightAcrossBatches(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	sql := `SELECT i, CASE WHEN i % 7 <> 0 THEN i * 2 END AS n, CASE WHEN i % 3 = 0 THEN repeat('é', i % 40) END AS s,
		CASE WHEN i % 5 > 0 THEN md5(i::text)::uuid END AS u, (i / 8.0)::numeric(12,3) AS d, NULL::text AS z, timestamp '2020-01-01' + i * interval '1.25 seconds' AS at
		FROM generate_series(1, 10000) i ORDER BY i DESC`
	var got strings.Builder
	for _, row := range texts(t, s, sql) {
		got.WriteString(strings.Join(row, "|") + "\n")
	}
	require.Equal(t, psql(t, sql), got.String())
}

func TestMemoryStaysFlatOverTwoMillionPostgresRows(t *testing.T) {
	s := inPostgres(t, 0)
	before := residentBytes(t)
	peak, rows := before, 0
	require.NoError(t, each(t.Context(), s, "SELECT i, repeat('x', 100) AS s FROM generate_series(1, 2000000) i", func(_ table.Schema, b *table.Batch) {
		if rows += b.Rows; rows%(50*table.BatchRows) < table.BatchRows {
			peak = max(peak, residentBytes(t))
		}
	}))
	require.Equal(t, 2_000_000, rows)
	require.Less(t, peak-before, int64(60<<20), "the whole result is 230 MB")
}

func BenchmarkReadPostgres(b *testing.B) {
	s := inPostgres(b, 0)
	psql(b, "DROP TABLE IF EXISTS bench; CREATE TABLE bench AS SELECT i, 'name ' || i AS name, md5(i::text) AS hash, (i * 1.25)::numeric(12,2) AS amount, timestamp '2020-01-01' + i * interval '1 second' AS at, CASE WHEN i % 20 > 0 THEN i::float8 / 7 END AS score FROM generate_series(1, 500000) i")
	b.ReportAllocs()
	for b.Loop() {
		bytes := int64(0)
		require.NoError(b, each(b.Context(), s, "SELECT * FROM bench", func(schema table.Schema, batch *table.Batch) {
			for c := range schema {
				bytes += size(&batch.Columns[c], batch.Rows)
			}
		}))
		b.SetBytes(bytes)
	}
}
