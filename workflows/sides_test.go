package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/internal/plan"
	"consign/workflows"
)

// withSides lets the delivery have a receipt and a manifest.
func (d *delivery) withSides() {
	d.plan.ReceiptKey, d.plan.ManifestKey = "upload/vips.csv.gz.pgp.receipt.json", "upload/vips.csv.gz.pgp.manifest"
}

// sides is what Upload answers to a call that asks for side files.
func (d *delivery) sides(in activities.UploadInput) activities.SideFiles {
	var sent activities.SideFiles
	if in.Facts != nil && d.plan.ReceiptKey != "" {
		sent.Receipt = &activities.Uploaded{Key: d.plan.ReceiptKey, UploadID: "u-receipt"}
	}
	if in.Facts != nil && d.plan.ManifestKey != "" {
		sent.Manifest = &activities.Uploaded{Key: d.plan.ManifestKey, UploadID: "u-manifest"}
	}
	return sent
}

func (d *delivery) uploadInputs() []activities.UploadInput {
	list := make([]activities.UploadInput, len(d.inputs["Upload"]))
	for i, in := range d.inputs["Upload"] {
		list[i] = in.(activities.UploadInput)
	}
	return list
}

func TestReceiptAndManifestGoFromTheHostToTheSuccessFile(t *testing.T) {
	d := newDelivery(t)
	d.withSides()
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, steadily(), d.stepsDone())
	require.Equal(t, d.plan.ReceiptKey, c.Receipt)
	require.Equal(t, d.plan.ManifestKey, c.Manifest)
	facts := d.uploadInputs()[0].Facts
	require.Equal(t, d.plan.ReceiptKey, facts.Plan.ReceiptKey)
	require.Equal(t, c.WorkflowID, facts.WorkflowID)
	require.False(t, facts.RenderedAt.IsZero())
	require.Len(t, d.inputs["Publish"][0].(activities.PublishInput).Sides.List(), 2, "they are verified before an object is shown")
	written := d.inputs["WriteSuccessFile"][0].(activities.SuccessInput)
	require.Nil(t, written.Facts)
	var keys []string
	for _, u := range written.Sides.List() {
		keys = append(keys, u.Key)
	}
	require.Equal(t, []string{d.plan.ReceiptKey, d.plan.ManifestKey}, keys)
	require.Equal(t, 1, d.calls["Discard"], "nothing is open that would have to be aborted")
}

func TestEitherKeyAloneBringsTheLastStep(t *testing.T) {
	for name, keys := range map[string]func(*plan.Plan){
		"a receipt":      func(p *plan.Plan) { p.ReceiptKey = "r" },
		"a manifest":     func(p *plan.Plan) { p.ManifestKey = "m" },
		"a success file": func(p *plan.Plan) { p.SuccessKey = "s" },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.plan.SuccessKey = ""
			keys(d.plan)
			c, err := d.run()
			require.NoError(t, err)
			require.Equal(t, steadily(), d.stepsDone())
			require.Equal(t, d.plan.ReceiptKey, c.Receipt)
			require.Equal(t, d.plan.ManifestKey, c.Manifest)
			require.Equal(t, d.plan.SuccessKey, c.SuccessFile)
		})
	}
}

func TestSideFilesOfADeliveryWithoutFilesAreMadeByTheLastStep(t *testing.T) {
	d := newDelivery(t)
	d.withSides()
	d.rendered = activities.RenderResult{Host: "host-1", Queue: hostQueue, Empty: true}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{"Plan", "AssumeRole", "Render", "WriteSuccessFile"}, d.stepsDone())
	written := d.inputs["WriteSuccessFile"][0].(activities.SuccessInput)
	require.True(t, written.Sides.None())
	require.False(t, written.Facts.RenderedAt.IsZero())
	require.Equal(t, d.plan.ReceiptKey, c.Receipt)
}

func TestOnlyTheLastBatchSendsTheSideFiles(t *testing.T) {
	d := newDelivery(t)
	d.withSides()
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.rendered.Files = 1000
	_, err := d.run()
	require.NoError(t, err)
	inputs := d.uploadInputs()
	require.Len(t, inputs, 2)
	require.Nil(t, inputs[0].Facts)
	require.NotNil(t, inputs[1].Facts)
}

func TestALostUploadOfAReceiptIsSentAgainAndNoObjectIs(t *testing.T) {
	d := newDelivery(t)
	d.withSides()
	d.broken["WriteSuccessFile"] = []error{permanently(activities.TypeUploadLost)}
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, d.plan.ReceiptKey, c.Receipt)
	inputs := d.uploadInputs()
	require.Len(t, inputs, 2)
	require.Equal(t, inputs[0].Facts, inputs[1].Facts, "the same bytes again")
	require.Equal(t, 1, inputs[1].First, "after the last file")
	require.Equal(t, 1, d.calls["Publish"])
	require.Equal(t, 2, d.calls["WriteSuccessFile"])
	require.Equal(t, 1, c.ObjectCount)
	require.Contains(t, c.Warnings[0], "receipt or the manifest")
}

func TestALostObjectBringsItsReceiptAnew(t *testing.T) {
	d := newDelivery(t)
	d.withSides()
	d.broken["Publish"] = []error{permanently(activities.TypeUploadLost)}
	_, err := d.run()
	require.NoError(t, err)
	inputs := d.uploadInputs()
	require.Len(t, inputs, 2)
	require.NotNil(t, inputs[1].Facts)
}

func TestAnAbortedRunAbortsTheSideFilesToo(t *testing.T) {
	for _, step := range []string{"Publish", "WriteSuccessFile"} {
		t.Run(step, func(t *testing.T) {
			d := newDelivery(t)
			d.withSides()
			d.broken[step] = []error{permanently("AccessDenied")}
			d.RegisterDelayedCallback(func() { d.SignalWorkflow(workflows.AbortName, workflows.AbortRequest{}) }, time.Hour)
			_, err := d.run()
			var canceled *temporal.CanceledError
			require.ErrorAs(t, err, &canceled)
			last := d.inputs["Discard"][len(d.inputs["Discard"])-1].(activities.DiscardInput)
			require.True(t, last.Elsewhere)
			var open []string
			for _, u := range last.Uploads {
				open = append(open, u.UploadID)
			}
			require.Subset(t, open, []string{"u-receipt", "u-manifest"})
			require.Empty(t, d.heard[len(d.heard)-1].Receipt, "it cannot be read")
		})
	}
}
