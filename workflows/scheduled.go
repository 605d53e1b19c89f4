package workflows

import (
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// scheduledFor is the search attribute in which Temporal says for which time a schedule has started a workflow: without
// jitter, however late it is, and for a back-fill a time of the past.
var scheduledFor = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")

// ScheduledSend is what a Temporal Schedule starts. It starts the run under the id that everybody else knows it by, with
// the scheduled time as its key and as its `now`, and ends: a schedule does not wait for a run that may be parked for a
// week, and whether two runs may overlap is the orchestration's own to say.
//
// The same time is the same run, also if it is over: a back-fill over a time that was sent sends nothing.
func (o Orchestrations) ScheduledSend(ctx workflow.Context, in ScheduledInput) (Scheduled, error) {
	at := scheduledTime(ctx)
	timing := o.Timing.withDefaults()
	_, err := execute(ctx, timing.short("see that it is still scheduled"), steps.LookUp, activities.LookUpInput(in))
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return Scheduled{}, err
	case typeOf(err) == activities.TypeNotScheduled:
		return Scheduled{}, activities.NothingStarted(failureOf("LookUp", err))
	default: // what keeps the configuration from being read parks the run, where a person mends it and goes on
		workflow.GetLogger(ctx).Warn("the configuration cannot be looked at; the run will say why", "error", err)
	}
	return startRun(ctx, in, at)
}

// scheduledTime is the time for which the schedule has started this workflow; for one that somebody started by hand, the
// time at which that was.
func scheduledTime(ctx workflow.Context) time.Time {
	at, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(scheduledFor)
	if !ok {
		at = workflow.GetInfo(ctx).WorkflowStartTime
	}
	return at.UTC().Truncate(time.Second)
}

// startRun starts the run, or finds it, and leaves it alone.
func startRun(ctx workflow.Context, in ScheduledInput, at time.Time) (Scheduled, error) {
	key := at.Format(time.RFC3339)
	by := activities.Requester{Name: activities.BySchedule}
	kind, id, name := TypeOrchestration, OrchestrationID(in.Orchestration, key), in.Orchestration
	var input any = OrchestrationInput{Orchestration: in.Orchestration, RunKey: key, RequestedBy: by, At: &at}
	if in.Campaign != "" {
		kind, id, name = TypeCampaign, CampaignID(in.Campaign, key), in.Campaign
		input = CampaignInput{Campaign: in.Campaign, RunKey: key, RequestedBy: by, At: &at}
	}
	s := Scheduled{WorkflowID: id, RunKey: key, At: at}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, // one id is one run, also when it is over
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: Marks{Orchestration: in.Orchestration, Campaign: in.Campaign, RunKey: key}.Attributes(),
		StaticSummary:         name + " " + key + ", by its schedule",
	})
	var run workflow.Execution
	err := workflow.ExecuteChildWorkflow(ctx, kind, input).GetChildWorkflowExecution().Get(ctx, &run)
	var exists *temporal.ChildWorkflowExecutionAlreadyStartedError
	switch {
	case errors.As(err, &exists):
		return s, nil
	case err != nil:
		return Scheduled{}, err
	}
	s.RunID, s.Started = run.RunID, true
	return s, nil
}
