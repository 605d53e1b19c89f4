package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"consign/activities"
	"consign/internal/config"
	"consign/internal/plan"
	"consign/starter/watch"
	"consign/workflows"
)

type redeliverOptions struct {
	sendOptions
	to string
}

func (a *app) redeliver() *cobra.Command {
	var o redeliverOptions
	cmd := &cobra.Command{
		Use:   "redeliver RUN",
		Short: "Send a finished run's files again, without asking the source",
		Long: `Sends the files of a run that has delivered once more: the same bytes under the same names, for as long as workspace.keep
keeps them on the host that made them. The source is not asked. Bucket, credential, public keys and access are those of the
configuration as it is now; if the files are encrypted and the recipients have changed, they are encrypted anew.

With --to they go by another data template, perhaps to another destination. It may change where they go, what they are called
and for whom they are encrypted, and nothing that is in them: format, dialect, columns, split and encoding have to be the same.

It is a run of its own, which is known by the first one's key with a number: vips-weekly/2026-11-23~2. Each call starts another
one, unless --run-key says which it is.`,
		Example: `  starter redeliver vips-weekly/2026-11-23 --wait
  starter redeliver vips-weekly/2026-11-23 --to acme-archive`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doRedeliver(cmd.Context(), args[0], o)
		},
	}
	cmd.Flags().StringVar(&o.to, "to", "", "the `data template` to send them by (default: the run's own)")
	cmd.Flags().StringVar(&o.runKey, "run-key", "", "the new run's `key` (default: that of RUN with ~2, ~3 and so on)")
	o.flags(a, cmd)
	return cmd
}

func (a *app) doRedeliver(ctx context.Context, run string, o redeliverOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	id, err := a.workflowID(run)
	if err != nil {
		return err
	}
	if strings.HasPrefix(id, "campaign/") {
		return wrong(fmt.Errorf("redeliver %s: a campaign has no files of its own; each of its deliveries is sent again by itself", run),
			a.command("show", shortRun(id))+" names their runs")
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if o.to != "" {
		if err := known("data template", o.to, dataTemplates(c)); err != nil {
			return err
		}
	}
	if err := a.requester(c, o.as); err != nil {
		return err
	}
	connection, err := a.dial(ctx, c.Temporal)
	if err != nil {
		return doing("redeliver "+run, err)
	}
	defer connection.Close()
	s, err := a.again(ctx, c, connection, id, o)
	if err != nil {
		return doing("redeliver "+run, err)
	}
	if o.wait {
		return a.wait(ctx, connection, s, o.timeout)
	}
	return a.sentWithoutWaiting(ctx, c, connection, s)
}

// again starts a run that sends the files of another one.
func (a *app) again(ctx context.Context, c *config.Config, connection client.Client, id string, o redeliverOptions) (sent, error) {
	kept, err := a.recall(ctx, c, connection, id)
	if err != nil {
		return sent{}, err
	}
	// What the worker would refuse is refused here too, where somebody reads it.
	request := plan.Request{RunKey: o.runKey, RequestedBy: o.as, To: o.to}
	p, err := plan.Again(c, request, kept.Plan, a.clock())
	switch {
	case errors.Is(err, plan.ErrRefused):
		return sent{}, &exit{exitRefused, err, ""}
	case errors.Is(err, plan.ErrOtherFiles):
		return sent{}, wrong(err, a.afresh(kept.Plan.Orchestration, kept.Plan.Campaign)+" makes new ones")
	case err != nil:
		return sent{}, wrong(err, "")
	}
	s := sent{Orchestration: kept.Plan.Orchestration, RunKey: o.runKey, RedeliveryOf: id}
	if o.to != "" {
		s.to = []string{"--to", o.to}
	}
	marks := workflows.Marks{Orchestration: s.Orchestration, Campaign: p.Campaign, Destination: p.Destination.Name}
	in := workflows.OrchestrationInput{
		Orchestration: s.Orchestration, RequestedBy: activities.Requester{Name: o.as}, At: &kept.Plan.Now,
		Redeliver: &activities.Redelivery{WorkflowID: id, To: o.to},
	}
	if kept.Plan.Campaign != "" {
		in.Group = &activities.GroupPart{Campaign: kept.Plan.Campaign, Group: kept.Plan.Group, DataTemplate: kept.Plan.DataTemplate}
	}
	if o.runKey != "" {
		s.WorkflowID, in.RunKey = workflows.OrchestrationID(s.Orchestration, o.runKey), o.runKey
		what := anOrchestration()
		what.same = func(found workflows.OrchestrationInput) bool {
			return sendsAgain(found.Redeliver, in.Redeliver, kept.Plan.DataTemplate)
		}
		return a.startOnce(ctx, c, connection, what, s, marks, in)
	}
	for n := 2; !s.Started; n++ {
		s.WorkflowID, s.RunKey = workflows.RedeliveryID(id, n), workflows.RedeliveryKey(kept.Plan.RunKey, n)
		in.RunKey = s.RunKey
		if s, err = a.start(ctx, c, connection, anOrchestration(), s, marks, in); err != nil {
			return s, err
		}
	}
	return s, nil
}

// recall asks a run for what it has left, and refuses what cannot be sent again.
func (a *app) recall(ctx context.Context, c *config.Config, connection client.Client, id string) (activities.Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	described, err := connection.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return activities.Kept{}, a.asked(c.Temporal, id, err)
	}
	kept, err := activities.Recall(ctx, connection, id, "")
	if err == nil {
		if info := described.GetWorkflowExecutionInfo(); info.GetCloseTime() != nil { // it may have been terminated, and knows nothing of that
			kept.State = string(watch.StateOf(info))
		}
		err = kept.Check(shortRun(id))
	}
	// The worker goes by its setting as it is now, which may have been made longer since.
	now := described.GetWorkflowExecutionInfo().GetCloseTime().AsTime().Add(c.Workspace.Keep)
	var anew string
	if kept.Plan != nil {
		anew = a.afresh(kept.Plan.Orchestration, kept.Plan.Campaign) + " sends it anew"
	}
	switch {
	case errors.Is(err, activities.ErrNotKept):
		return kept, failed(err, anew)
	case err != nil:
		return kept, failed(err, "a worker has to run for this: it reads the run's history")
	case kept.Until.Before(a.clock()) && now.Before(a.clock()):
		return kept, failed(fmt.Errorf("the files of %s were kept until %s", shortRun(id), kept.Until.UTC().Format("2006-01-02 15:04 UTC")), anew)
	}
	return kept, nil
}
