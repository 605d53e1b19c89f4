package activities

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
)

// late is a Temporal whose Turn answers after ten minutes, as one whose worker has a thousand others, or none: no real one
// takes so long on request.
type late struct {
	client.Client
	queue string // the Turn's
}

func (late) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return nil
}

func (late) UpdateWithStartWorkflow(ctx context.Context, _ client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	select {
	case <-time.After(10 * time.Minute):
		return said{taken: Taken{Granted: true}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l late) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{
		ExecutionConfig: &workflowpb.WorkflowExecutionConfig{TaskQueue: &taskqueue.TaskQueue{Name: l.queue}},
	}, nil
}

type said struct {
	client.WorkflowUpdateHandle
	taken Taken
}

func (s said) Get(_ context.Context, taken any) error {
	*taken.(*Taken) = s.taken
	return nil
}

// TestATurnIsWaitedForUnlessItIsOnAnotherTaskQueue: of a thousand runs that began at once, 572 were told that nobody answers.
func TestATurnIsWaitedForUnlessItIsOnAnotherTaskQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taken, err := New(Options{Client: late{queue: "ours"}, Queue: "ours"}).take(t.Context(), TakeInput{})
		require.NoError(t, err)
		require.True(t, taken.Granted)
		begun := time.Now()
		_, err = New(Options{Client: late{queue: "theirs"}, Queue: "ours"}).take(t.Context(), TakeInput{})
		require.ErrorIs(t, err, ErrTurnSilent)
		require.ErrorContains(t, err, "task queue theirs")
		require.Equal(t, turnAnswers, time.Since(begun))
	})
}

// between is a Temporal whose Turn ends while it is asked, some times, and then answers. It knows one run's latest execution.
type between struct {
	client.Client
	ends, asked, given int
	taken              Taken
	latest             string // of the run; "" if the Turn is closed
	give               error
}

func (*between) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return nil
}

func (b *between) UpdateWithStartWorkflow(context.Context, client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	b.asked++
	if b.asked <= b.ends {
		return nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	return said{taken: b.taken}, nil
}

func (b *between) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if b.latest == "" {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING, Execution: &common.WorkflowExecution{RunId: b.latest},
	}}, nil
}

func (b *between) SignalWorkflow(context.Context, string, string, string, any) error {
	b.given++
	return b.give
}

func TestATurnThatEndsWhileItIsAskedIsAskedAgain(t *testing.T) {
	t.Parallel()
	take := func(ends int) (Taken, error) {
		return New(Options{Client: &between{ends: ends, taken: Taken{Granted: true}}}).take(t.Context(), TakeInput{Claim: Claim{Orchestration: "o", Execution: "x"}})
	}
	taken, err := take(takeTries - 1)
	require.NoError(t, err)
	require.Equal(t, Taken{Granted: true, Execution: "x"}, taken)
	_, err = take(takeTries)
	require.ErrorContains(t, err, "take the turn of o: ")
}

func TestARunThatWasResetShowsNothingInTheTurnOfAnother(t *testing.T) {
	t.Parallel()
	temporal := &between{taken: Taken{Holder: "send/other"}}
	steps := New(Options{Client: temporal})
	require.NoError(t, steps.retake(t.Context(), nil))
	require.NoError(t, steps.retake(t.Context(), &Claim{}))
	require.Zero(t, temporal.asked, "it was not reset")
	require.ErrorIs(t, steps.retake(t.Context(), &Claim{Before: "x"}), ErrNotItsTurn)
	temporal.taken = Taken{Granted: true}
	require.NoError(t, steps.retake(t.Context(), &Claim{Before: "x"}))
}

func TestATurnIsTakenToBeGivenOnlyFromOnesOwnRun(t *testing.T) {
	t.Parallel()
	for latest, want := range map[string]int{"": 0, "a later one": 0, "mine": 1} {
		temporal := &between{latest: latest}
		require.NoError(t, New(Options{Client: temporal}).give(t.Context(), Claim{Execution: "mine", Inherits: true}))
		require.Equal(t, want, temporal.asked, latest)
		require.Equal(t, 1, temporal.given)
	}
	gone := &between{give: serviceerror.NewNotFound("no such workflow")}
	require.NoError(t, New(Options{Client: gone}).give(t.Context(), Claim{}), "nobody has the turn")
	away := &between{give: serviceerror.NewUnavailable("away")}
	require.Error(t, New(Options{Client: away}).give(t.Context(), Claim{}))
}

// parkedFor is a Temporal whose only run is parked for some looks, and then over.
type parkedFor struct {
	client.Client
	looks, called int
}

func (p *parkedFor) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	p.looks--
	if p.looks < 0 {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	state, err := converter.GetDefaultDataConverter().ToPayload("parked")
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status:           enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		SearchAttributes: &common.SearchAttributes{IndexedFields: map[string]*common.Payload{"ConsignState": state}},
	}}, err
}

func (p *parkedFor) SignalWorkflow(_ context.Context, _, _, signal string, _ any) error {
	if signal == SignalTurn {
		p.called++
	}
	return nil
}

func (p *parkedFor) GetWorkflow(context.Context, string, string) client.WorkflowRun { return ended{} }

type ended struct{ client.WorkflowRun }

func (ended) Get(context.Context, any) error { return nil }

func TestARunThatIsParkedIsCalledOnceWhileOthersWaitForItsEnd(t *testing.T) {
	t.Parallel()
	for in, calls := range map[OverInput]int{{}: 1, {Wait: true}: 1, {Called: true}: 0, {Wait: true, Called: true}: 0} {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		temporal := &parkedFor{looks: 3}
		env.RegisterActivity(New(Options{Client: temporal}))
		value, err := env.ExecuteActivity("Over", in)
		require.NoError(t, err)
		var found OverResult
		require.NoError(t, value.Get(&found))
		require.Equal(t, OverResult{Over: in.Wait, Called: true}, found)
		require.Equal(t, calls, temporal.called)
	}
}
