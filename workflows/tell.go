package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/plan"
)

// Waits between two tries to signal a workflow that is not there.
const (
	tellFirst = time.Second
	tellMost  = time.Minute
)

// tell signals every notify target how the run ended, or that it is parked. A completion never undoes a delivery: who
// never came is noted.
func (r *run) tell(ctx workflow.Context, signal string, c Completion) {
	if r.plan == nil {
		return
	}
	unheard := tell(ctx, r.plan.Notify, time.Duration(r.plan.NotifyTimeout), signal, c)
	if signal == SignalCompleted {
		r.unheard = append(r.unheard, unheard...)
	}
}

// tell signals every notify target, waits up to patience for one that does not exist yet, and returns who never came. A
// target may have another name for the signal that says that all is over; the others have one name.
func tell(ctx workflow.Context, targets []plan.Notify, patience time.Duration, signal string, payload any) (unheard []string) {
	group := workflow.NewWaitGroup(ctx)
	for _, target := range targets {
		name := signal
		if signal != SignalParked && target.Signal != "" {
			name = target.Signal
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := signalUntil(ctx, target.WorkflowID, name, payload, patience); err != nil {
				unheard = append(unheard, target.WorkflowID)
			}
		})
	}
	group.Wait(ctx)
	return unheard
}

func signalUntil(ctx workflow.Context, workflowID, signal string, payload any, patience time.Duration) error {
	deadline := workflow.Now(ctx).Add(patience)
	for wait := tellFirst; ; wait = min(2*wait, tellMost) {
		err := workflow.SignalExternalWorkflow(ctx, workflowID, "", signal, payload).Get(ctx, nil)
		failed := workflow.Now(ctx)
		if err == nil || !failed.Before(deadline) || ctx.Err() != nil {
			return err
		}
		if workflow.GetVersion(ctx, changeAwaitTarget, workflow.DefaultVersion, 1) > workflow.DefaultVersion && !awaitTarget(ctx, workflowID, deadline) {
			return err
		}
		// One that comes and goes, or cannot be signalled although it is there, is not asked without end.
		now := workflow.Now(ctx)
		if pause := min(wait-now.Sub(failed), deadline.Sub(now)); pause > 0 {
			if err := workflow.Sleep(ctx, pause); err != nil {
				return err
			}
		}
	}
}

// changeAwaitTarget marks runs that wait for a target in a step. Those that began before signal it again and again.
const changeAwaitTarget = "await-target"

// awaitTarget waits until a target runs, and reports whether it is worth telling it.
func awaitTarget(ctx workflow.Context, workflowID string, until time.Time) bool {
	left := until.Sub(workflow.Now(ctx))
	found, err := execute(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: left + shortStep, ScheduleToCloseTimeout: left + shortStep, HeartbeatTimeout: watchHeartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: watchHeartbeat}, Summary: "waits for " + workflowID + ", to tell it",
	}, steps.AwaitTarget, activities.AwaitInput{WorkflowID: workflowID, Until: until})
	return found.There || err != nil && ctx.Err() == nil // not knowing, it is tried
}
