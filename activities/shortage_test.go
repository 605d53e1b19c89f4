package activities

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consign/internal/source"
)

// TestAQueryThatWantsMemoryIsTriedAgainTwice: one that only now and then finds no room to sort parks no run, and one that never
// does is not asked twenty times.
func TestAQueryThatWantsMemoryIsTriedAgainTwice(t *testing.T) {
	t.Parallel()
	for shortages, tries := range map[int]int{1: 2, 2: 3, 20: 3} {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		tried := 0
		render := func(ctx context.Context) (err error) {
			defer (&Steps{}).fail(ctx, stepRender, &err)
			tried++
			if tried <= shortages {
				return fmt.Errorf("query vips: %w than its limit", source.ErrOutOfMemory)
			}
			return nil
		}
		env.RegisterActivityWithOptions(render, activity.RegisterOptions{Name: stepRender})
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 20},
			}), stepRender).Get(ctx, nil)
		})
		require.Equal(t, tries, tried)
		if shortages < tries {
			require.NoError(t, env.GetWorkflowError())
			continue
		}
		var told *temporal.ApplicationError
		require.ErrorAs(t, env.GetWorkflowError(), &told)
		require.Equal(t, "QueryOutOfMemory", told.Type())
		require.True(t, told.NonRetryable())
	}
}
