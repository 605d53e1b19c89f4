package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// AwaitInput names a workflow that is to be told something, and that was not there.
type AwaitInput struct {
	WorkflowID string    `json:"workflow_id"`
	Until      time.Time `json:"until"`
}

// AwaitResult says whether it is there by now.
type AwaitResult struct {
	There bool `json:"there"`
}

// targetPoll is the longest pause between two looks at a target: half of the heartbeat timeout that the step has.
const targetPoll = 5 * time.Second

// AwaitTarget waits until a workflow runs, or the time is over. Waiting in a step costs the history nothing, however long
// it takes, where each try to signal would write the whole completion into it.
func (s *Steps) AwaitTarget(ctx context.Context, in AwaitInput) (_ AwaitResult, err error) {
	defer s.fail(ctx, "AwaitTarget", &err)
	ctx, cancel := stoppable(ctx)
	defer cancel()
	for pause := time.Second; ; pause = min(2*pause, targetPoll) {
		closed, err := Closed(ctx, s.options.Client, in.WorkflowID)
		left := in.Until.Sub(s.options.Clock())
		if err != nil || !closed || left <= 0 {
			return AwaitResult{There: err == nil && !closed}, err
		}
		activity.RecordHeartbeat(ctx)
		timer := time.NewTimer(min(pause, left))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return AwaitResult{}, context.Cause(ctx)
		}
	}
}
