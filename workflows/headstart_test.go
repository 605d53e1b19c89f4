package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/activities"
	"consign/internal/plan"
	"consign/workflows"
)

func TestOneObjectIsSentWhileItIsMade(t *testing.T) {
	for name, at := range map[string]struct {
		change          func(*plan.Plan)
		render, archive bool
	}{
		"one file":              {func(*plan.Plan) {}, true, true},
		"an archive":            {func(p *plan.Plan) { p.Archive.Encoding, p.Render.SplitRows = "tgz", 10 }, true, true},
		"several files":         {func(p *plan.Plan) { p.Render.SplitRows = 10 }, false, false},
		"files of a size":       {func(p *plan.Plan) { p.Render.SplitMegabytes = 10 }, false, false},
		"rows that may be few":  {func(p *plan.Plan) { p.Alerts.FailBelow = 10 }, false, true},
		"rows that may be many": {func(p *plan.Plan) { p.Alerts.FailAbove = 10 }, false, true},
		"rows to wonder about":  {func(p *plan.Plan) { p.Alerts.WarnAbove = 10 }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			at.change(d.plan)
			_, err := d.run()
			require.NoError(t, err)
			rendered, archived := d.inputs["Render"][0].(activities.RenderInput), d.inputs["Archive"][0].(activities.ArchiveInput)
			require.Equal(t, at.render, rendered.Target != nil)
			require.Equal(t, at.archive, archived.Target != nil)
			if at.render {
				require.Equal(t, "acme-inbound", rendered.Target.Upload.Bucket)
				require.Equal(t, d.plan.Names, rendered.Names)
			}
		})
	}
}

// A host that was lost while it rendered has sent something that nobody else knows of.
func TestWhatARenderMayHaveSentIsLookedForWhenTheRunIsAborted(t *testing.T) {
	for name, split := range map[string]int64{"one object": 0, "several": 10} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.plan.Render.SplitRows = split
			d.broken["Render"] = []error{permanently("QueryFailed")}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
			_, err := d.run()
			require.Error(t, err)
			var looked []int
			for _, in := range d.inputs["Discard"] {
				if discard := in.(activities.DiscardInput); discard.Elsewhere {
					looked = append(looked, discard.Unknown)
				}
			}
			if split > 0 {
				require.Empty(t, looked)
				return
			}
			require.Equal(t, []int{1}, looked)
			require.True(t, d.inputs["TakeTurn"][0].(activities.TakeInput).Refuse, "in the run's turn, or not at all")
		})
	}
}

// TestTheUploadThatTriesTheRightsIsLookedForWhenTheRunIsAborted: the store went away before it was aborted, and no step comes that
// would find it.
func TestTheUploadThatTriesTheRightsIsLookedForWhenTheRunIsAborted(t *testing.T) {
	for name, step := range map[string]string{"it was tried": "AssumeRole", "it was not": "Plan"} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.broken[step] = []error{permanently("S3Failed")}
			d.broken["Discard"] = []error{passing("S3Failed")} // and is not back
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
			_, err := d.run()
			require.Equal(t, workflows.Aborted, requireAborted(t, err).Status)
			if step == "Plan" {
				require.Empty(t, d.inputs["Discard"])
				return
			}
			require.Len(t, d.inputs["Discard"], 2)
			looked := d.inputs["Discard"][1].(activities.DiscardInput)
			require.True(t, looked.Elsewhere)
			require.Equal(t, 1, looked.Unknown)
			require.True(t, d.inputs["TakeTurn"][0].(activities.TakeInput).Refuse, "in the run's turn, or not at all")
			require.Equal(t, []string{"TakeTurn", "Discard", "Discard", "GiveTurn"}, d.order[len(d.order)-4:])
		})
	}
}

// TestAssumeRoleKnowsThatItWasAskedBefore: what it has opened then without hearing so, it takes back.
func TestAssumeRoleKnowsThatItWasAskedBefore(t *testing.T) {
	d := newDelivery(t)
	d.broken["AssumeRole"] = []error{permanently("S3Failed")}
	d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{}) }, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	var again []bool
	for _, in := range d.inputs["AssumeRole"] {
		again = append(again, in.(activities.AssumeRoleInput).Again)
	}
	require.Equal(t, []bool{false, true}, again)
}
