package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"consign/workflows"
)

// to is a plain delivery of the site's rows to a bucket.
func (s *site) to(orchestration, bucket, more string) {
	s.t.Helper()
	own := s.bucket
	s.bucket = bucket
	s.sends(judged, orchestration+"-{site}", "platform", "file_format: csv, success_file: true"+more, `filename: "all.csv"`)
	s.bucket = own
}

func TestAParkedRunIsRetriedWhenTheCustomerHasMendedIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	later := s.bucket + "-later"
	s.to("parked", later, "")
	s.worker()
	s.parks("parked")
	require.Equal(t, "NoSuchBucket", s.failure("parked").Type)
	require.Contains(t, s.failure("parked").Worker, "(pid ")
	require.NoError(t, stack.S3.MakeBucket(t.Context(), later))
	require.Equal(t, 0, s.starter("retry", s.id("parked")+"/k").code)
	c := s.send(s.id("parked"), "--run-key", "k")
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, later, c.Objects[0].Bucket)
	require.Equal(t, 2, s.starter("retry", s.id("parked")+"/k").code, "a run that is over cannot be retried")
	s.nothingLeft()
}

func TestARunThatOnlyWaitsForWhomToTellIsLetGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.patientSend(s.name+"-nobody", "1h")
	s.worker()
	s.begin("weekly", "k")
	run := s.id("weekly") + "/k"
	eventually(t, "the wait for whom to tell", func() bool { return strings.Contains(s.starter("show", run).out, "to wait no longer: starter") })
	a := s.starter("abort", run)
	require.Equal(t, 0, a.code, a.err)
	require.Equal(t, run+": was over, and waits no longer for those whom it could not tell\n", a.out)
	c := s.send(s.id("weekly"), "--run-key", "k")
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, []string{s.name + "-nobody"}, c.NotNotified)
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.nothingLeft()
}

// TestAnAbortWhenAllIsThereIsTooLate: the success file was being written, and its answer had not come.
func TestAnAbortWhenAllIsThereIsTooLate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	g := s.gate("PutObject", 0)
	s.plainSend(s.name + "-campaign")
	heard := s.campaign(s.name + "-campaign")
	s.worker()
	s.begin("weekly", "k")
	run := s.id("weekly") + "/k"
	eventually(t, "the success file on its way", func() bool { return strings.Contains(s.starter("show", run).out, "WriteSuccessFile  running") })
	require.Equal(t, 0, s.starter("abort", run).code)
	g.release()
	c := s.send(s.id("weekly"), "--run-key", "k")
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, "all.csv.DONE", c.SuccessFile)
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	require.Len(t, heard(), 1)
	s.nothingLeft()
}

// TestAnAbortThatWaitedForAWorkerEndsTheRun: it is the first thing that the run hears, or nearly, for nobody can see an update
// that waits. Either way nothing is delivered: the bucket lets no upload begin.
func TestAnAbortThatWaitedForAWorkerEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.gate("CreateMultipartUpload", 0)
	s.plainSend(s.name + "-campaign")
	s.begin("weekly", "k")
	asked := make(chan answer)
	go func() { asked <- s.starter("abort", s.id("weekly")+"/k") }()
	eventually(t, "the abort at the server", func() bool {
		described, err := temporal.DescribeWorkflowExecution(t.Context(), s.workflow("weekly"), "")
		return err == nil && described.GetPendingWorkflowTask().GetScheduledTime() != nil
	})
	s.worker()
	require.Equal(t, 0, (<-asked).code)
	require.Equal(t, 1, s.starter("send", s.id("weekly"), "--run-key", "k", "--wait").code)
	require.Empty(t, s.keys())
	s.nothingLeft()
}

func TestAParkedRunIsReplannedWithAnotherConfiguration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.to("replanned", "acme-typo", "")
	s.worker()
	s.parks("replanned")
	s.to("replanned", s.bucket, "")
	require.Equal(t, 0, s.starter("retry", s.id("replanned")+"/k", "--replan").code)
	c := s.send(s.id("replanned"), "--run-key", "k")
	require.Equal(t, s.bucket, c.Objects[0].Bucket)
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.nothingLeft()
}

func TestARunOfTooManyFilesIsParkedAndReplannedWithFewer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(5001)) // one more than a delivery may have
	s.to("torn", s.bucket, `, split: {rows: 1}, split_filename: "{{file_number}}.csv"`)
	s.worker()
	parked := s.parks("torn")
	require.Contains(t, parked.out+parked.err, "at most 5000 objects")
	require.Contains(t, parked.out+parked.err, "Let split take more rows")
	require.Equal(t, "TooManyFiles", s.failure("torn").Type)
	s.to("torn", s.bucket, `, split: {rows: 1000}, split_filename: "{{file_number}}.csv"`)
	require.Equal(t, 0, s.starter("retry", s.id("torn")+"/k", "--replan").code)
	require.Equal(t, 6, s.send(s.id("torn"), "--run-key", "k").ObjectCount)
	s.nothingLeft()
}

func TestAParkedRunIsAborted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	s.to("dropped", "acme-typo", "")
	s.worker()
	s.parks("dropped")
	require.Equal(t, 0, s.starter("abort", s.id("dropped")+"/k", "--reason", "not wanted any more").code)
	a := s.starter("send", s.id("dropped"), "--run-key", "k", "--wait")
	require.Equal(t, 1, a.code, "%s\n%s", a.out, a.err)
	require.Contains(t, a.out+a.err, "not wanted any more")
	require.Contains(t, a.out+a.err, "--run-key NEW-KEY")
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, s.status(s.workflow("dropped")))
	s.nothingLeft()
}

// TestAHostThatDoesNotComeBackIsReplaced kills a host for good: its disk stays away, and another one renders anew.
func TestAHostThatDoesNotComeBackIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 2)
	s.to("lost", s.bucket, "")
	first := s.worker()
	s.begin("lost", "k")
	eventually(t, "two parts sent", func() bool { return g.answered("UploadPart") >= 2 })
	first.kill()
	g.release()
	s.secondHost()
	c := s.send(s.id("lost"), "--run-key", "k")
	require.Contains(t, c.Warnings[0], "rendered again")
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))

	s.worker() // the first host is back: its janitor finds what it had left
	s.emptied()
}

func TestARunThatWasTerminatedIsCleanedUpByTheJanitor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 2)
	s.to("terminated", s.bucket, "")
	w := s.worker()
	s.begin("terminated", "k")
	eventually(t, "two parts sent", func() bool { return g.answered("UploadPart") >= 2 })
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), s.workflow("terminated"), "", "a test"))
	w.kill()
	g.release()
	s.worker() // its janitor looks at once
	s.emptied()
	require.Empty(t, s.keys())
}

// TestARestartWithinTheSameHostDoesNotWaitForAHeartbeat: the new process tells Temporal that the old one is dead.
func TestARestartWithinTheSameHostDoesNotWaitForAHeartbeat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 3)
	s.to("again", s.bucket, "")
	w := s.worker()
	s.begin("again", "k")
	eventually(t, "three parts sent", func() bool { return g.answered("UploadPart") >= 3 })
	w.kill()
	sent := g.count("UploadPart")
	g.release()
	s.worker()
	ready := time.Now()
	eventually(t, "the upload goes on", func() bool { return g.count("UploadPart") > sent })
	require.Less(t, time.Since(ready), 15*time.Second, "a missed heartbeat takes 30 s")
	s.send(s.id("again"), "--run-key", "k")
}
