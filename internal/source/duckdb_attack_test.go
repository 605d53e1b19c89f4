package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
	"consign/internal/table"
)

// attacks are queries that try to leave their source. DIR is a folder with a file next to the table's, SECRET is that
// file, OUT is a file that does not exist.
var attacks = []struct{ name, sql string }{
	{"read a system file as CSV", `SELECT * FROM read_csv('/etc/passwd')`},
	{"read a system file as text", `SELECT content FROM read_text('/etc/passwd')`},
	{"read a system file as bytes", `SELECT content FROM read_blob('/etc/passwd')`},
	{"read the neighbour of the table's file", `SELECT * FROM read_text('DIR/secret.csv')`},
	{"read the neighbour through the table's path", `SELECT * FROM read_text('DIR/t.parquet/../secret.csv')`},
	{"read all neighbours by a glob", `SELECT * FROM read_text('DIR/*')`},
	{"scan a file by its bare name", `SELECT * FROM 'DIR/secret.csv'`},
	{"scan a relative file by its bare name", `SELECT * FROM 'go.mod.csv'`},
	{"read JSON", `SELECT * FROM read_json('DIR/secret.csv')`},
	{"read NDJSON objects", `SELECT * FROM read_ndjson_objects('DIR/secret.csv')`},
	{"sniff a CSV", `SELECT * FROM sniff_csv('DIR/secret.csv')`},
	{"list a folder", `SELECT * FROM glob('/etc/*')`},
	{"list the table's folder", `SELECT * FROM glob('DIR/*')`},
	{"read Parquet metadata", `SELECT * FROM parquet_metadata('DIR/secret.parquet')`},
	{"read Parquet keys", `SELECT * FROM parquet_kv_metadata('DIR/secret.parquet')`},
	{"read another Parquet file", `SELECT * FROM read_parquet('DIR/secret.parquet')`},
	{"read a database file", `SELECT * FROM read_duckdb('DIR/other.duckdb', table_name := 'x')`},
	{"read by the network", `SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')`},
	{"read from S3", `SELECT * FROM read_parquet('s3://bucket/x.parquet')`},
	{"write a file", `COPY t TO 'OUT'`},
	{"write a file from a select", `COPY (SELECT 1) TO 'OUT' (FORMAT csv)`},
	{"write in a CTE", `WITH w AS (COPY t TO 'OUT') SELECT * FROM w`},
	{"write by a query in a text", `SELECT * FROM query('COPY t TO ''OUT''')`},
	{"read by a query in a text", `SELECT * FROM query('SELECT * FROM read_text(''DIR/secret.csv'')')`},
	{"read by a table name in a text", `SELECT * FROM query_table('DIR/secret.csv')`},
	{"read by a serialised query", `SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''DIR/secret.csv'')'))`},
	{"export the database", `EXPORT DATABASE 'OUT'`},
	{"attach a file", `ATTACH 'DIR/other.duckdb' AS o`},
	{"attach a new file", `ATTACH 'OUT'`},
	{"install an extension", `INSTALL httpfs`},
	{"load an extension", `LOAD httpfs`},
	{"load a library", `LOAD 'DIR/evil.duckdb_extension'`},
	{"open the lock", `SET enable_external_access = true`},
	{"open the lock globally", `SET GLOBAL lock_configuration = false`},
	{"reset the lock", `RESET lock_configuration`},
	{"widen the allowed paths", `SET allowed_directories = ['/']`},
	{"set by a pragma", `PRAGMA enable_external_access = true`},
	{"raise the memory", `SET memory_limit = '100GB'`},
	{"set a setting by a function", `SELECT set_config('enable_external_access', 'true', false)`},
	{"list the secrets", `SELECT * FROM duckdb_secrets()`},
	{"read the settings", `SELECT * FROM duckdb_settings()`},
	{"profile into a file by a full name in a subquery", `SELECT (SELECT count(*) FROM system.main."Enable_Profiling"(save_location := 'OUT'))`},
	{"checkpoint", `SELECT * FROM force_checkpoint()`},
	{"hide the rest behind a NUL", "SELECT 1 AS id\x00 FROM enable_profiling(save_location := 'OUT')"},
	{"read the environment", `SELECT getenv('HOME')`},
	{"profile into a file", `SELECT * FROM enable_profiling(save_location := 'OUT')`},
	{"log into a file", `SELECT * FROM enable_logging(level := 'info', storage := 'file', storage_path := 'OUT')`},
	{"call a function", `CALL enable_logging(storage := 'file')`},
	{"make a secret", `CREATE SECRET s (TYPE s3)`},
	{"make a table", `CREATE TABLE x AS SELECT 1`},
	{"make a macro", `CREATE MACRO m() AS 1`},
	{"replace the table", `CREATE OR REPLACE VIEW t AS SELECT 1`},
	{"drop the table", `DROP VIEW t`},
	{"change rows", `UPDATE t SET id = 1`},
	{"change rows in a CTE", `WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d`},
	{"explain and run", `EXPLAIN ANALYZE SELECT 1`},
	{"begin a transaction", `BEGIN`},
	{"run a prepared statement", `EXECUTE p`},
	{"run two statements", `SELECT 1; SELECT 2`},
	{"hide a statement behind a comment", "SELECT 1; -- harmless\nCOPY t TO 'OUT'"},
	{"use a parameter", `SELECT * FROM t WHERE id = ?`},
	{"say nothing", ` -- only a comment`},
}

func TestAQueryCannotLeaveItsSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	generate(t, ":memory:", "COPY (SELECT 1 AS id) TO '"+dir+"/t.parquet'", "COPY (SELECT 'hunter2' AS s) TO '"+dir+"/secret.parquet'")
	generate(t, filepath.Join(dir, "other.duckdb"), "CREATE TABLE x AS SELECT 'hunter2' AS s")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret.csv"), []byte("s\nhunter2\n"), 0o600))
	database := filepath.Join(t.TempDir(), "main.duckdb")
	generate(t, database, "CREATE TABLE t AS SELECT 1 AS id")
	out := filepath.Join(t.TempDir(), "out")

	for name, o := range map[string]source.Options{
		"over files":    {Tables: []source.Table{{Name: "t", Files: dir + "/t.parquet"}}},
		"in a database": {Database: database},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Type = source.TypeDuckDB
			s := opened(t, source.NewPool(t.TempDir(), 1, later), o)
			require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT id FROM t"))
			for _, a := range attacks {
				t.Run(a.name, func(t *testing.T) {
					sql := strings.NewReplacer("DIR", dir, "OUT", out).Replace(a.sql)
					seen := 0
					err := each(t.Context(), s, sql, func(_ table.Schema, b *table.Batch) { seen += b.Rows })
					require.ErrorIs(t, err, source.ErrQuery)
					require.NotContains(t, err.Error(), "hunter2")
					require.Zero(t, seen)
					require.NoFileExists(t, out)
					require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT id FROM t"), "the source still works")
				})
			}
		})
	}
}

// TestNoMacroAndNoViewOfADatabaseCallsWhatIsRefused: what is behind their names does not show in a query. A profile that cannot
// be written ends the process.
func TestNoMacroAndNoViewOfADatabaseCallsWhatIsRefused(t *testing.T) {
	t.Parallel()
	database, secret := filepath.Join(t.TempDir(), "main.duckdb"), write(t, "secret.csv", "hunter2")
	generate(t, database, "CREATE TABLE summary AS SELECT 1 AS id", "CREATE MACRO twice(x) AS x * 2", "CREATE MACRO all_of() AS TABLE SELECT * FROM summary",
		"CREATE VIEW kept AS SELECT twice(id) AS id FROM summary", "CREATE TABLE t AS SELECT 1 AS id",
		"CREATE MACRO ask(x) AS TABLE SELECT * FROM \"Query\" /* so */ (x)", "CREATE MACRO lower(x) AS (SELECT count(*) FROM ask('SELECT 1'))",
		"CREATE SCHEMA s", "CREATE VIEW s.\"The View\" AS SELECT lower('x') AS id", "CREATE VIEW behind AS SELECT * FROM s.\"The View\"",
		"CREATE VIEW settings AS SELECT name AS id FROM duckdb_settings()",
		`CREATE VIEW inches AS SELECT '"' AS unit, name AS id FROM duckdb_settings() WHERE '"' <> ''`, "CREATE MACRO says(x) AS 'it''s query(' || x",
		"CREATE MACRO json_serialize_sql(x) AS '{}'", "CREATE MACRO list_value() AS string_split('"+secret+"', chr(0))", "CREATE MACRO to_json(x) AS '[]'", "CREATE MACRO duckdb_functions() AS TABLE SELECT 'x' AS function_name, '' AS macro_definition, true AS internal")
	s := opened(t, source.NewPool(t.TempDir(), 1, later), source.Options{Type: source.TypeDuckDB, Database: database})
	for _, sql := range []string{"SELECT id * 2 FROM summary", "SELECT twice(1)", "SELECT 2 * id FROM all_of()", "FROM kept"} {
		require.Equal(t, [][]string{{"2"}}, texts(t, s, sql), sql)
	}
	require.Equal(t, [][]string{{"it's query(x"}}, texts(t, s, "SELECT says('x')"))
	for _, sql := range []string{
		"FROM ask('SELECT 1')", "SELECT lower('A')", "SELECT (SELECT main.LOWER('A'))", "FROM s.\"the view\"", "FROM behind", "FROM query('SELECT 1')", "SELECT 1 WHERE EXISTS (FROM settings)", "FROM inches",
	} {
		_, err := s.Describe(t.Context(), sql)
		require.ErrorIs(t, err, source.ErrQuery, sql)
		require.ErrorContains(t, err, "queries may not call", sql)
	}
	err := each(t.Context(), s, "SELECT size FROM read_blob('"+secret+"')", func(table.Schema, *table.Batch) {})
	require.ErrorIs(t, err, source.ErrQuery, "a list of ours is the database's macro")
}

func TestTheEngineIsLocked(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	require.Equal(t, [][]string{{"false"}}, texts(t, s, "SELECT current_setting('enable_external_access')"))
	require.Equal(t, [][]string{{"true"}}, texts(t, s, "SELECT current_setting('lock_configuration')"))
	require.Equal(t, [][]string{{"UTC"}}, texts(t, s, "SELECT current_setting('TimeZone')"))
}

func TestEverythingThatReadsIsASelect(t *testing.T) {
	t.Parallel()
	s := overFiles(t, parquet(t, "SELECT 1 AS id"))
	for _, sql := range []string{
		"SELECT id FROM t", "FROM t", "TABLE t", "WITH x AS (SELECT * FROM t) SELECT * FROM x", "VALUES (1)", "(SELECT 1)",
		"SELECT id FROM t;", "-- first\nSELECT id FROM t -- last",
		"PIVOT t ON id IN (1) USING min(id)",
	} {
		require.Equal(t, [][]string{{"1"}}, texts(t, s, sql), sql)
	}
}
