package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"consign/activities"
	"consign/workflows"
)

// record names a folder for the histories of the paths that a release must be able to replay. Record from committed
// code only: a history made by the change that it is to judge proves nothing.
var record = flag.String("record", "", "write the histories of the tests' runs to this folder")

// recorded says which orchestrations stand for which path, or which of their runs do.
var recorded = map[string]string{
	"lake-all": "completed-parquet", "parked": "parked-and-retried", "replanned": "replanned",
	"dropped": "parked-and-aborted", "pipeline": "pipelined", "lost": "host-lost", "ahead-aborted": "head-start-aborted",
	"scheduled/send/nightly-2026-11-21T14:30:00Z": "scheduled",
	"resent/k~2":       "redelivered",
	"weekly/under-way": "load-aborted", "weekly/unheard": "load-unheard-aborted",
	"campaign/sale": "campaign-completed", "campaign/sale-parked": "campaign-parked-and-retried", "campaign/sale-aborted": "campaign-aborted",
	"sale-parked/late/late": "group-parked-and-retried",
}

// replayAll replays every run that the tests have made with the code as it is: whatever path a run took, its workflow
// decides the same the second time.
func replayAll(ctx context.Context) (err error) {
	runs, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: "default", PageSize: 1000,
		Query: fmt.Sprintf("WorkflowType IN (%q, %q, %q, %q)", workflows.TypeOrchestration, workflows.TypeCampaign, workflows.TypeScheduledSend, activities.TypeTurn),
	})
	if err != nil {
		return err
	}
	for _, run := range runs.GetExecutions() {
		id := run.GetExecution().GetWorkflowId()
		whole := &history.History{}
		events := temporal.GetWorkflowHistory(ctx, id, run.GetExecution().GetRunId(), false, 0)
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				return err
			}
			whole.Events = append(whole.Events, event)
		}
		err = errors.Join(err, save(id, whole))                                                                                       // first: a replay writes into the history that it is given
		replayer, noReplayer := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true}) // a busy machine is no deadlock
		if noReplayer != nil {
			return noReplayer
		}
		replayer.RegisterWorkflowWithOptions(workflows.Orchestrations{}.Orchestration, workflow.RegisterOptions{Name: workflows.TypeOrchestration})
		replayer.RegisterWorkflowWithOptions(workflows.Orchestrations{}.ScheduledSend, workflow.RegisterOptions{Name: workflows.TypeScheduledSend})
		replayer.RegisterWorkflowWithOptions(workflows.Campaigns{}.Campaign, workflow.RegisterOptions{Name: workflows.TypeCampaign})
		replayer.RegisterWorkflowWithOptions(workflows.Turn, workflow.RegisterOptions{Name: activities.TypeTurn})
		if replayErr := replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), whole); replayErr != nil {
			err = errors.Join(err, fmt.Errorf("replay %s: %w", id, replayErr))
		}
	}
	return err
}

var (
	siteInside = regexp.MustCompile(`-t\d+`)
	identities = regexp.MustCompile(`"identity":\s*"[^"]*"`)
	stickies   = regexp.MustCompile(`"[^":]*:[0-9a-f-]{36}"`) // task queues named after the machine
)

// pathOf is what a run delivers, without the name of its test's site and without the run key: an orchestration, the group of
// a campaign, "campaign/" before a campaign, "scheduled/" and the time before what a schedule started.
func pathOf(id string) string {
	run, isSend := strings.CutPrefix(id, "send/")
	if isSend || strings.HasPrefix(id, "campaign/") {
		run = path.Dir(run)
	}
	return siteInside.ReplaceAllString(run, "")
}

// save writes a history that stands for a path, without the name of the machine that made it.
func save(id string, whole *history.History) error {
	name, wanted := recorded[pathOf(id)]
	if one, special := recorded[siteInside.ReplaceAllString(strings.TrimPrefix(id, "send/"), "")]; special {
		name, wanted = one, true
	}
	if *record == "" || !wanted {
		return nil
	}
	text, err := protojson.MarshalOptions{Indent: " "}.Marshal(whole)
	if err != nil {
		return err
	}
	text = identities.ReplaceAll(text, []byte(`"identity": "worker"`))
	text = stickies.ReplaceAll(text, []byte(`"worker:sticky"`))
	return os.WriteFile(filepath.Join(*record, name+".json"), text, 0o600)
}
