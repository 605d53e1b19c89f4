package e2e_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"consign/workflows"
)

// TestAWorkerKilledWhileStepsAreAtWorkTogetherGoesOnWithEachOfThem: a delivery of several files is a pipeline, so a crash
// hits Archive, Encrypt and Upload at once.
func TestAWorkerKilledWhileStepsAreAtWorkTogetherGoesOnWithEachOfThem(t *testing.T) {
	t.Parallel()
	const files, sent = 6, 2
	s := newSite(t)
	s.data("data.parquet", nastyRows(600_000)) // six files, each packed into a part of more than 1 MiB: a smaller one is taken for AssumeRole's trial
	home := s.gpgHome()
	g := s.gate("UploadPart", sent)
	s.sends(source, "pipeline-{site}", "platform", "file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}, success_file: true",
		`split: {rows: 100000}, filename: weekly, split_filename: "{{file_number}}.csv.gz"`)
	w := s.worker()
	s.begin("pipeline", "k")
	eventually(t, "the first files are in S3", func() bool { return g.answered("UploadPart") >= sent })
	w.kill()
	require.Empty(t, s.keys(), "nothing is to be seen yet")
	g.release()
	s.worker()
	c := s.send(s.id("pipeline"), "--run-key", "k")
	require.Len(t, c.Objects, files)
	require.Empty(t, c.Warnings, "nothing was made anew")
	require.Equal(t, files, g.count("UploadPart"), "what S3 has is not sent again")
	steps := s.stepEvents(c.WorkflowID)
	require.Less(t, steps.asked["Encrypt"], steps.done["Archive"])
	require.Less(t, steps.asked["Upload"], steps.done["Archive"], "they were at work together")
	require.Less(t, s.events(c.WorkflowID), 80)

	dir := s.download()
	for _, o := range c.Objects {
		plain := s.decrypt(home, filepath.Join(dir, o.Key))
		tool(t, "gunzip", plain)
	}
	s.sameCSV(filepath.Join(dir, "weekly", "*.csv"))
	s.nothingLeft()
}

// TestARunThatIsResetIntoItsPipelineAfterItsEndDeliversAnew: its workspace is empty by then, and nobody makes the files
// that Encrypt and Upload would wait for.
func TestARunThatIsResetIntoItsPipelineAfterItsEndDeliversAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(3000))
	s.gpgHome()
	s.sends(source, "weekly-{site}", "platform", "file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}",
		`split: {rows: 1000}, filename: weekly, split_filename: "{{file_number}}.csv.gz"`)
	s.worker()
	first := s.send(s.id("weekly"), "--run-key", "k")
	require.Len(t, first.Objects, 3)
	archived := s.stepEvents(first.WorkflowID).done["Archive"]
	reset(t, first.WorkflowID, "", s.taskAfter(first.WorkflowID, archived))
	again := s.send(s.id("weekly"), "--run-key", "k")
	require.Equal(t, workflows.Completed, again.Status)
	require.Len(t, again.Objects, 3)
	require.NotEqual(t, first.DeliveryID, again.DeliveryID)
	require.Contains(t, again.Warnings[0], "rendered again")
	s.nothingLeft()
}

// taskAfter is the end of the first workflow task that came after an event.
func (s *site) taskAfter(workflowID string, id int64) int64 {
	s.t.Helper()
	for _, event := range eventsOf(s.t, workflowID) {
		if event.GetEventId() > id && event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return event.GetEventId()
		}
	}
	s.t.Fatal("no workflow task")
	return 0
}

// stepEvents are the numbers of the events by which a run's steps were asked for and done.
type stepEvents struct{ asked, done map[string]int64 }

func (s *site) stepEvents(workflowID string) stepEvents {
	s.t.Helper()
	found := stepEvents{map[string]int64{}, map[string]int64{}}
	names := map[int64]string{}
	for _, event := range eventsOf(s.t, workflowID) {
		if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
			names[event.GetEventId()] = a.GetActivityType().GetName()
			found.asked[names[event.GetEventId()]] = event.GetEventId()
		}
		if a := event.GetActivityTaskCompletedEventAttributes(); a != nil {
			found.done[names[a.GetScheduledEventId()]] = event.GetEventId()
		}
	}
	return found
}
