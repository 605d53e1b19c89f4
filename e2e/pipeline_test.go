package e2e_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
)

// TestAWorkerKilledWhileStepsAreAtWorkTogetherGoesOnWithEachOfThem: a delivery of several files is a pipeline, so a crash
// hits Archive, Encrypt and Upload at once.
func TestAWorkerKilledWhileStepsAreAtWorkTogetherGoesOnWithEachOfThem(t *testing.T) {
	t.Parallel()
	const files, sent = 6, 2
	s := newSite(t)
	s.data("data.parquet", nastyRows(600_000)) // about 50 MB, of which each file is packed into more than one
	home := s.gpgHome()
	g := newGate(t, func(kind string, passed int) bool { return kind == "UploadPart" && passed >= sent })
	s.endpoint = g.URL
	s.configure(source + "destinations:" + s.destination("acme", "platform", "file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}, success_file: true") + `
data_templates:
  - {name: t, destination: acme, settings: {split: {rows: 100000}, filename: weekly, split_filename: "{{file_number}}.csv.gz"}}
orchestrations:
  - {name: pipeline-{site}, query: all, data_template: t}
`)
	w := s.worker()
	require.Equal(t, 0, s.starter("send", s.id("pipeline"), "--run-key", "k").code)
	eventually(t, "the first files are in S3", func() bool { return g.answered("UploadPart") >= sent })
	w.kill()
	require.Empty(t, s.keys(), "nothing is to be seen yet")
	g.release()
	s.worker()
	c := s.send(s.id("pipeline"), "--run-key", "k")
	require.Len(t, c.Objects, files)
	require.Empty(t, c.Warnings, "nothing was made anew")
	require.Equal(t, files, g.count("UploadPart"), "what S3 has is not sent again")
	asked, done := s.stepEvents(c.WorkflowID)
	require.Less(t, asked["Encrypt"], done["Archive"])
	require.Less(t, asked["Upload"], done["Archive"], "they were at work together")
	require.Less(t, s.events(c.WorkflowID), 80)

	dir := s.download()
	for _, o := range c.Objects {
		plain := s.decrypt(home, filepath.Join(dir, o.Key))
		tool(t, "gunzip", plain)
	}
	s.sameCSV(filepath.Join(dir, "weekly", "*.csv"))
	s.nothingLeft()
}

// stepEvents are the numbers of the events by which a run's steps were asked for and done.
func (s *site) stepEvents(workflowID string) (asked, done map[string]int64) {
	s.t.Helper()
	asked, done = map[string]int64{}, map[string]int64{}
	history := temporal.GetWorkflowHistory(s.t.Context(), workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	names := map[int64]string{}
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(s.t, err)
		if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
			names[event.GetEventId()] = a.GetActivityType().GetName()
			asked[names[event.GetEventId()]] = event.GetEventId()
		}
		if a := event.GetActivityTaskCompletedEventAttributes(); a != nil {
			done[names[a.GetScheduledEventId()]] = event.GetEventId()
		}
	}
	return asked, done
}
