package workflows_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/sdk/v1"
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
	longKey  string             // before the name of each object
	absent   bool               // the target never comes
	numbered bool               // each object has a key of its own
	turns    []activities.Taken // what the next takes are answered; then it is the run's turn

	kept      *activities.Again // what an earlier run has left
	discarded activities.DiscardResult
	visible   []activities.Object // of a Publish that has not told
}

// modes are those in which Publish was asked for.
func (d *delivery) modes() []activities.PublishMode {
	var modes []activities.PublishMode
	for _, in := range d.asked("Publish") {
		modes = append(modes, in.(activities.PublishInput).Mode)
	}
	return modes
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
			Query: plan.Query{Name: "vips"}, Columns: []plan.Column{{Name: "id", Type: "BIGINT"}}, Upload: upload.Options{Bucket: "acme-inbound"}, Prefix: "upload",
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
			number := ""
			if d.numbered {
				number = strconv.Itoa(in.First + i)
			}
			objects[i] = activities.Uploaded{Key: "upload/" + d.longKey + number + "vips.csv.gz.pgp", UploadID: "u1", Rows: 7, Bytes: 70, CRC32C: "AAAAAA=="}
		}
		return activities.UploadResult{Objects: objects, Sides: d.sides(in)}
	})
	fake(d, "Publish", func(in activities.PublishInput) activities.PublishResult {
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
	fake(d, "JoinRun", func(activities.JoinInput) activities.Joined { return activities.Joined{} })
	fake(d, "FindVisible", func(activities.VisibleInput) activities.PublishResult {
		return activities.PublishResult{Objects: d.visible}
	})
	fake(d, "CancelLoad", func(activities.CopyInput) activities.CopyResult { return activities.CopyResult{} })
	fake(d, "Discard", func(activities.DiscardInput) activities.DiscardResult { return d.discarded })
}

// RegisterDelayedCallback is the environment's, and sees to it that do is called: a run that is over before has been asked
// nothing.
func (d *delivery) RegisterDelayedCallback(do func(), after time.Duration) {
	called := false
	d.TestWorkflowEnvironment.RegisterDelayedCallback(func() {
		called = true
		do()
	}, after)
	d.t.Cleanup(func() {
		if !called {
			d.t.Errorf("the run was over before %s had passed", after)
		}
	})
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

// details are what the Temporal UI shows of the run.
func (d *delivery) details() string {
	value, err := d.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(d.t, err)
	var m sdk.WorkflowMetadata
	require.NoError(d.t, value.Get(&m))
	return m.GetCurrentDetails()
}

func (d *delivery) progress() workflows.Progress {
	value, err := d.QueryWorkflow(workflows.QueryProgress)
	require.NoError(d.t, err)
	var p workflows.Progress
	require.NoError(d.t, value.Get(&p))
	return p
}
