package main

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/workflows"
)

// A campaignPlayer is a campaign that does what its name says.
type campaignPlayer struct {
	in       workflows.CampaignInput
	progress workflows.Progress
	aborted  *workflows.AbortRequest
}

func playCampaign(ctx workflow.Context, in workflows.CampaignInput) (workflows.CampaignCompletion, error) {
	p := &campaignPlayer{in: in, progress: workflows.Progress{
		State: workflows.Running, Step: "PlanCampaign", Steps: []workflows.StepProgress{{Name: "PlanCampaign", State: "running", Attempt: 1}},
	}}
	err := workflow.SetQueryHandler(ctx, workflows.QueryProgress, func() (workflows.Progress, error) { return p.progress, nil })
	if err != nil {
		return workflows.CampaignCompletion{}, err
	}
	err = workflow.SetUpdateHandler(ctx, workflows.AbortName, func(_ workflow.Context, a workflows.AbortRequest) error {
		p.aborted = &a
		return nil
	})
	if err != nil {
		return workflows.CampaignCompletion{}, err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, workflows.RetryName, func(workflow.Context, workflows.RetryRequest) error { return nil },
		workflow.UpdateHandlerOptions{Validator: func(workflows.RetryRequest) error {
			return activities.RetryTheGroup([]string{p.progress.Deliveries[0].WorkflowID})
		}})
	if err != nil {
		return workflows.CampaignCompletion{}, err
	}
	return p.play(ctx)
}

func (p *campaignPlayer) play(ctx workflow.Context) (workflows.CampaignCompletion, error) {
	switch p.in.Campaign {
	case "Refused":
		return p.end(ctx, workflows.Failed, &activities.Failure{
			Step: "PlanCampaign", Type: activities.TypeRefused, Message: "group treatment to mail: refused: no policy of dana allows to start campaigns", Advice: "Ask an operator.",
		})
	case "Unplanned":
		p.progress.State, p.progress.Failure = workflows.Parked, &activities.Failure{
			Step: "PlanCampaign", Type: "ConfigurationRefused", Attribution: activities.Configuration, Message: "group b: no such column", Advice: "Correct the configuration.",
		}
		p.progress.Deadline = workflow.Now(ctx).Add(168 * time.Hour)
		return p.untilAborted(ctx)
	}
	p.progress.Step, p.progress.Steps[0].State = "", "done"
	p.deliver("treatment", workflows.Completed)
	p.deliver("others", workflows.Completed)
	switch p.in.Campaign {
	case "Spring Sale":
		return p.end(ctx, workflows.Completed, nil)
	case "Fails":
		p.deliver("others", workflows.Failed)
		return p.end(ctx, workflows.Failed, &activities.Failure{
			Type: "Incomplete", Attribution: activities.Customer, Message: "1 of 2 deliveries did not complete: group others to mail (failed, AccessDenied)", Advice: "What was delivered stays.",
		})
	case "Parks":
		p.deliver("treatment", workflows.Parked)
		p.progress.State, p.progress.Failure = workflows.Parked, denied()
		err := workflow.UpsertTypedSearchAttributes(ctx, workflows.AttributeState.ValueSet(string(workflows.Parked)))
		if err != nil {
			return workflows.CampaignCompletion{}, err
		}
	default:
		p.deliver("others", workflows.Running)
	}
	return p.untilAborted(ctx)
}

// deliver sets how a group stands.
func (p *campaignPlayer) deliver(group string, state workflows.State) {
	d := workflows.GroupProgress{Group: group, DataTemplate: "mail", Destination: "acme", WorkflowID: p.run(group), State: state}
	switch state {
	case workflows.Completed:
		d.Rows, d.Bytes = 1000, 50_000
	case workflows.Parked, workflows.Failed:
		d.Failure = denied()
	default:
	}
	for i := range p.progress.Deliveries {
		if p.progress.Deliveries[i].Group == group {
			p.progress.Deliveries[i] = d
			return
		}
	}
	p.progress.Deliveries = append(p.progress.Deliveries, d)
}

func (p *campaignPlayer) run(group string) string {
	return workflows.OrchestrationID(p.in.Campaign+"/"+group+"/mail", p.in.RunKey)
}

func (p *campaignPlayer) untilAborted(ctx workflow.Context) (workflows.CampaignCompletion, error) {
	if err := workflow.Await(ctx, func() bool { return p.aborted != nil }); err != nil {
		return workflows.CampaignCompletion{}, err
	}
	return p.end(ctx, workflows.Aborted, &activities.Failure{Type: "Aborted", Message: "the run was aborted: " + p.aborted.Reason})
}

func (p *campaignPlayer) end(ctx workflow.Context, state workflows.State, f *activities.Failure) (workflows.CampaignCompletion, error) {
	info := workflow.GetInfo(ctx)
	c := workflows.CampaignCompletion{
		Campaign: p.in.Campaign, RunKey: p.in.RunKey, WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
		Status: state, StartedAt: info.WorkflowStartTime, CompletedAt: workflow.Now(ctx), Failure: f, Groups: []workflows.GroupCompletion{},
	}
	for _, d := range p.progress.Deliveries {
		one := workflows.Completion{
			Orchestration: p.in.Campaign + "/" + d.Group + "/mail", Campaign: p.in.Campaign, Group: d.Group, DataTemplate: "mail", RunKey: p.in.RunKey,
			WorkflowID: d.WorkflowID, RunID: c.RunID, Status: d.State, Destination: "acme", Rows: d.Rows, Bytes: d.Bytes,
			StartedAt: c.StartedAt, CompletedAt: c.CompletedAt, Failure: d.Failure, Objects: []activities.Object{},
		}
		if d.State == workflows.Completed {
			one.ObjectCount = 1
			one.Objects = []activities.Object{{Bucket: "acme-inbound", Key: "in/" + d.Group + ".csv", Rows: d.Rows, Bytes: d.Bytes, Checksum: "AAAAAA=="}}
		}
		c.Rows, c.Bytes, c.ObjectCount = c.Rows+one.Rows, c.Bytes+one.Bytes, c.ObjectCount+one.ObjectCount
		c.Groups = append(c.Groups, workflows.GroupCompletion{Name: d.Group, Deliveries: []workflows.Completion{one}})
	}
	c.Groups = append(c.Groups, workflows.GroupCompletion{Name: "control", Deliveries: []workflows.Completion{}})
	switch state {
	case workflows.Completed:
		return c, nil
	case workflows.Aborted:
		return c, temporal.NewCanceledError(c)
	default:
		return c, temporal.NewApplicationErrorWithOptions(f.Message, f.Type, temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{c}})
	}
}
