package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/workflows"
)

// nasty is a table of what breaks files that were written carelessly.
const nasty = `
SELECT i AS id,
  CASE i % 9 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a "quoted", word' WHEN 3 THEN E'two\nlines' WHEN 4 THEN E'cr\r\nlf'
    WHEN 5 THEN ' blank around ' WHEN 6 THEN 'Zoë Łukasz 佐藤' WHEN 7 THEN '\.' ELSE '=1+1' END AS note,
  CASE WHEN i % 7 = 0 THEN NULL ELSE (i * 1.25)::DECIMAL(18,2) END AS balance,
  CASE WHEN i % 5 = 0 THEN NULL ELSE i / 7.0::DOUBLE END AS score,
  TIMESTAMP '2020-01-01' + to_microseconds(i * 1000003) AS seen,
  DATE '1970-01-01' + (i % 20000)::INT AS day,
  i % 2 = 0 AS active
FROM range(%d) t(i)`

func nastyRows(rows int) string { return strings.Replace(nasty, "%d", fmt.Sprint(rows), 1) }

func TestParquetByAnAssumedRole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	db := s.data("data.parquet", nastyRows(5000))
	s.sends(source, "lake-all-{site}", "role", "prefix: in, file_format: parquet, success_file: true",
		`filename: "{{orchestration_name}}_{{now|format:'yyyy-MM-dd'}}.parquet"`)
	s.worker()
	c := s.send(s.id("lake-all"), "--run-key", "2026-11-23")
	require.Equal(t, workflows.Completed, c.Status)
	require.EqualValues(t, 5000, c.Rows)
	require.Len(t, c.Objects, 1)
	require.Equal(t, []string{c.Objects[0].Key, c.Objects[0].Key + ".DONE"}, s.keys())
	require.Equal(t, "send/"+s.id("lake-all")+"/2026-11-23", c.WorkflowID)

	got := s.get(c.Objects[0].Key)
	require.Zero(t, one[int](t, db, fmt.Sprintf("SELECT count(*) FROM (SELECT * FROM '%s' EXCEPT ALL SELECT * FROM '%s')", got, s.path("data.parquet"))))
	require.Zero(t, one[int](t, db, fmt.Sprintf("SELECT count(*) FROM (SELECT * FROM '%s' EXCEPT ALL SELECT * FROM '%s')", s.path("data.parquet"), got)))
	s.nothingLeft()
}

// gpgHome makes a key pair of the customer's and returns its home; the public key is in the site as acme.asc.
func (s *site) gpgHome() string {
	s.t.Helper()
	home, err := os.MkdirTemp("", "gpg") // short: gpg-agent's socket has a limited path
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	gpg := func(args ...string) string {
		return tool(s.t, "gpg", append([]string{"--homedir", home, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
	}
	gpg("--quick-generate-key", "acme@example.com", "default", "default", "1y")
	gpg("--output", s.path("acme.asc"), "--armor", "--export", "acme@example.com")
	return home
}

func (s *site) decrypt(home, from string) string {
	s.t.Helper()
	to := strings.TrimSuffix(from, ".pgp")
	tool(s.t, "gpg", "--homedir", home, "--batch", "--yes", "--quiet", "--output", to, "--decrypt", from)
	return to
}

// sameCSV compares a CSV file with the data, value by value, by DuckDB's own reader.
func (s *site) sameCSV(path string) {
	s.t.Helper()
	db := duck(s.t)
	_, err := db.Exec(fmt.Sprintf(`CREATE TABLE got AS FROM read_csv('%s', header = true, quote = '"', escape = '"', delim = ',', nullstr = '', allow_quoted_nulls = false,
		columns = {id: 'BIGINT', note: 'VARCHAR', balance: 'DECIMAL(18,2)', score: 'DOUBLE', seen: 'TIMESTAMP', day: 'DATE', active: 'BOOLEAN'})`, path))
	require.NoError(s.t, err)
	_, err = db.Exec(fmt.Sprintf("CREATE TABLE want AS FROM '%s'", s.path("data.parquet")))
	require.NoError(s.t, err)
	require.Zero(s.t, one[int](s.t, db, "SELECT count(*) FROM (FROM got EXCEPT ALL FROM want)"))
	require.Zero(s.t, one[int](s.t, db, "SELECT count(*) FROM (FROM want EXCEPT ALL FROM got)"))
}

func TestCSVWithGzipAndPGP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(20000))
	home := s.gpgHome()
	s.sends(source, "weekly-{site}", "platform", "prefix: in/, file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}, success_file: true",
		`filename: "{{query_name}}.csv.gz"`)
	s.worker()
	c := s.send(s.id("weekly"))
	require.Equal(t, []string{"in/all.csv.gz.pgp", "in/all.csv.gz.pgp.DONE"}, s.keys())
	require.Equal(t, "in/all.csv.gz.pgp.DONE", c.SuccessFile)
	packed := s.decrypt(home, s.get("in/all.csv.gz.pgp"))
	tool(t, "gunzip", "--keep", packed)
	s.sameCSV(strings.TrimSuffix(packed, ".gz"))
	s.nothingLeft()
}

func TestCSVInATgzTellsACampaignThatWaits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(3000))
	waiting := s.name + "-campaign"
	s.sends(source, "weekly-{site}, notify: [{workflow_id: "+waiting+"}]", "role", "file_format: csv, encoding: tgz, success_file: true", `filename: "weekly.tgz"`)
	s.worker()
	heard := s.campaign(waiting)
	c := s.send(s.id("weekly"))
	told := heard()
	require.Equal(t, c.DeliveryID, told[0].DeliveryID)
	require.Equal(t, c.Objects, told[0].Objects)
	require.Equal(t, workflows.Completed, told[0].Status)
	require.Len(t, told, 1)

	dir := s.path("unpacked")
	require.NoError(t, os.Mkdir(dir, 0o755))
	tool(t, "tar", "-xzf", s.get("weekly.tgz"), "-C", dir)
	s.sameCSV(filepath.Join(dir, "weekly.csv"))
	s.nothingLeft()
}

func TestATargetThatComesLateIsToldOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	late := s.name + "-late"
	s.sends(source, "late-{site}, notify: [{workflow_id: "+late+"}]", "platform", "file_format: csv", `filename: "all.csv"`)
	s.worker()
	s.begin("late", "k")
	eventually(t, "it waits for the target", func() bool {
		return strings.Contains(historyOf(t, s.workflow("late")), "AwaitTarget")
	})
	told := s.campaign(late)
	eventually(t, "closed", func() bool { return s.status(s.workflow("late")) == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED })
	require.Len(t, told(), 1)
	require.Less(t, s.events(s.workflow("late")), 70, "waiting costs no history")
}

// campaign starts a workflow that collects completions under the given id, and returns a function that ends it and
// returns what it was told.
func (s *site) campaign(id string) func() []workflows.Completion {
	s.t.Helper()
	return collects(s.t, id, func(ctx workflow.Context, hears workflow.Selector, told *[]workflows.Completion) {
		hears.AddReceive(into(ctx, workflows.SignalCompleted, told))
	})
}

// collects starts a workflow that takes down signals, and returns a function that ends it and returns what they said.
func collects[T any](t *testing.T, id string, listen func(workflow.Context, workflow.Selector, *T)) func() T {
	t.Helper()
	w := worker.New(temporal, id, worker.Options{})
	collect := func(ctx workflow.Context) (told T, err error) {
		enough := workflow.GetSignalChannel(ctx, "enough")
		for over := false; !over; {
			hears := workflow.NewSelector(ctx)
			listen(ctx, hears, &told)
			hears.AddReceive(enough, func(c workflow.ReceiveChannel, _ bool) { over = c.Receive(ctx, nil) })
			hears.Select(ctx)
		}
		return told, nil
	}
	w.RegisterWorkflowWithOptions(collect, workflow.RegisterOptions{Name: "collect"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: id}, "collect")
	require.NoError(t, err)
	return func() (told T) {
		require.NoError(t, temporal.SignalWorkflow(context.Background(), id, "", "enough", nil))
		require.NoError(t, run.Get(t.Context(), &told))
		return told
	}
}

// into is how a signal is taken down.
func into[T any](ctx workflow.Context, signal string, list *[]T) (workflow.ReceiveChannel, func(workflow.ReceiveChannel, bool)) {
	return workflow.GetSignalChannel(ctx, signal), func(c workflow.ReceiveChannel, _ bool) {
		var one T
		c.Receive(ctx, &one)
		*list = append(*list, one)
	}
}

func TestTheSameRunKeyIsTheSameRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.sends(source, "weekly-{site}", "platform", "file_format: csv, success_file: true", `filename: "{{run_id}}.csv"`)
	s.worker()
	first := s.send(s.id("weekly"), "--run-key", "monday")
	again := s.send(s.id("weekly"), "--run-key", "monday")
	require.Equal(t, first.RunID, again.RunID)
	require.Len(t, s.keys(), 2, "one object and one success file")
}

func TestAGracefulStopLeavesWithStatusZero(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configure("")
	require.Equal(t, 0, s.worker().stop(), s.logs.String())
}

func TestTwoWorkersCannotShareAWorkspace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configure("")
	s.worker()
	cmd := exec.Command(filepath.Join(bin, "worker"), "--config", s.config)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Contains(t, string(out), "in use by another process")
	require.Contains(t, string(out), "hint: one worker runs per workspace")
}

// historyOf returns every event of a run, whole, as JSON.
func historyOf(t *testing.T, workflowID string) string {
	t.Helper()
	var all strings.Builder
	for _, event := range eventsOf(t, workflowID) {
		text, err := json.Marshal(event)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}
