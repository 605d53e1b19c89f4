package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"consign/activities"
	"consign/examples/campaign"
	"consign/workflows"
)

// experiment plays the campaign system, with signals sent at the given times.
func experiment(t *testing.T, signals map[time.Duration]any) ([]campaign.Treatment, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	env.RegisterWorkflow(campaign.Experiment)
	for at, payload := range signals {
		env.RegisterDelayedCallback(func() {
			name := workflows.SignalCampaignCompleted
			if _, one := payload.(workflows.Completion); one {
				name = workflows.SignalParked
			}
			env.SignalWorkflow(name, payload)
		}, at)
	}
	env.ExecuteWorkflow(campaign.Experiment, time.Hour)
	require.True(t, env.IsWorkflowCompleted())
	var launched []campaign.Treatment
	if err := env.GetWorkflowError(); err != nil {
		return nil, err
	}
	return launched, env.GetWorkflowResult(&launched)
}

func groups(status workflows.State) workflows.CampaignCompletion {
	return workflows.CampaignCompletion{
		WorkflowID: "campaign/Spring Sale/k", Status: status,
		Groups: []workflows.GroupCompletion{
			{Name: "treatment", Deliveries: []workflows.Completion{{
				Status: status, Rows: 9, Objects: []activities.Object{{Bucket: "acme-inbound", Key: "Spring_Sale/treatment.csv"}},
			}}},
			{Name: "control", Deliveries: []workflows.Completion{}},
		},
	}
}

func TestTheExperimentIsLaunchedWithAllItsGroups(t *testing.T) {
	t.Parallel()
	launched, err := experiment(t, map[time.Duration]any{
		time.Minute: workflows.Completion{Status: workflows.Parked, Group: "treatment"}, 30 * time.Minute: groups(workflows.Completed),
	})
	require.NoError(t, err)
	require.Equal(t, []campaign.Treatment{
		{Group: "treatment", Contacts: 9, Files: []string{"s3://acme-inbound/Spring_Sale/treatment.csv"}}, {Group: "control", Files: []string{}},
	}, launched)
}

func TestWithoutAllGroupsThereIsNoExperiment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signals map[time.Duration]any
		says    string
	}{
		"nothing comes":           {nil, "not all groups within 1h0m0s"},
		"they come too late":      {map[time.Duration]any{2 * time.Hour: groups(workflows.Completed)}, "not all groups within 1h0m0s"},
		"a group failed":          {map[time.Duration]any{time.Minute: groups(workflows.Failed)}, "failed, without treatment"},
		"the campaign is aborted": {map[time.Duration]any{time.Minute: groups(workflows.Aborted)}, "aborted, without treatment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := experiment(t, c.signals)
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, campaign.ErrNoDelivery, failed.Type())
			require.ErrorContains(t, err, c.says)
		})
	}
}
