package workflows_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/archive"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/upload"
	"consign/workflows"
)

const (
	target    = "crm-import"
	hostQueue = "consign@host-1"
)

// A delivery is a workflow under test. Its steps are stand-ins that do as they are told: what is tested here is the
// order of the steps and what happens when one fails.
type delivery struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	mu     sync.Mutex // steps and signals may answer at the same time
	calls  map[string]int
	order  []string
	plan   *plan.Plan
	broken map[string][]error // what the next calls of a step answer
	heard  []workflows.Completion
	ended  []workflows.CampaignCompletion
	names  []string // of the signals, beside heard
	inputs map[string][]any
	within map[string]func() // called while a step is at work

	rendered activities.RenderResult
	longKey  string // before the name of each object
	modes    []activities.PublishMode
	absent   bool               // the target never comes
	turns    []activities.Taken // what the next takes are answered; then it is the run's turn

	kept      *activities.Again // what an earlier run has left
	discarded activities.DiscardResult
}

func (d *delivery) nextTurn() *activities.Taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := activities.Taken{Granted: true}
	if len(d.turns) > 0 {
		taken, d.turns = d.turns[0], d.turns[1:]
	}
	return &taken
}

// patient lets a workflow be slow for once: machines that run tests are, and the SDK takes a second for a deadlock.
func patient() worker.Options { return worker.Options{DeadlockDetectionTimeout: time.Minute} }

func newDelivery(t *testing.T) *delivery {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	d := &delivery{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		calls: map[string]int{}, broken: map[string][]error{}, inputs: map[string][]any{}, within: map[string]func(){},
		plan: &plan.Plan{
			Orchestration: "vips-weekly", Destination: plan.Destination{Name: "acme"}, Credential: plan.Credential{Name: "acme-role"},
			Query: plan.Query{Name: "vips"}, Upload: upload.Options{Bucket: "acme-inbound"}, Prefix: "upload",
			Names:  plan.Names{Prefix: "upload", Filename: "vips.csv.gz", Extension: "csv"},
			Render: render.Options{FileFormat: "csv"}, Archive: archive.Options{Encoding: "gzip"}, Encryption: &plan.Encryption{},
			SuccessKey: "upload/vips.csv.gz.pgp.DONE", Notify: []plan.Notify{{WorkflowID: target, Signal: workflows.SignalCompleted}},
			NotifyTimeout: plan.Duration(time.Hour), ParkTimeout: plan.Duration(24 * time.Hour), HostTimeout: plan.Duration(10 * time.Minute),
		},
	}
	o := workflows.Orchestrations{Timing: workflows.Timing{Attempts: 4}}
	d.RegisterWorkflowWithOptions(o.Orchestration, workflow.RegisterOptions{Name: workflows.TypeOrchestration})
	c := workflows.Campaigns(o)
	d.RegisterWorkflowWithOptions(c.Campaign, workflow.RegisterOptions{Name: workflows.TypeCampaign})
	d.SetWorkerOptions(patient())
	d.RegisterActivity(&activities.Steps{})
	d.steps()
	d.OnSignalExternalWorkflow(mock.Anything, target, "", mock.Anything, mock.Anything).Return(
		func(_, _, _, signal string, arg any) error {
			d.mu.Lock()
			d.names = append(d.names, signal)
			switch told := arg.(type) {
			case workflows.Completion:
				d.heard = append(d.heard, told)
			case workflows.CampaignCompletion:
				d.ended = append(d.ended, told)
			}
			d.mu.Unlock()
			return d.answer("signal")
		})
	return d
}

// answer counts a call and returns what it was told to.
func (d *delivery) answer(step string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[step]++
	if step != "signal" { // targets are told beside the steps, and nothing says before which
		d.order = append(d.order, step)
	}
	if left := d.broken[step]; len(left) > 0 {
		d.broken[step] = left[1:]
		return left[0]
	}
	return nil
}

func fake[In, Out any](d *delivery, step string, result func(In) Out) {
	d.OnActivity(step, mock.Anything, mock.Anything).Return(func(_ context.Context, in In) (Out, error) {
		d.mu.Lock()
		d.inputs[step] = append(d.inputs[step], in)
		within := d.within[step]
		d.mu.Unlock()
		if within != nil {
			within()
		}
		out, err := result(in), d.answer(step)
		if p, ok := any(in).(activities.PlanInput); ok && p.Group != nil && err == nil {
			err = d.answer("Plan of " + p.Group.Group) // of a campaign: one group may fail and another not
		}
		return out, err
	})
}

func (d *delivery) steps() {
	d.rendered = activities.RenderResult{FilesResult: activities.FilesResult{Step: "render", Files: 1, Rows: 7, Bytes: 70}, Host: "host-1", Queue: hostQueue}
	made := func(step string) activities.FilesResult {
		files := d.rendered.FilesResult
		files.Step = step
		return files
	}
	fake(d, "Plan", func(in activities.PlanInput) activities.PlanResult {
		return activities.PlanResult{Plan: d.planOf(in), Turn: d.nextTurn(), Again: d.kept}
	})
	fake(d, "TakeTurn", func(activities.TakeInput) activities.Taken { return *d.nextTurn() })
	fake(d, "GiveTurn", func(activities.Claim) activities.Taken { return activities.Taken{} })
	fake(d, "AssumeRole", func(activities.AssumeRoleInput) activities.AssumeRoleResult {
		return activities.AssumeRoleResult{Region: "eu-west-1"}
	})
	fake(d, "Render", func(activities.RenderInput) activities.RenderResult { return d.rendered })
	fake(d, "Archive", func(activities.ArchiveInput) activities.FilesResult { return made("archive") })
	fake(d, "Encrypt", func(activities.EncryptInput) activities.FilesResult { return made("encrypt") })
	fake(d, "Upload", func(in activities.UploadInput) activities.UploadResult {
		objects := make([]activities.Uploaded, min(in.Count, d.rendered.Files-in.First))
		for i := range objects {
			objects[i] = activities.Uploaded{Key: "upload/" + d.longKey + "vips.csv.gz.pgp", UploadID: "u1", Rows: 7, Bytes: 70, CRC32C: "AAAAAA=="}
		}
		return activities.UploadResult{Objects: objects, Sides: d.sides(in)}
	})
	fake(d, "Publish", func(in activities.PublishInput) activities.PublishResult {
		d.modes = append(d.modes, in.Mode)
		var result activities.PublishResult
		for _, o := range in.Objects {
			if in.Mode != activities.PublishVerify {
				result.Objects = append(result.Objects, activities.Object{Bucket: "acme-inbound", Key: o.Key, Rows: o.Rows, Bytes: o.Bytes, Checksum: o.CRC32C})
			}
		}
		return result
	})
	fake(d, "WriteSuccessFile", func(activities.SuccessInput) activities.SuccessResult {
		return activities.SuccessResult{Key: d.plan.SuccessKey, Receipt: d.plan.ReceiptKey, Manifest: d.plan.ManifestKey}
	})
	fake(d, "AwaitTarget", func(activities.AwaitInput) activities.AwaitResult { return activities.AwaitResult{There: !d.absent} })
	fake(d, "CancelLoad", func(activities.CopyInput) activities.CopyResult { return activities.CopyResult{} })
	fake(d, "Discard", func(activities.DiscardInput) activities.DiscardResult { return d.discarded })
}

func (d *delivery) run() (workflows.Completion, error) {
	d.t.Helper()
	d.ExecuteWorkflow(workflows.TypeOrchestration, workflows.OrchestrationInput{Orchestration: "vips-weekly", RunKey: "k"})
	require.True(d.t, d.IsWorkflowCompleted())
	var c workflows.Completion
	err := d.GetWorkflowError()
	if err == nil {
		require.NoError(d.t, d.GetWorkflowResult(&c))
	}
	return c, err
}

// steadily is the order of a delivery in which nothing goes wrong.
func steadily() []string {
	return []string{"Plan", "AssumeRole", "Render", "Archive", "Encrypt", "Upload", "Publish", "WriteSuccessFile"}
}

func (d *delivery) stepsDone() []string {
	var done []string
	for _, s := range d.order {
		if s != "Discard" && s != "GiveTurn" && s != "AwaitTarget" && s != "CancelLoad" {
			done = append(done, s)
		}
	}
	return done
}

func permanently(kind string) error {
	return temporal.NewNonRetryableApplicationError(kind+" happened", kind, nil, activities.Failure{
		Type: kind, Attribution: activities.Customer, Message: kind + " happened", Advice: "mend it",
	})
}

func passing(kind string) error {
	return temporal.NewApplicationError(kind+" happened", kind, activities.Failure{Type: kind, Attribution: activities.Platform, Message: kind + " happened"})
}

func hostGone() error {
	return temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
}

func (d *delivery) progress() workflows.Progress {
	value, err := d.QueryWorkflow(workflows.QueryProgress)
	require.NoError(d.t, err)
	var p workflows.Progress
	require.NoError(d.t, value.Get(&p))
	return p
}

func TestADeliveryRunsItsStepsInOrderAndTellsOnce(t *testing.T) {
	d := newDelivery(t)
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, steadily(), d.stepsDone())
	require.True(t, d.inputs["Render"][0].(activities.RenderInput).Packed, "Archive follows")
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
				_, err := d.run()
				require.NoError(t, err)
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
	d := newDelivery(t)
	d.broken["Publish"] = []error{permanently("AccessDenied")}
	var rejected error
	d.RegisterDelayedCallback(func() {
		d.UpdateWorkflow(workflows.RetryName, "", &testsuite.TestUpdateCallback{
			OnReject: func(err error) { rejected = err }, OnAccept: func() { t.Error("accepted") }, OnComplete: func(any, error) {},
		}, workflows.RetryRequest{Replan: true})
		d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{})
	}, time.Hour)
	_, err := d.run()
	require.NoError(t, err)
	require.ErrorContains(t, rejected, "some objects may be visible")
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
	_, err := d.run()
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, activities.TypeRefused, failed.Type())
	require.Equal(t, []string{"Plan"}, d.stepsDone())
}

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

func TestManyObjectsAreVerifiedWholeBeforeTheFirstIsCompleted(t *testing.T) {
	const objects = 1203
	d := newDelivery(t)
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.rendered.Files = objects
	c, err := d.run()
	require.NoError(t, err)
	require.Equal(t, 3, d.calls["Upload"])
	v, p := activities.PublishVerify, activities.PublishComplete
	require.Equal(t, []activities.PublishMode{v, v, v, p, p, p}, d.modes)
	require.Equal(t, objects, c.ObjectCount)
	require.Len(t, c.Objects, workflows.MaxListed)
	require.True(t, c.ObjectsTruncated)
}
