package activities

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
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
		return answered{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l late) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{
		ExecutionConfig: &workflowpb.WorkflowExecutionConfig{TaskQueue: &taskqueue.TaskQueue{Name: l.queue}},
	}, nil
}

type answered struct{ client.WorkflowUpdateHandle }

func (answered) Get(_ context.Context, taken any) error {
	*taken.(*Taken) = Taken{Granted: true}
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
