package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

const firstRun = "send/vips-weekly/first"

// again makes the delivery one of files that a first run has left on its host.
func (d *delivery) again(reuse string) {
	d.t.Helper()
	kept := activities.Kept{
		State: "completed", Folder: activities.Folder{Run: "first-run", WorkflowID: firstRun, Delivery: "first-run-1"},
		Files: activities.FilesResult{Step: "encrypt", Files: 1, Rows: 7, Bytes: 70}, Host: "host-1", Queue: hostQueue,
		RenderedAt: time.Date(2026, 11, 23, 6, 0, 1, 0, time.UTC), Until: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC),
	}
	from := kept.Files
	from.Step = reuse
	fake(d, "Reuse", func(in activities.ReuseInput) activities.RenderResult {
		return activities.RenderResult{FilesResult: in.From, Host: "host-1", Queue: hostQueue, Pipelined: d.rendered.Pipelined}
	})
	d.kept = &activities.Again{Kept: kept, Reuse: from}
}

func (d *delivery) redeliver() (workflows.Completion, error) {
	d.t.Helper()
	d.ExecuteWorkflow(workflows.TypeOrchestration, workflows.OrchestrationInput{
		Orchestration: "vips-weekly", RunKey: "first~2", Redeliver: &activities.Redelivery{WorkflowID: firstRun, To: "archive"},
	})
	require.True(d.t, d.IsWorkflowCompleted())
	var c workflows.Completion
	err := d.GetWorkflowError()
	if err == nil {
		require.NoError(d.t, d.GetWorkflowResult(&c))
	}
	return c, err
}

func TestKeptFilesAreSentWithoutASourceOrEncryption(t *testing.T) {
	d := newDelivery(t)
	d.again("encrypt")
	d.plan.ReceiptKey = "upload/vips.csv.gz.pgp.receipt.json"
	c, err := d.redeliver()
	require.NoError(t, err)
	require.Equal(t, []string{"Plan", "AssumeRole", "Reuse", "Upload", "Publish", "WriteSuccessFile"}, d.stepsDone())
	require.Equal(t, firstRun, c.RedeliveryOf)
	require.Equal(t, firstRun, d.heard[0].RedeliveryOf)
	asked := d.inputs["Plan"][0].(activities.PlanInput)
	require.Equal(t, &activities.Redelivery{WorkflowID: firstRun, To: "archive"}, asked.Redeliver)
	took := d.inputs["Reuse"][0].(activities.ReuseInput)
	require.Equal(t, d.kept.Folder, took.Kept)
	require.NotEqual(t, took.Kept.Delivery, took.Delivery, "a delivery of its own")
	sent := d.inputs["Upload"][0].(activities.UploadInput)
	require.Equal(t, d.kept.RenderedAt, sent.Facts.RenderedAt, "the receipt says when the files were made")
	require.Equal(t, took.Delivery, sent.Delivery)
}

func TestKeptFilesAreEncryptedAnewForOtherRecipients(t *testing.T) {
	d := newDelivery(t)
	d.again("archive")
	_, err := d.redeliver()
	require.NoError(t, err)
	require.Equal(t, []string{"Plan", "AssumeRole", "Reuse", "Encrypt", "Upload", "Publish", "WriteSuccessFile"}, d.stepsDone())
}

func TestFilesThatAreNotKeptFailTheRunAtOnce(t *testing.T) {
	for _, step := range []string{"Plan", "Reuse"} {
		t.Run(step, func(t *testing.T) {
			d := newDelivery(t)
			d.again("encrypt")
			d.broken[step] = []error{permanently(activities.TypeFilesNotKept)}
			_, err := d.redeliver()
			var application *temporal.ApplicationError
			require.ErrorAs(t, err, &application)
			require.Equal(t, activities.TypeFilesNotKept, application.Type())
			var c workflows.Completion
			require.NoError(t, application.Details(&c))
			require.Equal(t, workflows.Failed, c.Status)
			require.Equal(t, 1, d.calls[step])
			require.NotContains(t, d.names, workflows.SignalParked)
			require.Equal(t, 1, d.calls["Discard"]+d.calls["GiveTurn"], "the turn is given back")
		})
	}
}

func TestAHostThatKeepsTheFilesAndIsAwayParksTheRunAndMayComeBack(t *testing.T) {
	d := newDelivery(t)
	d.again("encrypt")
	d.broken["Reuse"] = []error{hostGone()}
	var parked workflows.Progress
	d.RegisterDelayedCallback(func() { parked = d.progress() }, time.Hour)
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, 2*time.Hour)
	_, err := d.redeliver()
	require.NoError(t, err)
	require.Equal(t, workflows.Parked, parked.State)
	require.Equal(t, activities.TypeFilesNotKept, parked.Failure.Type)
	require.Equal(t, activities.Platform, parked.Failure.Attribution)
	require.Contains(t, parked.Failure.Message, "host host-1, which did not answer for 10m0s")
	require.Equal(t, 2, d.calls["Reuse"])
}

func TestAHostThatIsLostOnTheWayIsAskedForItsFilesAgain(t *testing.T) {
	d := newDelivery(t)
	d.again("encrypt")
	d.broken["Upload"] = []error{hostGone()}
	c, err := d.redeliver()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Reuse"])
	require.Zero(t, d.calls["Render"], "the source is not asked, whatever happens")
	require.Contains(t, c.Warnings[0], "taken again from what is kept")
	reuses := d.inputs["Reuse"]
	require.NotEqual(t, reuses[0].(activities.ReuseInput).Delivery, reuses[1].(activities.ReuseInput).Delivery)
}

func TestFilesThatAreGoneWhenSomethingMayBeVisibleAreLeftToAPerson(t *testing.T) {
	d := newDelivery(t)
	d.again("encrypt")
	d.broken["Publish"] = []error{permanently(activities.TypeUploadLost)}
	d.broken["Upload"] = []error{nil, permanently(activities.TypeFilesLost)}
	d.broken["Reuse"] = []error{nil, permanently(activities.TypeFilesNotKept)}
	d.RegisterDelayedCallback(func() { require.Equal(t, workflows.Parked, d.progress().State) }, time.Hour)
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, 2*time.Hour)
	_, err := d.redeliver()
	require.Error(t, err)
	require.Equal(t, []string{workflows.SignalParked, workflows.SignalCompleted}, d.names)
}

func TestARunThatDeliveredSaysWhatItHasLeft(t *testing.T) {
	d := newDelivery(t)
	until := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	d.discarded = activities.DiscardResult{KeptUntil: until}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, until, c.KeptUntil)
	require.Zero(t, d.heard[0].KeptUntil, "who waits is told before that is known")
	sent := d.inputs["Discard"][0].(activities.DiscardInput).Sent
	require.Equal(t, "encrypt", sent.Step)
	value, err := d.QueryWorkflow(workflows.QueryKept)
	require.NoError(t, err)
	var k activities.Kept
	require.NoError(t, value.Get(&k))
	require.NoError(t, k.Check("x"))
	require.Equal(t, "encrypt", k.Files.Step)
	require.Equal(t, until, k.Until)
	require.Equal(t, hostQueue, k.Queue)
	require.Equal(t, d.plan.Query, k.Plan.Query)
}

func TestARunThatDidNotDeliverKeepsNothing(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("AccessDenied")}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
	_, err := d.run()
	require.Error(t, err)
	require.NotEmpty(t, d.inputs["Discard"])
	for _, in := range d.inputs["Discard"] {
		require.Nil(t, in.(activities.DiscardInput).Sent)
	}
	value, err := d.QueryWorkflow(workflows.QueryKept)
	require.NoError(t, err)
	var k activities.Kept
	require.NoError(t, value.Get(&k))
	require.ErrorIs(t, k.Check("x"), activities.ErrNotKept)
}

func TestADeliveryOfTheSameFilesHasANumber(t *testing.T) {
	for of, want := range map[string]string{
		"send/a b/k": "send/a b/k~2", "send/a/k~7": "send/a/k~2", "odd~id": "odd~id~2", "odd~": "odd~~2",
	} {
		require.Equal(t, want, workflows.RedeliveryID(of, 2))
	}
	require.Equal(t, "k~3", workflows.RedeliveryKey("k~2", 3))
}
