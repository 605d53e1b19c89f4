package activities

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consign/internal/archive"
	"consign/internal/plan"
)

// TestTheTurnIsGivenWhenNothingIsOpen: a run that goes on could show what is open while the next one delivers. Temporal is a
// stand-in: it is sent one signal.
func TestTheTurnIsGivenWhenNothingIsOpen(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range []bool{false, true} {
		p := newParcel(t)
		claim := Claim{Orchestration: "o", WorkflowID: "send/o", Round: 1}
		temporal := &mocks.Client{}
		temporal.On("SignalWorkflow", mock.Anything, "turn/o", "", SignalGive, claim).Return(nil)
		p.steps.options.Client = temporal
		in := DiscardInput{Folder: p.folder, Target: p.target("acme"), Names: names(), Abort: true, Turn: &claim}
		if elsewhere {
			in.Elsewhere, in.Uploads = true, []Uploaded{{Key: "f.csv", UploadID: "u9"}}
		}
		p.answers("OperationAborted")
		_, err := p.env.ExecuteActivity(p.steps.Discard, in)
		require.ErrorContains(t, err, "abort")
		temporal.AssertNumberOfCalls(t, "SignalWorkflow", 0)
		p.answers("")
		do[DiscardResult](t, p.packer, p.steps.Discard, in)
		temporal.AssertNumberOfCalls(t, "SignalWorkflow", 1)
	}
}

// TestATurnThatCouldNotBeGivenIsGivenLater: the next run waits for it.
func TestATurnThatCouldNotBeGivenIsGivenLater(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	claim := Claim{Orchestration: "o", WorkflowID: "send/o", Round: 1}
	temporal := &mocks.Client{}
	p.steps.options.Client = temporal
	for _, answer := range []error{serviceerror.NewUnavailable("away"), nil} {
		temporal.On("SignalWorkflow", mock.Anything, "turn/o", "", SignalGive, claim).Return(answer).Once()
		_, err := p.env.ExecuteActivity(p.steps.Discard, DiscardInput{Folder: p.folder, Target: p.target("acme"), Names: names(), Abort: true, Turn: &claim})
		if answer != nil {
			require.ErrorContains(t, err, "give the turn of o back: away")
			require.False(t, parks(t, err))
			continue
		}
		require.NoError(t, err)
	}
	require.Len(t, p.gone(), 2)
	require.Empty(t, p.left(t))
}

// TestWhatIsFoundAndNotAbortedIsLookedForAgain: nobody else knows of it.
func TestWhatIsFoundAndNotAbortedIsLookedForAgain(t *testing.T) {
	t.Parallel()
	const found = "<ListMultipartUploadsResult><Upload><Key>f.csv</Key><UploadId>u9</UploadId></Upload></ListMultipartUploadsResult>"
	for name, open := range map[string]string{"it cannot be aborted now": found, "the list cannot be read": found[:40]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t)
			in := DiscardInput{Folder: p.folder, Target: p.target("acme"), Names: names(), Elsewhere: true, Unknown: 1}
			p.lists(open)
			p.answers("OperationAborted")
			_, err := p.env.ExecuteActivity(p.steps.Discard, in)
			require.False(t, parks(t, err))
			p.lists(found)
			p.answers("")
			require.Equal(t, 1, do[DiscardResult](t, p.packer, p.steps.Discard, in).Aborted)
			require.Equal(t, []string{"acme/f.csv u9"}, p.gone())
		})
	}
}

// TestAStepThatIsToldToEndForgetsNoUpload, in whichever of its tries: only a store that refuses again is not waited for.
func TestAStepThatIsToldToEndForgetsNoUpload(t *testing.T) {
	t.Parallel()
	for _, stops := range []bool{true, false} {
		p := newParcel(t)
		p.answers("OperationAborted")
		tries := 0
		takeBack := func(ctx context.Context) error {
			tries++
			ctx, end := context.WithCancelCause(ctx)
			defer end(nil)
			if tries > 1 && stops {
				end(errWorkerStops)
			}
			return p.steps.takeBack(ctx, p.run, sending{p.target("acme"), p.folder.Delivery, names()})
		}
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		env.RegisterActivity(takeBack)
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2},
			})
			return workflow.ExecuteActivity(ctx, takeBack).Get(ctx, nil)
		})
		require.Equal(t, 2, tries)
		found, err := p.run.Noted(noteSending, new(sending))
		require.NoError(t, err)
		require.Equal(t, stops, found)
		require.Equal(t, stops, env.GetWorkflowError() != nil)
	}
}

// TestWhatAParkedRunKeepsIsNobodysData: it may wait for days, and gives its place back in any case.
func TestWhatAParkedRunKeepsIsNobodysData(t *testing.T) {
	t.Parallel()
	for _, encrypted := range []bool{false, true} {
		p := newParcel(t)
		plain := filepath.Join(p.dir, "runs", "r", "r-1", stepRender, "0000001")
		require.FileExists(t, plain)
		do[DiscardResult](t, p.packer, p.steps.Discard, DiscardInput{Folder: p.folder, Target: p.target("acme"), Release: true, Encrypted: encrypted})
		if encrypted {
			require.NoFileExists(t, plain)
		} else {
			require.FileExists(t, plain, "it is to be encrypted still")
		}
		require.False(t, p.host.Leased(p.run))
		require.Empty(t, p.gone())
	}
}

// TestUploadsThatNobodyKnowsAreFoundUnderAllKeysOfADelivery, and nobody else's under others.
func TestUploadsThatNobodyKnowsAreFoundUnderAllKeysOfADelivery(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	names := plan.Names{Prefix: "p", Filename: "all", Parts: "{{file_number}}.csv", Extension: "csv"}
	receipt, err := names.Receipt()
	require.NoError(t, err)
	manifest, err := names.Manifest()
	require.NoError(t, err)
	keys := []string{"", "", receipt, manifest, "p/theirs.csv"}
	for i := range 2 {
		keys[i], err = names.Key(i + 1)
		require.NoError(t, err)
	}
	known := opened(t, e, keys...).Objects[:1]
	got := do[DiscardResult](t, e.packer, e.steps.Discard, DiscardInput{Target: e.target, Names: names, Elsewhere: true, Uploads: known, Unknown: 2})
	require.Equal(t, DiscardResult{Aborted: 4}, got)
	left, err := e.store.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &e.target.Upload.Bucket, Prefix: &keys[4]})
	require.NoError(t, err)
	require.Len(t, left.Uploads, 1)
	for _, e.key = range keys[:4] {
		require.Empty(t, e.open(t), e.key)
	}
}
