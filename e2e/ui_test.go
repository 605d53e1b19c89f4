package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// An operator is a browser that works in Temporal's UI (ui/operator.mjs).
type operator struct {
	t     *testing.T
	says  *bufio.Scanner
	in    io.WriteCloser
	errs  bytes.Buffer
	ended func() error
}

// operator opens a browser that looks for a parked run.
func (s *site) operator(workflowID string) *operator {
	s.t.Helper()
	node, err := exec.LookPath("node")
	require.NoError(s.t, err, "Node.js runs the browser of this test: apt-get install nodejs npm")
	_, err = os.Stat("ui/node_modules/playwright-core")
	require.NoError(s.t, err, "the browser's driver is not there: npm ci --prefix e2e/ui (make test does it)")
	profile, err := os.MkdirTemp("", "browser") // short: the browser's socket has a limited path
	require.NoError(s.t, err)
	ctx, cancel := context.WithTimeout(s.t.Context(), 6*patience)
	cmd := exec.CommandContext(ctx, node, "ui/operator.mjs", "--ui", stack.Temporal.UIAddress, "--workflow", workflowID,
		"--chromium", chromium(s.t), "--profile", profile, "--screenshots", filepath.Join("ui", "screenshots"))
	o := &operator{t: s.t, ended: cmd.Wait}
	s.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		_ = os.RemoveAll(profile)
	})
	cmd.Stderr = &o.errs
	o.in, err = cmd.StdinPipe()
	require.NoError(s.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(s.t, err)
	o.says = bufio.NewScanner(out)
	o.says.Buffer(nil, 1<<20) // a line is a page's whole text
	require.NoError(s.t, cmd.Start())
	return o
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	require.FailNow(t, "Chromium opens Temporal's UI in this test: apt-get install chromium")
	return ""
}

// reads returns the next text that the operator reads, which must be the one named.
func (o *operator) reads(what string) string {
	o.t.Helper()
	if !o.says.Scan() {
		_ = o.ended()
		require.FailNow(o.t, "the operator did not come to "+what, "%s\nSee e2e/ui/screenshots/failed.png.", &o.errs)
	}
	var said struct{ What, Read string }
	require.NoError(o.t, json.Unmarshal(o.says.Bytes(), &said), o.says.Text())
	require.Equal(o.t, what, said.What)
	return said.Read
}

func TestAnOperatorFindsReadsAndRetriesAParkedRunInTheTemporalUI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	later := s.bucket + "-later"
	s.to("seen", later, "")
	s.worker()
	s.parks("seen")
	o := s.operator(s.workflow("seen"))

	events := o.reads("events")
	require.Contains(t, events, "parked: NoSuchBucket at AssumeRole, for the customer to fix; see User Metadata")
	require.Contains(t, events, "credential platform, bucket "+later, "the step's summary")
	attributes := o.reads("attributes")
	for _, want := range []string{"ConsignOrchestration", s.id("seen"), "ConsignDestination", "acme", "ConsignRunKey", "ConsignState", "parked"} {
		require.Contains(t, attributes, want)
	}
	details := o.reads("details")
	for _, want := range []string{
		"Parked: NoSuchBucket", "Whose to fix: customer", "What to do: ", "s3://" + later + "/all.csv", "Until: ",
		"More Actions", "Send a Signal", "retry", `{"replan": true}`, "abort",
	} {
		require.Contains(t, details, want)
	}

	require.NoError(t, stack.S3.MakeBucket(t.Context(), later))
	_, err := io.WriteString(o.in, "mended\n")
	require.NoError(t, err)
	require.Contains(t, o.reads("retry"), "go on at the step that failed")
	completed := o.reads("completed")
	require.Contains(t, completed, "s3://"+later+"/all.csv")
	require.Contains(t, completed, "100 rows")
	delivered := o.reads("delivered")
	for _, want := range []string{"query all to csv", "100 rows, ", "to s3://" + later, "verify and complete object 1 of 1", "all.csv.DONE", "empty the workspace", "Timer Canceled"} {
		require.Contains(t, delivered, want)
	}
	require.NoError(t, o.ended(), &o.errs)
	s.bucket = later
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.nothingLeft()
}
