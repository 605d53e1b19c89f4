package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"consign/activities"
	"consign/internal/plan"
	"consign/starter/watch"
	"consign/workflows"
)

// lookEvery is how often a run that is waited for is looked at. It is what a person takes for "at once"; Temporal
// answers such a look in milliseconds.
const lookEvery = 400 * time.Millisecond

// wait follows the run and ends as it does.
func (a *app) wait(ctx context.Context, connection client.Client, s sent, timeout time.Duration) error {
	a.tell("%s: workflow %s, run %s", s.name(), s.WorkflowID, s.RunID)
	waiting := ctx
	if timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, timeout, errGaveUp)
		defer cancel()
		waiting = limited
	}
	follower := watch.Follower{Client: watch.Of(connection), View: a.view(), Clock: a.clock, Every: lookEvery}
	snapshot, err := follower.Until(waiting, s.WorkflowID, s.RunID)
	goesOn := "the run goes on: " + a.command("show", shortRun(s.WorkflowID)) + " says how it is getting on"
	switch {
	case ctx.Err() != nil:
		return &exit{exitInterrupted, errInterrupted, goesOn}
	case errors.Is(err, errGaveUp):
		return &exit{exitGaveUp, fmt.Errorf("gave up waiting after %s", watch.Took(timeout)), goesOn}
	case err != nil:
		return failed(fmt.Errorf("follow %s: %w", shortRun(s.WorkflowID), err), goesOn)
	}
	return a.over(ctx, connection, s, snapshot)
}

// over prints how a run that is over, or parked, stands, and ends with the status that belongs to it.
func (a *app) over(ctx context.Context, connection client.Client, s sent, snapshot watch.Snapshot) error {
	s.State, s.RunID = snapshot.State, snapshot.RunID
	if snapshot.Open {
		return a.parked(s, snapshot)
	}
	if snapshot.IsCampaign {
		return a.campaignOver(ctx, connection, s, snapshot)
	}
	done, err := watch.Ended(ctx, watch.Of(connection), snapshot)
	if err != nil {
		return err
	}
	s.Completion, s.Failure = done, done.Failure
	if err := a.result(s, func(w io.Writer) { printDelivery(w, done) }); err != nil {
		return err
	}
	again := a.afresh(cmp.Or(done.Orchestration, s.Orchestration), done.Campaign, "--run-key", "NEW-KEY") // one that was terminated has not said what it is
	if f := s.Failure; s.RedeliveryOf != "" && f != nil && f.Type != activities.TypeFilesNotKept {        // to ask the source is to send other files
		again = a.command(append([]string{"redeliver", shortRun(s.RedeliveryOf)}, s.to...)...)
	}
	return a.ending(s, again)
}

// afresh is the command that begins again with what a run has delivered: a group goes with its campaign.
func (a *app) afresh(orchestration, campaign string, flags ...string) string {
	if campaign != "" {
		return a.command(append([]string{"campaign", campaign}, flags...)...)
	}
	return a.command(append([]string{"send", orchestration}, flags...)...)
}

// ending is the exit of a run that is over. again is the command that starts it afresh.
func (a *app) ending(s sent, again string) error {
	run, f := shortRun(s.WorkflowID), s.Failure
	newKey := "this run stays " + string(s.State) + " under its key; to start afresh: " + again
	switch {
	case s.State == workflows.Completed:
		return nil
	case f == nil:
		return failed(fmt.Errorf("%s: %s", run, s.State), newKey)
	}
	hint := strings.TrimPrefix(f.Advice+"\n"+newKey, "\n")
	switch {
	case f.Type == activities.TypeRefused:
		return &exit{exitRefused, fmt.Errorf("%s: %w: %s", run, plan.ErrRefused, strings.TrimPrefix(f.Message, plan.ErrRefused.Error()+": ")), f.Advice}
	case s.State == workflows.Aborted:
		return failed(fmt.Errorf("%s: %s", run, f.Message), hint)
	default:
		return failed(fmt.Errorf("%s: %s", run, sentence(*f)), hint)
	}
}

func sentence(f activities.Failure) string {
	if f.Step == "" {
		return f.Message
	}
	return f.Step + ": " + f.Message
}

// parked says what is wrong with a parked run, whose it is, and what to do.
func (a *app) parked(s sent, snapshot watch.Snapshot) error {
	var p workflows.Progress
	run := shortRun(s.WorkflowID)
	text := fmt.Sprintf("no worker answers, so that it cannot be shown what is wrong (task queue %s)\n%s\n  says it once one does", snapshot.Queue, a.command("show", run))
	if snapshot.Progress != nil {
		p = *snapshot.Progress
		text = a.parkedText(run, p)
	}
	s.Failure, s.Deadline, s.NoReplan, s.Deliveries = p.Failure, p.Deadline, p.NoReplan, p.Deliveries
	if a.output == "json" {
		if err := a.result(s, nil); err != nil {
			return err
		}
	}
	a.tell("%s", text)
	return &exit{exitParked, fmt.Errorf("%s is parked and waits for an operator", run), ""}
}

// parkedText is what is told of a run, or of a campaign, that is parked.
func (a *app) parkedText(run string, p workflows.Progress) string {
	if len(p.Deliveries) > 0 {
		return a.parkedGroups(run, p.Deliveries)
	}
	text := ""
	if p.Failure != nil {
		text += failureText(p.Failure)
	}
	if !p.Deadline.IsZero() {
		text += "until       " + p.Deadline.UTC().Format("2006-01-02 15:04 UTC") + "; then the run fails and cleans up\n"
	}
	text += "then        " + a.command("retry", run) + "\n" +
		"              goes on at the step that failed\n"
	if !p.NoReplan {
		text += "            " + a.command("retry", run, "--replan") + "\n" +
			"              begins afresh with the configuration as it is by then\n"
	}
	return text + "            " + a.command("abort", run) + "\n" +
		"              gives it up and cleans up"
}

// failureText is what is known of a failure, a line each. The worker is named unless it is the customer's to mend.
func failureText(f *activities.Failure) string {
	var b strings.Builder
	line := func(head, text string) {
		if text != "" {
			fmt.Fprintln(&b, indented(fmt.Sprintf("%-12s", head), text))
		}
	}
	line("step", f.Step)
	line("type", f.Type)
	line("what", f.Message)
	if f.Worker != "" && f.Attribution != activities.Customer {
		line("where", "worker "+f.Worker)
	}
	line("whose", f.Attribution.Whose())
	line("what to do", f.Advice)
	return b.String()
}

// printDelivery writes what a run has delivered, and what it warns of: that nobody knows whether more of it can be read, say.
func printDelivery(w io.Writer, c workflows.Completion) {
	if c.Status == workflows.Completed || len(c.Objects) > 0 {
		printObjects(w, c)
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	for _, id := range c.NotNotified {
		fmt.Fprintf(w, "warning: workflow %s was never there to be told\n", id)
	}
}

// printObjects writes what can be read of a delivery. A run that did not complete may have made objects visible all the
// same, and then it says so.
func printObjects(w io.Writer, c workflows.Completion) {
	if c.Status != workflows.Completed {
		fmt.Fprintf(w, "%s, but these objects are visible:\n", c.Status)
	}
	for _, o := range c.Objects {
		fmt.Fprintf(w, "s3://%s/%s  %s, %s\n", o.Bucket, o.Key, watch.Count(o.Rows, "row"), watch.Bytes(o.Bytes))
	}
	if c.ObjectsTruncated {
		fmt.Fprintf(w, "and %s more", watch.Count(int64(c.ObjectCount-len(c.Objects)), "object"))
		if c.Receipt != "" {
			fmt.Fprint(w, "; the receipt lists them all")
		}
		fmt.Fprintln(w)
	}
	bucket := "" // it is not known where there are no objects
	if len(c.Objects) > 0 {
		bucket = "s3://" + c.Objects[0].Bucket + "/"
	}
	for _, key := range []string{c.Receipt, c.Manifest, c.SuccessFile} {
		if key != "" {
			fmt.Fprintln(w, bucket+key)
		}
	}
	fmt.Fprintf(w, "%s: %s, %s, %s in %s\n", c.Status, watch.Count(int64(c.ObjectCount), "object"), watch.Count(c.Rows, "row"),
		watch.Bytes(c.Bytes), watch.Took(c.CompletedAt.Sub(c.StartedAt)))
}
