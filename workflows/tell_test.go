package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/plan"
	"consign/workflows"
)

func TestACompletionWaitsForATargetThatIsNotThereYet(t *testing.T) {
	d := newDelivery(t)
	missing := temporal.NewApplicationError("no such workflow", "UnknownExternalWorkflowExecution")
	d.broken["signal"] = []error{missing, missing, missing}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 4, d.calls["signal"])
	require.Equal(t, 3, d.calls["AwaitTarget"])
	require.Empty(t, c.NotNotified)
}

// TestATargetThatIsLongInComingCostsNoHistory: the wait is a step's, which Temporal remembers once however long it takes.
func TestATargetThatIsLongInComingCostsNoHistory(t *testing.T) {
	d := newDelivery(t)
	d.broken["signal"] = []error{errors.New("no such workflow")}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["signal"])
	require.Equal(t, 1, d.calls["AwaitTarget"])
	require.Equal(t, target, d.inputs["AwaitTarget"][0].(activities.AwaitInput).WorkflowID)
	require.Empty(t, c.NotNotified)
}

func TestATargetThatNeverComesIsReportedAndUndoesNothing(t *testing.T) {
	d := newDelivery(t)
	d.broken["signal"] = []error{errors.New("no such workflow")}
	d.absent = true
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, []string{target}, c.NotNotified)
	require.Equal(t, 1, d.calls["signal"])
}

// TestAnAbortEndsTheWaitForATarget, and so does a cancellation: it is all that an operator can have meant.
func TestAnAbortEndsTheWaitForATarget(t *testing.T) {
	for name, run := range map[string]func(*delivery) []string{
		"of a run": func(d *delivery) []string {
			c, err := d.run()
			require.NoError(d.t, err)
			require.Equal(d.t, workflows.Completed, c.Status)
			return c.NotNotified
		},
		"of a campaign": func(d *delivery) []string {
			c, err := d.runCampaign()
			require.NoError(d.t, err)
			require.Equal(d.t, workflows.Completed, c.Status)
			return c.NotNotified
		},
	} {
		for by, end := range map[string]func(*delivery){
			"an abort": func(d *delivery) {
				d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "nobody will come"})
			},
			"a cancellation": func(d *delivery) { d.CancelWorkflow() },
		} {
			t.Run(name+", by "+by, func(t *testing.T) {
				d, _ := newCampaign(t)
				d.tellsNobody()
				var waiting workflows.Progress
				var shown string
				began := d.Now()
				d.RegisterDelayedCallback(func() {
					waiting, shown = d.progress(), d.details()
					end(d)
				}, 10*time.Minute)
				require.Equal(t, []string{target}, run(d))
				require.True(t, waiting.Telling)
				require.Contains(t, shown, "the targets of `notify` are told: "+target+". ")
				require.NotContains(t, shown, "**running**")
				require.NotContains(t, d.details(), "are told", "once it is over")
				require.Less(t, d.Now().Sub(began), 11*time.Minute)
			})
		}
	}
}

// TestARunThatIsGivenUpIsShownAsParkedNoMore: it takes no retry any more, however long a target is waited for.
func TestARunThatIsGivenUpIsShownAsParkedNoMore(t *testing.T) {
	for state, end := range map[string]func(*delivery){
		"aborted": func(d *delivery) {
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, 10*time.Minute)
		},
		"failed": func(d *delivery) { d.plan.ParkTimeout = plan.Duration(10 * time.Minute) },
	} {
		t.Run(state, func(t *testing.T) {
			d := newDelivery(t)
			d.broken["Upload"] = []error{permanently("AccessDenied")}
			d.tellsNobody()
			end(d)
			var before, after string
			var marks []string
			states := d.marked(workflows.AttributeState)
			d.RegisterDelayedCallback(func() { before = d.details() }, 9*time.Minute)
			d.RegisterDelayedCallback(func() { after, marks = d.details(), *states }, 11*time.Minute)
			_, err := d.run()
			require.Error(t, err)
			require.Contains(t, before, "## Parked: AccessDenied")
			require.NotContains(t, after, "## Parked")
			require.Contains(t, after, "`k`: "+state)
			require.Contains(t, after, "are told: "+target)
			require.Equal(t, []string{"running", "parked", "running"}, marks)
			require.Equal(t, append(marks, state), *states)
		})
	}
}

// tellsNobody has whoever looks for the target find it, and it cannot be signalled.
func (d *delivery) tellsNobody() {
	for range 100 {
		d.broken["signal"] = append(d.broken["signal"], errors.New("no such workflow"))
	}
}

// TestACancellationEndsTheWaitForATargetAlsoIfItComesBeforeIt: Temporal takes no second one.
func TestACancellationEndsTheWaitForATargetAlsoIfItComesBeforeIt(t *testing.T) {
	d, made := newCampaign(t)
	made.Turn = &activities.Taken{Granted: true}
	d.tellsNobody()
	began := d.Now()
	d.within["GiveTurn"] = d.CancelWorkflow
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, []string{target}, c.NotNotified)
	require.Less(t, d.Now().Sub(began), time.Minute)
}

// TestAnAbortEndsTheWaitThatACancellationDidNotEnd in the release that the run was cancelled in.
func TestAnAbortEndsTheWaitThatACancellationDidNotEnd(t *testing.T) {
	d := newDelivery(t)
	d.OnGetVersion("hear-cancel", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	d.tellsNobody()
	began := d.Now()
	d.RegisterDelayedCallback(d.CancelWorkflow, 10*time.Minute)
	d.RegisterDelayedCallback(func() {
		d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "nobody will come"})
	}, 20*time.Minute)
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{target}, c.NotNotified)
	require.Less(t, d.Now().Sub(began), 21*time.Minute)
}

// TestWhoIsThereWhenTheWaitIsAbortedIsTold: the wait between two tries may be a minute.
func TestWhoIsThereWhenTheWaitIsAbortedIsTold(t *testing.T) {
	d := newDelivery(t)
	d.tellsNobody()
	d.RegisterDelayedCallback(func() {
		d.mu.Lock()
		d.broken["signal"] = nil
		d.mu.Unlock()
		d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "nobody will come"})
	}, 10*time.Minute+time.Second)
	c, err := d.run()
	require.NoError(t, err)
	require.Empty(t, c.NotNotified)
}

// TestWhoComesWhenAParkedRunGoesOnIsNotToldThatItIsParked: the run waits for its turn meanwhile.
func TestWhoComesWhenAParkedRunGoesOnIsNotToldThatItIsParked(t *testing.T) {
	d := newDelivery(t)
	d.parksUnheard(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) })
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{workflows.SignalCompleted}, d.names)

	d, _ = newCampaign(t, "a")
	d.parksUnheard(func() { d.signalGroup("a", workflows.RetryName, workflows.RetryRequest{}) })
	_, err = d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, []string{workflows.SignalCampaignCompleted}, d.names)
}

// parksUnheard parks the run and retries it before the target comes.
func (d *delivery) parksUnheard(retry func()) {
	d.turns = []activities.Taken{{Granted: true}, notYet()}
	d.broken["Upload"] = []error{permanently("AccessDenied")}
	d.tellsNobody()
	d.RegisterDelayedCallback(retry, 10*time.Minute)
	d.RegisterDelayedCallback(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.broken["signal"], d.names = nil, nil
	}, 20*time.Minute)
}
