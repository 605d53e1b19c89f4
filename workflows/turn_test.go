package workflows_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/workflows"
)

// A queue is a Turn under test. What the runs do is told by the test; who is called, and what was answered, is noted.
type queue struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	mu     sync.Mutex
	called []string
	closed map[string]bool // runs that are over
	looks  int
	parked string         // a run that is called when it is looked at
	asked  map[string]int // runs that are called so, and how often
}

func newQueue(t *testing.T) *queue {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	q := &queue{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, closed: map[string]bool{}, asked: map[string]int{}}
	q.SetTestTimeout(10 * time.Second)
	q.RegisterWorkflowWithOptions(workflows.Turn, workflow.RegisterOptions{Name: activities.TypeTurn})
	q.SetWorkerOptions(patient())
	q.RegisterActivity(&activities.Steps{})
	q.OnActivity("Over", mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.OverInput) (activities.OverResult, error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.looks++
		parked := in.WorkflowID == q.parked
		if parked && !in.Called {
			q.asked[in.WorkflowID]++
		}
		return activities.OverResult{Over: q.closed[in.WorkflowID], Called: in.Called || parked}, nil // as a wait that has lasted very long
	})
	q.OnSignalExternalWorkflow(mock.Anything, mock.Anything, "", activities.SignalTurn, mock.Anything).Return(
		func(_, workflowID, _, _ string, _ any) error {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.closed[workflowID] {
				return errors.New("no such workflow")
			}
			q.called = append(q.called, workflowID)
			return nil
		})
	return q
}

// at does something after so many minutes, and sees to it that the Turn is there for as long.
func (q *queue) at(minute int, do func()) {
	called := false
	q.RegisterDelayedCallback(func() {
		called = true
		do()
	}, time.Duration(minute)*time.Minute)
	q.t.Cleanup(func() {
		if !called {
			q.t.Errorf("the Turn was over before minute %d", minute)
		}
	})
}

func (q *queue) take(run string, refuse bool, want activities.Taken) func() {
	return func() {
		q.UpdateWorkflow(activities.UpdateTake, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { q.t.Error(err) }, OnAccept: func() {},
			OnComplete: func(answer any, err error) {
				require.NoError(q.t, err)
				require.Equal(q.t, want, answer, run)
			},
		}, activities.TakeInput{Claim: activities.Claim{WorkflowID: run}, Refuse: refuse})
	}
}

func (q *queue) give(run string, round int) func() {
	return func() { q.SignalWorkflow(activities.SignalGive, activities.Claim{WorkflowID: run, Round: round}) }
}

func (q *queue) close(run string) func() {
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.closed[run] = true
	}
}

// run runs the Turn to its end, which comes only when nobody wants it.
func (q *queue) run(called ...string) {
	q.t.Helper()
	q.ExecuteWorkflow(activities.TypeTurn, activities.TurnState{Orchestration: "vips-weekly"})
	require.True(q.t, q.IsWorkflowCompleted())
	require.NoError(q.t, q.GetWorkflowError())
	require.Equal(q.t, called, q.called)
}

func granted(run string) activities.Taken { return activities.Taken{Granted: true, Holder: run} }

func behind(holder string, ahead int) activities.Taken {
	return activities.Taken{Holder: holder, Ahead: ahead}
}

func TestATurnEndsWithTheOnlyRun(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("a", false, granted("a"))) // asked again: the answer was lost
	q.at(2, q.give("a", 0))
	q.run()
	require.Zero(t, q.looks)
}

// A run that was reset to before it was parked for the first time counts its rounds anew: it can still give its turn back.
func TestARunThatWasResetGivesItsTurnBackAndItsOldOneTakesNothing(t *testing.T) {
	q := newQueue(t)
	claim := func(execution string, round int) activities.Claim {
		return activities.Claim{WorkflowID: "a", Execution: execution, Round: round}
	}
	take := func(c activities.Claim, want activities.Taken) func() {
		return func() {
			q.UpdateWorkflow(activities.UpdateTake, "", &testsuite.TestUpdateCallback{
				OnReject: func(err error) { t.Error(err) }, OnAccept: func() {},
				OnComplete: func(answer any, err error) {
					require.NoError(t, err)
					require.Equal(t, want, answer)
				},
			}, activities.TakeInput{Claim: c})
		}
	}
	give := func(c activities.Claim) func() { return func() { q.SignalWorkflow(activities.SignalGive, c) } }
	q.at(0, take(claim("before", 1), granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, take(claim("after", 0), granted("a")))
	q.at(3, give(claim("before", 1))) // on its way when the run was reset
	q.at(4, q.take("b", false, behind("a", 1)))
	q.at(5, give(claim("after", 0)))
	q.at(6, q.take("b", false, granted("b")))
	q.at(7, q.give("b", 0))
	q.run("b")
}

func TestRunsAreCalledInTheOrderInWhichTheyAsked(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, q.take("c", false, behind("a", 2)))
	q.at(3, q.take("b", false, behind("a", 1)))
	q.at(4, q.give("a", 0))
	q.at(5, q.take("b", false, granted("b")))
	q.at(6, q.take("a", false, behind("b", 2)))
	q.at(7, q.give("b", 0))
	q.at(8, q.give("c", 0))
	q.at(9, q.give("a", 0))
	q.run("b", "c", "a")
}

func TestARunThatGivesUpWaitingLosesItsPlace(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, q.take("c", false, behind("a", 2)))
	q.at(3, q.give("b", 0))
	q.at(4, q.give("a", 0))
	q.at(5, q.give("c", 0))
	q.run("c")
}

func TestARunThatWasTerminatedLosesItsTurnToTheOneThatWaits(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.close("a"))
	q.at(2, q.take("b", false, behind("a", 1)))
	q.at(3, q.give("b", 0))
	q.run("b")
}

// TestATurnThatIsCancelledGoesOn: a batch that cancels all that runs means the runs.
func TestATurnThatIsCancelledGoesOn(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, q.CancelWorkflow)
	q.at(3, q.take("b", false, behind("a", 1)))
	q.at(4, q.give("a", 0))
	q.at(5, q.take("b", false, granted("b")))
	q.at(6, q.close("b"))
	q.at(7, q.take("c", true, granted("c")))
	q.at(8, q.give("c", 0))
	q.run("b")
}

func TestARunThatWasTerminatedWhileItWaitedIsPassedOver(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, q.take("c", false, behind("a", 2)))
	q.at(3, q.close("b"))
	q.at(4, q.give("a", 0))
	q.at(5, q.give("c", 0))
	q.run("c")
}

func TestARunThatDoesNotWaitIsRefusedAtOnceAndLeavesNothing(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", true, granted("a")))
	q.at(1, q.take("b", true, activities.Taken{Holder: "a"}))
	q.at(2, q.take("c", false, behind("a", 1)))
	q.at(3, q.give("a", 0))
	q.at(4, q.give("c", 0))
	q.run("c")
}

func TestARunThatDoesNotWaitTakesTheTurnOfOneThatWasTerminated(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", true, granted("a")))
	q.at(1, q.close("a"))
	q.at(2, q.take("b", true, granted("b")))
	q.at(3, q.give("b", 0))
	q.run()
}

// TestARunThatIsParkedInItsTurnIsCalledOnce: of each call four events stand in its history, which Temporal bounds, and runs that
// do not wait may come every minute.
func TestARunThatIsParkedInItsTurnIsCalledOnce(t *testing.T) {
	q := newQueue(t)
	late := func(minute int, holder string) {
		q.at(minute, q.take("late", true, activities.Taken{Holder: holder}))
	}
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, func() { q.parked = "a" })
	late(2, "a")
	late(3, "a")
	late(100, "a") // the Turn has looked by itself, too
	q.at(101, q.take("b", false, behind("a", 1)))
	q.at(102, q.give("a", 0))
	q.at(103, func() { q.parked = "b" })
	late(104, "b")
	late(105, "b")
	q.at(106, q.give("b", 0))
	q.run("b")
	require.Equal(t, map[string]int{"a": 1, "b": 1}, q.asked)
}

// again is a run that has given its turn back before and asks for it once more.
func (q *queue) again(run string) func() {
	return func() {
		q.UpdateWorkflow(activities.UpdateTake, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { q.t.Error(err) }, OnAccept: func() {}, OnComplete: func(any, error) {},
		}, activities.TakeInput{Claim: activities.Claim{WorkflowID: run, Round: 1}})
	}
}

func TestAGiveThatArrivesLateTakesNothingAway(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.again("a"))
	q.at(1, q.give("a", 0))
	q.at(2, q.take("b", false, behind("a", 1)))
	q.at(3, q.give("a", 1))
	q.at(4, q.give("b", 0))
	q.run("b")
}

func TestAGiveThatArrivesLateTakesNoPlaceAway(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, q.again("b"))
	q.at(3, q.give("b", 0)) // of its place before
	q.at(4, q.take("c", false, behind("a", 2)))
	q.at(5, q.give("a", 0))
	q.at(6, q.give("b", 1))
	q.at(7, q.give("c", 0))
	q.run("b", "c")
}

func TestATurnThatNobodyGivesBackEndsWithItsRun(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(90, q.close("a"))
	q.run()
	require.Equal(t, 2, q.looks, "once an hour")
}

func TestATurnThatNobodyAsksEnds(t *testing.T) {
	newQueue(t).run()
}

func TestALongTurnContinuesAsNewWithWhatItKnows(t *testing.T) {
	q := newQueue(t)
	q.at(0, q.take("a", false, granted("a")))
	q.at(1, q.take("b", false, behind("a", 1)))
	q.at(2, q.take("c", false, behind("a", 2)))
	q.at(3, func() {
		q.SetContinueAsNewSuggested(true)
		q.give("nobody", 0)()
	})
	q.ExecuteWorkflow(activities.TypeTurn, activities.TurnState{Orchestration: "vips-weekly"})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, q.GetWorkflowError(), &again)
	require.Equal(t, activities.TypeTurn, again.WorkflowType.Name)
	var kept activities.TurnState
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &kept))
	require.Equal(t, activities.TurnState{
		Orchestration: "vips-weekly", Holder: &activities.Claim{WorkflowID: "a"}, Told: true, Waiting: []activities.Claim{{WorkflowID: "b"}, {WorkflowID: "c"}},
	}, kept)

	next := newQueue(t)
	next.at(0, next.take("b", false, behind("a", 1)))
	next.at(1, next.give("a", 0))
	next.at(2, next.give("b", 0))
	next.at(3, next.give("c", 0))
	next.ExecuteWorkflow(activities.TypeTurn, kept)
	require.NoError(t, next.GetWorkflowError())
	require.Equal(t, []string{"b", "c"}, next.called)
}
