package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"consign/internal/defect"
	"consign/internal/source"
	"consign/internal/workspace"
)

// Types of failures that other code decides by. The table has all the others.
const (
	TypeRefused = "Refused" // the requester may not start this: the run fails and is not parked
	TypeOverlap = "Overlap" // another run of the orchestration is under way, and overlap is refuse
	// TypeNotScheduled means that a schedule is left over that the configuration no longer has: it starts nothing.
	TypeNotScheduled = "NotScheduled"
	// TypeFilesLost means that the host's files cannot be used: a fresh Render is the way on.
	TypeFilesLost = "FilesLost"
	// TypeUploadLost means that an upload was aborted by somebody else: its file has to be sent again.
	TypeUploadLost = "UploadLost"
	// TypeObjectOverwritten means that another object lies where ours has been, or was to be.
	TypeObjectOverwritten = "ObjectOverwritten"
	// TypeFilesNotKept means that the files of a finished run are not there to be sent again.
	TypeFilesNotKept = "FilesNotKept"

	// TypeLoadFailed means that a statement of a load has ended and nothing is loaded: a retry submits another one.
	TypeLoadFailed = "LoadFailed"
	// TypeLoadUncertain means that nobody here knows whether a load was done. Only a ledger, or a person, does.
	TypeLoadUncertain = "LoadUncertain"

	// TypeInterrupted means that the worker stopped or the attempt was superseded: tried again at once.
	TypeInterrupted = "Interrupted"

	typeUnknown = "Unexpected"
)

// again is how soon a step that its worker's stop interrupted is tried again.
const again = 100 * time.Millisecond

// longestPause is how long a service may ask to be left alone: a run that waits for its next try is not parked, and nobody
// is told of it.
const longestPause = 15 * time.Minute

// maxMessage bounds a failure's text: the server cuts failures that it keeps for a retry at 4 KiB.
const maxMessage = 1500

// A cause is what the table knows of one sentinel.
type cause struct {
	err         error
	name        string // what operators see in Temporal
	attribution Attribution
	permanent   bool // no retry can fix it: the run parks at once
	advice      string
}

// fail turns a step's error into what Temporal retries, or parks the run with. It must be the last to touch the error:
// only the outermost error decides whether the server retries. Defer it first.
//
// A panic is such an error too: what the SDK would make of it shows in the history what the panic says.
func (s *Steps) fail(ctx context.Context, step string, err *error) {
	if cause := recover(); cause != nil {
		*err = defect.Of(cause)
	}
	if *err == nil {
		return
	}
	var canceled *temporal.CanceledError
	switch {
	case errors.As(*err, &canceled):
		return
	case errors.Is(*err, errWorkerStops), errors.Is(*err, workspace.ErrSuperseded), errors.Is(*err, workspace.ErrOver):
		*err = Interrupted()
		return
	case asked(ctx) && errors.Is(*err, context.Canceled): // whatever else has ended it: see below
		*err = temporal.NewCanceledError(visible(*err)...)
		return
	}
	if (errors.Is(*err, workspace.ErrNoSpace) || errors.Is(*err, source.ErrNoSpace)) && s.options.Host != nil {
		*err = errors.Join(*err, s.makeRoom())
	}
	f, c := explain(step, *err)
	f.Worker = s.options.Worker
	c.permanent = hopeless(c, try(ctx))
	if !c.permanent && stopping(ctx) { // a request was under way, say, and tells that it was cancelled
		*err = Interrupted()
		return
	}
	if !c.permanent && halted(ctx) {
		*err = interrupted("somebody has paused this step in Temporal, or reset it", "Nothing: it goes on by itself, once it is unpaused if it is paused. If the run is parked, for that was the last try, retry.", temporal.ApplicationErrorOptions{NextRetryDelay: again})
		return
	}
	if !c.permanent && ctx.Err() != nil && !asked(ctx) {
		*err = interrupted("Temporal could not be told in time that this step is alive", "See that the worker reaches Temporal, and that Temporal is not overloaded; then retry.", temporal.ApplicationErrorOptions{NextRetryDelay: again})
		return
	}
	options := temporal.ApplicationErrorOptions{NonRetryable: c.permanent, Details: append([]any{f}, visible(*err)...)}
	var later interface{ RetryAfter() time.Duration }
	if errors.As(*err, &later) {
		options.NextRetryDelay = min(max(later.RetryAfter(), 0), longestPause)
	}
	*err = temporal.NewApplicationErrorWithOptions(f.Message, f.Type, options)
}

// asked reports whether Temporal has asked for the end of a step: its run was aborted or cancelled. The SDK ends a step also
// when it cannot tell Temporal that it is alive, as of one at whose stop a heartbeat is on its way, and Temporal does not take
// from any other step that it was cancelled.
func asked(ctx context.Context) bool { return temporal.IsCanceledError(context.Cause(ctx)) }

// halted reports whether an operator has paused an attempt or reset its step, which Temporal says when it is told that the
// attempt is alive.
func halted(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, activity.ErrActivityPaused) || errors.Is(cause, activity.ErrActivityReset)
}

// visible is the detail that names the objects of a visibleError, if it is one.
func visible(err error) []any {
	var some *visibleError
	if !errors.As(err, &some) || len(some.objects) == 0 {
		return nil
	}
	return []any{some.objects}
}

// stopping reports whether the worker of a step was told to stop.
func stopping(ctx context.Context) bool {
	if !activity.IsActivity(ctx) {
		return false
	}
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}

// mostShortages is at which try a query that needs more memory than its engine may use is taken for one that always will. A
// sort that fits as a rule may find no room once: on a busy machine the engine's threads hold more at one moment.
const mostShortages = 3

// hopeless reports whether no further try of a step can help.
func hopeless(c cause, try int32) bool {
	return c.permanent || errors.Is(c.err, source.ErrOutOfMemory) && try >= mostShortages
}

// try is the number of a step's try, from 1.
func try(ctx context.Context) int32 {
	if !activity.IsActivity(ctx) {
		return 1
	}
	return activity.GetInfo(ctx).Attempt
}

// explain looks an error up in the table. What the table does not know is tried again: the safe mistake.
func explain(step string, err error) (Failure, cause) {
	c := cause{name: typeUnknown, attribution: Platform, advice: "Look at the worker's log; retry when the cause is gone."}
	for _, known := range causes {
		if errors.Is(err, known.err) {
			c = known
			break
		}
	}
	return Failure{Step: step, Type: c.name, Attribution: c.attribution, Message: short(err.Error()), Advice: c.advice}, c
}

// passes reports whether an error may be gone at the next try.
func passes(err error) bool {
	_, c := explain("", err)
	return !c.permanent
}

// Trouble explains an error that nothing configured is to blame for: it is the platform's, or may be gone at the next try.
// It is nil of all others, which only another configuration mends, or another key or right of a customer's.
func Trouble(err error) *Failure {
	f, c := explain("", err)
	if c.attribution == Configuration || c.permanent && c.attribution != Platform {
		return nil
	}
	if c.name == typeUnknown {
		f.Advice = "" // it is about a worker's log, and whoever asks has no worker
	}
	return &f
}

// short cuts a text that is too long for the server, between two characters. What is no UTF-8 goes too: a request that
// holds it cannot be sent, so that a failure would never be heard of.
func short(text string) string {
	if len(text) <= maxMessage {
		return strings.ToValidUTF8(text, "?")
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + " ..."
}

// Interrupted is how an attempt ends whose process stopped: the next one begins at once where this one was.
func Interrupted() error {
	return interrupted("the worker stopped during this step", AdviceGoesOn, temporal.ApplicationErrorOptions{NextRetryDelay: again})
}

// AdviceGoesOn is for a step that its worker's stop has interrupted and that is tried again.
const AdviceGoesOn = "Nothing: it goes on by itself as soon as a worker runs."

// AdviceInterrupted is for a step that was interrupted and is not tried again: a person has to look.
const AdviceInterrupted = "See in its log why the worker stopped in the middle of this step, again and again perhaps: for want of memory, or because a query, this one or another that ran then, has the engine look into JSON that is nested too deep; then retry."

// mostDeaths is how many workers in a row may die while they render for one run. What its query has the engine do may end the
// process, at every try, and with it everybody's steps.
const mostDeaths = 3

// Died is how an attempt ends whose process died: as Interrupted says, unless that has come again and again.
func Died(d workspace.Dead) error {
	if d.Step != stepRender || d.Deaths < mostDeaths {
		return Interrupted()
	}
	return interrupted(fmt.Sprintf("the worker has died %d times in a row during this step", d.Deaths), AdviceInterrupted, temporal.ApplicationErrorOptions{NonRetryable: true})
}

func interrupted(message, advice string, o temporal.ApplicationErrorOptions) error {
	f := Failure{Type: TypeInterrupted, Attribution: Platform, Message: message, Advice: advice}
	o.Category, o.Details = temporal.ApplicationErrorCategoryBenign, []any{f}
	return temporal.NewApplicationErrorWithOptions(f.Message, f.Type, o)
}

// NotParked answers a retry of a run that is not parked.
func NotParked(state string) error {
	return temporal.NewApplicationError(fmt.Sprintf("the run is %s: only a parked run can be retried", state), "NotParked")
}

// Decided answers a retry of a parked run that somebody has retried or aborted just before: a replan cleans up first, which
// may take minutes.
func Decided() error {
	return temporal.NewApplicationError("somebody has retried or aborted the run already; it goes on when it has cleaned up", "NotParked")
}

// RetryTheGroup answers a retry of a campaign whose own plan is made: its groups' runs are parked each by itself.
func RetryTheGroup(parked []string) error {
	if len(parked) == 0 {
		return temporal.NewApplicationError("none of the campaign's groups is parked", "NotParked")
	}
	return temporal.NewApplicationError("each group of a campaign is retried by itself: retry "+strings.Join(parked, ", "), "RetryTheGroup")
}

// TooLateToReplan answers a replan of a delivery that may be visible in part.
func TooLateToReplan() error {
	return temporal.NewApplicationError("some objects may be visible already, so the plan stays: retry without replan, or abort", "TooLateToReplan")
}

// Canceled is how a workflow closes that was aborted. details is its completion.
func Canceled(details any) error { return temporal.NewCanceledError(details) }

// NothingStarted is how the workflow of a schedule closes that was not to start a run, or could not.
func NothingStarted(f *Failure) error {
	return temporal.NewApplicationErrorWithOptions(f.Message+". "+f.Advice, f.Type, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{f}})
}

// RunFailed is how a workflow closes that was refused or given up. details is its completion.
func RunFailed(f *Failure, details any) error {
	return temporal.NewApplicationErrorWithOptions(f.Message, f.Type, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{details}})
}
