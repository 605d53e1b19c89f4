package workflows_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/workflows"
)

// newReplayer is patient too.
func newReplayer(t *testing.T) worker.WorkflowReplayer {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
	require.NoError(t, err)
	return replayer
}

// TestRecordedHistoriesCanBeReplayed replays runs that earlier, committed code has made (see CONTRIBUTING.md, "Changing a
// workflow"): one that fails here would leave runs stuck that are under way while a new version is deployed.
func TestRecordedHistoriesCanBeReplayed(t *testing.T) {
	t.Parallel()
	histories, err := filepath.Glob("testdata/replay/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, histories)
	for _, path := range histories {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			replayer := newReplayer(t)
			replayer.RegisterWorkflowWithOptions(workflows.Orchestrations{}.Orchestration, workflow.RegisterOptions{Name: workflows.TypeOrchestration})
			replayer.RegisterWorkflowWithOptions(workflows.Orchestrations{}.ScheduledSend, workflow.RegisterOptions{Name: workflows.TypeScheduledSend})
			replayer.RegisterWorkflowWithOptions(workflows.Campaigns{}.Campaign, workflow.RegisterOptions{Name: workflows.TypeCampaign})
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(nil, path))
		})
	}
}
