package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// showDemo runs the demo with a worker that is built for it, and returns what it says.
func showDemo(t *testing.T, args ...string) (said string, status int) {
	t.Helper()
	worker := filepath.Join(t.TempDir(), "worker")
	built, err := exec.Command("go", "build", "-o", worker, "consign/worker").CombinedOutput()
	require.NoError(t, err, "%s", built)
	var out bytes.Buffer
	status = run(t.Context(), append([]string{"demo", "--worker", worker}, args...), strings.NewReader(""), &out, &out, os.LookupEnv)
	return out.String(), status
}

func TestTheDemoDeliversAndProvesIt(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	said, status := showDemo(t)
	require.Equal(t, exitDone, status, said)
	for _, what := range []string{
		`\$ starter send customers-to-lake --run-key demo --wait`, `lake/customers_\d{4}-\d\d-\d\d.parquet\.DONE +0 B`,
		`(?s)customers-to-lake, sent +100,000 +([0-9a-f]{16}).*arrived +100,000 +[0-9a-f]{16} +0  DuckDB`,
		`arrived +100,000 +[0-9a-f]{16} +0  gpg, gunzip, DuckDB, Python's csv`, `has launched`, `none is in them`,
		`Three deliveries have arrived, value by value`,
	} {
		require.Regexp(t, what, said)
	}
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	require.Empty(t, left, "the demo leaves nothing behind")
}

func TestTheDemoSendsAFileOfYours(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	own := filepath.Join(t.TempDir(), "my data.csv")
	require.NoError(t, os.WriteFile(own, []byte("id,name,joined,born,sex,call\n1,\"O'Neil, \"\"Bo\"\"\",2026-01-02,01/02/1980,F,3:45\n2,,,,,\n"), 0o600))
	said, status := showDemo(t, "--data", own)
	require.Equal(t, exitDone, status, said)
	require.Equal(t, 3, strings.Count(said, "arrived")-strings.Count(said, "has arrived"), said)
	require.Contains(t, said, "All that was sent has arrived, value by value.")
}

func TestTheDemoSendsOddFilesOfYours(t *testing.T) {
	odd := map[string]string{ // what the engine writes into them
		"2024.csv":       `SELECT 1 AS a`,
		"true.csv.gz":    `SELECT 'it''s' AS a, NULL AS b`,
		"report[1].csv":  `SELECT 'x' AS a, 2 AS b`,
		"report1.csv":    `SELECT 'y' AS a, 3 AS b`,
		"header.csv":     `SELECT 1 AS a, 2 AS b WHERE false`,
		"bytes.parquet":  `SELECT ['ab'::BLOB] AS h, MAP {'k': {'b': 'c'::BLOB}} AS m`,
		"json.parquet":   `SELECT ['{"a": 1}'::JSON, 'null'::JSON, NULL] AS jl`,
		"key.parquet":    `SELECT MAP {1: 'k'} AS "e", [DATE '2026-01-02'] AS "x"`,
		"amount.parquet": `SELECT [999999999999.999999::DECIMAL(18, 6)] AS amounts`,
		"late.parquet":   `SELECT i AS id, CASE WHEN i > 2500 THEN [{'sku': 'a', 'qty': 1}] END AS items FROM range(3000) g(i)`, // after a batch without
	}
	own := t.TempDir()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	for name, query := range odd {
		_, err := db.ExecContext(t.Context(), "COPY ("+query+") TO '"+filepath.Join(own, name)+"'")
		require.NoError(t, err, name)
	}
	require.NoError(t, db.Close())
	said, status := showDemo(t, "--data", own)
	require.Equal(t, exitDone, status, said)
	require.Equal(t, 3*len(odd), strings.Count(said, "arrived  "), said)
	require.Contains(t, said, "All that was sent has arrived, value by value.")
}

func TestADemoThatCannotBeginSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such file": {[]string{"--data", "nowhere.csv"}, "starter: nowhere.csv: no Parquet or CSV file\nhint: make demo builds what is needed"},
		"no worker":    {[]string{"--worker", "nowhere"}, "starter: find the worker: stat nowhere: no such file or directory\nhint: make demo builds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			status := run(context.Background(), append([]string{"demo"}, c.args...), strings.NewReader(""), &out, &out, os.LookupEnv)
			require.Equal(t, exitWrong, status)
			require.Contains(t, out.String(), c.want)
		})
	}
}
