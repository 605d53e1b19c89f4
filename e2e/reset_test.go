package e2e_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

// first is the event before the first workflow task.
const first = 1

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
			g := s.gate("UploadPart", 0)
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

// heldSale is a site with a campaign of which the gate holds what is uploaded, and one group will park, for its bucket is not there.
// heard is what the campaign system has been told.
func heldSale(t *testing.T, name string, rows int) (s *site, g *gate, heard func() Heard) {
	t.Helper()
	s = newSite(t)
	s.data("data.parquet", nastyRows(rows))
	g = s.gate("UploadPart", 0)
	s.sale(name, s.bucket+"-later", "")
	heard = s.crm()
	s.worker()
	return s, g, heard
}

// saleEnds waits until a campaign has closed. By then it has told how it ended, which it knows before.
func (s *site) saleEnds(name string) {
	s.t.Helper()
	eventually(s.t, "the campaign is over", func() bool { return s.status(s.saleID(name)) != enums.WORKFLOW_EXECUTION_STATUS_RUNNING })
}

// childrenStarted is the event by which a campaign knows that the last of its runs has started.
func (s *site) childrenStarted(name string) (id int64) {
	s.t.Helper()
	for _, event := range eventsOf(s.t, s.saleID(name)) {
		if event.GetEventType() == enums.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED {
			id = event.GetEventId()
		}
	}
	return id
}

// TestACampaignThatIsResetGoesOnWithItsRuns also if it is reset to before it has started them: they are at work, parked, or
// over by then.
func TestACampaignThatIsResetGoesOnWithItsRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(s *site, g *gate, name string)
		then   func(s *site, g *gate, name string)
		status workflows.State
		told   int
		late   bool // it is reset to after it has started its runs
	}{
		"sale-reset": {
			func(s *site, _ *gate, name string) { s.groupUploads(name) },
			func(s *site, g *gate, name string) {
				eventually(s.t, "the campaign knows that a group is parked", func() bool { return s.progressOf(s.saleID(name)).State == workflows.Parked })
				require.NoError(s.t, stack.S3.MakeBucket(s.t.Context(), s.bucket+"-later"))
				require.Equal(s.t, 0, s.starter("retry", s.groupID(name, "late", "late")).code)
				g.release()
			}, workflows.Completed, 1, false,
		},
		"sale-reset-and-aborted": {
			func(s *site, _ *gate, name string) { s.groupUploads(name) },
			func(s *site, _ *gate, name string) {
				require.Equal(s.t, 0, s.starter("abort", s.saleID(name), "--reason", "wrong segment").code)
			}, workflows.Aborted, 1, false,
		},
		"sale-reset-late-and-aborted": {
			func(s *site, _ *gate, name string) { s.groupUploads(name) },
			func(s *site, _ *gate, name string) {
				require.Equal(s.t, 0, s.starter("abort", s.saleID(name), "--reason", "wrong segment").code)
			}, workflows.Aborted, 1, true,
		},
		"sale-reset-when-over": {
			func(s *site, g *gate, name string) {
				require.NoError(s.t, stack.S3.MakeBucket(s.t.Context(), s.bucket+"-later"))
				g.release()
				require.Equal(s.t, 0, s.starter("campaign", s.id(name), "--run-key", "k", "--wait").code)
			},
			func(*site, *gate, string) {}, workflows.Completed, 2, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, g, heard := heldSale(t, name, 100_000)
			require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k").code)
			c.before(s, g, name)
			runs := s.children(name)
			from := int64(first)
			if c.late {
				from = s.childrenStarted(name)
			}
			reset(t, s.saleID(name), "", s.taskAfter(s.saleID(name), from))
			eventually(t, "the campaign asks for its runs again", func() bool { return len(s.children(name)) == len(runs) })
			c.then(s, g, name)
			s.saleEnds(name)
			require.Equal(t, c.status, s.progressOf(s.saleID(name)).State)
			told := heard().Completed
			require.Len(t, told, c.told)
			for _, one := range told {
				require.Equal(t, c.status, one.Status)
				require.Equal(t, told[0].RunID, one.RunID, "which is dropped by who has had it")
				for _, group := range one.Groups[1:3] { // what is small was sent before the reset
					require.Equal(t, c.status, group.Deliveries[0].Status)
				}
			}
			if c.status == workflows.Completed {
				require.Equal(t, s.saleKeys(name), s.keys())
			}
			s.nothingLeft()
		})
	}
}

// TestACampaignThatIsResetAndThenTerminatedEndsItsRuns: to Temporal they are those of the execution before.
func TestACampaignThatIsResetAndThenTerminatedEndsItsRuns(t *testing.T) {
	t.Parallel()
	const name = "sale-reset-and-terminated"
	s, _, _ := heldSale(t, name, 100_000)
	require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k").code)
	s.groupUploads(name)
	reset(t, s.saleID(name), "", s.taskAfter(s.saleID(name), first))
	runs := []string{s.groupID(name, "b", "mail"), s.groupID(name, "late", "late")}
	eventually(t, "the campaign waits for its runs", func() bool {
		described, err := temporal.DescribeWorkflowExecution(t.Context(), s.saleID(name), "")
		waiting := 0
		for _, a := range described.GetPendingActivities() {
			if a.GetActivityType().GetName() == "JoinRun" && a.GetHeartbeatDetails() == nil && a.GetLastHeartbeatTime() != nil {
				waiting++
			}
		}
		return err == nil && waiting == len(runs)
	})
	require.NoError(t, temporal.TerminateWorkflow(t.Context(), s.saleID(name), "", "a test"))
	for _, id := range runs {
		eventually(t, id+" ends", func() bool { return s.status(id) == enums.WORKFLOW_EXECUTION_STATUS_CANCELED })
	}
	s.nothingLeft()
}

// TestAnAbortOfACampaignThatWasResetReachesRunsItHasNotAskedForAgain: those before them take all places, for who resets without
// signals does not hear that they are parked.
func TestAnAbortOfACampaignThatWasResetReachesRunsItHasNotAskedForAgain(t *testing.T) {
	t.Parallel()
	const name, atOnce = "sale-many", 8
	s := newSite(t)
	s.data("data.parquet", nastyRows(100_000))
	s.gate("UploadPart", 0)
	more := ""
	for n := range atOnce {
		more += fmt.Sprintf("\n      - {name: l%d, segment: odd, data_templates: [late]}", n)
	}
	s.sale(name, s.bucket+"-later", more+"\n      - {name: z, query: all, data_templates: [mail]}\n      - {name: y, segment: odd, data_templates: [late]}")
	heard := s.crm()
	s.worker()
	require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k").code)
	s.groupUploads(name)
	eventually(t, "the campaign has heard of all that are parked", func() bool {
		parked := 0
		for _, d := range s.progressOf(s.saleID(name)).Deliveries {
			if d.State == workflows.Parked {
				parked++
			}
		}
		return parked == atOnce+2
	})
	_, err := temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: s.saleID(name)}, Reason: "a test", RequestId: name,
		WorkflowTaskFinishEventId: s.taskAfter(s.saleID(name), first), ResetReapplyExcludeTypes: []enums.ResetReapplyExcludeType{enums.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL},
	})
	require.NoError(t, err)
	eventually(t, "all places are taken", func() bool { return len(s.children(name)) == 2+atOnce })
	require.Equal(t, 0, s.starter("abort", s.saleID(name), "--reason", "wrong segment").code)
	s.saleEnds(name)
	require.Equal(t, workflows.Aborted, s.progressOf(s.groupID(name, "z", "mail")).State)
	told := heard().Completed
	require.Len(t, told, 1)
	last := told[0].Groups[len(told[0].Groups)-1].Deliveries[0]
	require.Contains(t, last.Failure.Message, "wrong segment", "it had begun")
	s.nothingLeft()
}

// groupUploads waits until one group of a campaign uploads and another is parked.
func (s *site) groupUploads(name string) {
	s.t.Helper()
	require.Equal(s.t, 4, s.starter("campaign", s.id(name), "--run-key", "k", "--wait").code)
	eventually(s.t, "a group uploads", func() bool { return s.progressOf(s.groupID(name, "b", "mail")).Step == "Upload" })
}

func TestARunThatSomebodyElseHasStartedIsNotTheCampaigns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(10))
	s.sale("sale-other", s.bucket, "")
	s.worker()
	group := workflows.OrchestrationInput{
		Orchestration: groupRun(s.id("sale-other"), "b", "mail"), RunKey: "k",
		Group: &activities.GroupPart{Campaign: s.id("sale-other"), Group: "b", DataTemplate: "mail"},
	}
	run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: s.groupID("sale-other", "b", "mail"), TaskQueue: s.name}, workflows.TypeOrchestration, group)
	require.NoError(t, err)
	require.NoError(t, run.Get(t.Context(), nil))
	a := s.starter("campaign", s.id("sale-other"), "--run-key", "k", "--wait", "-o", "json")
	require.Equal(t, 1, a.code, a.err)
	require.Equal(t, "AlreadyStarted", campaignOf(t, a).Groups[1].Deliveries[0].Failure.Type)
}

// TestARunThatIsNotItsKeysOwnIsRefused: programs that start runs by themselves may err, and neither a second delivery nor one
// beside its turn follows.
func TestARunThatIsNotItsKeysOwnIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(10))
	s.sale("sale-own", s.bucket, "")
	s.worker()
	sale := s.id("sale-own")
	group := &activities.GroupPart{Campaign: sale, Group: "b", DataTemplate: "mail"}
	for id, in := range map[string]workflows.OrchestrationInput{
		s.groupID("sale-own", "b", "mail") + "-again": {Orchestration: groupRun(sale, "b", "mail"), RunKey: "k", Group: group},
		workflows.OrchestrationID("other-"+sale, "k"): {Orchestration: "other-" + sale, RunKey: "k", Group: group},
	} {
		run, err := temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: s.name}, workflows.TypeOrchestration, in)
		require.NoError(t, err)
		var failed *sdk.ApplicationError
		require.ErrorAs(t, run.Get(t.Context(), nil), &failed, id)
		require.Equal(t, activities.TypeRefused, failed.Type())
	}
	require.Empty(t, s.keys())
}

func TestACampaignThatIsResetAfterItsPlanTellsOnceThatAGroupIsParked(t *testing.T) {
	t.Parallel()
	const name = "sale-reset-later"
	s, _, heard := heldSale(t, name, 100_000)
	require.Equal(t, 0, s.starter("campaign", s.id(name), "--run-key", "k").code)
	s.groupUploads(name)
	runs := s.children(name)
	reset(t, s.saleID(name), "", s.taskAfter(s.saleID(name), s.stepEvents(s.saleID(name)).done["PlanCampaign"]))
	eventually(t, "the campaign asks for its runs again", func() bool { return len(s.children(name)) == len(runs) })
	eventually(t, "the campaign knows that a group is parked", func() bool { return s.progressOf(s.saleID(name)).State == workflows.Parked })
	require.Equal(t, 0, s.starter("abort", s.saleID(name), "--reason", "wrong segment").code)
	s.saleEnds(name)
	require.Len(t, heard().Parked, 2, "once by each execution")
}
