package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/activities"
	"consign/internal/lambda"
	"consign/internal/plan"
	"consign/internal/redshift"
	"consign/workflows"
)

const complete = "the delivery itself is complete and stays as it is"

// follows lets a function and a load follow the delivery.
func (d *delivery) follows() {
	d.withSides()
	d.plan.Downstream = []plan.Downstream{
		{Step: plan.InvokeLambda, Target: "prepare", Credential: "ours", Lambda: &lambda.Options{Function: "prepare"}},
		{Step: plan.CopyToRedshift, Target: "crm.vips", Redshift: &redshift.Options{Cluster: "warehouse", Database: "dev", Table: "crm.vips"}},
	}
	fake(d, "InvokeLambda", func(activities.LambdaInput) activities.LambdaResult {
		return activities.LambdaResult{Version: "7", Request: "r-1"}
	})
	fake(d, "CopyToRedshift", func(in activities.CopyInput) activities.CopyResult {
		if in.Statement == "" {
			return activities.CopyResult{Statement: "s-" + string(rune('0'+in.Round))}
		}
		return activities.CopyResult{Statement: in.Statement, Rows: in.Rows, Query: 42}
	})
}

func (d *delivery) copies() []activities.CopyInput {
	list := make([]activities.CopyInput, len(d.inputs["CopyToRedshift"]))
	for i, in := range d.inputs["CopyToRedshift"] {
		list[i] = in.(activities.CopyInput)
	}
	return list
}

func TestAFunctionAndALoadFollowTheDeliveryInTheirOrder(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, append(steadily(), "InvokeLambda", "CopyToRedshift", "CopyToRedshift"), d.stepsDone())
	require.Equal(t, []workflows.DownstreamResult{
		{Step: "InvokeLambda", Target: "prepare", State: "done", Version: "7", Request: "r-1"},
		{Step: "CopyToRedshift", Target: "crm.vips", State: "done", Rows: 7, Query: 42, Statement: "s-0"},
	}, c.Downstream)
	require.Len(t, d.heard, 1, "one completion, after all of it")
	require.Equal(t, c.Downstream, d.heard[0].Downstream)

	told := d.inputs["InvokeLambda"][0].(activities.LambdaInput)
	require.Equal(t, c.DeliveryID, told.Delivery)
	require.Equal(t, c.DeliveryID+"/1", told.ID)
	require.Equal(t, "eu-west-1", told.Target.Upload.Region, "the one that was found")
	require.Equal(t, activities.LambdaEvent{
		DeliveryID: c.DeliveryID, Orchestration: "vips-weekly", RunKey: "k", WorkflowID: c.WorkflowID, Destination: "acme", Bucket: "acme-inbound",
		Region: "eu-west-1", Rows: 7, Objects: 1, SuccessFile: d.plan.SuccessKey, ManifestKey: d.plan.ManifestKey, ReceiptKey: d.plan.ReceiptKey,
	}, told.Event)
	copies := d.copies()
	require.Empty(t, copies[0].Statement)
	require.Equal(t, "s-0", copies[1].Statement, "what was submitted is what is waited for")
	require.Equal(t, c.DeliveryID+"/2", copies[0].ID)
	require.EqualValues(t, 7, copies[0].Rows)
	require.False(t, copies[0].Since.IsZero())

	steps := d.progress().Steps
	require.Len(t, steps, 10)
	require.Equal(t, "crm.vips", steps[9].Target)
	require.EqualValues(t, 7, steps[9].Rows)
}

func TestOfNoObjectsThereIsNothingToLoad(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	d.rendered = activities.RenderResult{Host: "host-1", Queue: hostQueue, Empty: true}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, "done", c.Downstream[0].State)
	require.Equal(t, "skipped", c.Downstream[1].State)
	require.Zero(t, d.calls["CopyToRedshift"])
}

func TestALoadThatFailedIsSubmittedAnewWhenRetried(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	d.broken["CopyToRedshift"] = []error{nil, permanently(activities.TypeLoadFailed)}
	d.RegisterDelayedCallback(func() {
		p := d.progress()
		require.Equal(t, workflows.Parked, p.State)
		require.Equal(t, "CopyToRedshift", p.Step)
		require.Contains(t, p.Failure.Message, complete)
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1, d.calls["InvokeLambda"], "what was done stays done")
	require.Equal(t, "s-1", c.Downstream[1].Statement)
	copies := d.copies()
	require.Len(t, copies, 4)
	require.Equal(t, []int{0, 0, 1, 1}, []int{copies[0].Round, copies[1].Round, copies[2].Round, copies[3].Round})
	require.Empty(t, copies[2].Statement)
	require.GreaterOrEqual(t, copies[2].Since.Sub(copies[0].Since), time.Hour, "another load")
	require.Equal(t, copies[0].ID, copies[3].ID)
	require.Equal(t, []string{workflows.SignalParked, workflows.SignalCompleted}, d.names)
	require.Len(t, d.heard[0].Objects, 1)
	require.Equal(t, d.plan.SuccessKey, d.heard[0].SuccessFile, "who waits is told that the delivery is there")
	require.Equal(t, "failed", d.heard[0].Downstream[1].State)
}

func TestALoadOfWhichNothingIsKnownIsAskedForAgainAsTheSameOne(t *testing.T) {
	for name, broken := range map[string][]error{
		"when it could not be submitted":  {permanently("ServiceDenied")},
		"when it could not be waited for": {nil, permanently("ServiceDenied")},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.follows()
			d.broken["CopyToRedshift"] = broken
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, time.Hour)
			c, err := d.run()
			require.NoError(t, err)
			require.Equal(t, "s-0", c.Downstream[1].Statement)
			copies := d.copies()
			require.Len(t, copies, 3)
			for _, in := range copies {
				require.Zero(t, in.Round)
				require.Equal(t, copies[0].Since, in.Since, "it may have been submitted then")
			}
		})
	}
}

func TestALoadThatIsForgottenIsAskedForAgainOnlyIfALedgerKnows(t *testing.T) {
	t.Run("with a ledger", func(t *testing.T) {
		d := newDelivery(t)
		d.follows()
		d.plan.Downstream[1].Redshift.Ledger = "crm.loads"
		d.broken["CopyToRedshift"] = []error{nil, permanently(activities.TypeLoadUncertain)}
		c, err := d.run()
		require.NoError(t, err)
		require.Equal(t, "s-1", c.Downstream[1].Statement)
		require.Contains(t, c.Warnings[0], "ledger")
	})
	t.Run("without one", func(t *testing.T) {
		d := newDelivery(t)
		d.follows()
		d.broken["CopyToRedshift"] = []error{nil, permanently(activities.TypeLoadUncertain)}
		d.RegisterDelayedCallback(func() {
			require.Equal(t, workflows.Parked, d.progress().State)
			require.Equal(t, 2, d.calls["CopyToRedshift"])
			d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) // somebody has looked: it is not loaded
		}, time.Hour)
		c, err := d.run()
		require.NoError(t, err)
		require.Equal(t, "s-1", c.Downstream[1].Statement)
	})
}

// TestALoadWhoseSubmissionFindsAFailedOneIsAskedForAnew: an answer was lost, and what it had told of is over.
func TestALoadWhoseSubmissionFindsAFailedOneIsAskedForAnew(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	d.broken["CopyToRedshift"] = []error{permanently(activities.TypeLoadFailed)}
	d.retries(time.Hour, workflows.RetryRequest{})
	_, err := d.run()
	require.NoError(t, err)
	copies := d.copies()
	require.Len(t, copies, 3)
	require.Equal(t, []int{0, 1, 1}, []int{copies[0].Round, copies[1].Round, copies[2].Round})
	require.Equal(t, time.Hour, copies[1].Since.Sub(copies[0].Since).Truncate(time.Minute), "another load")
}

func TestAnAbortAfterTheDeliveryGivesUpOnlyWhatFollows(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	d.broken["InvokeLambda"] = []error{permanently("FunctionFailed")}
	var rejected error
	d.RegisterDelayedCallback(func() {
		d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { rejected = err }, OnAccept: func() { t.Error("accepted") }, OnComplete: func(any, error) {},
		}, workflows.RetryRequest{Replan: true})
	}, time.Hour)
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "enough"}) }, 2*time.Hour)
	_, err := d.run()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.ErrorContains(t, rejected, "the plan stays")
	c := d.heard[len(d.heard)-1]
	require.Equal(t, workflows.Aborted, c.Status)
	require.Len(t, c.Objects, 1, "what is visible")
	require.Equal(t, d.plan.SuccessKey, c.SuccessFile)
	require.Equal(t, d.plan.ReceiptKey, c.Receipt)
	require.EqualValues(t, 7, c.Rows)
	require.Contains(t, c.Failure.Message, complete+", and only what was to follow it was given up")
	require.Equal(t, "failed", c.Downstream[0].State)
	require.Equal(t, "waiting", c.Downstream[1].State)
	require.Zero(t, d.calls["CopyToRedshift"])
	require.NotEmpty(t, d.inputs["Discard"])
	for _, in := range d.inputs["Discard"] {
		require.False(t, in.(activities.DiscardInput).Abort, "nothing is open")
		require.False(t, in.(activities.DiscardInput).Elsewhere)
	}
}

func TestARunThatIsParkedAfterItsDeliveryKeepsItsTurn(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	d.broken["InvokeLambda"] = []error{permanently("FunctionFailed")}
	d.RegisterDelayedCallback(func() {
		require.Equal(t, workflows.Parked, d.progress().State)
		require.Zero(t, d.calls["GiveTurn"], "the next delivery may write over the objects that are still to be loaded")
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
}

// TestAnAbortCancelsALoadThatNobodyWaitsFor: it may go on at Redshift.
func TestAnAbortCancelsALoadThatNobodyWaitsFor(t *testing.T) {
	for name, c := range map[string]struct {
		broken    []error
		retried   bool
		statement string
		round     int
	}{
		"whose wait had failed":                {broken: []error{nil, permanently("ServiceUnreachable")}, statement: "s-0"},
		"whose submission had failed":          {broken: []error{permanently("ServiceUnreachable")}},
		"whose second submission had failed":   {broken: []error{nil, permanently(activities.TypeLoadFailed), permanently("ServiceUnreachable")}, retried: true, round: 1},
		"whose wait had failed after a second": {broken: []error{nil, permanently(activities.TypeLoadFailed), nil, permanently("ServiceUnreachable")}, retried: true, statement: "s-1", round: 1},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.follows()
			d.broken["CopyToRedshift"] = c.broken
			if c.retried {
				d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, time.Hour)
			}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, 2*time.Hour)
			_, err := d.run()
			require.Error(t, err)
			require.Equal(t, 1, d.calls["CancelLoad"])
			asked, copies := d.inputs["CancelLoad"][0].(activities.CopyInput), d.copies()
			require.Equal(t, c.statement, asked.Statement)
			require.Equal(t, c.round, asked.Round)
			require.Equal(t, copies[len(copies)-1].ID, asked.ID)
			require.Equal(t, copies[len(copies)-1].Since, asked.Since)
			last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
			require.Nil(t, last.Sent, "nothing is kept of a run that was aborted, also if it had delivered")
		})
	}
}

func TestAnAbortCancelsNoLoadThatHasEnded(t *testing.T) {
	d := newDelivery(t)
	d.follows()
	d.broken["CopyToRedshift"] = []error{nil, permanently(activities.TypeLoadFailed)}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
	_, err := d.run()
	require.Error(t, err)
	require.Zero(t, d.calls["CancelLoad"])
}
