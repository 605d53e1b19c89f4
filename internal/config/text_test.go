package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestATextIsReadAsItWasWritten: in whichever of YAML's ways, a query is sent to the source as it stands in the file.
func TestATextIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"|\n\n      SELECT 1 AS a\n",
		"|\n      SELECT 1 AS a\n\n\n",
		"|+\n\n      SELECT 1 AS a\n\n",
		"|-\n      SELECT 'a\n\n        b'\n",
		"|2\n        SELECT 1\n      AS a\n",
		"|\n\n      #SELECT\n      SELECT 1\n",
		">\n      SELECT 1 AS a, 'first\n        second' AS b\n      FROM customers\n",
		">+\n\n      SELECT 1\n\n      AS a\n\n",
		"|\n      SELECT\t1 \n       -- a comment: {with} [signs] & *more\n      FROM t\n",
		"'SELECT ''it'' AS a'\n",
		"\"SELECT\\t1\\n\\u00e9 AS a\"\n",
		"SELECT 1\n      AS a\n",
	} {
		text := "queries:\n  - name: q\n    source: s\n    sql: " + sql + "sources: [{name: s, type: duckdb, tables: [{name: t, files: x.csv}]}]\n"
		var want struct {
			Queries []struct {
				SQL string `yaml:"sql"`
			} `yaml:"queries"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &want), text)
		c := good(t, folder(t, map[string]string{"consign.yaml": text}), from(nil))
		require.Equal(t, want.Queries[0].SQL, c.Queries[0].SQL, text)
		require.Contains(t, c.Queries[0].SQL, "SELECT")
	}
}

func TestANumberWithZerosBeforeItIsDecimal(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"consign.yaml": "worker: {threads: 010}\n"})
	c := good(t, dir, from(map[string]string{"CONSIGN_RETRY_ATTEMPTS": "020"}))
	require.Equal(t, 10, c.Worker.Threads)
	require.Equal(t, 20, c.Retry.Attempts)
}

func TestAFileWithoutAStatementIsRefused(t *testing.T) {
	t.Parallel()
	const text = "sources: [{name: s, type: duckdb, tables: [{name: t, files: x.csv}]}]\nqueries: [{name: q, source: s, sql_file: q.sql}]\n"
	for content, refused := range map[string]bool{"": true, " \n": true, "SELECT 1": false} {
		_, list, err := Load(folder(t, map[string]string{"a.yaml": text, "q.sql": content}), from(nil))
		require.NoError(t, err)
		require.Equal(t, refused, list.Err() != nil, "%q", content)
		if refused {
			require.Equal(t, 1, strings.Count(list.Err().Error(), "q.sql is empty"))
		}
	}
}
