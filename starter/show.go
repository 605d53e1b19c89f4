package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"consign/activities"
	"consign/internal/config"
	"consign/starter/watch"
	"consign/workflows"
)

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: its steps, what is wrong, and what to do",
		Long: `Shows one run: its state, its steps, how far the step at work is, and, if it is parked or has failed, what is wrong, whose it
is to fix, and what to do.`,
		Example:           "  starter show vips-weekly/2026-11-23",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.doShow(cmd.Context(), args[0]) },
	}
}

// shown is the result of show.
type shown struct {
	Run string `json:"run"`
	watch.Snapshot
	Completion any `json:"completion,omitempty"` // workflows.Completion, or CampaignCompletion
}

func (a *app) doShow(ctx context.Context, run string) error {
	id, err := a.workflowID(run)
	if err != nil {
		return err
	}
	t, err := a.temporal()
	if err != nil {
		return err
	}
	s, err := a.lookAt(ctx, t, id)
	if err != nil {
		return doing("show "+run, err)
	}
	return a.result(s, func(w io.Writer) { a.printShown(w, s) })
}

func (a *app) lookAt(ctx context.Context, t config.Temporal, id string) (shown, error) {
	connection, err := a.dial(ctx, t)
	if err != nil {
		return shown{}, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	snapshot, err := watch.Look(ctx, watch.Of(connection), id, "")
	if err != nil {
		return shown{}, a.asked(t, id, err)
	}
	s := shown{Run: shortRun(id), Snapshot: snapshot}
	switch {
	case snapshot.Open:
	case snapshot.IsCampaign:
		s.Completion, err = watch.CampaignEnded(ctx, watch.Of(connection), snapshot)
	default:
		s.Completion, err = watch.Ended(ctx, watch.Of(connection), snapshot)
	}
	return s, err
}

func (a *app) printShown(w io.Writer, s shown) {
	fmt.Fprintf(w, "run         %s\nworkflow    %s\nrun id      %s\nstate       %s\nstarted     %s\n",
		s.Run, s.WorkflowID, s.RunID, s.State, s.Started.UTC().Format(time.RFC3339))
	if !s.Closed.IsZero() {
		fmt.Fprintf(w, "ended       %s, after %s\n", s.Closed.UTC().Format(time.RFC3339), watch.Took(s.Closed.Sub(s.Started)))
	}
	printProgress(w, s)
	if s.Open {
		a.printWorking(w, s)
	}
	switch done := s.Completion.(type) {
	case workflows.Completion:
		fmt.Fprintln(w)
		printDelivery(w, done)
		printFailure(w, done.Failure)
	case workflows.CampaignCompletion:
		fmt.Fprintln(w)
		printCampaign(w, done)
		printFailure(w, done.Failure)
	default:
		a.printParked(w, s)
	}
}

// printProgress writes how the steps stand, and the groups of a campaign. Of a run that Temporal has ended, it is how they stood.
func printProgress(w io.Writer, s shown) {
	switch {
	case s.Progress == nil && s.TaskTries > 1:
		fmt.Fprintf(w, "\nit stands still: %d times no worker could say what comes next (task queue %s). The worker's log says why, and so does\n"+
			"Temporal's UI, by the event WorkflowTaskFailed; it goes on by itself when that is mended\n", s.TaskTries, s.Queue)
		return
	case s.Progress == nil:
		fmt.Fprintf(w, "\nno worker answers, so that its steps cannot be shown (task queue %s)\n", s.Queue)
		return
	}
	fmt.Fprintln(w)
	if !s.Open && (s.Progress.State == workflows.Running || s.Progress.State == workflows.Parked) {
		fmt.Fprintln(w, "as it stood when Temporal ended it:")
	}
	printSteps(w, s.Progress.Steps)
	if len(s.Progress.Deliveries) > 0 {
		fmt.Fprintln(w)
		printGroups(w, s.Progress.Deliveries)
	}
}

// printWorking writes what a run that is not over is at, or waits for.
func (a *app) printWorking(w io.Writer, s shown) {
	if s.Progress != nil && s.Progress.WaitsFor != "" {
		fmt.Fprintf(w, "\nwaits for its turn: %s delivers\n", s.Progress.WaitsFor)
	}
	for _, step := range s.Working {
		fmt.Fprintln(w, "\n"+watch.Describe(step, a.clock()))
	}
	if s.Progress != nil && s.Progress.Telling {
		fmt.Fprintf(w, "\nall else is done; to wait no longer: %s\n", a.command("abort", s.Run))
	}
}

func printFailure(w io.Writer, f *activities.Failure) {
	if f != nil {
		fmt.Fprint(w, failureText(f))
	}
}

func (a *app) printParked(w io.Writer, s shown) {
	if s.State == workflows.Parked && s.Progress != nil {
		fmt.Fprintln(w, "\n"+a.parkedText(s.Run, *s.Progress))
	}
}

func printSteps(w io.Writer, steps []workflows.StepProgress) {
	table := [][]string{{"STEP", "STATE", "ROWS", "BYTES"}}
	for _, step := range steps {
		rows, bytes := "", ""
		if step.Rows > 0 {
			rows = watch.Number(step.Rows)
		}
		if step.Bytes > 0 {
			bytes = watch.Bytes(step.Bytes)
		}
		table = append(table, []string{strings.TrimSpace(step.Name + " " + step.Target), step.State, rows, bytes})
	}
	watch.Table(w, table, 2, 3)
}
