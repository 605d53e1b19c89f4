package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"consign/starter/watch"
	"consign/workflows"
)

type runsOptions struct {
	orchestration, campaign, state string
	limit                          int
}

func (a *app) runs() *cobra.Command {
	var o runsOptions
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List runs, those under way first",
		Long: `Lists runs, with what they have delivered and how long they took: those that are under way first, then those that ended last.
A run that was started a moment ago may not be listed yet; starter show finds it at once.`,
		Example: `  starter runs --state parked
  starter runs --orchestration vips-weekly --limit 5 -o json`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doRuns(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.orchestration, "orchestration", "", "only runs of this `orchestration`")
	flags.StringVar(&o.campaign, "campaign", "", "only runs of this `campaign`, and of its groups")
	flags.StringVar(&o.state, "state", "", "only runs in this `state`: running, parked, completed, failed or aborted")
	flags.IntVar(&o.limit, "limit", 20, "at most so many, up to 1000")
	must(cmd.RegisterFlagCompletionFunc("orchestration", a.proposals(orchestrations)))
	must(cmd.RegisterFlagCompletionFunc("campaign", a.proposals(campaigns)))
	words(cmd, "state", stateNames()...)
	return cmd
}

// A listed is one line of runs.
type listed struct {
	Run         string          `json:"run"`
	WorkflowID  string          `json:"workflow_id"`
	RunID       string          `json:"run_id"`
	State       workflows.State `json:"state"`
	Destination string          `json:"destination,omitempty"`
	Rows        int64           `json:"rows"`
	Bytes       int64           `json:"bytes"`
	StartedAt   time.Time       `json:"started_at"`
	CompletedAt time.Time       `json:"completed_at,omitzero"`
}

func stateNames() []string {
	return []string{
		string(workflows.Running), string(workflows.Parked), string(workflows.Completed), string(workflows.Failed), string(workflows.Aborted),
	}
}

func (a *app) doRuns(ctx context.Context, o runsOptions) error {
	t, err := a.temporal()
	if err != nil {
		return err
	}
	filter, err := o.filter(t.TaskQueue)
	if err != nil {
		return err
	}
	connection, err := a.dial(ctx, t)
	if err != nil {
		return doing("list runs", err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	answer, err := connection.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: t.Namespace, Query: filter, PageSize: int32(o.limit), // filter has checked it
	})
	if err != nil {
		return doing("list runs", a.notStarted(ctx, t, connection, err))
	}
	list := make([]listed, len(answer.GetExecutions()))
	for i, info := range answer.GetExecutions() {
		list[i] = listOne(info)
	}
	if err := addBytes(ctx, connection, list); err != nil {
		return doing("list runs", err)
	}
	if len(answer.GetNextPageToken()) > 0 {
		a.tell("these are the first %d, and there may be more: --limit says how many are listed", o.limit)
	}
	return a.result(list, func(w io.Writer) { printRuns(w, list, a.clock()) })
}

// filter is the visibility query: of the runs that are started on the task queue. Names and states cannot hold a quote, so
// that nothing can be added to it.
func (o runsOptions) filter(queue string) (string, error) {
	if o.limit < 1 || o.limit > 1000 {
		return "", wrong(fmt.Errorf("--limit %d: must be 1 to 1000", o.limit), "")
	}
	query := "WorkflowType IN ('" + workflows.TypeOrchestration + "', '" + workflows.TypeCampaign + "')" +
		" AND TaskQueue = '" + strings.ReplaceAll(queue, "'", "''") + "'" // others may have workflows of such types, too
	for _, named := range []struct{ flag, name, attribute string }{
		{"orchestration", o.orchestration, workflows.AttributeOrchestration.GetName()}, {"campaign", o.campaign, workflows.AttributeCampaign.GetName()},
	} {
		if strings.ContainsAny(named.name, `'"\`) {
			return "", wrong(fmt.Errorf("--%s %q: no %s has such a name", named.flag, named.name, named.flag), "")
		}
		if named.name != "" {
			query += " AND " + named.attribute + " = '" + named.name + "'"
		}
	}
	switch o.state {
	case "":
	case string(workflows.Running), string(workflows.Parked):
		// A run that was terminated keeps the search attribute of its last moment.
		query += " AND ExecutionStatus = 'Running' AND " + workflows.AttributeState.GetName() + " = '" + o.state + "'"
	case string(workflows.Completed):
		query += " AND ExecutionStatus = 'Completed'"
	case string(workflows.Failed):
		query += " AND (ExecutionStatus = 'Failed' OR ExecutionStatus = 'TimedOut')"
	case string(workflows.Aborted):
		query += " AND (ExecutionStatus = 'Canceled' OR ExecutionStatus = 'Terminated')"
	default:
		return "", wrong(fmt.Errorf("--state %q: a run is %s", o.state, strings.Join(stateNames(), ", ")), "")
	}
	return query, nil
}

func listOne(info *workflowpb.WorkflowExecutionInfo) listed {
	l := listed{
		Run: shortRun(info.GetExecution().GetWorkflowId()), WorkflowID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(),
		State: watch.StateOf(info), Destination: watch.Attribute(info, workflows.AttributeDestination.GetName()),
		Rows: watch.Rows(info), StartedAt: info.GetStartTime().AsTime(),
	}
	if info.GetCloseTime() != nil {
		l.CompletedAt = info.GetCloseTime().AsTime()
	}
	return l
}

// atOnce is how many results are read at a time.
const atOnce = 8

// addBytes reads the delivered bytes from the results of completed runs; there is no search attribute for them.
func addBytes(ctx context.Context, connection client.Client, list []listed) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range list {
		if list[i].State != workflows.Completed {
			continue
		}
		group.Go(func() error {
			var done workflows.Completion
			err := connection.GetWorkflow(ctx, list[i].WorkflowID, list[i].RunID).Get(ctx, &done)
			list[i].Bytes = done.Bytes
			return err
		})
	}
	return group.Wait()
}

func printRuns(w io.Writer, list []listed, now time.Time) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no runs")
		return
	}
	table := [][]string{{"RUN", "STATE", "ROWS", "BYTES", "STARTED (UTC)", "TOOK"}}
	for _, l := range list {
		rows, bytes, end := "", "", l.CompletedAt
		if l.State == workflows.Completed {
			rows, bytes = watch.Number(l.Rows), watch.Bytes(l.Bytes)
		}
		if end.IsZero() {
			end = now
		}
		started := l.StartedAt.UTC().Format("2006-01-02 15:04:05")
		table = append(table, []string{l.Run, string(l.State), rows, bytes, started, watch.Took(end.Sub(l.StartedAt))})
	}
	watch.Table(w, table, 2, 3)
}
