package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"consign/activities"
	"consign/internal/config"
	"consign/starter/watch"
	"consign/workflows"
)

func (a *app) campaign() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "campaign CAMPAIGN",
		Short: "Deliver the groups of a campaign, or find the run if it was started before",
		Long: `Starts a run of a campaign and prints its workflow and run id. Every group is delivered through each of its data templates, by a
run of its own that is shown, retried and aborted by itself; the campaign is over when all of them are.

The whole campaign is planned first: if one group cannot be planned, or the user may not send it, nothing is sent.

A run is known by its run key, as with send. With --wait it shows the progress; it ends with status 4 as soon as a group is parked,
while the others go on.`,
		Example: `  starter campaign spring-sale --wait
  starter campaign spring-sale --run-key 2026-11-23 --as dana`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.proposals(campaigns),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doSend(cmd.Context(), aCampaign(), args[0], o)
		},
	}
	o.keyFlag(cmd)
	o.flags(a, cmd)
	return cmd
}

func aCampaign() startable {
	return startable{
		command: "campaign", workflow: workflows.TypeCampaign, kind: "campaign", names: campaigns, id: workflows.CampaignID,
		marks: func(_ *config.Config, name string) workflows.Marks { return workflows.Marks{Campaign: name} },
		input: func(name string, o sendOptions) any {
			return workflows.CampaignInput{Campaign: name, RunKey: o.runKey, RequestedBy: activities.Requester{Name: o.as}}
		},
	}
}

// campaignOver prints how a campaign has ended.
func (a *app) campaignOver(ctx context.Context, connection client.Client, s sent, snapshot watch.Snapshot) error {
	done, err := watch.CampaignEnded(ctx, watch.Of(connection), snapshot)
	if err != nil {
		return err
	}
	s.Completion, s.Failure = done, done.Failure
	if err := a.result(s, func(w io.Writer) { printCampaign(w, done) }); err != nil {
		return err
	}
	return a.ending(s, a.afresh("", cmp.Or(done.Campaign, s.Campaign), "--run-key", "NEW-KEY"))
}

// printCampaign writes what a campaign has delivered, group by group.
func printCampaign(w io.Writer, c workflows.CampaignCompletion) {
	for _, g := range c.Groups {
		if len(g.Deliveries) == 0 {
			fmt.Fprintf(w, "group %s: not delivered, it has no data template\n\n", g.Name)
		}
		for _, d := range g.Deliveries {
			fmt.Fprintf(w, "group %s to %s: %s\n", g.Name, d.DataTemplate, shortRun(d.WorkflowID))
			printDelivery(w, d)
			if d.Status != workflows.Completed && d.Failure != nil {
				fmt.Fprintf(w, "%s: %s\n", d.Status, sentence(*d.Failure))
			}
			fmt.Fprintln(w)
		}
	}
	if c.Groups == nil { // it was ended by Temporal, and what its runs have delivered stands in none of them
		return
	}
	fmt.Fprintf(w, "campaign %s: %s, %s, %s in %s\n", c.Status, watch.Count(int64(c.ObjectCount), "object"), watch.Count(c.Rows, "row"),
		watch.Bytes(c.Bytes), watch.Took(c.CompletedAt.Sub(c.StartedAt)))
	for _, id := range c.NotNotified {
		fmt.Fprintf(w, "warning: workflow %s was never there to be told\n", id)
	}
}

// parkedGroups says for each parked group of a campaign what is wrong with it, whose it is, and what to do.
func (a *app) parkedGroups(campaign string, deliveries []workflows.GroupProgress) string {
	text, others := "", ""
	for _, d := range deliveries {
		switch d.State {
		case workflows.Waiting, workflows.Running:
			others = "the other groups go on; "
		case workflows.Parked:
			text += fmt.Sprintf("group %s to %s is parked\n%s\n", d.Group, d.DataTemplate, indented("  ", a.parkedText(shortRun(d.WorkflowID), workflows.Progress{Failure: d.Failure, NoReplan: d.NoReplan})))
		default: // over
		}
	}
	return text + others + "the campaign is over when all are\n" + a.command("abort", campaign) + "\n  gives the whole campaign up"
}

// printGroups writes how the deliveries of a campaign stand.
func printGroups(w io.Writer, deliveries []workflows.GroupProgress) {
	table := [][]string{{"GROUP", "DATA TEMPLATE", "STATE", "ROWS", "BYTES", "RUN"}}
	for _, d := range deliveries {
		rows, bytes := "", ""
		if d.State == workflows.Completed {
			rows, bytes = watch.Number(d.Rows), watch.Bytes(d.Bytes)
		}
		table = append(table, []string{d.Group, d.DataTemplate, string(d.State), rows, bytes, shortRun(d.WorkflowID)})
	}
	watch.Table(w, table, 3, 4)
}
