package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

func failsShowing(kind string, objects []activities.Object) error {
	f := activities.Failure{Type: kind, Attribution: activities.Customer, Message: kind + " happened", Advice: "mend it"}
	return temporal.NewNonRetryableApplicationError(f.Message, kind, nil, f, objects)
}

func TestWhatIsVisibleIsNotForgottenByAnotherFailure(t *testing.T) {
	d := newDelivery(t)
	d.broken["Publish"] = []error{failsShowing("AccessDenied", shown("upload/1.csv")), permanently("AccessDenied")}
	d.retries(time.Hour, workflows.RetryRequest{})
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, 2*time.Hour)
	_, err := d.run()
	require.Equal(t, shown("upload/1.csv"), requireAborted(t, err).Objects)
}

// TestWhatAKilledPublishHasShownIsLookedFor: nobody has told the run.
func TestWhatAKilledPublishHasShownIsLookedFor(t *testing.T) {
	for name, broken := range map[string][]error{"the store tells": nil, "the store is away": slices.Repeat([]error{passing("S3Unreachable")}, 9)} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.visible = shown("upload/1.csv")
			d.broken["FindVisible"] = broken
			silent := temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil)
			d.broken["Publish"] = []error{silent, silent, silent, silent}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
			_, err := d.run()
			c := requireAborted(t, err)
			if broken == nil {
				require.Equal(t, shown("upload/1.csv"), c.Objects)
				require.Empty(t, c.Warnings)
				return
			}
			require.Empty(t, c.Objects)
			require.Equal(t, []string{"whether more of it can be read is not known: S3Unreachable happened"}, c.Warnings)
		})
	}
}

// TestTheSuccessFileOfWhichNobodyToldIsLookedFor: who has seen it takes the delivery for complete, whatever became of the run.
func TestTheSuccessFileOfWhichNobodyToldIsLookedFor(t *testing.T) {
	const key, receipt = "upload/vips.DONE", "upload/vips.receipt.json"
	for name, tc := range map[string]struct {
		broken             []error
		visible            []activities.Object
		key, receipt, says string
		warnings           []string
	}{
		"it is there":              {nil, slices.Concat(shown(receipt), shown(key)), key, receipt, "the delivery itself is complete and stays as it is", []string{}},
		"only the receipt is":      {nil, shown(receipt), "", receipt, "", []string{}},
		"neither of them is there": {nil, nil, "", "", "", []string{}},
		"the store is away": {
			slices.Repeat([]error{passing("S3Unreachable")}, 9), nil, "", "", "",
			[]string{"whether receipt, manifest and success file are there, as far as they were wanted, is not known: S3Unreachable happened"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.plan.SuccessKey, d.plan.ReceiptKey = key, receipt
			d.visible = tc.visible
			d.broken["FindVisible"] = tc.broken
			d.broken["WriteSuccessFile"] = []error{permanently("S3Unreachable")}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong list"}) }, time.Hour)
			_, err := d.run()
			c := requireAborted(t, err)
			require.Equal(t, 1, c.ObjectCount, "the success file is none of the delivery's objects")
			require.Equal(t, tc.key, c.SuccessFile)
			require.Equal(t, tc.receipt, c.Receipt)
			require.Contains(t, c.Failure.Message, tc.says)
			require.Equal(t, tc.says == "", !strings.Contains(c.Failure.Message, "complete"))
			require.Equal(t, tc.warnings, c.Warnings)
			looked := d.inputs["FindVisible"][0].(activities.VisibleInput)
			require.Equal(t, []activities.Uploaded{{Key: receipt, UploadID: "u-receipt"}, activities.Empty(key)}, looked.Objects)
		})
	}
}

// TestWhatGoesBeforeTheSuccessFileIsThereWithIt, also of an empty result, whose receipt is not sent by an upload.
func TestWhatGoesBeforeTheSuccessFileIsThereWithIt(t *testing.T) {
	d := newDelivery(t)
	d.rendered.Files = 0
	d.plan.ReceiptKey = "upload/vips.receipt.json"
	d.visible = shown(d.plan.SuccessKey)
	d.broken["WriteSuccessFile"] = []error{permanently("S3Unreachable")}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
	_, err := d.run()
	c := requireAborted(t, err)
	require.Equal(t, d.plan.SuccessKey, c.SuccessFile)
	require.Equal(t, d.plan.ReceiptKey, c.Receipt)
}

// TestAStoreThatDoesNotTellWhatIsVisibleIsAskedOnce: the others wait for the run's end, and one object of many says no more.
func TestAStoreThatDoesNotTellWhatIsVisibleIsAskedOnce(t *testing.T) {
	d := newDelivery(t)
	d.rendered.Files, d.numbered = 1200, true
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.visible = shown("upload/1.csv")
	d.broken["Publish"] = []error{nil, nil, nil, nil, permanently("AccessDenied")} // of the second batch that is shown
	d.broken["FindVisible"] = []error{permanently("AccessDenied")}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
	_, err := d.run()
	c := requireAborted(t, err)
	require.Equal(t, 1, d.calls["FindVisible"])
	require.Equal(t, 500, c.ObjectCount)
	require.Equal(t, []string{"whether more of it can be read is not known: AccessDenied happened"}, c.Warnings)
	looked := d.inputs["FindVisible"][0].(activities.VisibleInput).Objects
	require.Len(t, looked, 500)
	require.Equal(t, "upload/500vips.csv.gz.pgp", looked[0].Key, "what was published is known")
}

// TestARunThatWentBackFromPublishKeepsItsTurn: another one would write under the names of what is visible.
func TestARunThatWentBackFromPublishKeepsItsTurn(t *testing.T) {
	for back, broken := range map[string]map[string][]error{
		"Upload": {"Upload": {nil, permanently("AccessDenied")}},
		"Render": {"Upload": {nil, permanently(activities.TypeFilesLost)}, "Render": {nil, permanently("QueryFailed")}},
	} {
		t.Run(back, func(t *testing.T) {
			d := newDelivery(t)
			d.broken = broken
			d.broken["Publish"] = []error{failsShowing(activities.TypeUploadLost, shown("upload/1.csv"))}
			d.RegisterDelayedCallback(func() {
				p := d.progress()
				require.Equal(t, workflows.Parked, p.State)
				require.Equal(t, back, p.Step)
				require.True(t, p.NoReplan)
				require.Zero(t, d.calls["GiveTurn"])
				for _, in := range d.inputs["Discard"] {
					require.Nil(t, in.(activities.DiscardInput).Turn)
				}
			}, time.Hour)
			d.retries(2*time.Hour, workflows.RetryRequest{})
			c, err := d.run()
			require.NoError(t, err)
			require.Len(t, c.Objects, 1)
			require.NotEqual(t, "upload/1.csv", c.Objects[0].Key)
			require.Contains(t, c.Warnings, "of a delivery that was begun anew there are still 1 objects: s3://acme-inbound/upload/1.csv")
		})
	}
}

// TestAReplanAsksTheNewBucketWhereItIs: that of before may have been in another region.
func TestAReplanAsksTheNewBucketWhereItIs(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("NoSuchBucket")}
	d.RegisterDelayedCallback(func() {
		d.mu.Lock()
		p := *d.plan
		p.Upload.Bucket, p.Upload.Region = "acme-new", "us-west-2"
		d.plan = &p
		d.mu.Unlock()
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{Replan: true})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	asked := d.inputs["AssumeRole"][1].(activities.AssumeRoleInput).Target.Upload
	require.Equal(t, "acme-new us-west-2", asked.Bucket+" "+asked.Region)
}

// TestARetrySendsAgainWhatSomebodyHasOverwritten: its upload is gone, and a replan is refused once Publish has begun.
func TestARetrySendsAgainWhatSomebodyHasOverwritten(t *testing.T) {
	d := newDelivery(t)
	d.within["Upload"] = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.broken["Publish"] = nil
		if d.calls["Upload"] == 0 {
			d.broken["Publish"] = []error{permanently(activities.TypeObjectOverwritten), permanently(activities.TypeObjectOverwritten)}
		}
	}
	d.retries(time.Hour, workflows.RetryRequest{})
	c, err := d.run()
	require.NoError(t, err)
	require.Len(t, c.Objects, 1)
	require.Equal(t, 2, d.calls["Upload"])
}

// TestARetrySendsNothingAgainIfSomethingIsVisible: who has read it would get it twice.
func TestARetrySendsNothingAgainIfSomethingIsVisible(t *testing.T) {
	d := newDelivery(t)
	d.broken["Publish"] = []error{failsShowing(activities.TypeObjectOverwritten, shown("upload/1.csv"))}
	d.retries(time.Hour, workflows.RetryRequest{})
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1, d.calls["Upload"])
}

// TestWhatIsPublishedAndVisibleIsCountedOnce: a verification names what was published before it, too.
func TestWhatIsPublishedAndVisibleIsCountedOnce(t *testing.T) {
	for how, again := range map[string]bool{"aborted": false, "retried": true} {
		t.Run(how, func(t *testing.T) {
			d := newDelivery(t)
			d.rendered.Files, d.numbered = 1200, true
			d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
			var seen []activities.Object
			for i := 500; i < 800; i++ {
				seen = append(seen, activities.Object{Bucket: "acme-inbound", Key: fmt.Sprintf("upload/%dvips.csv.gz.pgp", i), Rows: 1, Bytes: 10})
			}
			d.broken["Publish"] = []error{nil, nil, nil, nil, nil, permanently("AccessDenied"), nil, failsShowing("AccessDenied", seen)}
			d.retries(time.Hour, workflows.RetryRequest{})
			d.RegisterDelayedCallback(func() {
				if again {
					d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
				} else {
					d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{})
				}
			}, 2*time.Hour)
			c, err := d.run()
			if !again {
				require.Equal(t, 1000, requireAborted(t, err).ObjectCount)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 1200, c.ObjectCount)
			require.Empty(t, c.Warnings)
		})
	}
}

func (d *delivery) toldShown() []string {
	var keys []string
	for _, in := range d.inputs["Publish"] {
		of := ""
		for _, o := range in.(activities.PublishInput).Shown {
			of += o.Key + " "
		}
		keys = append(keys, of)
	}
	return keys
}

// TestPublishIsToldWhatItHasShown: its owner may have taken it away by the time that somebody retries.
func TestPublishIsToldWhatItHasShown(t *testing.T) {
	const key = "upload/vips.csv.gz.pgp"
	for name, tc := range map[string]struct {
		broken  map[string][]error
		retries int
		want    []string
	}{
		"when it is retried": {
			map[string][]error{"Publish": {failsShowing("AccessDenied", shown(key)), permanently("AccessDenied")}},
			2,
			[]string{"", key + " ", key + " "},
		},
		"when an upload was lost": {
			map[string][]error{"Publish": {failsShowing(activities.TypeUploadLost, shown(key)), permanently("AccessDenied")}},
			1,
			[]string{"", key + " ", key + " "},
		},
		"and not of a delivery that has other bytes": {
			map[string][]error{
				"Publish": {failsShowing(activities.TypeUploadLost, shown(key)), failsShowing("AccessDenied", shown(key))},
				"Upload":  {nil, permanently(activities.TypeFilesLost)},
			},
			1,
			[]string{"", "", key + " "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.broken = tc.broken
			for n := range tc.retries {
				d.retries(time.Duration(n+1)*time.Hour, workflows.RetryRequest{})
			}
			c, err := d.run()
			require.NoError(t, err)
			require.Len(t, c.Objects, 1)
			require.Equal(t, tc.want, d.toldShown())
		})
	}
}

// TestBatchesThatAreShownAreNotLookedAtAgain: of more objects than one call takes, all are verified before the first is shown.
func TestBatchesThatAreShownAreNotLookedAtAgain(t *testing.T) {
	d := newDelivery(t)
	d.rendered.Files, d.numbered = 1200, true
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.broken["Publish"] = []error{nil, nil, nil, nil, permanently("AccessDenied")} // of the second batch that is shown
	d.retries(time.Hour, workflows.RetryRequest{})
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1200, c.ObjectCount)
	var told []int
	for _, in := range d.inputs["Publish"] {
		told = append(told, len(in.(activities.PublishInput).Shown))
	}
	require.Equal(t, []int{0, 0, 0, 0, 0, 500, 0, 0, 0, 0}, told)
}

// TestAReplanBySignalIsIgnoredOnceSomethingMayBeVisible: nobody answers a signal, and it begins nothing anew either.
func TestAReplanBySignalIsIgnoredOnceSomethingMayBeVisible(t *testing.T) {
	d := newDelivery(t)
	d.broken["Publish"] = []error{permanently("AccessDenied")}
	d.retries(time.Hour, workflows.RetryRequest{Replan: true})
	d.RegisterDelayedCallback(func() { require.Equal(t, workflows.Parked, d.progress().State) }, 2*time.Hour)
	d.retries(3*time.Hour, workflows.RetryRequest{})
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 1, d.calls["Plan"])
	require.Equal(t, 1, d.calls["Render"])
	require.Equal(t, 2, d.calls["Publish"])
}
