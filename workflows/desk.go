package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/plan"
)

// begun is what a run, or a campaign's, knows of itself since it began.
type begun struct {
	keyless bool   // it was started without a key
	id      string // the run's id, the same after a reset
	wfID    string
	start   time.Time // of the workflow
	now     time.Time // the run's `now`; of a campaign: of every group's run
	timing  Timing
}

// beginning also gives the run a key, its time, if it was started without one.
func beginning(ctx workflow.Context, key *string, at *time.Time, timing Timing) begun {
	info := workflow.GetInfo(ctx)
	b := begun{keyless: *key == "", id: info.OriginalRunID, wfID: info.WorkflowExecution.ID, start: info.WorkflowStartTime.UTC(), timing: timing}
	b.now = b.start
	if at != nil {
		b.now = at.UTC()
	}
	if b.keyless {
		*key = b.now.Format(time.RFC3339)
	}
	return b
}

// A desk is where a run and its operators meet: how the run stands, what is wrong with it, and what they have said.
type desk struct {
	state       State
	abort       *AbortRequest
	decision    *RetryRequest // what an operator said to a parked run
	parkedAt    time.Time
	deadline    time.Time
	failure     *activities.Failure
	cancelSteps workflow.CancelFunc // ends what is at work, for an abort; never nil: one may come before anything is
	tooLate     bool                // an abort, or a cancellation, came when all was done: no target is waited for
	stopTelling workflow.CancelFunc // ends the wait for targets that are to be told how the run ended; nil before
	targets     []plan.Notify       // who they are
}

// operated is what an operator can do with a run.
type operated interface {
	progress() (Progress, error)
	mayRetry(workflow.Context, RetryRequest) error
}

// listen answers operators: the `progress` query, and `retry` and `abort` as updates (checked and answered) and as
// signals (kept until a worker is there, and what the Temporal UI and batch operations can send).
func (d *desk) listen(ctx workflow.Context, o operated) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryProgress, o.progress, workflow.QueryHandlerOptions{
		Description: "How far the run is: its state, its steps, and what is wrong if it is parked.",
	})
	if err != nil {
		return err
	}
	retry := func(ctx workflow.Context, request RetryRequest) (Progress, error) {
		d.decision = &request
		if err := workflow.Await(ctx, func() bool { return d.state != Parked }); err != nil {
			return Progress{}, err
		}
		return o.progress()
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, RetryName, retry, workflow.UpdateHandlerOptions{
		Validator:   o.mayRetry,
		Description: `Lets a parked run go on at the step that failed; says so if it is not parked. Data: nothing, or {"replan": true} to read the configuration again and begin afresh.`,
	})
	if err != nil {
		return err
	}
	abort := func(ctx workflow.Context, request AbortRequest) (Progress, error) {
		d.stop(ctx, request)
		return o.progress()
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, AbortName, abort, workflow.UpdateHandlerOptions{
		Description: `Ends the run, cleans up and tells whoever waits. Data: nothing, or {"reason": "why"}.`,
	})
	if err != nil {
		return err
	}
	d.listenForSignals(ctx, o)
	return nil
}

func (d *desk) listenForSignals(ctx workflow.Context, o operated) {
	retries := workflow.GetSignalChannelWithOptions(ctx, RetryName, workflow.SignalChannelOptions{
		Description: `Lets a parked run go on at the step that failed; ignored otherwise. Data: nothing, or {"replan": true} to read the configuration again and begin afresh.`,
	})
	aborts := workflow.GetSignalChannelWithOptions(ctx, AbortName, workflow.SignalChannelOptions{
		Description: `Ends the run, cleans up and tells whoever waits. Data: nothing, or {"reason": "why"}.`,
	})
	receive(ctx, retries, func(ctx workflow.Context, request RetryRequest) {
		if o.mayRetry(ctx, request) == nil {
			d.decision = &request
		}
	})
	receive(ctx, aborts, func(ctx workflow.Context, sent converter.RawValue) {
		if request, heeded := abortOf(ctx, sent); heeded {
			d.stop(ctx, request)
		}
	})
}

// changeUnreadableAbort marks runs that an abort ends also if its data is not what it should be. Those before did not hear
// of it.
const changeUnreadableAbort = "unreadable-abort"

// abortOf reads the data of an abort, and reports whether it counts. Nobody answers a signal: whoever sent one, even with data
// that cannot be read, believes that nothing will be delivered.
func abortOf(ctx workflow.Context, sent converter.RawValue) (request AbortRequest, heeded bool) {
	read := func(into any) bool {
		return converter.GetDefaultDataConverter().FromPayload(sent.Payload(), into) == nil
	}
	if sent.Payload() == nil || read(&request) {
		return request, true
	}
	request = AbortRequest{}
	if !read(&request.Reason) {
		request.Reason = "the data of the abort cannot be read"
	}
	return request, knows(ctx, changeUnreadableAbort)
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

// waits reports whether the run is parked, and nobody has decided yet.
func (d *desk) waits() bool { return d.state == Parked && d.decision == nil && d.abort == nil }

// notWaiting answers a retry that comes when the run waits for none.
func (d *desk) notWaiting() error {
	if d.state == Parked {
		return activities.Decided()
	}
	return activities.NotParked(string(d.state))
}

// changeStopTelling marks runs that stop waiting for targets that are not there on an abort. Those before waited on.
const changeStopTelling = "stop-telling"

// maxReason bounds an operator's reason: everybody is told it at once, in one message to Temporal, and a campaign's runs too.
const maxReason = 1000

func (d *desk) stop(ctx workflow.Context, request AbortRequest) {
	switch {
	case d.stopTelling != nil:
		if knows(ctx, changeStopTelling) {
			d.stopTelling()
		}
	case d.abort == nil:
		request.Reason = cmp.Or(cut(request.Reason, maxReason), "no reason given")
		d.abort = &request
		d.cancelSteps()
	}
}

// aborting reports whether somebody has aborted the run, or cancelled the workflow, which is the same.
func (d *desk) aborting(ctx workflow.Context) bool {
	if d.abort == nil && ctx.Err() != nil {
		d.abort = &AbortRequest{Reason: "the workflow was cancelled"}
	}
	return d.abort != nil
}

// changeHearCancel marks runs that stop waiting for targets that are not there on a cancellation, too. Those before waited
// on, until an abort.
const changeHearCancel = "hear-cancel"

// hearCancel lets a cancellation of the workflow end the wait for targets that are to be told how the run ended: by then no
// step is at work that it would end.
func (d *desk) hearCancel(ctx workflow.Context) {
	if ctx.Err() != nil {
		return // it is how the run ends
	}
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		if !knows(ctx, changeHearCancel) {
			return
		}
		d.tooLate = true // for whom it tells from now on
		if d.stopTelling != nil {
			d.stopTelling()
		}
	})
}

// changeAbortInTime marks runs that look for an abort before each delivery that they begin, and after it is done. Those
// that were aborted before in between went on.
const changeAbortInTime = "abort-in-time"

// aborted says why the run was aborted, what is to be noted, and what had been wrong with it before.
func (d *desk) aborted(note string) *activities.Failure {
	f := &activities.Failure{Type: "Aborted", Attribution: activities.Platform, Message: "the run was aborted: " + d.abort.Reason + note}
	if d.failure != nil {
		f.Step, f.Attribution = d.failure.Step, d.failure.Attribution
		f.Message += " (it was parked: " + d.failure.Message + ")"
	}
	return f
}

// fail ends the run with a failure that nobody is asked about.
func (d *desk) fail(f *activities.Failure) error {
	d.failure = f
	return runFailedError{f}
}

// sitDown notes that the run waits for a person from now on, and for how long.
func (d *desk) sitDown(ctx workflow.Context, failed *activities.Failure, patience time.Duration) {
	d.failure = failed
	d.parkedAt = workflow.Now(ctx)
	d.deadline = d.parkedAt.Add(patience)
}

// standUp forgets that the run has waited, and what for.
func (d *desk) standUp() { d.decision, d.failure, d.deadline = nil, nil, time.Time{} }

// awaitDecision waits for a person: nil when the run is to go on, errAborted, or the failure if nobody came in time.
func (d *desk) awaitDecision(ctx workflow.Context, patience time.Duration) error {
	decided, err := d.untilDeadline(ctx)
	switch {
	case d.aborting(ctx):
		return errAborted
	case err != nil:
		return err
	case !decided:
		late := *d.failure
		late.Message = "nobody retried or aborted the parked run within " + patience.String() + ": " + late.Message
		return d.fail(&late)
	default:
		return nil
	}
}

// untilDeadline reports whether somebody has decided before the deadline.
func (d *desk) untilDeadline(ctx workflow.Context) (bool, error) {
	waiting, over := workflow.WithCancel(ctx)
	if knows(ctx, changeParkTimer) {
		defer over() // else the Temporal UI shows the run as waiting for as long as it goes on
	}
	late := workflow.NewTimerWithOptions(waiting, d.deadline.Sub(workflow.Now(ctx)), workflow.TimerOptions{Summary: d.parkedSummary()})
	err := workflow.Await(ctx, func() bool { return d.decision != nil || d.abort != nil || late.IsReady() })
	return d.decision != nil || d.abort != nil, err
}

// changeParkTimer marks runs that end the timer of a park which is over. Those that began before left it running.
const changeParkTimer = "end-park-timer"

// defaultParkTimeout is the patience of a run that has no plan yet: CONFIG's default for park_timeout.
const defaultParkTimeout = 168 * time.Hour

// parkedSummary is what the timeline calls the wait for a person.
func (d *desk) parkedSummary() string {
	return fmt.Sprintf("parked: %s at %s, for the %s to fix; see User Metadata", d.failure.Type, d.failure.Step, whose(d.failure.Attribution))
}
