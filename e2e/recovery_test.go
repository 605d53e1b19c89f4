package e2e_test

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
)

// What the sites of these tests have: heartbeats are the product's, the host's timeout is short (10 minutes by default).
const (
	heartbeat   = 30 * time.Second
	hostTimeout = 20 * time.Second
)

// interrupted starts a delivery of some eight parts that stands still after the third.
func interrupted(t *testing.T) (*site, *gate, *process) {
	t.Helper()
	return interruptedWith(t, "")
}

// interruptedWith is interrupted, with more in the configuration.
func interruptedWith(t *testing.T, more string) (*site, *gate, *process) {
	t.Helper()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 3)
	s.to("recovered", s.bucket, "")
	s.write("consign.yaml", s.configured()+more)
	w := s.worker()
	s.begin("recovered", "k")
	eventually(t, "three parts sent", func() bool { return g.answered("UploadPart") >= 3 })
	return s, g, w
}

// secondHost starts another worker, with a workspace of its own.
func (s *site) secondHost() *process {
	s.t.Helper()
	config := s.write("second/consign.yaml", s.configured())
	for _, name := range []string{"data.parquet", "secret"} {
		require.NoError(s.t, os.Symlink(s.path(name), s.path("second/"+name)))
	}
	return s.workerIn(config)
}

// goesOn waits until parts are sent again, and returns how long that took since an event, and how many parts had been
// sent before.
func goesOn(t *testing.T, g *gate, since time.Time, within time.Duration) (time.Duration, int) {
	t.Helper()
	sent := g.count("UploadPart")
	g.release()
	require.Eventually(t, func() bool { return g.count("UploadPart") > sent }, within, 20*time.Millisecond, "the upload goes on")
	return time.Since(since), sent
}

// delivered waits for the end and checks that the object is right, and alone.
func (s *site) delivered() {
	s.t.Helper()
	s.send(s.id("recovered"), "--run-key", "k")
	require.Equal(s.t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))
}

// These tests measure what the README says of recovery: run them with -v to see the times.

func TestAGracefulStopCostsNoPartAndNoWait(t *testing.T) {
	t.Parallel()
	s, g, w := interrupted(t)
	before := time.Now()
	require.Equal(t, 0, w.stop())
	stopped := time.Since(before)
	s.worker()
	took, sent := goesOn(t, g, time.Now(), patience)
	s.delivered()
	t.Logf("graceful: stopped after %s, went on %s after the new worker was ready, all parts kept", stopped.Round(time.Millisecond), took.Round(time.Millisecond))
	require.Equal(t, 8, sent+g.count("UploadPart")-sent, "no part was sent twice")
	require.Less(t, took, heartbeat/2, "it does not wait for a heartbeat")
	s.nothingLeft()
}

func TestAKillOnTheSameHostCostsNoWait(t *testing.T) {
	t.Parallel()
	s, g, w := interrupted(t)
	w.kill()
	s.worker()
	took, _ := goesOn(t, g, time.Now(), patience)
	s.delivered()
	t.Logf("kill -9, same host: went on %s after the new worker was ready", took.Round(time.Millisecond))
	require.Less(t, took, heartbeat/2, "it does not wait for a heartbeat")
	s.nothingLeft()
}

// TestAKillInAStepWithoutFilesCostsAHeartbeat: nothing on the disk tells the next process of it.
func TestAKillInAStepWithoutFilesCostsAHeartbeat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(1000))
	g := s.gate("CreateMultipartUpload", 0)
	s.to("recovered", s.bucket, "")
	w := s.worker()
	s.begin("recovered", "k")
	eventually(t, "AssumeRole is at work", func() bool {
		described, err := temporal.DescribeWorkflowExecution(t.Context(), s.workflow("recovered"), "")
		return err == nil && slices.ContainsFunc(described.GetPendingActivities(), func(a *workflowpb.PendingActivityInfo) bool {
			return a.GetActivityType().GetName() == "AssumeRole" && a.GetState() == enums.PENDING_ACTIVITY_STATE_STARTED
		})
	})
	since := time.Now()
	w.kill()
	g.release()
	s.worker()
	s.delivered()
	took := time.Since(since)
	t.Logf("kill -9 in AssumeRole: delivered %s after it", took.Round(time.Millisecond))
	require.Less(t, took, heartbeat+heartbeat/2)
	s.nothingLeft()
}

// TestARunWhoseQueryEndsTheWorkerIsParked: it would end it at every try, and everybody's steps with it.
func TestARunWhoseQueryEndsTheWorkerIsParked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", "SELECT 1 AS id, repeat('[', 300000) || repeat(']', 300000) AS deep")
	s.plainSend(s.name + "-nobody")
	s.edit("SELECT * FROM", "SELECT json_structure(deep) FROM")
	s.edit("attempts: 4", "attempts: 20")
	w := s.worker()
	s.begin("weekly", "k")
	for range 3 {
		err := <-w.end
		w.end <- err
		require.Error(t, err, "the engine breaks off")
		w = s.worker()
	}
	parked := s.parks("weekly")
	require.Contains(t, parked.out+parked.err, "died 3 times in a row")
	require.Contains(t, s.logs.String(), "step=render deaths=3", "which run it was, and how often")
}

func TestALostHostIsGivenUpAfterAHeartbeatAndItsTimeout(t *testing.T) {
	t.Parallel()
	s, g, w := interrupted(t)
	s.secondHost()
	w.kill()
	took, _ := goesOn(t, g, time.Now(), 2*(heartbeat+hostTimeout)+patience)
	s.delivered()
	t.Logf("host lost: the other one sent its first part %s after the death", took.Round(time.Millisecond))
	require.GreaterOrEqual(t, took, hostTimeout, "a host that is only slow is not given up")
}

// TestTheOnlyHostThatComesBackTooLateRendersAnew: its one place is that of the run, which waits in the queue for a place.
func TestTheOnlyHostThatComesBackTooLateRendersAnew(t *testing.T) {
	t.Parallel()
	s, g, w := interruptedWith(t, "\nworker: {runs: 1}\n")
	w.kill()
	require.Eventually(t, func() bool {
		described, err := temporal.DescribeWorkflowExecution(t.Context(), s.workflow("recovered"), "")
		return err == nil && len(described.GetPendingActivities()) == 0
	}, 2*(heartbeat+hostTimeout)+patience, 100*time.Millisecond, "the host is given up")
	g.release()
	s.worker()
	since := time.Now()
	require.Eventually(t, func() bool { return len(s.keys()) == 2 }, 2*time.Minute, 100*time.Millisecond, "the janitor gives the place to whoever wants it")
	t.Logf("given up, and back: delivered after %s", time.Since(since).Round(time.Second))
	s.delivered()
	s.nothingLeft()
}

// TestAFrozenHostIsGivenUpAndDoesNoHarmWhenItWakes freezes the first host (SIGSTOP: its connections stay open, as with a
// host that lost its power), until the second has sent everything; then it wakes up in the middle of its upload.
func TestAFrozenHostIsGivenUpAndDoesNoHarmWhenItWakes(t *testing.T) {
	t.Parallel()
	s, g, w := interrupted(t)
	s.secondHost()
	require.NoError(t, w.cmd.Process.Signal(syscall.SIGSTOP))
	took, _ := goesOn(t, g, time.Now(), 3*heartbeat+hostTimeout+patience)
	s.delivered()
	t.Logf("host frozen: the other one sent its first part %s after it froze", took.Round(time.Millisecond))
	completed := g.count("CompleteMultipartUpload")
	require.NoError(t, w.cmd.Process.Signal(syscall.SIGCONT))
	s.emptied() // the zombie has cleaned up
	require.Equal(t, completed, g.count("CompleteMultipartUpload"), "the zombie completes nothing")
	s.sameCSV(s.get("all.csv"))
}
