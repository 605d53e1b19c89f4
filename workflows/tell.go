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

// tellParked signals every notify target that the run is parked.
func (r *run) tellParked(ctx workflow.Context) {
	if r.plan != nil {
		tell(ctx, r.plan.Notify, time.Duration(r.plan.NotifyTimeout), SignalParked, r.completion(ctx, Parked).fitted(len(r.plan.Notify)), asLong)
	}
}

// tellOver signals every notify target how the run ended. It never undoes a delivery: who never came is noted.
func (r *run) tellOver(ctx workflow.Context, c Completion) {
	if r.plan != nil {
		r.unheard = append(r.unheard, r.tellLast(ctx, r.plan.Notify, time.Duration(r.plan.NotifyTimeout), SignalCompleted, c.fitted(len(r.plan.Notify)), r.show)...)
	}
}

// tellLast tells that all is over. An abort ends the wait for who is not there; who is there by then is told. It calls show, so
// that the page in Temporal's UI says who is waited for.
func (d *desk) tellLast(ctx workflow.Context, targets []plan.Notify, patience time.Duration, signal string, payload any, show func(workflow.Context)) (unheard []string) {
	var stops []workflow.CancelFunc
	d.stopTelling = func() {
		for _, stop := range stops {
			stop()
		}
	}
	d.targets = targets
	defer func() { d.stopTelling = nil }()
	show(ctx)
	return tell(ctx, targets, patience, signal, payload, func(ctx workflow.Context) workflow.Context {
		waiting, stop := workflow.WithCancel(ctx)
		stops = append(stops, stop)
		if d.tooLate {
			stop()
		}
		return waiting
	})
}

// asLong waits for as long as the rest of the run goes on.
func asLong(ctx workflow.Context) workflow.Context { return ctx }

// tell signals every notify target, waits up to patience for one that does not exist yet, in the context that waiting
// makes of the signal's, and returns who never came. A target may have another name for the signal that says that all is
// over; the others have one name.
func tell(ctx workflow.Context, targets []plan.Notify, patience time.Duration, signal string, payload any, waiting func(workflow.Context) workflow.Context) (unheard []string) {
	group := workflow.NewWaitGroup(ctx)
	for _, target := range targets {
		name := signal
		if signal != SignalParked && target.Signal != "" {
			name = target.Signal
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := signalUntil(ctx, waiting(ctx), target.WorkflowID, name, payload, patience); err != nil {
				unheard = append(unheard, target.WorkflowID)
			}
		})
	}
	group.Wait(ctx)
	return unheard
}

func signalUntil(ctx, waiting workflow.Context, workflowID, signal string, payload any, patience time.Duration) error {
	deadline := workflow.Now(ctx).Add(patience)
	for wait := tellFirst; ; wait = min(2*wait, tellMost) {
		err := workflow.SignalExternalWorkflow(ctx, workflowID, "", signal, payload).Get(ctx, nil)
		failed := workflow.Now(ctx)
		if err == nil || !failed.Before(deadline) || waiting.Err() != nil {
			return err
		}
		if knows(ctx, changeAwaitTarget) && !awaitTarget(waiting, workflowID, deadline) {
			return err
		}
		// One that comes and goes, or cannot be signalled although it is there, is not asked without end.
		now := workflow.Now(ctx)
		if pause := min(wait-now.Sub(failed), deadline.Sub(now)); pause > 0 {
			if err := workflow.Sleep(waiting, pause); err != nil && ctx.Err() != nil {
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
