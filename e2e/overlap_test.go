package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"consign/activities"
	"consign/workflows"
)

// inTurn is an orchestration of which several runs are started: each writes an object of its own.
func (s *site) inTurn(bucket, more string) {
	s.t.Helper()
	own := s.bucket
	s.bucket = bucket
	s.sends(judged, "turns-{site}"+more, "platform", "file_format: csv, success_file: true", `filename: "{{run_id}}.csv"`)
	s.bucket = own
}

func (s *site) turns(key string) string { return workflows.OrchestrationID(s.id("turns"), key) }

func (s *site) start(key string) {
	s.t.Helper()
	s.begin("turns", key)
}

// progressOf asks a run how it is getting on. Temporal gives its worker ten seconds to answer, which a machine that is busy may
// need longer for, so it is asked again.
func (s *site) progressOf(workflowID string) workflows.Progress {
	s.t.Helper()
	var p workflows.Progress
	var late *serviceerror.DeadlineExceeded
	for begin := time.Now(); ; {
		value, err := temporal.QueryWorkflow(s.t.Context(), workflowID, "", workflows.QueryProgress)
		if errors.As(err, &late) && time.Since(begin) < patience {
			continue
		}
		require.NoError(s.t, err)
		require.NoError(s.t, value.Get(&p))
		return p
	}
}

func (s *site) waitsFor(key, holder string) {
	s.t.Helper()
	eventually(s.t, key+" waits for "+holder, func() bool { return s.progressOf(s.turns(key)).WaitsFor == s.turns(holder) })
}

// A span is the time in which a run does what must not overlap: from the first step after its plan to the last that
// makes something visible.
type span struct{ from, to time.Time }

func (s *site) delivering(workflowID string) span {
	s.t.Helper()
	var all span
	names := map[int64]string{}
	for _, event := range eventsOf(s.t, workflowID) {
		if scheduled := event.GetActivityTaskScheduledEventAttributes(); scheduled != nil {
			names[event.GetEventId()] = scheduled.GetActivityType().GetName()
			if all.from.IsZero() && names[event.GetEventId()] == "AssumeRole" {
				all.from = event.GetEventTime().AsTime()
			}
		}
		done := event.GetActivityTaskCompletedEventAttributes()
		if name := names[done.GetScheduledEventId()]; done != nil && (name == "Publish" || name == "WriteSuccessFile") {
			all.to = event.GetEventTime().AsTime()
		}
	}
	require.False(s.t, all.from.IsZero() || all.to.IsZero(), workflowID)
	return all
}

// oneAtATime checks that no two of the runs delivered at the same time, and returns their keys in the order in which
// they did.
func (s *site) oneAtATime(keys ...string) []string {
	s.t.Helper()
	spans := map[string]span{}
	for _, key := range keys {
		spans[key] = s.delivering(s.turns(key))
	}
	order := slices.Clone(keys)
	slices.SortFunc(order, func(a, b string) int { return spans[a].from.Compare(spans[b].from) })
	for i := 1; i < len(order); i++ {
		require.False(s.t, spans[order[i]].from.Before(spans[order[i-1]].to), "%s began while %s was under way", order[i], order[i-1])
	}
	return order
}

// turnEnds checks that nothing is left of whose turn it was.
func (s *site) turnEnds() {
	s.t.Helper()
	eventually(s.t, "the turn ends", func() bool {
		return s.status(activities.TurnID(s.id("turns"))) == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	})
}

func (s *site) uploading(key string) {
	s.t.Helper()
	eventually(s.t, key+" uploads", func() bool { return s.progressOf(s.turns(key)).Step == "Upload" })
}

func TestRunsOfAnOrchestrationDeliverOneAfterTheOtherInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100_000))
	g := s.gate("UploadPart", 0)
	s.inTurn(s.bucket, "")
	w := s.worker()
	s.start("1")
	s.uploading("1")
	s.start("2")
	s.waitsFor("2", "1")
	s.start("3")
	s.waitsFor("3", "1")
	require.Contains(t, s.starter("show", s.id("turns")+"/3").out, "waits for its turn: "+s.turns("1"))
	w.kill()
	s.worker()
	g.release()
	for _, key := range []string{"3", "2", "1"} {
		require.Equal(t, workflows.Completed, s.send(s.id("turns"), "--run-key", key).Status)
	}
	require.Equal(t, []string{"1", "2", "3"}, s.oneAtATime("1", "2", "3"))
	require.Len(t, s.keys(), 6)
	s.turnEnds()
	s.nothingLeft()
}

func TestARunThatIsTerminatedLetsTheNextOneGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100_000))
	g := s.gate("UploadPart", 0)
	s.inTurn(s.bucket, "")
	s.worker()
	s.start("1")
	s.uploading("1")
	s.start("2")
	s.waitsFor("2", "1")
	terminated := time.Now()
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), s.turns("1"), "", "a test"))
	eventually(t, "the second goes on", func() bool { return s.progressOf(s.turns("2")).Step != "Plan" })
	took := time.Since(terminated)
	t.Logf("went on after %s", took)
	require.Less(t, took, 10*time.Second)

	// Nobody waits when the second is terminated: the third finds out when it comes.
	s.uploading("2")
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), s.turns("2"), "", "a test"))
	g.release()
	require.Equal(t, workflows.Completed, s.send(s.id("turns"), "--run-key", "3").Status)
	s.turnEnds()

	a := s.starter("send", s.id("turns"), "--run-key", "1", "--wait")
	require.Equal(t, 1, a.code, "%s\n%s", a.out, a.err)
	require.Contains(t, a.err, "this is the same run")
	require.Contains(t, a.err, "--run-key NEW-KEY")
	require.Len(t, s.keys(), 2, "nothing of the first two")
}

func TestARunThatIsParkedLetsTheNextOneGoAndWaitsForItWhenRetried(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100_000))
	later := s.bucket + "-later"
	s.inTurn(later, "")
	s.worker()
	a := s.starter("send", s.id("turns"), "--run-key", "1", "--wait")
	require.Equal(t, 4, a.code, "%s\n%s", a.out, a.err)
	again := s.starter("send", s.id("turns"), "--run-key", "1", "--wait")
	require.Equal(t, 4, again.code, "the same key is the same run")
	require.Contains(t, again.err, "this is the same run")
	again = s.starter("send", s.id("turns"), "--run-key", "1")
	require.Equal(t, 0, again.code)
	require.Contains(t, again.out, "parked")
	s.turnEnds()

	g := s.gate("UploadPart", 0)
	s.inTurn(s.bucket, "")
	s.start("2")
	s.uploading("2")
	require.NoError(t, stack.S3.MakeBucket(t.Context(), later))
	require.Equal(t, 0, s.starter("retry", s.id("turns")+"/1").code)
	s.waitsFor("1", "2")
	require.Equal(t, workflows.Running, s.progressOf(s.turns("1")).State)
	g.release()
	require.Equal(t, later, s.send(s.id("turns"), "--run-key", "1").Objects[0].Bucket)
	require.Equal(t, s.bucket, s.send(s.id("turns"), "--run-key", "2").Objects[0].Bucket)
	s.turnEnds()
	s.nothingLeft()
}

func TestOverlapCanBeRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100_000))
	g := s.gate("UploadPart", 0)
	s.inTurn(s.bucket, ", overlap: refuse")
	s.worker()
	s.start("1")
	s.uploading("1")
	for _, try := range []string{"the first time", "and found again"} {
		a := s.starter("send", s.id("turns"), "--run-key", "2", "--wait")
		require.Equal(t, 1, a.code, "%s: %s\n%s", try, a.out, a.err)
		require.Contains(t, a.err, s.turns("1")+", and overlap is refuse")
		require.Contains(t, a.err, "--run-key NEW-KEY")
	}
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_FAILED, s.status(s.turns("2")))
	g.release()
	require.Equal(t, workflows.Completed, s.send(s.id("turns"), "--run-key", "1").Status)
	require.Equal(t, workflows.Completed, s.send(s.id("turns"), "--run-key", "3").Status)
	s.turnEnds()
	s.nothingLeft()
}

func TestTwentyRunsThatStartAtOnceAllDeliverOneAtATime(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(10))
	s.inTurn(s.bucket, "")
	s.worker()
	var keys []string
	var all sync.WaitGroup
	for i := range 20 {
		key := fmt.Sprint("k", i)
		keys = append(keys, key)
		all.Go(func() { s.start(key) })
	}
	all.Wait()
	for _, key := range keys {
		require.Equal(t, workflows.Completed, s.send(s.id("turns"), "--run-key", key).Status)
	}
	s.oneAtATime(keys...)
	require.Len(t, s.keys(), 40)
	s.turnEnds()
	s.nothingLeft()
}

// TestABareSendCostsLittleHistory holds a send of one Parquet file that nothing disturbs to its budget of events: history
// is kept for long, and every event is a write of Temporal's database.
func TestABareSendCostsLittleHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(10))
	s.sends(source, "turns-{site}", "platform", "file_format: parquet", "filename: all.parquet")
	s.worker()
	s.send(s.id("turns"), "--run-key", "1")
	require.Less(t, s.events(s.turns("1")), 50)
	s.turnEnds()
	require.Less(t, s.events(activities.TurnID(s.id("turns"))), 16)
}

func (s *site) events(workflowID string) int {
	s.t.Helper()
	described, err := temporal.DescribeWorkflowExecution(s.t.Context(), workflowID, "")
	require.NoError(s.t, err)
	s.t.Logf("%s: %d events", workflowID, described.GetWorkflowExecutionInfo().GetHistoryLength())
	return int(described.GetWorkflowExecutionInfo().GetHistoryLength())
}

// TestARunThatIsResetIntoAnothersTurnWaitsBeforeItPublishes: it had given its turn back when it was parked, and its history
// until there says that it has it.
func TestARunThatIsResetIntoAnothersTurnWaitsBeforeItPublishes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	g := s.gate("CompleteMultipartUpload", 0)
	later := s.bucket + "-later"
	s.inTurn(later, "")
	s.worker()
	s.start("1")
	eventually(t, "1 is parked", func() bool { return s.progressOf(s.turns("1")).State == workflows.Parked })
	require.NoError(t, stack.S3.MakeBucket(t.Context(), later))
	s.start("2")
	eventually(t, "2 publishes", func() bool { return s.progressOf(s.turns("2")).Step == "Publish" })

	reset(t, s.turns("1"), "", s.taskAfter(s.turns("1"), s.stepEvents(s.turns("1")).done["Plan"]))
	eventually(t, "1 knows that it is 2's turn", func() bool {
		p := s.progressOf(s.turns("1"))
		return p.Step == "Publish" && p.State == workflows.Parked && p.Failure.Type == "NotItsTurn"
	})
	g.release()
	s.bucket = later
	s.send(s.id("turns"), "--run-key", "2")
	require.Equal(t, 0, s.starter("retry", s.id("turns")+"/1").code)
	s.send(s.id("turns"), "--run-key", "1")
	require.Len(t, s.keys(), 4)
	s.turnEnds()
}
