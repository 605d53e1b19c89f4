package workflows_test

import (
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/activities"
	"consign/workflows"
)

func (d *delivery) abortsWhile(step string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.within[step] = func() {
		d.mu.Lock()
		d.within[step] = nil
		d.mu.Unlock()
		d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong segment"})
	}
}

func (d *delivery) retries(after time.Duration, request workflows.RetryRequest) {
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, request) }, after)
}

func requireAborted(t *testing.T, err error) (c workflows.Completion) {
	t.Helper()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.NoError(t, canceled.Details(&c))
	return c
}

// TestAnAbortWhileAReplanCleansUpIsHeard: that may take a quarter of an hour, and what was aborted was delivered.
func TestAnAbortWhileAReplanCleansUpIsHeard(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("NoSuchBucket")}
	d.RegisterDelayedCallback(func() {
		d.abortsWhile("Discard")
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{Replan: true})
	}, time.Hour)
	_, err := d.run()
	requireAborted(t, err)
	require.Equal(t, 1, d.calls["Plan"])
	require.Zero(t, d.calls["Publish"])
}

// TestACancellationWhileAReplanCleansUpForgetsNoUpload: it ends the clean-up too.
func TestACancellationWhileAReplanCleansUpForgetsNoUpload(t *testing.T) {
	d := newDelivery(t)
	d.rendered.Files = 501
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.broken["Upload"] = []error{nil, permanently("AccessDenied")}
	d.RegisterDelayedCallback(func() {
		d.mu.Lock()
		d.within["Discard"] = sync.OnceFunc(d.CancelWorkflow)
		d.mu.Unlock()
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{Replan: true})
	}, time.Hour)
	_, err := d.run()
	requireAborted(t, err)
	last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
	require.Len(t, last.Uploads, 500)
}

// TestAnAbortBeforeAnythingElseEndsTheRun: an update that waits for a worker is the first thing that the run hears.
func TestAnAbortBeforeAnythingElseEndsTheRun(t *testing.T) {
	answered := func(d *delivery) {
		d.RegisterDelayedCallback(func() {
			d.UpdateWorkflow(workflows.AbortName, "", &testsuite.TestUpdateCallback{
				OnReject: func(err error) { require.NoError(t, err) }, OnAccept: func() {}, OnComplete: func(_ any, err error) { require.NoError(t, err) },
			}, workflows.AbortRequest{Reason: "wrong segment"})
		}, 0)
	}
	t.Run("a run", func(t *testing.T) {
		d := newDelivery(t)
		answered(d)
		_, err := d.run()
		requireAborted(t, err)
		require.Empty(t, d.stepsDone())
	})
	t.Run("a campaign", func(t *testing.T) {
		d, _ := newCampaign(t, "a")
		answered(d)
		c, err := d.runCampaign()
		var canceled *temporal.CanceledError
		require.ErrorAs(t, err, &canceled)
		require.Equal(t, workflows.Aborted, c.Status)
		require.Empty(t, d.heard, "no group's run has begun")
	})
}

func TestAnAbortOfACampaignWhoseDeliveriesAreCompleteIsTooLate(t *testing.T) {
	d, _ := newCampaign(t, "a")
	d.abortsWhile("Discard")
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, c.Status)
}

// TestAnAbortWhoseDataIsNotWhatItShouldBeEndsTheRun: whoever has sent it believes that nothing is delivered.
func TestAnAbortWhoseDataIsNotWhatItShouldBeEndsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		data any
		says string
	}{
		"nothing":           {nil, "no reason given"},
		"a bare text":       {"wrong segment", "wrong segment"},
		"a number":          {42, "cannot be read"},
		"a reason of words": {map[string]any{"reason": []string{"wrong", "segment"}}, "cannot be read"},
		"bytes":             {[]byte{0xff, 0}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.within["Upload"] = func() { d.SignalWorkflow(workflows.AbortName, c.data) }
			_, err := d.run()
			require.Contains(t, requireAborted(t, err).Failure.Message, c.says)
			require.Zero(t, d.calls["Publish"])
		})
	}
}

// TestALongReasonIsCut: everybody is told it in one message to Temporal, which takes 4 MiB, or the run could never end.
func TestALongReasonIsCut(t *testing.T) {
	d := newDelivery(t)
	d.within["Upload"] = func() {
		d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{Reason: "wrong segment" + strings.Repeat("é", 500_000)})
	}
	_, err := d.run()
	c := requireAborted(t, err)
	require.Contains(t, c.Failure.Message, "wrong segment")
	require.Less(t, len(c.Failure.Message), 2000)
	require.True(t, utf8.ValidString(c.Failure.Message))
	require.Equal(t, c.Failure, d.heard[0].Failure)
}

// TestARetryWhileAReplanCleansUpSaysThatItIsOnItsWay: the run is parked as long as that takes, and "only a parked run can be
// retried" would be no answer.
func TestARetryWhileAReplanCleansUpSaysThatItIsOnItsWay(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("NoSuchBucket")}
	var rejected error
	d.RegisterDelayedCallback(func() {
		d.mu.Lock()
		d.within["Discard"] = func() {
			d.mu.Lock()
			d.within["Discard"] = nil
			d.mu.Unlock()
			d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
				OnReject: func(err error) { rejected = err }, OnAccept: func() { t.Error("accepted") }, OnComplete: func(any, error) {},
			}, workflows.RetryRequest{Replan: true})
		}
		d.mu.Unlock()
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{Replan: true})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	require.ErrorContains(t, rejected, "somebody has retried or aborted the run already")
}

// TestARunThatParksForItsWorkersEndsIsNotToldThatItGoesOnByItself: that is so only as long as it has tries left.
func TestARunThatParksForItsWorkersEndsIsNotToldThatItGoesOnByItself(t *testing.T) {
	d := newDelivery(t)
	for range 4 { // all of its tries
		d.broken["Upload"] = append(d.broken["Upload"], activities.Interrupted())
	}
	d.RegisterDelayedCallback(func() {
		p := d.progress()
		require.Equal(t, workflows.Parked, p.State)
		require.Equal(t, activities.TypeInterrupted, p.Failure.Type)
		require.NotContains(t, p.Failure.Advice, "by itself")
		require.Contains(t, p.Failure.Advice, "then retry")
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
}

// TestARunThatParksForAPausedStepIsNotSentToItsWorkersLog: it was its last try that somebody has paused, or reset.
func TestARunThatParksForAPausedStepIsNotSentToItsWorkersLog(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently(activities.TypeInterrupted)}
	d.RegisterDelayedCallback(func() {
		require.Equal(t, "mend it", d.progress().Failure.Advice, "what the step has said")
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
}

// TestAnAbortWhileARunBeginsAnewForgetsNoUpload: the store was away when they were to be aborted.
func TestAnAbortWhileARunBeginsAnewForgetsNoUpload(t *testing.T) {
	d := newDelivery(t)
	d.rendered.Files = 2
	d.broken["Publish"] = []error{permanently(activities.TypeUploadLost)}
	d.broken["Upload"] = []error{nil, hostGone()}
	d.broken["Discard"] = []error{passing("S3Unreachable")}
	d.abortsWhile("Discard")
	_, err := d.run()
	requireAborted(t, err)
	named := 0
	for _, in := range d.inputs["Discard"] {
		if len(in.(activities.DiscardInput).Uploads) > 0 {
			named++
		}
	}
	require.Greater(t, named, 1, "the end of the run tries it again")
}

// TestARunHelpsItselfAgainAfterAPersonHasLooked: replan is refused once something may be visible, and retry has to do.
func TestARunHelpsItselfAgainAfterAPersonHasLooked(t *testing.T) {
	d := newDelivery(t)
	const expiries = 6 // uploads that the bucket's rule takes away until it is mended: more than a run helps itself out of
	lost := permanently(activities.TypeUploadLost)
	d.within["Upload"] = func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.broken["Publish"] = nil
		if d.calls["Upload"] < expiries { // and a lost upload stays lost until its file is sent again
			for range 100 {
				d.broken["Publish"] = append(d.broken["Publish"], lost)
			}
		}
	}
	d.retries(time.Hour, workflows.RetryRequest{})
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, c.Status)
	require.Len(t, c.Objects, 1)
}

func shown(key string) []activities.Object {
	return []activities.Object{{Bucket: "acme-inbound", Key: key, Rows: 3, Bytes: 30}}
}
