package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

const other = "send/vips-weekly/j"

func notYet() activities.Taken { return activities.Taken{Holder: other, Ahead: 1} }

// given are the claims that were given back, in steps of their own and with others.
func (d *delivery) given() []activities.Claim {
	var claims []activities.Claim
	for _, in := range d.inputs["Discard"] {
		if c := in.(activities.DiscardInput).Turn; c != nil {
			claims = append(claims, *c)
		}
	}
	for _, in := range d.inputs["GiveTurn"] {
		claims = append(claims, in.(activities.Claim))
	}
	return claims
}

func TestAnUndisturbedRunTakesAndGivesItsTurnInStepsThatItHasAnyway(t *testing.T) {
	d := newDelivery(t)
	_, err := d.run()
	require.NoError(t, err)
	require.NotNil(t, d.inputs["Plan"][0].(activities.PlanInput).Claim)
	require.Len(t, d.given(), 1)
	require.Zero(t, d.calls["TakeTurn"]+d.calls["GiveTurn"])
}

func TestARunWaitsForItsTurnAndPlansAgain(t *testing.T) {
	d := newDelivery(t)
	d.turns = []activities.Taken{notYet(), notYet()}
	d.RegisterDelayedCallback(func() {
		p := d.progress()
		require.Equal(t, workflows.Running, p.State)
		require.Equal(t, other, p.WaitsFor)
		require.Equal(t, []string{"Plan"}, d.stepsDone())
		d.SignalWorkflow(activities.SignalTurn, nil)
	}, time.Minute)
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(activities.SignalTurn, nil) }, 2*time.Minute)
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, append([]string{"Plan", "Plan"}, steadily()...), d.stepsDone())
	require.Empty(t, d.progress().WaitsFor)
	require.Len(t, d.given(), 1)
}

func TestARunThatIsNeverCalledAsksAgain(t *testing.T) {
	d := newDelivery(t)
	d.turns = []activities.Taken{notYet(), notYet()}
	started := d.Now()
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 3, d.calls["Plan"])
	require.GreaterOrEqual(t, d.Now().Sub(started), 2*time.Hour)
}

func TestARunThatIsAbortedWhileItWaitsGivesItsPlaceBack(t *testing.T) {
	d := newDelivery(t)
	d.turns = []activities.Taken{notYet()}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "late"}) }, time.Minute)
	_, err := d.run()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, 1, d.calls["GiveTurn"])
	require.Equal(t, []string{"Plan"}, d.stepsDone())
}

func TestOverlapRefusedFailsTheRun(t *testing.T) {
	d := newDelivery(t)
	d.broken["Plan"] = []error{permanently(activities.TypeOverlap)}
	began := d.Now()
	_, err := d.run()
	require.Less(t, d.Now().Sub(began), time.Minute, "it is not parked")
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, activities.TypeOverlap, failed.Type())
	require.False(t, d.inputs["Plan"][0].(activities.PlanInput).Patient)
}

func TestAParkedRunLetsTheNextOneGoUntilSomethingMayBeVisible(t *testing.T) {
	for step, gives := range map[string]bool{
		"Plan": true, "AssumeRole": true, "Render": true, "Archive": true, "Encrypt": true, "Upload": true, "Publish": false, "WriteSuccessFile": false,
	} {
		t.Run(step, func(t *testing.T) {
			d := newDelivery(t)
			d.broken[step] = []error{permanently("AccessDenied")}
			d.RegisterDelayedCallback(func() {
				require.Equal(t, gives, len(d.given()) == 1, d.given())
				d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
			}, time.Hour)
			_, err := d.run()
			require.NoError(t, err)
			given := d.given()
			if !gives {
				require.Len(t, given, 1)
				require.Zero(t, d.calls["TakeTurn"])
				return
			}
			require.Len(t, given, 2)
			require.ElementsMatch(t, []int{0, 1}, []int{given[0].Round, given[1].Round}, "a late give of the first round takes nothing from the second")
			if step == "Plan" {
				require.True(t, d.inputs["Plan"][1].(activities.PlanInput).Patient, "an operator has decided that it goes on")
				return
			}
			require.Equal(t, 1, d.calls["TakeTurn"])
			require.Equal(t, 1, d.inputs["TakeTurn"][0].(activities.TakeInput).Round)
		})
	}
}

func TestARetriedRunWaitsForTheOneThatItLetGo(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("AccessDenied")}
	d.turns = []activities.Taken{{Granted: true}, notYet()}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, time.Hour)
	d.RegisterDelayedCallback(func() {
		require.Equal(t, other, d.progress().WaitsFor)
		require.Equal(t, 1, d.calls["Upload"])
		d.SignalWorkflow(activities.SignalTurn, nil)
	}, 90*time.Minute)
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["TakeTurn"])
	require.Equal(t, 2, d.calls["Upload"])
	require.Equal(t, 1, d.calls["Plan"], "a retry keeps its plan")
}

// TestUnknownUploadsAreOnlyLookedForInTheRunsTurn aborts a parked run while another one may send the same keys.
func TestUnknownUploadsAreOnlyLookedForInTheRunsTurn(t *testing.T) {
	for name, taken := range map[string]activities.Taken{"another run delivers": notYet(), "nobody delivers": {Granted: true}} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.broken["Upload"] = []error{permanently("AccessDenied")}
			d.turns = []activities.Taken{{Granted: true}, taken}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
			_, err := d.run()
			require.Error(t, err)
			require.True(t, d.inputs["TakeTurn"][0].(activities.TakeInput).Refuse)
			last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
			require.Equal(t, taken.Granted, last.Unknown > 0)
			require.Equal(t, taken.Granted, len(d.given()) == 2, "what was taken is given back")
			require.Equal(t, taken.Granted, d.order[len(d.order)-1] == "GiveTurn", d.order)
		})
	}
}

// A run that waits for its turn again holds none: what is open under its keys may be the uploads of the run whose turn it is.
func TestARunThatIsAbortedWhileItWaitsAgainTouchesNoUnknownUploads(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("AccessDenied")}
	d.turns = []activities.Taken{{Granted: true}, notYet(), notYet()}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, time.Hour)
	d.RegisterDelayedCallback(func() {
		require.Equal(t, other, d.progress().WaitsFor)
		d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{})
	}, 90*time.Minute)
	_, err := d.run()
	require.Error(t, err)
	last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
	require.True(t, last.Elsewhere)
	require.Zero(t, last.Unknown)
	require.True(t, d.inputs["TakeTurn"][1].(activities.TakeInput).Refuse, "it does not wait to clean up")
}

func TestAHostThatCannotGiveTheTurnBackIsHelped(t *testing.T) {
	d := newDelivery(t)
	d.broken["Discard"] = []error{hostGone()}
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1, d.calls["GiveTurn"])
}

// TestARunThatWasResetGivesTheTurnFromBefore: it replays the answer by which the execution before took the turn.
func TestARunThatWasResetGivesTheTurnFromBefore(t *testing.T) {
	d := newDelivery(t)
	d.turns = []activities.Taken{{Granted: true, Execution: "before"}}
	_, err := d.run()
	require.NoError(t, err)
	published := d.inputs["Publish"][0].(activities.PublishInput).Turn
	given := d.inputs["Discard"][0].(activities.DiscardInput).Turn
	for _, claim := range []*activities.Claim{published, given} {
		require.Equal(t, "before", claim.Before)
		require.True(t, claim.Ends(activities.Claim{WorkflowID: claim.WorkflowID, Execution: "before", Round: 7}), "of whichever round")
		require.True(t, claim.Ends(activities.Claim{WorkflowID: claim.WorkflowID, Execution: claim.Execution, Round: claim.Round}))
		require.False(t, claim.Ends(activities.Claim{WorkflowID: claim.WorkflowID, Execution: "another"}))
		require.False(t, claim.Ends(activities.Claim{WorkflowID: "another", Execution: "before"}))
	}
}

func TestARunThatWasNotResetKnowsNoExecutionBefore(t *testing.T) {
	d := newDelivery(t)
	d.turns = []activities.Taken{{Granted: true, Execution: "default-test-run-id"}}
	_, err := d.run()
	require.NoError(t, err)
	require.Empty(t, d.inputs["Discard"][0].(activities.DiscardInput).Turn.Before)
}

// TestARunThatIsCalledWhileItIsParkedDisownsItsTurn: a step that asked for the turn was heard when it had been done again.
func TestARunThatIsCalledWhileItIsParkedDisownsItsTurn(t *testing.T) {
	for step, disowns := range map[string]bool{"Upload": true, "Publish": false} {
		t.Run(step, func(t *testing.T) {
			d := newDelivery(t)
			d.broken[step] = []error{permanently("AccessDenied")}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(activities.SignalTurn, nil) }, time.Hour)
			d.RegisterDelayedCallback(func() {
				require.Equal(t, disowns, d.calls["GiveTurn"] == 1, d.order)
				d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
			}, 2*time.Hour)
			_, err := d.run()
			require.NoError(t, err)
			if !disowns {
				require.Len(t, d.given(), 1, "it has kept its turn")
				return
			}
			disowned, taken := d.inputs["GiveTurn"][0].(activities.Claim), d.inputs["TakeTurn"][0].(activities.TakeInput).Claim
			require.True(t, disowned.Ends(activities.Claim{WorkflowID: taken.WorkflowID, Execution: taken.Execution}))
			require.False(t, disowned.Ends(taken), "if it is heard after the retry")
		})
	}
}

// TestARunThatIsCalledWhileItAsksKeepsWhatItGets: it is aborted, and the run that had the turn ends while it is looked at.
func TestARunThatIsCalledWhileItAsksKeepsWhatItGets(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("AccessDenied")}
	d.within["TakeTurn"] = func() { d.SignalWorkflow(activities.SignalTurn, nil) }
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
	_, err := d.run()
	require.Error(t, err)
	require.Equal(t, []string{"TakeTurn", "Discard", "GiveTurn"}, d.order[len(d.order)-3:], "not before it has looked for uploads")
	last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
	require.Positive(t, last.Unknown)
}
