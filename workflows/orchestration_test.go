package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/activities"
	"consign/workflows"
)

func TestADeliveryRunsItsStepsInOrderAndTellsOnce(t *testing.T) {
	d := newDelivery(t)
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, steadily(), d.stepsDone())
	require.True(t, d.inputs["Render"][0].(activities.RenderInput).Packed, "Archive follows")
	require.Equal(t, d.plan.Columns, d.inputs["Render"][0].(activities.RenderInput).Columns)
	require.Equal(t, workflows.Completed, c.Status)
	require.EqualValues(t, 7, c.Rows)
	require.EqualValues(t, 70, c.Bytes)
	require.Equal(t, "upload/vips.csv.gz.pgp", c.Objects[0].Key)
	require.Equal(t, d.plan.SuccessKey, c.SuccessFile)
	require.Equal(t, []string{workflows.SignalCompleted}, d.names)
	require.Equal(t, c.DeliveryID, d.heard[0].DeliveryID)
	require.Equal(t, 1, d.calls["Discard"])
	require.Equal(t, workflows.Completed, d.progress().State)
}

func TestStepsThatThePlanHasNoUseForAreLeftOut(t *testing.T) {
	d := newDelivery(t)
	d.plan.Archive.Encoding, d.plan.Encryption, d.plan.SuccessKey, d.plan.Notify = "none", nil, "", nil
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{"Plan", "AssumeRole", "Render", "Upload", "Publish"}, d.stepsDone())
}

func TestAnEmptyResultThatIsSkippedStillGetsItsSuccessFile(t *testing.T) {
	d := newDelivery(t)
	d.rendered = activities.RenderResult{Host: "host-1", Queue: hostQueue, Empty: true}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{"Plan", "AssumeRole", "Render", "WriteSuccessFile"}, d.stepsDone())
	require.Empty(t, c.Objects)
	require.Equal(t, d.plan.SuccessKey, c.SuccessFile)
}

func TestATransientFailureIsTriedAgain(t *testing.T) {
	for _, step := range steadily() {
		t.Run(step, func(t *testing.T) {
			d := newDelivery(t)
			d.broken[step] = []error{passing("Blip"), passing("Blip")}
			_, err := d.run()
			require.NoError(t, err)
			require.Equal(t, 3, d.calls[step])
		})
	}
}

func TestAFailureParksTheRunAndARetryGoesOnThere(t *testing.T) {
	failures := map[string]struct {
		errs     []error
		attempts int // until the run parks
	}{
		"a permanent failure parks at once":            {[]error{permanently("AccessDenied")}, 1},
		"a transient failure parks when tries run out": {[]error{passing("S3Unreachable"), passing("S3Unreachable"), passing("S3Unreachable"), passing("S3Unreachable")}, 4},
	}
	for name, failure := range failures {
		for _, step := range steadily() {
			t.Run(name+" in "+step, func(t *testing.T) {
				d := newDelivery(t)
				d.broken[step] = failure.errs
				var parked workflows.Progress
				d.RegisterDelayedCallback(func() {
					parked = d.progress()
					require.Equal(t, failure.attempts, d.calls[step])
					d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
						OnReject: func(err error) { t.Error(err) }, OnAccept: func() {}, OnComplete: func(any, error) {},
					}, workflows.RetryRequest{})
				}, time.Hour)
				c, err := d.run()
				require.NoError(t, err)
				require.Nil(t, c.Failure, "it is mended")
				require.Equal(t, workflows.Parked, parked.State)
				require.Equal(t, step, parked.Failure.Step)
				require.Equal(t, failure.attempts+1, d.calls[step])
				for _, other := range steadily() {
					if other != step {
						require.Equal(t, 1, d.calls[other], other)
					}
				}
				if step != "Plan" { // without a plan nobody is known who could be told
					require.Equal(t, []string{workflows.SignalParked, workflows.SignalCompleted}, d.names)
				}
			})
		}
	}
}

func TestARetrySignalReachesAParkedRunAndNoOther(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("AccessDenied")}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, 0) // it runs: ignored
	d.RegisterDelayedCallback(func() { require.Equal(t, workflows.Parked, d.progress().State) }, time.Hour)
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, 2*time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Upload"])
}

func TestARetryOfARunThatIsNotParkedIsRejected(t *testing.T) {
	d := newDelivery(t)
	var rejected error
	d.RegisterDelayedCallback(func() {
		d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { rejected = err }, OnAccept: func() { t.Error("accepted") }, OnComplete: func(any, error) {},
		}, workflows.RetryRequest{})
	}, 0)
	_, err := d.run()
	require.NoError(t, err)
	require.ErrorContains(t, rejected, "only a parked run can be retried")
}

func TestAReplanBeginsAFreshDelivery(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("NoSuchBucket")}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{Replan: true}) }, time.Hour)
	c, err := d.run()
	require.NoError(t, err)
	for _, step := range []string{"Plan", "AssumeRole", "Render", "Archive", "Encrypt", "Upload"} {
		require.Equal(t, 2, d.calls[step], step)
	}
	renders := d.inputs["Render"]
	require.NotEqual(t, renders[0].(activities.RenderInput).Delivery, renders[1].(activities.RenderInput).Delivery)
	require.Equal(t, renders[1].(activities.RenderInput).Delivery, c.DeliveryID)
	require.Equal(t, d.inputs["Plan"][0].(activities.PlanInput).Now, d.inputs["Plan"][1].(activities.PlanInput).Now, "now stays")
}

func TestAReplanIsRejectedOnceSomethingMayBeVisible(t *testing.T) {
	denied := permanently("AccessDenied")
	for name, tc := range map[string]struct {
		empty  bool // the query has no rows
		broken map[string][]error
	}{
		"an object":                         {false, map[string][]error{"Publish": {denied}}},
		"all objects, and a receipt is not": {false, map[string][]error{"WriteSuccessFile": {permanently(activities.TypeUploadLost)}, "Upload": {nil, denied}}},
		"the receipt of no objects":         {true, map[string][]error{"WriteSuccessFile": {denied}}},
		"all of a delivery of no objects":   {true, map[string][]error{"InvokeLambda": {denied}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.follows()
			d.broken = tc.broken
			if tc.empty {
				d.rendered = activities.RenderResult{Host: "host-1", Queue: hostQueue, Empty: true}
			}
			var rejected error
			d.RegisterDelayedCallback(func() {
				d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
					OnReject: func(err error) { rejected = err }, OnAccept: func() { t.Error("accepted") }, OnComplete: func(any, error) {},
				}, workflows.RetryRequest{Replan: true})
				require.True(t, d.progress().NoReplan, "so that nobody is told to")
				d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
			}, time.Hour)
			_, err := d.run()
			require.NoError(t, err)
			require.ErrorContains(t, rejected, "some objects may be visible")
		})
	}
}

func TestALostHostIsReplacedByAFreshRender(t *testing.T) {
	for _, step := range []string{"Archive", "Encrypt", "Upload"} {
		t.Run(step, func(t *testing.T) {
			d := newDelivery(t)
			d.broken[step] = []error{hostGone()}
			c, err := d.run()
			require.NoError(t, err)
			require.Equal(t, 2, d.calls["Render"])
			require.Equal(t, 1, d.calls["Plan"])
			require.Contains(t, c.Warnings[0], "host host-1 did not answer for 10m0s")
			require.Contains(t, c.DeliveryID, "-2")
			hosted := 0
			for _, in := range d.inputs["Discard"] {
				if !in.(activities.DiscardInput).Elsewhere {
					hosted++
				}
			}
			require.Equal(t, 1, hosted, "the new host cleans up in the end; the lost one is not waited for again")
		})
	}
}

// TestAnAlertThatWarnsIsShown: the rows are delivered, and whoever looks at the result is told.
func TestAnAlertThatWarnsIsShown(t *testing.T) {
	d := newDelivery(t)
	d.rendered.Warnings = []string{"3 rows are fewer than warn_below, which is 100"}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, d.rendered.Warnings, c.Warnings)
	require.Equal(t, c.Warnings, d.heard[0].Warnings)
}

func TestAHostThatIsLostAgainAndAgainParksTheRun(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{hostGone(), hostGone(), hostGone(), hostGone()}
	d.RegisterDelayedCallback(func() {
		require.Equal(t, "Timeout", d.progress().Failure.Type)
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 4, d.calls["Render"])
}

func TestAnUploadThatSomebodyAbortedIsSentAgain(t *testing.T) {
	d := newDelivery(t)
	d.broken["Publish"] = []error{permanently(activities.TypeUploadLost)}
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Upload"])
	require.Equal(t, 2, d.calls["Publish"])
	require.Equal(t, 1, d.calls["Render"])
}

// TestUploadsFromWhichARunWentBackAreAbortedWithIt: the host that knew them is lost before it could go on with them.
func TestUploadsFromWhichARunWentBackAreAbortedWithIt(t *testing.T) {
	for name, tc := range map[string]struct {
		step, kind string
		retried    bool
		open       []string
	}{
		"an upload that was lost":       {"Publish", activities.TypeUploadLost, false, []string{"u1", "u1", "u-receipt", "u-manifest"}},
		"a receipt's that was lost":     {"WriteSuccessFile", activities.TypeUploadLost, false, []string{"u-receipt", "u-manifest"}},
		"an object that is overwritten": {"Publish", activities.TypeObjectOverwritten, true, []string{"u1", "u1", "u-receipt", "u-manifest"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.withSides()
			d.rendered.Files = 2
			d.broken[tc.step] = []error{permanently(tc.kind)}
			d.broken["Upload"] = []error{nil, hostGone()}
			if tc.retried {
				d.retries(time.Hour, workflows.RetryRequest{})
			}
			_, err := d.run()
			require.NoError(t, err)
			require.Equal(t, 2, d.calls["Render"])
			var open []string
			for _, in := range d.inputs["Discard"] {
				for _, u := range in.(activities.DiscardInput).Uploads {
					open = append(open, u.UploadID)
				}
			}
			require.Equal(t, tc.open, open)
		})
	}
}

// TestADeliveryBegunAnewHasItsHostAbortWhatOnlyThatKnows: an Upload that finds a file damaged has opened others before, and
// does not say which.
func TestADeliveryBegunAnewHasItsHostAbortWhatOnlyThatKnows(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently(activities.TypeFilesLost)}
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 2, d.calls["Render"])
	onHost := d.inputs["Discard"][0].(activities.DiscardInput)
	require.False(t, onHost.Elsewhere)
	require.True(t, onHost.Abort)
	require.False(t, onHost.Release)
}

// CONFIG.md promises to name what became visible of a run that did not complete.
func TestAnAbortedRunNamesWhatBecameVisible(t *testing.T) {
	d := newDelivery(t)
	visible := []activities.Object{{Bucket: "acme-inbound", Key: "upload/1.csv", Rows: 3, Bytes: 30}}
	denied := activities.Failure{Type: "AccessDenied", Attribution: activities.Customer, Message: "denied", Advice: "ask"}
	d.broken["Publish"] = []error{temporal.NewNonRetryableApplicationError("denied", "AccessDenied", nil, denied, visible)}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"}) }, time.Hour)
	_, err := d.run()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	for _, c := range d.heard { // that it is parked, and that it is over
		require.Equal(t, visible, c.Objects)
		require.Equal(t, 1, c.ObjectCount)
		require.EqualValues(t, 3, c.Rows)
	}
	require.Equal(t, "AccessDenied", d.heard[0].Failure.Type)
}

func TestWhatBecameVisibleIsNamedOnceWhenTheRunGoesOn(t *testing.T) {
	d := newDelivery(t)
	visible := []activities.Object{{Bucket: "acme-inbound", Key: "upload/1.csv"}}
	d.broken["Publish"] = []error{temporal.NewNonRetryableApplicationError("lost", activities.TypeUploadLost, nil, activities.Failure{}, visible)}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1, c.ObjectCount)
}

func TestAnAbortEndsTheRunAsCanceledAndCleansUp(t *testing.T) {
	ends := map[string]func(*delivery){
		"by signal":     func(d *delivery) { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"}) },
		"by cancelling": func(d *delivery) { d.CancelWorkflow() },
		"by update": func(d *delivery) {
			d.UpdateWorkflow(workflows.AbortName, "", &testsuite.TestUpdateCallback{
				OnReject: func(err error) { d.t.Error(err) }, OnAccept: func() {}, OnComplete: func(any, error) {},
			}, workflows.AbortRequest{Reason: "wrong list"})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.broken["Publish"] = []error{permanently("AccessDenied")}
			d.RegisterDelayedCallback(func() { end(d) }, time.Hour)
			_, err := d.run()
			var canceled *temporal.CanceledError
			require.ErrorAs(t, err, &canceled)
			require.Equal(t, []string{workflows.SignalParked, workflows.SignalCompleted}, d.names)
			require.Equal(t, workflows.Aborted, d.heard[1].Status)
			require.Equal(t, workflows.Aborted, d.progress().State)
			last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
			require.True(t, last.Elsewhere)
			require.Equal(t, "u1", last.Uploads[0].UploadID, "open uploads are aborted from any host")
			require.Nil(t, last.Turn)
			require.Equal(t, []string{"Discard", "Discard", "GiveTurn"}, d.order[len(d.order)-3:], "the next run may send under these keys")
		})
	}
}

func TestAParkedRunIsGivenUpAfterItsTime(t *testing.T) {
	d := newDelivery(t)
	d.broken["AssumeRole"] = []error{permanently("RoleDenied")}
	_, err := d.run()
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "RoleDenied", failed.Type())
	require.ErrorContains(t, err, "nobody retried or aborted the parked run within 24h0m0s")
	require.Equal(t, workflows.Failed, d.heard[1].Status)
	var c workflows.Completion
	require.NoError(t, failed.Details(&c))
	require.Equal(t, workflows.Failed, c.Status)
}

func TestARefusedRunFailsAndIsNotParked(t *testing.T) {
	d := newDelivery(t)
	d.broken["Plan"] = []error{permanently(activities.TypeRefused)}
	began := d.Now()
	_, err := d.run()
	require.Less(t, d.Now().Sub(began), time.Minute, "it is not parked")
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, activities.TypeRefused, failed.Type())
	require.Equal(t, []string{"Plan"}, d.stepsDone())
}

func TestManyObjectsAreVerifiedWholeBeforeTheFirstIsCompleted(t *testing.T) {
	const objects = 1203
	d := newDelivery(t)
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.rendered.Files = objects
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 3, d.calls["Upload"])
	v, p := activities.PublishVerify, activities.PublishComplete
	require.Equal(t, []activities.PublishMode{v, v, v, p, p, p}, d.modes())
	require.Equal(t, objects, c.ObjectCount)
	require.Len(t, c.Objects, workflows.MaxListed)
	require.True(t, c.ObjectsTruncated)
}
