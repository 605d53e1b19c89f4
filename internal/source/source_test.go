package source_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"consign/internal/secret"
	"consign/internal/source"
)

func TestOptionsAreRefusedWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options source.Options
		want    string
	}{
		"nothing":            {source.Options{}, "type: is missing\n  hint: duckdb or postgres"},
		"an unknown type":    {source.Options{Type: "oracle"}, "type: \"oracle\" is not a type of source\n  hint: duckdb or postgres"},
		"duckdb of nothing":  {source.Options{Type: "duckdb"}, "tables: a duckdb source needs tables or a database\n  hint: tables: [{name: customers, files: \"customers/*.parquet\"}], or database: customers.duckdb"},
		"duckdb of too much": {source.Options{Type: "duckdb", Database: "x", Tables: []source.Table{{Name: "t", Files: "t.csv"}}}, "database: a source has either tables or a database, not both\n  hint: make two sources of them"},
		"a DSN for files":    {source.Options{Type: "duckdb", Database: "x", DSN: secret.New("hunter2")}, "dsn: belongs to a postgres source"},
		"tables of all kinds": {
			source.Options{Type: "duckdb", Memory: 1, Threads: -1, Tables: []source.Table{
				{Name: "", Files: "a.csv"}, {Name: "t", Files: ""}, {Name: "T", Files: "a.xlsx"}, {Name: "u", Files: "s3://bucket/a.parquet"}, {Name: "v", Files: "a.parquet.gz"},
			}},
			"memory: 1 bytes is less than the 33554432 that the engine needs\n" +
				"threads: must not be negative\n" +
				"tables[0].name: is missing\n" +
				"tables[1].files: is missing\n" +
				"tables[2].name: two tables of one source have this name (SQL does not tell upper from lower case)\n" +
				"tables[2].files: the extension of \"a.xlsx\" says of no known format\n  hint: the name must end in .parquet, .csv, .tsv, .psv, .ndjson or .jsonl (the text ones also with .gz)\n" +
				"tables[3].files: must be a path on this machine; the engine has no access to the network\n" +
				"tables[4].files: the extension of \"a.parquet.gz\" says of no known format\n  hint: the name must end in .parquet, .csv, .tsv, .psv, .ndjson or .jsonl (the text ones also with .gz)",
		},
		"postgres of nothing": {source.Options{Type: "postgres", StatementTimeout: -time.Second}, "dsn: a postgres source needs a DSN\n  hint: dsn: {env: WAREHOUSE_DSN}\nstatement_timeout: must not be negative"},
		"a limit for files": {
			source.Options{Type: "duckdb", Database: "x", StatementTimeout: time.Hour},
			"statement_timeout: belongs to a postgres source: nothing would stop a query over files\n  hint: leave it out",
		},
		"a limit of a month": {
			source.Options{Type: "postgres", DSN: secret.New("x"), StatementTimeout: 720 * time.Hour},
			"statement_timeout: PostgreSQL takes 1ms to 596h0m0s\n  hint: leave it out if there is to be none",
		},
		"a limit that would be none": {
			source.Options{Type: "postgres", DSN: secret.New("x"), StatementTimeout: time.Microsecond},
			"statement_timeout: PostgreSQL takes 1ms to 596h0m0s\n  hint: leave it out if there is to be none",
		},
		"files for postgres": {
			source.Options{Type: "postgres", DSN: secret.New("x"), Database: "x", Tables: []source.Table{{Name: "t", Files: "t.csv"}}},
			"tables: belongs to a duckdb source; a postgres source has the tables of its server\ndatabase: belongs to a duckdb source; a postgres source names its database in the DSN",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.EqualError(t, c.options.Validate().Err(), c.want)
			_, err := source.Open(t.Context(), c.options)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestGoodOptionsPass(t *testing.T) {
	t.Parallel()
	for _, o := range []source.Options{
		{Type: "duckdb", Database: "a.duckdb"},
		{Type: "duckdb", Memory: 256 << 20, Tables: []source.Table{{Name: "t", Files: "a/*.PARQUET"}, {Name: "u", Files: "b.jsonl.gz"}, {Name: "It's \"quoted\"", Files: "c.csv"}}},
		{Type: "postgres", DSN: secret.New("host=x")},
		{Type: "postgres", DSN: secret.New("host=x"), StatementTimeout: 596 * time.Hour},
	} {
		require.Empty(t, o.Validate())
	}
}

func TestNamesOfTablesAndFilesMayHoldQuotes(t *testing.T) {
	t.Parallel()
	path := write(t, "it's \"a\" file.csv", "id\n1\n")
	s, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: `o"ne's`, Files: path}}})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"1"}}, texts(t, s, `SELECT * FROM "o""ne's"`))
	require.NoError(t, s.Close())
}

// TestAPipeIsNotWaitedFor: who may write into a source's folder could stop the worker for everybody, for nothing interrupts the
// engine when it opens a file.
func TestAPipeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"p.csv", "p.ndjson", "p.parquet", "p.duckdb"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, unix.Mkfifo(path, 0o600))
		o := source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: path}}}
		if name == "p.duckdb" {
			o = source.Options{Type: source.TypeDuckDB, Database: path}
		}
		answered := make(chan error, 1)
		go func() {
			_, err := source.Open(t.Context(), o)
			answered <- err
		}()
		select {
		case err := <-answered:
			require.ErrorIs(t, err, source.ErrUnreadable)
			require.ErrorContains(t, err, name+" is not a file")
		case <-time.After(time.Minute):
			require.FailNow(t, "it waits", name)
		}
	}
}

func TestACSVFileIsSampledWhole(t *testing.T) {
	t.Parallel()
	s := overFiles(t, write(t, "late.csv", "id,code\n"+strings.Repeat("1,2\n", 50000)+"1,late\n"))
	require.Equal(t, [][]string{{"VARCHAR"}}, texts(t, s, "SELECT DISTINCT typeof(code) FROM t"))
}

func TestSeveralCSVFilesHaveTypesThatFitAllOfThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 15 {
		value := "1"
		if i == 14 {
			value = "last"
		}
		generate(t, ":memory:", "COPY (SELECT '"+value+"' AS v) TO '"+dir+"/f"+string(rune('a'+i))+".csv'")
	}
	s := overFiles(t, dir+"/*.csv")
	require.Equal(t, [][]string{{"VARCHAR", "15"}}, texts(t, s, "SELECT typeof(v), count(*)::VARCHAR FROM t GROUP BY 1"))
}

// One CSV file is looked into once, several whenever they are read: both must come to the same.
func TestOneCSVFileIsReadAsSeveralAre(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"names with quotes":    "\"it's\",\"a \"\"b\"\"\",\"c,d\",e;f\n1,2,3,4\n",
		"no header":            "1,a\n2,b\n",
		"semicolons":           "id;amount;name\n1;1,5;\"x;y\"\n2;2,5;z\n",
		"other dates":          "id,day,at\n1,31/12/2020,2020-12-31 10:00:00\n2,01/02/2021,2021-02-01 10:00:00\n",
		"names twice":          "a,a,A\n1,2,3\n",
		"empty values":         "a,b,c\n,\"\",x\n1,,\n",
		"new lines":            "a,b\r\n\"x\r\ny\",1\r\n",
		"one column":           "name\nx\n\ny\n",
		"only a header":        "a,b\n",
		"backslashes":          "a,b\n\"x\\\"y\",1\n\"z\",2\n",
		"wide numbers":         "a,b\n123456789012345678901234567890,1e400\n",
		"booleans":             "a,b\ntrue,yes\nfalse,no\n",
		"the byte-order mark":  "\ufeffa,b\n1,2\n",
		"single quotes around": "a,b\n'x y','z'\n'1','2'\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := overBoth(t, ".csv", content)
			want, err := two.Describe(t.Context(), "FROM t")
			require.NoError(t, err)
			got, err := one.Describe(t.Context(), "FROM t")
			require.NoError(t, err)
			require.Equal(t, want, got)
			rows := texts(t, one, "FROM t")
			require.Equal(t, texts(t, two, "FROM t"), append(rows, rows...))
		})
	}
}
