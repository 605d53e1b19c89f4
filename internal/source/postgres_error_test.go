package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/secret"
	"consign/internal/source"
	"consign/internal/table"
)

// leastInterval is what PostgreSQL sends for -infinity. Up to version 16, which knows none, it is a number; since then no
// calculation may lead there.
const leastInterval = `CASE WHEN i <> 2500 THEN NULL WHEN current_setting('server_version_num')::int >= 170000 THEN concat('-infinity')::interval
	ELSE interval '-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807' - i / 2500 * interval '1 microsecond' END`

func TestAPostgresValueThatCannotBeReadIsNamedByRowAndColumn(t *testing.T) {
	t.Parallel()
	s := inPostgres(t, 0)
	for name, c := range map[string]struct{ value, want string }{
		"not a number":                 {"CAST(CASE WHEN i = 2500 THEN 'NaN'::numeric END AS numeric(5,2))", "is NaN or Infinity"},
		"a byte that is no text":       {`CASE WHEN i = 2500 THEN (-23)::"char" END`, "is a byte that is no text"},
		"an array of arrays":           {"CASE WHEN i = 2500 THEN ARRAY[[1], [2]] ELSE ARRAY[1] END", "more than one dimension"},
		"a time of the year 294276":    {"CASE WHEN i = 2500 THEN '294276-12-31'::timestamp END", "is a time that no file can hold"},
		"an infinite interval":         {"CASE WHEN i = 2500 THEN interval '178956970 years 7 mons 2147483647 days 2562047788:00:54.775807' END", "is an infinite interval"}, // to 15, which has none
		"the other one":                {leastInterval, "is an infinite interval"},
		"a time of that year, with TZ": {"CASE WHEN i = 2500 THEN '294276-12-31'::timestamptz END", "is a time that no file can hold"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := each(t.Context(), s, "SELECT i, "+c.value+" AS v FROM generate_series(1, 3000) i", func(table.Schema, *table.Batch) {})
			require.ErrorIs(t, err, source.ErrData)
			require.Contains(t, err.Error(), `row 2500, column "v"`)
			require.Contains(t, err.Error(), c.want)
		})
	}
}

func TestAnErrorInPostgresDataNeverShowsTheValue(t *testing.T) {
	t.Parallel()
	psql(t, `CREATE OR REPLACE FUNCTION complain(s text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', s; END $$`)
	s := inPostgres(t, 0)
	from := " FROM (SELECT i, CASE WHEN i = 2500 THEN '" + "jane' || '@example.com" + "' ELSE '1' END AS s FROM generate_series(1, 3000) i) t"
	for _, value := range []string{
		"s::int", "s::date", "s::uuid", "s::json", "CASE WHEN i = 2500 THEN complain(s) END", "1 / (i - 2500)", "(i * 100)::smallint", "(SELECT s FROM generate_series(1, i))",
		"CASE WHEN i = 2500 THEN (s || ' !')::tsquery::text END", "s::regclass::text", "s::regconfig::text", "ts_headline(s, to_tsquery('a'))::int", "has_table_privilege(s, 'pg_class', 'select')", "current_setting(s)", "nextval(s)", "query_to_xml('select ' || s, true, true, '')::text",
	} {
		err := each(t.Context(), s, "SELECT "+value+" AS v"+from, func(table.Schema, *table.Batch) {})
		require.ErrorIs(t, err, source.ErrData, value)
		require.NotContains(t, err.Error(), "jane")
		require.Contains(t, err.Error(), "SQLSTATE")
	}
}

// TestEveryStateOfPostgresHasACause raises each SQLSTATE in the server itself.
func TestEveryStateOfPostgresHasACause(t *testing.T) {
	t.Parallel()
	psql(t, `CREATE OR REPLACE FUNCTION fail(state text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'jane@example.com' USING ERRCODE = state; END $$`)
	s := inPostgres(t, 0)
	for state, cause := range map[string]error{
		"08006": source.ErrUnreachable, // connection failure
		"0A000": source.ErrData,        // feature not supported
		"21000": source.ErrData,        // more than one row returned by a subquery
		"22003": source.ErrData,        // numeric value out of range
		"22P02": source.ErrData,        // invalid text representation
		"23505": source.ErrData,        // unique violation
		"25006": source.ErrQuery,       // read-only transaction
		"25P04": source.ErrTimeout,     // transaction timeout
		"28000": source.ErrLogin,       // invalid authorization
		"28P01": source.ErrLogin,       // invalid password
		"3D000": source.ErrLogin,       // no such database
		"3F000": source.ErrData,        // no such schema
		"40001": source.ErrUnreachable, // serialization failure
		"40P01": source.ErrUnreachable, // deadlock
		"42501": source.ErrData,        // insufficient privilege
		"42601": source.ErrData,        // syntax error
		"42P01": source.ErrData,        // no such table
		"53100": source.ErrUnreachable, // disk full
		"53200": source.ErrUnreachable, // out of memory
		"53300": source.ErrUnreachable, // too many connections
		"53400": source.ErrData,        // a limit of the server's
		"55000": source.ErrData,        // not in the state for it
		"54001": source.ErrData,        // statement too complex
		"55P03": source.ErrUnreachable, // lock not available
		"57014": source.ErrTimeout,     // canceled
		"57P01": source.ErrUnreachable, // admin shutdown
		"58030": source.ErrUnreadable,  // I/O error
		"P0001": source.ErrData,        // raised by a function
		"XX000": source.ErrEngine,      // internal error
		"XX001": source.ErrUnreadable,  // data corrupted
		"ZZ999": source.ErrEngine,      // one that nobody knows
	} {
		err := each(t.Context(), s, "SELECT fail('"+state+"')", func(table.Schema, *table.Batch) {})
		require.ErrorIs(t, err, cause, state)
		if state != "57014" {
			require.ErrorContains(t, err, state)
		}
		require.NotContains(t, err.Error(), "jane", "what may be a value of the data is shown: %s", state)
	}
}

// TestATransactionThatTakesTooLongForTheServerIsATimeout says by a function what PostgreSQL says since version 17.
func TestATransactionThatTakesTooLongForTheServerIsATimeout(t *testing.T) {
	t.Parallel()
	psql(t, `CREATE OR REPLACE FUNCTION too_long() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'terminating connection due to transaction timeout' USING ERRCODE = '25P04'; END $$`)
	err := each(t.Context(), inPostgres(t, 0), "SELECT too_long()", func(table.Schema, *table.Batch) {})
	require.ErrorIs(t, err, source.ErrTimeout)
	require.ErrorContains(t, err, "terminating connection due to transaction timeout (SQLSTATE 25P04)")
}

func TestWhatAPostgresServerWillRefuseTheNextTimeTooIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	psql(t, `DROP VIEW IF EXISTS behind; DROP MATERIALIZED VIEW IF EXISTS "not yet"; CREATE MATERIALIZED VIEW "not yet" AS SELECT 1 AS id WITH NO DATA; CREATE VIEW behind AS SELECT * FROM "not yet"`)
	server, err := postgres()
	require.NoError(t, err)
	s, err := source.Open(t.Context(), source.Options{Type: source.TypePostgres, DSN: secret.New(server.DSN() + "&temp_file_limit=64&work_mem=64")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for sql, want := range map[string]string{
		`SELECT * FROM "not yet"`:                                 `materialized view "not yet" has not been populated \(SQLSTATE 55000\)`,
		"SELECT * FROM behind":                                    `materialized view "not yet" has not been populated \(SQLSTATE 55000\)`,
		"SELECT i FROM generate_series(1, 1000000) i ORDER BY -i": `temporary file size exceeds "?temp_file_limit"? \(64kB\) \(SQLSTATE 53400\)`, // with quotes since 18
	} {
		err := each(t.Context(), s, sql, func(table.Schema, *table.Batch) {})
		require.Error(t, err)
		require.Regexp(t, "^the query cannot be run: "+want+"$", err.Error())
		require.ErrorIs(t, err, source.ErrQuery)
	}
}
