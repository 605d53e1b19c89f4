package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/workflows"
)

// TestAnAbortedRunNamesWhatAKilledWorkerHasShown: the worker died when one of two objects could be read, and has told nobody.
func TestAnAbortedRunNamesWhatAKilledWorkerHasShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	g := s.gate("CompleteMultipartUpload", 1)
	s.sends(judged, "weekly-{site}, notify_timeout: 1m, notify: [{workflow_id: {site}-campaign}]", "platform", "file_format: csv, success_file: true",
		`filename: all, split: {rows: 50}, split_filename: "{{file_number}}.csv"`)
	heard := s.campaign(s.name + "-campaign")
	w := s.worker()
	s.begin("weekly", "k")
	eventually(t, "the first object can be read", func() bool { return g.answered("CompleteMultipartUpload") == 1 })
	w.kill()
	require.NoError(t, temporal.SignalWorkflow(t.Context(), s.workflow("weekly"), "", workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"}))
	s.worker()
	require.Equal(t, 1, s.starter("send", s.id("weekly"), "--run-key", "k", "--wait").code)
	require.Equal(t, []string{"all/0000001.csv"}, s.keys())
	told := heard()
	require.Len(t, told, 1)
	require.Equal(t, workflows.Aborted, told[0].Status)
	require.Len(t, told[0].Objects, 1, "what can be read is named")
	require.Equal(t, "all/0000001.csv", told[0].Objects[0].Key)
	require.EqualValues(t, 50, told[0].Rows)
	s.nothingLeft()
}

// TestAnAbortedRunNamesTheSuccessFileThatAKilledWorkerHasWritten: whoever has seen it takes the delivery for complete.
func TestAnAbortedRunNamesTheSuccessFileThatAKilledWorkerHasWritten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	proxy := proxyOf(t, stack.S3.Endpoint)
	written, killed := make(chan struct{}), make(chan struct{})
	wrote := sync.OnceFunc(func() { close(written) })
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kindOf(r) != "PutObject" || !strings.HasSuffix(r.URL.Path, ".DONE") {
			proxy.ServeHTTP(w, r)
			return
		}
		proxy.ServeHTTP(httptest.NewRecorder(), r) // S3 does it, and nobody hears
		wrote()
		<-killed
	}))
	t.Cleanup(front.Close)
	s.endpoint = front.URL
	s.plainSend(s.name + "-campaign")
	heard := s.campaign(s.name + "-campaign")
	w := s.worker()
	s.begin("weekly", "k")
	<-written
	w.kill()
	close(killed)
	require.NoError(t, temporal.SignalWorkflow(t.Context(), s.workflow("weekly"), "", workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"}))
	s.worker()
	require.Equal(t, 1, s.starter("send", s.id("weekly"), "--run-key", "k", "--wait").code)
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	told := heard()
	require.Len(t, told, 1)
	require.Equal(t, workflows.Aborted, told[0].Status)
	require.Equal(t, "all.csv.DONE", told[0].SuccessFile)
	require.Len(t, told[0].Objects, 1)
	require.Contains(t, told[0].Failure.Message, "the delivery itself is complete and stays as it is")
	s.nothingLeft()
}
