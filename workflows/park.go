package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// listen answers operators: the `progress` query, and `retry` and `abort` as updates (checked and answered) and as
// signals (kept until a worker is there, and what the Temporal UI and batch operations can send).
func (r *run) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, r.progress, workflow.QueryHandlerOptions{
		Description: "How far the run is: its state, its steps, and what is wrong if it is parked.",
	})
	if err != nil {
		return err
	}
	err = workflow.SetQueryHandlerWithOptions(ctx, QueryKept, r.kept, workflow.QueryHandlerOptions{
		Description: "What a run that delivered has left on its host, to be sent again by starter redeliver.",
	})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, RetryName, r.onRetry, workflow.UpdateHandlerOptions{
		Validator:   r.mayRetry,
		Description: `Lets a parked run go on at the step that failed; says so if it is not parked. Data: nothing, or {"replan": true} to read the configuration again and begin afresh.`,
	})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, AbortName, r.onAbort, workflow.UpdateHandlerOptions{
		Description: `Ends the run, cleans up and tells whoever waits. Data: nothing, or {"reason": "why"}.`,
	})
	if err != nil {
		return err
	}
	r.listenForSignals(ctx)
	r.listenForTurn(ctx)
	return nil
}

func (r *run) listenForSignals(ctx workflow.Context) {
	retries := workflow.GetSignalChannelWithOptions(ctx, RetryName, workflow.SignalChannelOptions{
		Description: `Lets a parked run go on at the step that failed; ignored otherwise. Data: nothing, or {"replan": true} to read the configuration again and begin afresh.`,
	})
	aborts := workflow.GetSignalChannelWithOptions(ctx, AbortName, workflow.SignalChannelOptions{
		Description: `Ends the run, cleans up and tells whoever waits. Data: nothing, or {"reason": "why"}.`,
	})
	receive(ctx, retries, func(ctx workflow.Context, request RetryRequest) {
		if r.mayRetry(ctx, request) == nil {
			r.decision = &request
		}
	})
	receive(ctx, aborts, func(_ workflow.Context, request AbortRequest) { r.stop(request) })
}

// receive hands every signal of a channel to do, for as long as the workflow runs.
func receive[T any](ctx workflow.Context, from workflow.ReceiveChannel, do func(workflow.Context, T)) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var signal T
			if !from.Receive(ctx, &signal) {
				return
			}
			do(ctx, signal)
		}
	})
}

// mayRetry answers why a run cannot be retried.
func (r *run) mayRetry(_ workflow.Context, request RetryRequest) error {
	if r.state != Parked || r.decision != nil || r.abort != nil {
		return activities.NotParked(string(r.state))
	}
	if request.Replan && r.publishing() {
		return activities.TooLateToReplan()
	}
	return nil
}

// publishing reports whether an object of this delivery may already be visible.
func (r *run) publishing() bool {
	return r.delivered() || len(r.published) > 0 || r.steps[r.next].name == "Publish" && r.steps[r.next].attempt > 0 || r.steps[r.next].name == "WriteSuccessFile"
}

func (r *run) onRetry(ctx workflow.Context, request RetryRequest) (Progress, error) {
	r.decision = &request
	if err := workflow.Await(ctx, func() bool { return r.state != Parked }); err != nil {
		return Progress{}, err
	}
	return r.progress()
}

func (r *run) onAbort(_ workflow.Context, request AbortRequest) error {
	r.stop(request)
	return nil
}

func (r *run) stop(request AbortRequest) {
	if r.abort == nil {
		r.abort = &request
		r.cancelSteps()
	}
}

// aborting reports whether somebody has aborted the run, or cancelled the workflow, which is the same.
func (r *run) aborting(ctx workflow.Context) bool {
	if r.abort == nil && ctx.Err() != nil {
		r.abort = &AbortRequest{Reason: "the workflow was cancelled"}
	}
	return r.abort != nil
}

// park waits for a person: nil when the run is to go on, errAborted, or the failure if nobody came in time. The host is
// free for other runs meanwhile; what was done stays done.
func (r *run) park(ctx workflow.Context, failed *activities.Failure) error {
	r.failure = failed
	r.parkedAt = workflow.Now(ctx)
	patience := defaultParkTimeout
	if r.plan != nil {
		patience = time.Duration(r.plan.ParkTimeout)
	}
	r.deadline = r.parkedAt.Add(patience)
	if err := r.mark(ctx, Parked); err != nil {
		return err
	}
	r.show(ctx)
	telling, stopTelling := workflow.WithCancel(ctx)
	defer stopTelling()
	workflow.Go(telling, func(ctx workflow.Context) { r.tell(ctx, SignalParked, r.completion(ctx, Parked)) })
	r.discard(ctx, discardLease)

	decided, err := r.awaitDecision(ctx)
	switch {
	case r.aborting(ctx):
		return errAborted
	case err != nil:
		return err
	case !decided:
		return r.fail(r.givenUp(failed, patience))
	}
	if r.decision.Replan {
		r.discard(ctx, discardAll)
		r.fresh("Plan")
	}
	r.decision, r.failure, r.deadline = nil, nil, time.Time{}
	return r.mark(ctx, Running)
}

// awaitDecision reports whether somebody has decided before the deadline.
func (r *run) awaitDecision(ctx workflow.Context) (bool, error) {
	waiting, over := workflow.WithCancel(ctx)
	if workflow.GetVersion(ctx, changeParkTimer, workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		defer over() // else the Temporal UI shows the run as waiting for as long as it goes on
	}
	late := workflow.NewTimerWithOptions(waiting, r.deadline.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: r.parkedSummary()})
	err := workflow.Await(ctx, func() bool { return r.decision != nil || r.abort != nil || late.IsReady() })
	return r.decision != nil || r.abort != nil, err
}

// changeParkTimer marks runs that end the timer of a park which is over. Those that began before left it running.
const changeParkTimer = "end-park-timer"

// defaultParkTimeout is the patience of a run that has no plan yet: CONFIG's default for park_timeout.
const defaultParkTimeout = 168 * time.Hour

func (r *run) givenUp(failed *activities.Failure, patience time.Duration) *activities.Failure {
	f := *failed
	f.Message = "nobody retried or aborted the parked run within " + patience.String() + ": " + f.Message
	return &f
}
