package workflows_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/activities"
	"consign/internal/plan"
	"consign/workflows"
)

const campaignID = "campaign/Spring Sale/k"

// planOf is what Plan answers: the test's plan, of a group with what tells it from others.
func (d *delivery) planOf(in activities.PlanInput) *plan.Plan {
	if in.Group == nil {
		return d.plan
	}
	p := *d.plan
	p.Orchestration, p.Campaign, p.Group, p.DataTemplate = in.Orchestration, in.Group.Campaign, in.Group.Group, in.Group.DataTemplate
	p.Notify = nil // the campaign tells
	return &p
}

// groupRun is the workflow id of a group's run.
func groupRun(group string) string { return "send/Spring Sale/" + group + "/mail/k" }

// newCampaign is a campaign of groups that are delivered through one data template each, and of one that is not.
func newCampaign(t *testing.T, groups ...string) (*delivery, *activities.PlanCampaignResult) {
	t.Helper()
	d := newDelivery(t)
	made := &activities.PlanCampaignResult{
		Notify:        []plan.Notify{{WorkflowID: target, Signal: workflows.SignalCampaignCompleted}},
		NotifyTimeout: plan.Duration(time.Hour), Parallel: 8,
	}
	for _, g := range groups {
		made.Groups = append(made.Groups, activities.GroupRuns{Name: g, Runs: []activities.GroupRun{
			{Orchestration: "Spring Sale/" + g + "/mail", DataTemplate: "mail", Destination: "acme"},
		}})
	}
	made.Groups = append(made.Groups, activities.GroupRuns{Name: "control"})
	fake(d, "PlanCampaign", func(activities.PlanCampaignInput) activities.PlanCampaignResult { return *made })
	d.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: campaignID, TaskQueue: "consign"})
	d.OnSignalExternalWorkflow(mock.Anything, campaignID, "", "group", mock.Anything).Return(
		func(_, _, _, signal string, arg any) error {
			d.SignalWorkflow(signal, arg)
			return nil
		}).Maybe()
	return d, made
}

func (d *delivery) runCampaign() (workflows.CampaignCompletion, error) {
	d.t.Helper()
	d.ExecuteWorkflow(workflows.TypeCampaign, workflows.CampaignInput{Campaign: "Spring Sale", RunKey: "k", RequestedBy: activities.Requester{Name: "dana"}})
	require.True(d.t, d.IsWorkflowCompleted())
	var c workflows.CampaignCompletion
	err := d.GetWorkflowError()
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	switch {
	case err == nil:
		require.NoError(d.t, d.GetWorkflowResult(&c))
	case errors.As(err, &failed):
		require.NoError(d.t, failed.Details(&c))
	case errors.As(err, &canceled):
		require.NoError(d.t, canceled.Details(&c))
	}
	return c, err
}

// states is how the deliveries stand, by group.
func (d *delivery) states() map[string]workflows.State {
	d.t.Helper()
	states := map[string]workflows.State{}
	for _, one := range d.progress().Deliveries {
		states[one.Group] = one.State
	}
	return states
}

// signalGroup signals the run of a group.
func (d *delivery) signalGroup(group, name string, payload any) {
	d.t.Helper()
	require.NoError(d.t, d.SignalWorkflowByID(groupRun(group), name, payload))
}

func TestACampaignDeliversEveryGroupAndTellsOnce(t *testing.T) {
	d, made := newCampaign(t, "a", "b")
	made.Groups[1].Runs = append(made.Groups[1].Runs, activities.GroupRun{Orchestration: "Spring Sale/b/post", DataTemplate: "post", Destination: "acme"})
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, 1, d.calls["PlanCampaign"])
	require.Equal(t, 3, d.calls["WriteSuccessFile"])
	require.EqualValues(t, 21, c.Rows)
	require.Equal(t, 3, c.ObjectCount)
	var groups []string
	for _, g := range c.Groups {
		groups = append(groups, fmt.Sprint(g.Name, len(g.Deliveries)))
	}
	require.Equal(t, []string{"a1", "b2", "control0"}, groups, "in the order of the configuration; the one that is not delivered is listed")
	require.NotNil(t, c.Groups[2].Deliveries, "an empty list, not null")
	for _, one := range []workflows.Completion{c.Groups[0].Deliveries[0], c.Groups[1].Deliveries[0]} {
		require.Equal(t, workflows.Completed, one.Status)
		require.Equal(t, groupRun(one.Group), one.WorkflowID)
		require.Equal(t, "Spring Sale", one.Campaign)
		require.Equal(t, "mail", one.DataTemplate)
	}
	require.Equal(t, []string{workflows.SignalCampaignCompleted}, d.names)
	require.Equal(t, c.RunID, d.ended[0].RunID)
	require.Zero(t, d.calls["GiveTurn"])
	require.Equal(t, workflows.Completed, d.progress().State)
}

func TestAllRunsOfACampaignHaveOneInstantOneKeyAndOneRequester(t *testing.T) {
	d, _ := newCampaign(t, "a", "b", "c")
	_, err := d.runCampaign()
	require.NoError(t, err)
	asked := d.inputs["PlanCampaign"][0].(activities.PlanCampaignInput)
	require.Len(t, d.inputs["Plan"], 3)
	for _, in := range d.inputs["Plan"] {
		one := in.(activities.PlanInput)
		require.Equal(t, asked.Now, one.Now)
		require.Equal(t, "k", one.RunKey)
		require.Equal(t, "dana", one.RequestedBy.Name)
		require.Equal(t, "Spring Sale", one.Group.Campaign)
		require.Equal(t, "Spring Sale/"+one.Group.Group+"/mail", one.Claim.Orchestration, "a group's runs take turns")
	}
}

func TestOnlySoManyRunsOfACampaignAreAtWorkAtOnce(t *testing.T) {
	d, made := newCampaign(t, "a", "b", "c")
	made.Parallel = 2
	d.turns = []activities.Taken{notYet(), notYet()}
	d.RegisterDelayedCallback(func() {
		require.Equal(t, map[string]workflows.State{"a": workflows.Running, "b": workflows.Running, "c": workflows.Waiting}, d.states())
		d.signalGroup("b", activities.SignalTurn, nil)
	}, time.Minute)
	d.RegisterDelayedCallback(func() {
		require.Equal(t, map[string]workflows.State{"a": workflows.Running, "b": workflows.Completed, "c": workflows.Completed}, d.states())
		d.signalGroup("a", activities.SignalTurn, nil)
	}, 2*time.Minute)
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, 3, c.ObjectCount)
}

func TestAParkedGroupBlocksNoOtherAndIsRetriedByItself(t *testing.T) {
	d, made := newCampaign(t, "a", "b", "c")
	made.Parallel = 1
	d.broken["Plan of a"] = []error{permanently("NoSuchBucket")}
	d.RegisterDelayedCallback(func() {
		require.Equal(t, map[string]workflows.State{"a": workflows.Parked, "b": workflows.Completed, "c": workflows.Completed}, d.states())
		p := d.progress()
		require.Equal(t, workflows.Parked, p.State, "a campaign is parked when one of its groups is")
		require.Equal(t, "NoSuchBucket", p.Failure.Type)
		require.Equal(t, []string{workflows.SignalParked}, d.names, "nobody waits in the dark")
		require.Equal(t, groupRun("a"), d.heard[0].WorkflowID)
		d.signalGroup("a", workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, 2, d.calls["Plan of a"])
	require.Equal(t, []string{workflows.SignalParked, workflows.SignalCampaignCompleted}, d.names)
}

func TestAGroupOfWhichObjectsMayBeVisibleIsNotToBePlannedAnew(t *testing.T) {
	for step, late := range map[string]bool{"Plan": false, "Publish": true} {
		d, _ := newCampaign(t, "a")
		d.broken[step] = []error{permanently("AccessDenied")}
		d.RegisterDelayedCallback(func() {
			require.Equal(t, workflows.Parked, d.progress().Deliveries[0].State)
			require.Equal(t, late, d.progress().Deliveries[0].NoReplan, step)
			d.signalGroup("a", workflows.RetryName, workflows.RetryRequest{})
		}, time.Hour)
		c, err := d.runCampaign()
		require.NoError(t, err)
		require.Equal(t, workflows.Completed, c.Status)
	}
}

func TestARetryOfACampaignSaysWhichRunsAreParked(t *testing.T) {
	d, _ := newCampaign(t, "a", "b")
	d.broken["Plan of b"] = []error{permanently("NoSuchBucket")}
	var rejected error
	d.RegisterDelayedCallback(func() {
		d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { rejected = err }, OnAccept: func() { t.Error("accepted") }, OnComplete: func(any, error) {},
		}, workflows.RetryRequest{})
		d.signalGroup("b", workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.runCampaign()
	require.NoError(t, err)
	require.ErrorContains(t, rejected, "retry "+groupRun("b"))
}

func TestACampaignWithoutAllItsDeliveriesFailsAndSaysWhichAreMissing(t *testing.T) {
	for name, c := range map[string]struct {
		failure error
		then    func(*delivery) // nil: nobody comes
		status  workflows.State
		says    string
	}{
		"a group that is refused":  {permanently(activities.TypeRefused), nil, workflows.Failed, "1 of 3 deliveries did not complete: group b to mail (failed, Refused)"},
		"a group that is given up": {permanently("AccessDenied"), nil, workflows.Failed, "1 of 3 deliveries did not complete: group b to mail (failed, AccessDenied)"},
		"a group that is aborted by itself": {permanently("AccessDenied"), func(d *delivery) {
			d.signalGroup("b", workflows.AbortName, workflows.AbortRequest{Reason: "not these"})
		}, workflows.Aborted, "1 of 3 deliveries did not complete: group b to mail (aborted, Aborted)"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newCampaign(t, "a", "b", "c")
			d.broken["Plan of b"] = []error{c.failure}
			if c.then != nil {
				d.RegisterDelayedCallback(func() { c.then(d) }, time.Hour)
			}
			done, err := d.runCampaign()
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, "Incomplete", failed.Type())
			require.Equal(t, c.says, done.Failure.Message)
			require.Equal(t, workflows.Failed, done.Status)
			require.Equal(t, workflows.Completed, done.Groups[0].Deliveries[0].Status)
			require.Equal(t, c.status, done.Groups[1].Deliveries[0].Status)
			require.NotNil(t, done.Groups[1].Deliveries[0].Failure)
			require.Equal(t, activities.Customer, done.Failure.Attribution, "as of the first that failed")
			require.Equal(t, 2, done.ObjectCount)
			require.Len(t, d.ended, 1)
			require.Equal(t, workflows.Failed, d.ended[0].Status)
		})
	}
}

func TestAnAbortOfACampaignAbortsWhatIsOpenAndWaitsForIt(t *testing.T) {
	ends := map[string]struct {
		abort  func(*delivery)
		reason string
	}{
		"by signal":     {func(d *delivery) { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"}) }, "wrong list"},
		"by cancelling": {func(d *delivery) { d.CancelWorkflow() }, "the workflow was cancelled"},
		"by update": {func(d *delivery) {
			d.UpdateWorkflow(workflows.AbortName, "", &testsuite.TestUpdateCallback{
				OnReject: func(err error) { d.t.Error(err) }, OnAccept: func() {}, OnComplete: func(any, error) {},
			}, workflows.AbortRequest{Reason: "wrong list"})
		}, "wrong list"},
	}
	for name, how := range ends {
		t.Run(name, func(t *testing.T) {
			d, made := newCampaign(t, "delivered", "parked", "at-work", "never-begun")
			made.Parallel = 1
			d.broken["Plan of parked"] = []error{permanently("NoSuchBucket")}
			d.turns = []activities.Taken{{Granted: true}, {Granted: true}, notYet()}
			d.RegisterDelayedCallback(func() {
				require.Equal(t, map[string]workflows.State{
					"delivered": workflows.Completed, "parked": workflows.Parked, "at-work": workflows.Running, "never-begun": workflows.Waiting,
				}, d.states())
				how.abort(d)
			}, time.Minute)
			c, err := d.runCampaign()
			var canceled *temporal.CanceledError
			require.ErrorAs(t, err, &canceled)
			require.Equal(t, workflows.Aborted, c.Status)
			require.Contains(t, c.Failure.Message, how.reason)
			var got []workflows.State
			for _, g := range c.Groups[:4] {
				got = append(got, g.Deliveries[0].Status)
			}
			require.Equal(t, []workflows.State{workflows.Completed, workflows.Aborted, workflows.Aborted, workflows.Aborted}, got)
			require.Contains(t, c.Groups[1].Deliveries[0].Failure.Message, "the campaign was aborted: "+how.reason)
			require.Contains(t, c.Groups[3].Deliveries[0].Failure.Message, "before it began")
			require.Zero(t, d.calls["Plan of never-begun"])
			require.Len(t, d.ended, 1)
			require.Equal(t, workflows.Aborted, d.ended[0].Status)
			require.Equal(t, workflows.Aborted, d.progress().State)
		})
	}
}

func TestACampaignThatIsRefusedStartsNothing(t *testing.T) {
	for _, kind := range []string{activities.TypeRefused, activities.TypeOverlap} {
		t.Run(kind, func(t *testing.T) {
			d, _ := newCampaign(t, "a", "b")
			d.broken["PlanCampaign"] = []error{permanently(kind)}
			began := d.Now()
			c, err := d.runCampaign()
			require.Less(t, d.Now().Sub(began), time.Minute, "it is not parked")
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, kind, failed.Type())
			require.Equal(t, kind, c.Failure.Type)
			require.Equal(t, []string{"PlanCampaign"}, d.order)
		})
	}
}

func TestACampaignThatCannotBePlannedIsParkedAndRetried(t *testing.T) {
	for name, failure := range map[string]struct {
		errs     []error
		attempts int
	}{
		"a permanent failure parks at once":            {[]error{permanently("ConfigurationRefused")}, 1},
		"a transient failure parks when tries run out": {[]error{passing("SourceUnreachable"), passing("SourceUnreachable"), passing("SourceUnreachable"), passing("SourceUnreachable")}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newCampaign(t, "a", "b")
			d.broken["PlanCampaign"] = failure.errs
			d.RegisterDelayedCallback(func() {
				require.Equal(t, failure.attempts, d.calls["PlanCampaign"])
				p := d.progress()
				require.Equal(t, workflows.Parked, p.State)
				require.Equal(t, "PlanCampaign", p.Failure.Step)
				require.False(t, p.Deadline.IsZero())
				d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
					OnReject: func(err error) { t.Error(err) }, OnAccept: func() {}, OnComplete: func(any, error) {},
				}, workflows.RetryRequest{Replan: true})
			}, time.Hour)
			c, err := d.runCampaign()
			require.NoError(t, err)
			require.Equal(t, failure.attempts+1, d.calls["PlanCampaign"])
			require.Equal(t, 2, c.ObjectCount)
		})
	}
}

func TestACampaignThatIsNeverPlannedIsGivenUp(t *testing.T) {
	d, _ := newCampaign(t, "a")
	d.broken["PlanCampaign"] = []error{permanently("ConfigurationRefused")}
	c, err := d.runCampaign()
	require.ErrorContains(t, err, "nobody retried or aborted the parked run within 168h0m0s")
	require.Equal(t, workflows.Failed, c.Status)
	require.Empty(t, c.Groups)
}

func TestACampaignThatOverlapsWithNoneGivesItsTurnBack(t *testing.T) {
	d, made := newCampaign(t, "a")
	made.Turn = &activities.Taken{Granted: true}
	_, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, activities.Claim{Orchestration: "campaign/Spring Sale", WorkflowID: campaignID}, d.inputs["GiveTurn"][0])
	require.Equal(t, d.inputs["PlanCampaign"][0].(activities.PlanCampaignInput).Claim, d.inputs["GiveTurn"][0])
}

func TestACampaignThatIsAbortedWhileItIsPlannedHasSentNothing(t *testing.T) {
	for name, when := range map[string]func(d *delivery, abort func()){
		"parked": func(d *delivery, abort func()) {
			d.broken["PlanCampaign"] = []error{permanently("ConfigurationRefused")}
			d.RegisterDelayedCallback(abort, time.Hour)
		},
		"at work": func(d *delivery, abort func()) { d.within["PlanCampaign"] = abort },
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newCampaign(t, "a")
			when(d, func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "late"}) })
			c, err := d.runCampaign()
			var canceled *temporal.CanceledError
			require.ErrorAs(t, err, &canceled)
			require.Equal(t, workflows.Aborted, c.Status)
			require.Contains(t, c.Failure.Message, "late")
			require.Equal(t, []string{"PlanCampaign", "GiveTurn"}, d.order, "it may have taken its turn")
		})
	}
}

func TestACampaignWithoutDataTemplatesDeliversNothingAndSaysSo(t *testing.T) {
	d, _ := newCampaign(t)
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, []workflows.GroupCompletion{{Name: "control", Deliveries: []workflows.Completion{}}}, c.Groups)
	require.Len(t, d.ended, 1)
}
