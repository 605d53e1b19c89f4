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

// run plays the campaign, with signals sent at the given times.
func run(t *testing.T, signals map[time.Duration]workflows.Completion) (campaign.Launch, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // a busy machine is no deadlock
	env.RegisterWorkflow(campaign.SpringSale)
	for at, c := range signals {
		env.RegisterDelayedCallback(func() {
			name := workflows.SignalCompleted
			if c.Status == workflows.Parked {
				name = workflows.SignalParked
			}
			env.SignalWorkflow(name, c)
		}, at)
	}
	env.ExecuteWorkflow(campaign.SpringSale, time.Hour)
	require.True(t, env.IsWorkflowCompleted())
	var launch campaign.Launch
	if err := env.GetWorkflowError(); err != nil {
		return launch, err
	}
	return launch, env.GetWorkflowResult(&launch)
}

func delivered() workflows.Completion {
	return workflows.Completion{
		Status: workflows.Completed, WorkflowID: "send/lapsed-to-calls/k", Rows: 9,
		Objects: []activities.Object{{Bucket: "acme-inbound", Key: "calls/a.tgz"}},
	}
}

func TestTheCampaignIsLaunchedByTheDelivery(t *testing.T) {
	t.Parallel()
	launch, err := run(t, map[time.Duration]workflows.Completion{time.Minute: delivered()})
	require.NoError(t, err)
	require.Equal(t, campaign.Launch{
		Campaign: "Spring Sale", Contacts: 9, Files: []string{"s3://acme-inbound/calls/a.tgz"}, Delivery: "send/lapsed-to-calls/k",
	}, launch)
}

func TestTheCampaignWaitsWhileTheDeliveryIsParked(t *testing.T) {
	t.Parallel()
	launch, err := run(t, map[time.Duration]workflows.Completion{time.Minute: {Status: workflows.Parked}, 30 * time.Minute: delivered()})
	require.NoError(t, err)
	require.EqualValues(t, 9, launch.Contacts)
}

func TestWithoutADeliveryThereIsNoCampaign(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string]map[time.Duration]workflows.Completion{
		"nothing comes":           nil,
		"it comes too late":       {2 * time.Hour: delivered()},
		"the delivery failed":     {time.Minute: {Status: workflows.Failed}},
		"the delivery is aborted": {time.Minute: {Status: workflows.Aborted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := run(t, signals)
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, campaign.ErrNoDelivery, failed.Type())
		})
	}
}
