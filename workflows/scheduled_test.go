package workflows_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/workflows"
)

// A firing is a schedule that starts its workflow.
type firing struct {
	*testsuite.TestWorkflowEnvironment
	t       *testing.T
	at      time.Time
	answers []error // of LookUp; then nil
	lookups []activities.LookUpInput
	runs    []workflows.OrchestrationInput
	sales   []workflows.CampaignInput
	ids     []string
	marks   []temporal.SearchAttributes
}

var (
	monday       = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	scheduledFor = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
)

func newFiring(t *testing.T, at time.Time) *firing {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	f := &firing{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, at: at}
	f.SetWorkerOptions(patient())
	f.RegisterWorkflowWithOptions(workflows.Orchestrations{Timing: workflows.Timing{Attempts: 4}}.ScheduledSend,
		workflow.RegisterOptions{Name: workflows.TypeScheduledSend})
	// Runs that are parked: a schedule does not wait for them.
	f.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.OrchestrationInput) (workflows.Completion, error) {
		f.runs = append(f.runs, in)
		return workflows.Completion{}, f.parked(ctx)
	}, workflow.RegisterOptions{Name: workflows.TypeOrchestration})
	f.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.CampaignInput) (workflows.Completion, error) {
		f.sales = append(f.sales, in)
		return workflows.Completion{}, f.parked(ctx)
	}, workflow.RegisterOptions{Name: workflows.TypeCampaign})
	f.RegisterActivity(&activities.Steps{})
	f.OnActivity("LookUp", mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.LookUpInput) (activities.LookUpResult, error) {
		f.lookups = append(f.lookups, in)
		if len(f.answers) == 0 {
			return activities.LookUpResult{}, nil
		}
		next := f.answers[0]
		f.answers = f.answers[1:]
		return activities.LookUpResult{}, next
	})
	return f
}

func (f *firing) parked(ctx workflow.Context) error {
	f.ids = append(f.ids, workflow.GetInfo(ctx).WorkflowExecution.ID)
	f.marks = append(f.marks, workflow.GetTypedSearchAttributes(ctx))
	return workflow.Sleep(ctx, 168*time.Hour)
}

// fire starts ScheduledSend as a schedule does, and sees that it does not wait for the run.
func (f *firing) fire(in workflows.ScheduledInput, result *workflows.Scheduled) error {
	f.t.Helper()
	f.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		started := workflow.Now(ctx)
		options := workflow.ChildWorkflowOptions{ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON}
		if !f.at.IsZero() {
			options.TypedSearchAttributes = temporal.NewSearchAttributes(scheduledFor.ValueSet(f.at))
		}
		ctx = workflow.WithChildOptions(ctx, options)
		err := workflow.ExecuteChildWorkflow(ctx, workflows.TypeScheduledSend, in).Get(ctx, result)
		require.Less(f.t, workflow.Now(ctx).Sub(started), time.Hour)
		return err
	}, workflow.RegisterOptions{Name: "Fire"})
	f.ExecuteWorkflow("Fire")
	require.True(f.t, f.IsWorkflowCompleted())
	return f.GetWorkflowError()
}

func TestAScheduleStartsTheRunOfItsTime(t *testing.T) {
	f := newFiring(t, monday.In(time.FixedZone("PST", -8*3600)))
	var s workflows.Scheduled
	err := f.fire(workflows.ScheduledInput{Orchestration: "vips-weekly"}, &s)
	require.NoError(t, err)
	require.True(t, s.Started)
	require.NotEmpty(t, s.RunID)
	require.Equal(t, "send/vips-weekly/2026-11-23T14:00:00Z", s.WorkflowID)
	require.Equal(t, []string{s.WorkflowID}, f.ids)
	require.Equal(t, []workflows.OrchestrationInput{{
		Orchestration: "vips-weekly", RunKey: "2026-11-23T14:00:00Z", RequestedBy: activities.Requester{Name: "schedule"}, At: &monday,
	}}, f.runs)
	key, _ := f.marks[0].GetKeyword(workflows.AttributeRunKey)
	name, _ := f.marks[0].GetKeyword(workflows.AttributeOrchestration)
	state, _ := f.marks[0].GetKeyword(workflows.AttributeState)
	require.Equal(t, []string{"2026-11-23T14:00:00Z", "vips-weekly", "running"}, []string{key, name, state})
	require.Equal(t, []activities.LookUpInput{{Orchestration: "vips-weekly"}}, f.lookups)
}

func TestAScheduleStartsACampaignToo(t *testing.T) {
	f := newFiring(t, monday)
	var s workflows.Scheduled
	err := f.fire(workflows.ScheduledInput{Campaign: "Spring Sale"}, &s)
	require.NoError(t, err)
	require.Equal(t, "campaign/Spring Sale/2026-11-23T14:00:00Z", s.WorkflowID)
	require.Equal(t, []string{s.WorkflowID}, f.ids)
	require.Equal(t, []workflows.CampaignInput{{
		Campaign: "Spring Sale", RunKey: "2026-11-23T14:00:00Z", RequestedBy: activities.Requester{Name: "schedule"}, At: &monday,
	}}, f.sales)
	name, _ := f.marks[0].GetKeyword(workflows.AttributeCampaign)
	require.Equal(t, "Spring Sale", name)
	_, marked := f.marks[0].GetKeyword(workflows.AttributeOrchestration)
	require.False(t, marked)
}

func TestWhatSomebodyStartsByHandHasTheTimeOfItsStart(t *testing.T) {
	f := newFiring(t, time.Time{})
	now := f.Now()
	var s workflows.Scheduled
	err := f.fire(workflows.ScheduledInput{Orchestration: "vips-weekly"}, &s)
	require.NoError(t, err)
	require.WithinDuration(t, now, s.At, time.Minute)
	require.Equal(t, s.At.Format(time.RFC3339), s.RunKey)
	require.Zero(t, s.At.Nanosecond(), "a key has whole seconds")
}

func TestWhatIsNoLongerScheduledFailsAndStartsNothing(t *testing.T) {
	f := newFiring(t, monday)
	f.answers = []error{permanently(activities.TypeNotScheduled)}
	err := f.fire(workflows.ScheduledInput{Orchestration: "gone"}, &workflows.Scheduled{})
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.Equal(t, activities.TypeNotScheduled, application.Type())
	require.Contains(t, err.Error(), "NotScheduled happened. mend it")
	require.Len(t, f.lookups, 1)
	require.Empty(t, f.runs)
}

func TestAConfigurationThatCannotBeReadIsLeftToTheRun(t *testing.T) {
	for name, answers := range map[string][]error{
		"for good":        {permanently("ConfigurationRefused")},
		"however often":   {passing("Unexpected"), passing("Unexpected"), passing("Unexpected"), passing("Unexpected")},
		"for a while":     {passing("Unexpected")},
		"by this process": nil,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiring(t, monday)
			f.answers = answers
			var s workflows.Scheduled
			err := f.fire(workflows.ScheduledInput{Orchestration: "vips-weekly"}, &s)
			require.NoError(t, err)
			require.True(t, s.Started)
			require.Len(t, f.runs, 1)
			require.Empty(t, f.answers)
		})
	}
}
