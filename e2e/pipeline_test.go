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
	g := s.gate("TryPart", 1) // AssumeRole's; what Upload sends of small files is held, so that Archive is done long before
	s.sends(source, "weekly-{site}", "platform", "file_format: csv, encoding: gzip, pgp_public_key: {file: acme.asc}",
		`split: {rows: 1000}, filename: weekly, split_filename: "{{file_number}}.csv.gz"`)
	s.worker()
	s.begin("weekly", "k")
	run, point := "send/"+s.id("weekly")+"/k", int64(0)
	eventually(t, "the run knows that Archive is done", func() bool {
		archived := s.stepEvents(run).done["Archive"]
		point = nextTask(t, run, archived)
		return archived > 0 && point > 0
	})
	g.release()
	first := s.send(s.id("weekly"), "--run-key", "k")
	require.Len(t, first.Objects, 3)
	reset(t, run, "", point)
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
	task := nextTask(s.t, workflowID, id)
	require.Positive(s.t, task, "no workflow task")
	return task
}

// nextTask is likewise, 0 if there is none yet.
func nextTask(t *testing.T, workflowID string, id int64) int64 {
	t.Helper()
	for _, event := range eventsOf(t, workflowID) {
		if event.GetEventId() > id && event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return event.GetEventId()
		}
	}
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
