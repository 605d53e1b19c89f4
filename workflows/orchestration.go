package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// Orchestrations is the Orchestration workflow with its timing. Register its method under TypeOrchestration.
type Orchestrations struct {
	Timing Timing
}

// Orchestration delivers one query's result and tells whoever waits for it when the data has arrived.
//
// It returns the Completion of a delivery. A run that was aborted closes as Canceled, one that was refused or given up
// as Failed; both carry their Completion in the error's details.
func (o Orchestrations) Orchestration(ctx workflow.Context, in OrchestrationInput) (Completion, error) {
	r := newRun(ctx, in, o.Timing.withDefaults())
	if err := r.listen(ctx, r); err != nil {
		return Completion{}, err
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, QueryKept, r.kept, workflow.QueryHandlerOptions{
		Description: "What a run that delivered has left on its host, to be sent again by starter redeliver.",
	})
	if err != nil {
		return Completion{}, err
	}
	r.listenForTurn(ctx)
	if err := r.mark(ctx, Running); err != nil {
		return Completion{}, err
	}
	return r.end(ctx, r.untilOver(ctx))
}

// errAborted is how a run ends that somebody aborted or cancelled.
var errAborted = errors.New("aborted")

// untilOver delivers, and parks at each failure that no retry can fix, until the delivery is there (nil), somebody
// aborts (errAborted), or it is given up (a failure).
func (r *run) untilOver(ctx workflow.Context) error {
	for {
		if r.aborting(ctx) && knows(ctx, changeAbortInTime) {
			return errAborted
		}
		stepping, cancel := workflow.WithCancel(ctx)
		r.cancelSteps = cancel
		failed := r.deliver(stepping)
		cancel()
		switch {
		case failed == nil && r.aborting(ctx) && knows(ctx, changeAbortInTime):
			r.tooLate = true // all of it is there
			return nil
		case r.aborting(ctx):
			return errAborted
		case failed == nil:
			return nil
		case failed.Type == activities.TypeRefused, failed.Type == activities.TypeOverlap, r.nothingToSend(failed):
			return r.fail(failed)
		}
		if err := r.park(ctx, failed); err != nil {
			return err
		}
	}
}

// deliver runs the steps from the first that is not done, and returns the failure of the one that could not be done.
func (r *run) deliver(ctx workflow.Context) *activities.Failure {
	for r.next < len(r.steps) {
		s := r.steps[r.next]
		if r.plan != nil && !s.needed(r) {
			s.state = stepSkipped
			r.next++
			continue
		}
		if s.early == nil {
			r.begin(ctx, s)
		}
		err := r.doStep(ctx, s)
		if err != nil {
			r.stopEarly(ctx)
		}
		switch {
		case err == nil:
			s.state = stepDone
			r.next++
		case ctx.Err() != nil:
			s.state = stepWaiting
			return &activities.Failure{Step: s.name, Type: "Canceled"}
		case r.recovers(ctx, s, err):
		default:
			s.state = stepFailed
			return r.failing(s.name, err)
		}
	}
	return nil
}

// doStep does a step in the run's turn.
func (r *run) doStep(ctx workflow.Context, s *step) error {
	if r.turn == turnGiven && s.name != stepPlan { // Plan takes it along
		if err := r.retakeTurn(ctx); err != nil {
			return err
		}
		r.show(ctx)
	}
	if s.files != nil {
		return r.doFiles(ctx, s)
	}
	return s.do(ctx)
}

// maxRecoveries is how often a run helps itself before it asks a person: whatever takes its files or uploads away each
// time is not going to stop by itself.
const maxRecoveries = 3

// recovers goes back to an earlier step if what is missing can be made again: the files of a lost host or a damaged
// disk by a fresh Render, an upload that somebody aborted by sending its file again.
func (r *run) recovers(ctx workflow.Context, s *step, err error) bool {
	if r.recoveries >= maxRecoveries {
		return false
	}
	kind := typeOf(err)
	switch {
	case s.files != nil && hostLost(err):
		why := fmt.Sprintf("host %s did not answer for %s: %s", r.rendered.Host, r.plan.HostTimeout, r.anew())
		if knows(ctx, changeLostHost) {
			r.rendered.Queue = "" // it has been waited for: if it comes back, a new Render or its janitor removes what is there
		}
		r.startOver(ctx, why)
	case kind == activities.TypeFilesLost:
		r.startOver(ctx, "files on host "+r.rendered.Host+" were lost or damaged: "+r.anew())
	case kind == activities.TypeUploadLost && s.name == stepPublish:
		r.notes = append(r.notes, "an open upload was aborted by somebody else: sent again")
		r.leaveUploads()
		r.expose(ctx)
		r.uploads, r.published, r.sides = nil, nil, activities.SideFiles{}
		r.backTo(stepUpload)
	case kind == activities.TypeUploadLost && s.name == stepSuccess:
		r.notes = append(r.notes, "the open upload of the receipt or the manifest was aborted by somebody else: sent again")
		r.leaveUploads()
		r.sides = activities.SideFiles{}
		r.backTo(stepUpload)
	case r.ledgerKnows(kind):
		r.notes = append(r.notes, "the load into "+s.target+" was forgotten by the Data API: asked for again, and the ledger has decided")
	default:
		return false
	}
	r.recoveries++
	return true
}

// open lists the uploads that are open.
func (r *run) open() []activities.Uploaded {
	return slices.Concat(r.uploads[min(len(r.published), len(r.uploads)):], r.sides.List())
}

// leaveUploads notes the uploads that are open. Their host knows them and goes on with them; if it is lost, nobody else does.
func (r *run) leaveUploads() { r.stale = append(r.stale, r.open()...) }

// changeLostHost marks runs that do not ask a lost host to clean up. Those that began before waited another minute for it.
const changeLostHost = "leave-lost-host"

// hostLost reports whether nobody took a step from its host's queue in time.
func hostLost(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) && timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START
}

// failing is the failure of the step at work. It says so if the delivery is complete all the same.
func (r *run) failing(step string, err error) *activities.Failure {
	f := failureOf(step, err)
	if r.delivered() {
		f.Message += " (" + stays + ")"
	}
	return f
}

// typeOf returns the type of the failure that a step has left in its error.
func typeOf(err error) string {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return application.Type()
	}
	return ""
}

// failureOf reads the failure that a step has left in its error's details.
func failureOf(step string, err error) *activities.Failure {
	f := activities.Failure{}
	var application *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	var away hostAwayError
	switch {
	case errors.As(err, &away):
		f = away.failure
	case errors.As(err, &application) && application.Details(&f) == nil:
	case errors.As(err, &timeout):
		f = activities.Failure{
			Type: "Timeout", Attribution: activities.Platform,
			Message: fmt.Sprintf("%s was not finished in time, however often it was tried (%s)", step, timeout.TimeoutType()),
			Advice:  "See whether the worker's host is overloaded or was killed again and again; then retry.",
		}
	default:
		f = activities.Failure{Type: "Unknown", Attribution: activities.Platform, Message: err.Error(), Advice: "Look at the worker's log; then retry."}
	}
	if f.Advice == activities.AdviceGoesOn { // and was not tried again, for its attempts are used up
		f.Advice = activities.AdviceInterrupted
	}
	f.Step = step
	return &f
}

// execute runs one step and waits for its result. The compiler checks that in fits the step.
func execute[In, Out any](ctx workflow.Context, opts workflow.ActivityOptions, step func(context.Context, In) (Out, error), in In) (Out, error) {
	var out Out
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, opts), step, in).Get(ctx, &out)
	return out, err
}

// knows reports whether a run may act as a change has it. One that was beyond that point before the change came replays
// without it.
func knows(ctx workflow.Context, change string) bool {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) > workflow.DefaultVersion
}
