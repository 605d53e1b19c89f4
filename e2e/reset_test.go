package e2e_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"consign/workflows"
)

// reset resets an execution to before the workflow task that ended with an event, and returns the new execution.
func reset(t *testing.T, workflowID, execution string, task int64) string {
	t.Helper()
	answer, err := temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID, RunId: execution},
		Reason: "a test", RequestId: fmt.Sprint(t.Name(), task), WorkflowTaskFinishEventId: task,
	})
	require.NoError(t, err)
	return answer.GetRunId()
}

// TestARunThatParksAfterAResetLetsTheNextOneGo: what it had claimed before stands in no history of its own.
func TestARunThatParksAfterAResetLetsTheNextOneGo(t *testing.T) {
	t.Parallel()
	const first = 1 // the event before the first workflow task
	for name, resets := range map[string]func(s *site, run string){
		"to before its plan, which then cannot be made": func(s *site, run string) {
			s.write("consign.yaml", "no: configuration")
			reset(s.t, run, "", s.taskAfter(run, first))
			s.parksAt("1", "Plan")
			s.inTurn(s.bucket, "")
		},
		"twice, and the second time to where the first execution had the turn": func(s *site, run string) {
			execution, planned := s.execution(run), s.taskAfter(run, s.stepEvents(run).done["Plan"])
			between := reset(s.t, run, "", s.taskAfter(run, first))
			eventually(s.t, "the execution between has the turn", func() bool {
				return s.execution(run) == between && s.progressOf(run).Step == "Upload"
			})
			s.write("secret", "another")
			reset(s.t, run, execution, planned)
			s.parksAt("1", "AssumeRole")
			s.write("secret", userSecret)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.data("data.parquet", nastyRows(100_000))
			g := holding(t)
			s.endpoint = g.URL
			s.inTurn(s.bucket, "")
			s.worker()
			s.start("1")
			s.uploading("1")
			resets(s, s.turns("1"))
			s.start("2")
			s.uploading("2")
			g.release()
			s.send(s.id("turns"), "--run-key", "2")
			require.Equal(t, 0, s.starter("retry", s.id("turns")+"/1").code)
			s.send(s.id("turns"), "--run-key", "1")
			require.Len(t, s.keys(), 4)
			s.turnEnds()
			s.nothingLeft()
		})
	}
}

// execution is a run's id in Temporal as it is now.
func (s *site) execution(workflowID string) string {
	s.t.Helper()
	described, err := temporal.DescribeWorkflowExecution(s.t.Context(), workflowID, "")
	require.NoError(s.t, err)
	return described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

func (s *site) parksAt(key, step string) {
	s.t.Helper()
	eventually(s.t, key+" parks", func() bool {
		p := s.progressOf(s.turns(key))
		return p.State == workflows.Parked && p.Step == step
	})
}
