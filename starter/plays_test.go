package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/archive"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/workflows"
)

// startPlays starts the worker that plays runs.
func startPlays(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, "consign", worker.Options{})
	w.RegisterWorkflowWithOptions(play, workflow.RegisterOptions{Name: workflows.TypeOrchestration})
	w.RegisterWorkflowWithOptions(playCampaign, workflow.RegisterOptions{Name: workflows.TypeCampaign})
	w.RegisterActivityWithOptions(unreachable, activity.RegisterOptions{Name: "Upload"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

// unreachable is an Upload that never gets through.
func unreachable(context.Context) error {
	return errors.New("S3 at http://127.0.0.1:9 cannot be reached")
}

// A player is a run that does what its name says.
type player struct {
	in       workflows.OrchestrationInput
	progress workflows.Progress
	retried  *workflows.RetryRequest
	aborted  *workflows.AbortRequest
}

func denied() *activities.Failure {
	return &activities.Failure{
		Step: "Upload", Type: "AccessDenied", Attribution: activities.Customer,
		Message: "upload s3://acme-inbound/in/a.csv: access denied", Advice: "Ask the bucket's owner for s3:PutObject on in/*.",
	}
}

func play(ctx workflow.Context, in workflows.OrchestrationInput) (workflows.Completion, error) {
	p := &player{in: in, progress: workflows.Progress{State: workflows.Running, Step: "Plan", Steps: []workflows.StepProgress{
		{Name: "Plan", State: "done", Attempt: 1},
		{Name: "Render", State: "done", Attempt: 1, Rows: 100_000, Bytes: 12_345_678},
		{Name: "Upload", State: "running", Attempt: 1},
	}}}
	if err := p.listen(ctx); err != nil {
		return workflows.Completion{}, err
	}
	if err := workflow.SetQueryHandler(ctx, workflows.QueryKept, p.kept); err != nil {
		return workflows.Completion{}, err
	}
	switch in.Orchestration {
	case "delivers", "delivers alone":
		return p.delivered(ctx), nil
	case "refused":
		failure := &activities.Failure{Step: "Plan", Type: activities.TypeRefused, Message: "dana may not send pii", Advice: "Ask an operator."}
		return p.end(ctx, workflows.Failed, failure)
	case "fails":
		return p.end(ctx, workflows.Failed, denied())
	case "parks":
		return p.park(ctx)
	case "delivers when it is reset":
		info := workflow.GetInfo(ctx)
		err := workflow.Await(ctx, func() bool { return info.WorkflowExecution.RunID != info.OriginalRunID })
		return p.delivered(ctx), err
	case "cannot reach S3":
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 1},
		})
		future := workflow.ExecuteActivity(ctx, "Upload")
		return workflows.Completion{}, future.Get(ctx, nil)
	default: // never ends
		return workflows.Completion{}, workflow.Await(ctx, func() bool { return p.aborted != nil })
	}
}

func (p *player) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, workflows.QueryProgress, func() (workflows.Progress, error) { return p.progress, nil })
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, workflows.RetryName, func(_ workflow.Context, r workflows.RetryRequest) error {
		p.retried = &r
		return nil
	}, workflow.UpdateHandlerOptions{Validator: func(workflows.RetryRequest) error {
		if p.progress.State != workflows.Parked {
			return temporal.NewApplicationError("the run is "+string(p.progress.State)+": only a parked run can be retried", "NotParked")
		}
		return nil
	}})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandler(ctx, workflows.AbortName, func(_ workflow.Context, a workflows.AbortRequest) error {
		p.aborted = &a
		return nil
	})
}

// kept is what the run has left, for as long as its key says.
func (p *player) kept() (activities.Kept, error) {
	k := activities.Kept{State: string(p.progress.State), Host: "host-1", Queue: "consign@host-1"}
	if p.in.Orchestration != "delivers" {
		return k, nil
	}
	k.State = string(workflows.Completed)
	k.Files = activities.FilesResult{Step: "render", Files: 1, Rows: 100_000, Bytes: 4_000_000}
	k.Plan = &plan.Plan{
		Orchestration: p.in.Orchestration, DataTemplate: "acme", RunKey: p.in.RunKey, Now: time.Now(), Query: plan.Query{Name: "everybody"},
		Render: render.Options{FileFormat: "csv", Header: true}, Archive: archive.Options{Encoding: "none"},
		Columns: []plan.Column{{Name: "id", Type: "BIGINT"}, {Name: "name", Type: "VARCHAR"}},
	}
	switch p.in.RunKey {
	case "not-kept":
	case "run-out":
		k.Until = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	case "empty":
		k.Files = activities.FilesResult{}
	default:
		k.Until = time.Now().Add(time.Hour)
	}
	return k, nil
}

func (p *player) park(ctx workflow.Context) (workflows.Completion, error) {
	p.progress.State, p.progress.Step, p.progress.Failure = workflows.Parked, "Upload", denied()
	p.progress.Deadline = workflow.Now(ctx).Add(168 * time.Hour)
	if err := workflow.UpsertTypedSearchAttributes(ctx, workflows.AttributeState.ValueSet(string(workflows.Parked))); err != nil {
		return workflows.Completion{}, err
	}
	if err := workflow.Await(ctx, func() bool { return p.retried != nil || p.aborted != nil }); err != nil {
		return workflows.Completion{}, err
	}
	if p.aborted != nil {
		return p.end(ctx, workflows.Aborted, &activities.Failure{Type: "Aborted", Message: "the run was aborted: " + p.aborted.Reason})
	}
	p.progress.State, p.progress.Failure = workflows.Running, nil
	return p.delivered(ctx), nil
}

func (p *player) delivered(ctx workflow.Context) workflows.Completion {
	p.progress.Steps[2] = workflows.StepProgress{Name: "Upload", State: "done", Attempt: 1, Bytes: 4_000_000}
	c := p.completion(ctx, workflows.Completed)
	c.Rows, c.Bytes, c.ObjectCount, c.SuccessFile = 100_000, 4_000_000, 1, "in/a.csv.gz.DONE"
	c.Objects = []activities.Object{{Bucket: "acme-inbound", Key: "in/a.csv.gz", Rows: 100_000, Bytes: 4_000_000, Checksum: "AAAAAA=="}}
	if p.retried != nil && p.retried.Replan {
		c.Warnings = []string{"planned again"}
	}
	return c
}

func (p *player) completion(ctx workflow.Context, state workflows.State) workflows.Completion {
	info := workflow.GetInfo(ctx)
	c := workflows.Completion{
		Orchestration: p.in.Orchestration, RunKey: p.in.RunKey, WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
		Status: state, StartedAt: info.WorkflowStartTime, CompletedAt: workflow.Now(ctx), Objects: []activities.Object{},
	}
	if p.in.Redeliver != nil {
		c.RedeliveryOf = p.in.Redeliver.WorkflowID
	}
	return c
}

func (p *player) end(ctx workflow.Context, state workflows.State, f *activities.Failure) (workflows.Completion, error) {
	c := p.completion(ctx, state)
	c.Failure = f
	if state == workflows.Aborted {
		return c, temporal.NewCanceledError(c)
	}
	return c, temporal.NewApplicationErrorWithOptions(f.Message, f.Type, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{c}})
}
