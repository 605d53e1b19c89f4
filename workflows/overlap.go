package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// turnPatience is how long a run waits to be called before it asks again. It is called when it is its turn; this is for
// a Turn that somebody has terminated, with everything it knew.
const turnPatience = time.Hour

// A standing is how a run stands with its orchestration's Turn.
type standing int

const (
	turnUnasked standing = iota // also of a run that began before there were turns
	turnAsked                   // it may hold it, or wait
	turnHeld
	turnGiven // it has given it back, and asks again before it goes on
)

func (r *run) claim() activities.Claim {
	c := activities.Claim{Orchestration: r.in.Orchestration, WorkflowID: r.wfID, Round: r.round, Execution: r.execution}
	if r.turnBy != r.execution {
		c.Before = r.turnBy
	}
	return c
}

// given is the claim that the run gives back.
func (r *run) given() activities.Claim {
	c := r.claim()
	c.Inherits = r.turnBy != r.execution
	return c
}

// listenForTurn notes when the Turn calls.
func (r *run) listenForTurn(ctx workflow.Context) {
	calls := workflow.GetSignalChannelWithOptions(ctx, activities.SignalTurn, workflow.SignalChannelOptions{
		Description: "It may be this run's turn: it asks again. Sent by the orchestration's Turn, and harmless at any time.",
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for calls.Receive(ctx, nil) {
			r.called = true
			r.disown(ctx)
		}
	})
}

// changeDisown marks runs that give a turn back which they do not want, when they are called. Those that were called before
// kept it for as long as they were parked.
const changeDisown = "disown-turn"

// disown gives back what the run has without knowing: a step that asked for the turn, was given up and done again, may have been
// heard after the run had parked.
func (r *run) disown(ctx workflow.Context) {
	if r.turn != turnGiven || !knows(ctx, changeDisown) {
		return
	}
	claim := r.given()
	r.round++ // of a retry, which may come before this is heard
	r.give(ctx, claim)
}

// askTurn asks with ask until it is the run's turn. ask returns nil if nobody was asked.
func (r *run) askTurn(ctx workflow.Context, ask func(workflow.Context) (*activities.Taken, error)) error {
	defer func() { r.waitsFor = "" }()
	for {
		r.called, r.turn = false, turnAsked
		taken, err := ask(ctx)
		switch {
		case err != nil:
			return err
		case taken == nil:
			r.turn = turnUnasked
			return nil
		case taken.Granted:
			r.turn, r.turnBy = turnHeld, taken.Execution
			return nil
		}
		r.waitsFor = taken.Holder
		r.show(ctx)
		waiting := workflow.AwaitOptions{Timeout: turnPatience, TimerOptions: workflow.TimerOptions{Summary: "waits for " + r.waitsFor}}
		if _, err := workflow.AwaitWithOptions(ctx, waiting, func() bool { return r.called }); err != nil {
			return err
		}
	}
}

// retakeTurn asks for the turn again that the run gave back when it was parked. Overlap is not refused then: somebody
// has decided that it is to go on.
func (r *run) retakeTurn(ctx workflow.Context) error {
	return r.askTurn(ctx, func(ctx workflow.Context) (*activities.Taken, error) {
		taken, err := execute(ctx, r.timing.short(r.in.Orchestration), steps.TakeTurn, activities.TakeInput{Claim: r.claim()})
		return &taken, err
	})
}

// changeWaitingCleanUp marks runs that know that they have no turn while they wait for it. Those that were aborted before
// looked for open uploads all the same.
const changeWaitingCleanUp = "clean-up-in-turn"

// turnToCleanUp asks for the turn without waiting, so that uploads which nobody knows can be looked for by their keys: in
// another run's turn they may be that run's.
func (r *run) turnToCleanUp(ctx workflow.Context) bool {
	switch {
	case r.turn == turnGiven:
	case r.turn == turnAsked && knows(ctx, changeWaitingCleanUp):
	default:
		return true
	}
	before := r.turn
	r.turn = turnAsked // a call that comes meanwhile is of this turn
	taken, err := execute(ctx, r.timing.discard("", r.in.Orchestration), steps.TakeTurn, activities.TakeInput{Claim: r.claim(), Refuse: true})
	if err == nil && taken.Granted {
		r.turn = turnHeld
		return true
	}
	r.turn = before
	return false
}

// gives reports whether a discard of this kind is the last thing that the run does in its turn. From the beginning of
// Publish a parked run keeps it: nobody is to write under names that may be visible in part.
func (r *run) gives(mode discardMode) bool {
	if r.turn != turnAsked && r.turn != turnHeld {
		return false
	}
	return mode != discardUploads && (mode != discardLease || !r.publishing())
}

// giveTurn gives the turn back in a step of its own, when no other could take it along.
func (r *run) giveTurn(ctx workflow.Context) {
	if r.give(ctx, r.given()) {
		r.gaveTurn()
	}
}

func (r *run) give(ctx workflow.Context, claim activities.Claim) bool {
	_, err := execute(ctx, r.timing.discard("", r.in.Orchestration), steps.GiveTurn, claim)
	if err != nil {
		workflow.GetLogger(ctx).Warn("the turn was not given back; others wait until this run is closed", "error", err)
	}
	return err == nil
}

func (r *run) gaveTurn() {
	r.turn = turnGiven
	r.round++
}
