package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

const (
	// turnIdle is how long a Turn leaves the run that holds it alone while nobody else waits. A run that ends in order
	// gives its turn back; after one that was terminated, the Turn ends when it looks.
	turnIdle = time.Hour
	// watchHeartbeat is how long the death of the worker that watches the run in front goes unnoticed. Nothing is lost
	// with it, so it is shorter than a step's.
	watchHeartbeat = 10 * time.Second
	// turnLook bounds one look at a run, which somebody waits for.
	turnLook = 10 * time.Second
)

// A turn is what a Turn workflow knows.
type turn struct {
	activities.TurnState
	asked   bool // somebody has taken it, so that it may end when nobody wants it any more
	changes int  // counts what has happened, for the loop to notice
	watched string
	unwatch workflow.CancelFunc
}

// Turn sees to it that the runs of one orchestration deliver one after the other, in the order in which they asked. It
// starts with the first that asks and ends when nobody holds the turn or waits for it.
//
// A run that holds the turn and is closed without having given it back, because it was terminated, loses it: at once if
// another one waits. Cancelling the Turn itself changes nothing: whoever cancels all that runs means the runs, and while they
// clean up nobody else is to begin.
func Turn(ctx workflow.Context, state activities.TurnState) error {
	ctx, end := workflow.NewDisconnectedContext(ctx)
	defer end()
	t := &turn{TurnState: state, asked: state.Holder != nil}
	err := workflow.SetUpdateHandlerWithOptions(ctx, activities.UpdateTake, t.take, workflow.UpdateHandlerOptions{
		Description: "A run asks for its turn. Sent by runs, not by people.",
	})
	if err != nil {
		return err
	}
	gives := workflow.GetSignalChannelWithOptions(ctx, activities.SignalGive, workflow.SignalChannelOptions{
		Description: `Takes the turn away from a run: {"workflow_id": "send/...", "round": 1000}. Sent by runs when they are done.`,
	})
	ends := func() bool {
		suggested := workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		return (suggested || t.unwanted()) && gives.Len() == 0 && workflow.AllHandlersFinished(ctx)
	}
	for {
		t.hear(gives)
		t.call(ctx)
		t.watch(ctx)
		workflow.SetCurrentDetails(ctx, t.text())
		if ends() {
			break
		}
		seen := t.changes
		awake, err := workflow.AwaitWithTimeout(ctx, turnIdle, func() bool { return t.changes != seen || gives.Len() > 0 || ends() })
		if err != nil {
			return err
		}
		if !awake {
			t.asked = true // nobody has started it in order to ask
			t.look(ctx)
		}
	}
	if t.unwanted() {
		return nil
	}
	return workflow.NewContinueAsNewError(ctx, activities.TypeTurn, t.TurnState)
}

func (t *turn) unwanted() bool { return t.asked && t.Holder == nil && len(t.Waiting) == 0 }

func (t *turn) holds(workflowID string) bool {
	return t.Holder != nil && t.Holder.WorkflowID == workflowID
}

// take answers a run that asks, at once: it is its turn, or it waits and is called. The same run may ask again.
func (t *turn) take(ctx workflow.Context, in activities.TakeInput) (activities.Taken, error) {
	t.asked = true
	defer func() { t.changes++ }()
	t.enter(in.Claim)
	if in.Refuse && !t.holds(in.WorkflowID) {
		t.look(ctx)
	}
	answer := activities.Taken{Granted: t.holds(in.WorkflowID)}
	if t.Holder != nil { // unless the run has given up while it was looked
		answer.Holder = t.Holder.WorkflowID
	}
	switch {
	case answer.Granted:
		t.Told = true
	case in.Refuse:
		t.leave(in.Claim)
	default:
		answer.Ahead = 1 + t.place(in.WorkflowID)
	}
	return answer, nil
}

func (t *turn) place(workflowID string) int {
	return slices.IndexFunc(t.Waiting, func(c activities.Claim) bool { return c.WorkflowID == workflowID })
}

// enter notes a claim: a run has one place, however often it asks. Afterwards somebody holds the turn.
func (t *turn) enter(c activities.Claim) {
	place := t.place(c.WorkflowID)
	switch {
	case t.Holder == nil:
		t.Holder, t.Told = &c, false
	case t.holds(c.WorkflowID):
		*t.Holder = c.After(*t.Holder)
	case place >= 0:
		t.Waiting[place] = c.After(t.Waiting[place])
	default:
		t.Waiting = append(t.Waiting, c)
	}
}

// leave takes a claim away, and gives the turn to the next if it was that one's.
func (t *turn) leave(c activities.Claim) {
	t.Waiting = slices.DeleteFunc(t.Waiting, c.Ends)
	if t.Holder != nil && c.Ends(*t.Holder) {
		t.Holder, t.Told, t.Called = nil, false, false
		if len(t.Waiting) > 0 {
			next := t.Waiting[0]
			t.Holder, t.Waiting = &next, t.Waiting[1:]
		}
	}
	t.changes++
}

// hear takes back the turns and places that runs have given.
func (t *turn) hear(gives workflow.ReceiveChannel) {
	for {
		var c activities.Claim
		if !gives.ReceiveAsync(&c) {
			return
		}
		t.leave(c)
	}
}

// call tells the run whose turn it has become. One that is closed is passed over.
func (t *turn) call(ctx workflow.Context) {
	for t.Holder != nil && !t.Told && ctx.Err() == nil {
		next := *t.Holder
		err := workflow.SignalExternalWorkflow(ctx, next.WorkflowID, "", activities.SignalTurn, nil).Get(ctx, nil)
		switch {
		case err != nil && ctx.Err() == nil:
			t.leave(next)
		case t.holds(next.WorkflowID):
			t.Told = true
		}
	}
}

// look asks whether the run that holds the turn is over, and takes it away if so. Not knowing is no.
func (t *turn) look(ctx workflow.Context) {
	if t.Holder == nil {
		return
	}
	ctx, end := workflow.NewDisconnectedContext(ctx) // an update's is the workflow's, and that may be cancelled
	defer end()
	options := workflow.ActivityOptions{
		ScheduleToCloseTimeout: turnLook, RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second}, Summary: t.Holder.WorkflowID,
	}
	t.askOver(ctx, options, activities.OverInput{WorkflowID: t.Holder.WorkflowID})
}

func (t *turn) askOver(ctx workflow.Context, options workflow.ActivityOptions, in activities.OverInput) {
	in.Called = t.Called
	found, err := execute(ctx, options, steps.Over, in)
	if err == nil && found.Called && t.holds(in.WorkflowID) {
		t.Called = true
	}
	if err == nil && found.Over {
		t.leave(activities.Claim{WorkflowID: in.WorkflowID, Round: anyRound})
	}
}

// anyRound is the round of a run that will not come back.
const anyRound = 1 << 30

// watch waits for the end of the run that holds the turn, as long as another one waits for it: one step that costs
// nothing in the history, however long it takes.
func (t *turn) watch(ctx workflow.Context) {
	want := ""
	if t.Holder != nil && len(t.Waiting) > 0 {
		want = t.Holder.WorkflowID
	}
	if want == t.watched {
		return
	}
	if t.unwatch != nil {
		t.unwatch()
		t.unwatch = nil
	}
	t.watched = want
	if want == "" {
		return
	}
	watching, cancel := workflow.WithCancel(ctx)
	t.unwatch = cancel
	workflow.Go(watching, func(ctx workflow.Context) {
		t.askOver(ctx, untilEnd(want), activities.OverInput{WorkflowID: want, Wait: true})
		if t.watched == want && ctx.Err() == nil {
			t.watched = ""
		}
	})
}

// untilEnd is for a step that waits for the end of a run, however long that takes.
func untilEnd(workflowID string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: longStep, HeartbeatTimeout: watchHeartbeat, Summary: "waits for the end of " + workflowID,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: watchHeartbeat},
	}
}

// text is what the Temporal UI shows on the Turn's page.
func (t *turn) text() string {
	if t.Holder == nil {
		return "Nobody delivers " + t.Orchestration + "."
	}
	var b strings.Builder
	fmt.Fprintf(&b, "`%s` delivers.\n", t.Holder.WorkflowID)
	for i, c := range t.Waiting {
		fmt.Fprintf(&b, "\n%d. `%s` waits", i+1, c.WorkflowID)
	}
	return b.String()
}
