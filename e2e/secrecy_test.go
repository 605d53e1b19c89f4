package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
)

// Values of rows that stand for personal data; none is a number or a word that could stand anywhere else.
const (
	rowMarker  = "jane.marker@personal-data.example"
	badMarker  = "unwritable,marker@personal-data.example"
	externalID = "an-external-id-4711" // as configure has it
)

// TestNothingSecretLeavesTheProcess is promise 3: it looks for every secret, key and row value in the whole history, with
// its failures, and in what the worker and the commands said.
func TestNothingSecretLeavesTheProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", fmt.Sprintf("SELECT i AS id, '%s' AS email FROM range(1000) t(i)", rowMarker))
	s.gpgHome()
	s.configure(fmt.Sprintf(`
sources:
  - {name: files, type: duckdb, tables: [{name: customers, files: data.parquet}]}
queries:
  - {name: good, source: files, sql: "SELECT * FROM customers ORDER BY id"}
  - {name: bad, source: files, sql: "SELECT id, email || ',%s' AS email FROM customers"}
  - {name: worse, source: files, sql: "SELECT email::INTEGER AS n FROM customers"}
`, badMarker) + "destinations:" +
		s.destination("acme", "role", "file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}, success_file: true") +
		s.destination("plain", "role", "file_format: csv, quote_mode: none") + `
data_templates:
  - {name: t, destination: acme, settings: {filename: "{{query_name}}.csv.gz"}}
  - {name: p, destination: plain, settings: {filename: "{{query_name}}.csv"}}
orchestrations:
  - {name: good-{site}, query: good, data_template: t}
  - {name: bad-{site}, query: bad, data_template: p}
  - {name: worse-{site}, query: worse, data_template: p}
`)
	s.worker()
	var said strings.Builder
	hear := func(a answer) answer {
		said.WriteString(a.out + a.err)
		return a
	}
	require.Equal(t, 0, hear(s.starter("send", s.id("good"), "--run-key", "k", "--wait")).code)
	require.Equal(t, 4, hear(s.starter("send", s.id("bad"), "--run-key", "k", "--wait")).code)
	require.Equal(t, 4, hear(s.starter("send", s.id("worse"), "--run-key", "k", "--wait")).code)
	for _, args := range [][]string{{"plan", s.id("good")}, {"validate"}, {"runs"}, {"show", s.id("bad") + "/k"}, {"show", s.id("worse") + "/k"}, {"abort", s.id("bad") + "/k"}, {"abort", s.id("worse") + "/k"}} {
		hear(s.starter(args...))
	}
	eventually(t, "both are closed", func() bool {
		return s.status(s.workflow("bad")) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED && s.status(s.workflow("worse")) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED
	})

	secretKey, err := os.ReadFile(s.path("secret"))
	require.NoError(t, err)
	hidden := map[string]string{
		"the secret access key": string(secretKey), "the access key": userKey, "the external ID": externalID,
		"a row value": rowMarker, "a value that was refused": badMarker, "a session token": "X-Amz-Security-Token", "an SQL text": "SELECT * FROM customers ORDER BY",
	}
	places := map[string]string{"the worker's log": s.logs.String(), "the commands' output": said.String()}
	for _, run := range []string{"good", "bad", "worse"} {
		places["the history of "+run] = decoded(t, historyOf(t, s.workflow(run)))
		places["the description of "+run] = s.description(s.workflow(run))
	}
	for place, text := range places {
		require.NotEmpty(t, text, place)
		for what, value := range hidden {
			if what == "an SQL text" && place == "the commands' output" {
				continue // an operator may see the query that an operator wrote
			}
			require.NotContains(t, text, value, "%s in %s", what, place)
			require.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte(value)), "%s in %s", what, place)
		}
	}
	require.Contains(t, places["the history of good"], "good.csv.gz.pgp", "the payloads were really read")
}

// description is what Temporal shows of a run beside its history: memo, search attributes, pending work.
func (s *site) description(workflowID string) string {
	s.t.Helper()
	described, err := temporal.WorkflowService().DescribeWorkflowExecution(s.t.Context(), &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: "default", Execution: executionOf(workflowID),
	})
	require.NoError(s.t, err)
	text, err := json.Marshal(described)
	require.NoError(s.t, err)
	return decoded(s.t, string(text))
}

// decoded returns the text with every base64 text in it decoded behind it: payloads are bytes in JSON.
func decoded(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(text)
	for _, part := range strings.Split(text, `"`) {
		if plain, err := base64.StdEncoding.DecodeString(part); err == nil && len(plain) > 8 {
			out.Write(plain)
		}
	}
	return out.String()
}

// TestTheWorkspaceIsForNobodyElse looks at the files' modes while a run is under way.
func TestTheWorkspaceIsForNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 1)
	s.plainSend("nobody-" + s.name)
	s.worker()
	s.begin("weekly", "k")
	eventually(t, "a part sent", func() bool { return g.answered("UploadPart") >= 1 })
	seen := 0
	require.NoError(t, filepath.WalkDir(s.path("workspace/runs"), func(path string, d os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		seen++
		return nil
	}))
	require.Greater(t, seen, 3)
	g.release()
	require.Equal(t, 0, s.starter("abort", s.id("weekly")+"/k").code)
	eventually(t, "closed", func() bool { return s.status(s.workflow("weekly")) != enums.WORKFLOW_EXECUTION_STATUS_RUNNING })
	s.nothingLeft()
}
