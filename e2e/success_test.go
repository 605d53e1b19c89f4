package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"consign/workflows"
)

// TestARunThatIsResetIntoAnothersTurnWritesNoSuccessFile: it would call complete what the other run has shown in part. The run
// was aborted when all but its success file was there.
func TestARunThatIsResetIntoAnothersTurnWritesNoSuccessFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	g := s.gate("PutObject", 0)
	s.sends(judged, "turns-{site}", "platform", "file_format: csv, success_file: true", `split: {rows: 40}, filename: weekly, split_filename: "{{file_number}}.csv"`)
	s.worker()
	s.start("1")
	eventually(t, "1 has shown all objects", func() bool { return s.progressOf(s.turns("1")).Step == "WriteSuccessFile" })
	require.Equal(t, 0, s.starter("abort", s.id("turns")+"/1").code)
	eventually(t, "1 is aborted", func() bool { return s.status(s.turns("1")) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
	g.mu.Lock()
	shown := g.passed["CompleteMultipartUpload"]
	g.kind, g.most = "CompleteMultipartUpload", shown+1
	g.mu.Unlock()
	s.start("2")
	eventually(t, "2 has shown one object", func() bool { return g.answered("CompleteMultipartUpload") > shown })

	_, err := temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: s.turns("1")}, Reason: "a test", RequestId: t.Name(),
		WorkflowTaskFinishEventId: s.taskAfter(s.turns("1"), s.stepEvents(s.turns("1")).done["Publish"]),
		ResetReapplyExcludeTypes:  []enums.ResetReapplyExcludeType{enums.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE, enums.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL},
	})
	require.NoError(t, err)
	eventually(t, "1 knows that it is 2's turn", func() bool {
		p := s.progressOf(s.turns("1"))
		return p.Step == "WriteSuccessFile" && p.State == workflows.Parked && p.Failure.Type == "NotItsTurn" || p.State == workflows.Completed
	})
	require.NotContains(t, s.keys(), "weekly.DONE")
	g.release()
	s.send(s.id("turns"), "--run-key", "2")
	require.Equal(t, 0, s.starter("retry", s.id("turns")+"/1").code)
	s.send(s.id("turns"), "--run-key", "1")
	require.Contains(t, s.keys(), "weekly.DONE")
	s.turnEnds()
}
