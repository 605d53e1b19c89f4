package activities

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// coming is a Temporal that knows of a workflow when its time has come.
type coming struct {
	client.Client
	at    time.Time
	away  time.Time // from when on it does not answer
	looks []time.Time
}

func (c *coming) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	now := time.Now()
	c.looks = append(c.looks, now)
	if !c.away.IsZero() && !now.Before(c.away) {
		return nil, serviceerror.NewUnavailable("away")
	}
	if now.Before(c.at) {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING},
	}, nil
}

// TestATargetIsWaitedForUntilItsTimeIsOver: and no longer, for the run is not over before.
func TestATargetIsWaitedForUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		comes, away time.Duration
		there       bool
		took        time.Duration
		fails       bool
	}{
		"it is there":           {comes: 0, there: true},
		"it comes late":         {comes: 30 * time.Second, there: true, took: 32 * time.Second},
		"it never comes":        {comes: time.Hour, took: time.Minute},
		"it comes at the end":   {comes: time.Minute, there: true, took: time.Minute},
		"Temporal does not say": {comes: time.Hour, away: 2 * time.Second, took: 3 * time.Second, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				temporal := &coming{at: begun.Add(c.comes)}
				if c.away > 0 {
					temporal.away = begun.Add(c.away)
				}
				steps := New(Options{Client: temporal, Clock: time.Now})
				env := newEnvironment(steps)
				var beats atomic.Int32 // the SDK tells of some from a goroutine of its own
				env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { beats.Add(1) })
				value, err := env.ExecuteActivity(steps.AwaitTarget, AwaitInput{WorkflowID: "crm", Until: begun.Add(time.Minute)})
				require.Equal(t, c.took, time.Since(begun))
				require.Equal(t, c.took > 0, beats.Load() > 0)
				if c.fails {
					require.False(t, parks(t, err))
					return
				}
				require.NoError(t, err)
				var got AwaitResult
				require.NoError(t, value.Get(&got))
				require.Equal(t, c.there, got.There)
				for i := range temporal.looks[1:] {
					require.LessOrEqual(t, temporal.looks[i+1].Sub(temporal.looks[i]), targetPoll, "or the step is taken for dead")
				}
			})
		})
	}
}
