package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"consign/activities"
	"consign/internal/config"
	"consign/internal/plan"
)

type planOptions struct {
	campaign, at, as, runKey string
}

func (a *app) plan() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan ORCHESTRATION | --campaign CAMPAIGN",
		Short: "Print what a run would send, and touch nothing",
		Long: `Prints what a run of the orchestration would send: the objects' keys, every setting and where it came from, the columns, and
the statement with which a loader reads the files. The query's columns are asked for; the query is not run, no bucket is
touched and Temporal is not needed.

With --campaign it prints the same for every group of the campaign.`,
		Example: `  starter plan vips-weekly --at 2026-11-23T06:00:00Z
  starter plan --campaign spring-sale --as dana`,
		Args: func(cmd *cobra.Command, args []string) error {
			want := 1
			if o.campaign != "" {
				want = 0
			}
			return usage(cobra.ExactArgs(want))(cmd, args)
		},
		ValidArgsFunction: a.proposals(orchestrations),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doPlan(cmd.Context(), strings.Join(args, ""), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.campaign, "campaign", "", "plan this `campaign`, all of its groups")
	must(cmd.RegisterFlagCompletionFunc("campaign", a.proposals(campaigns)))
	flags.StringVar(&o.at, "at", "", "the `time` that the run takes for now, such as 2026-11-23T06:00:00Z or 2026-11-23")
	flags.StringVar(&o.as, "as", "", "the `user` who asks for it (required if the configuration has users)")
	flags.StringVar(&o.runKey, "run-key", "", "the run's `key` (default: --at)")
	must(cmd.RegisterFlagCompletionFunc("as", a.completeUser))
	return cmd
}

// unknownRun stands for the run's id, which Temporal gives to a run when it starts.
const unknownRun = "RUN-ID"

func (a *app) doPlan(ctx context.Context, name string, o planOptions) error {
	if err := (sendOptions{runKey: o.runKey}).check(); err != nil {
		return err
	}
	now, err := a.moment(o.at)
	if err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if o.campaign == "" {
		err = known("orchestration", name, orchestrations(c))
	} else {
		err = known("campaign", o.campaign, campaigns(c))
	}
	if err != nil {
		return err
	}
	if err := a.requester(c, o.as); err != nil {
		return err
	}
	if o.runKey == "" {
		o.runKey = now.Format(time.RFC3339)
	}
	request := plan.Request{Orchestration: name, Campaign: o.campaign, RunKey: o.runKey, RunID: unknownRun, Now: now, RequestedBy: o.as, Today: a.clock()}
	value, text, err := makePlan(ctx, c, request)
	name = cmp.Or(name, o.campaign)
	switch {
	case errors.Is(err, plan.ErrRefused):
		return &exit{exitRefused, fmt.Errorf("plan %s: %w", name, err), ""}
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return unplanned(fmt.Errorf("plan %s: %w", name, err))
	}
	return a.result(value, text)
}

// unplanned tells a configuration of which no plan can be made from a source that does not answer today.
func unplanned(err error) error {
	if f := activities.Trouble(err); f != nil {
		return failed(err, f.Advice)
	}
	return wrong(err, "")
}

// planned is a plan with its objects: it holds the templates of their names, and the text has the names.
type planned struct {
	*plan.Plan
	Objects []plan.Object `json:"objects"`
}

type plannedCampaign struct {
	*plan.Campaign
	Groups []plannedGroup `json:"groups"`
}

type plannedGroup struct {
	plan.Group
	Deliveries []planned `json:"deliveries"`
}

func withObjects(c *plan.Campaign) plannedCampaign {
	all := plannedCampaign{Campaign: c}
	for _, g := range c.Groups {
		group := plannedGroup{Group: g, Deliveries: []planned{}}
		for _, d := range g.Deliveries {
			group.Deliveries = append(group.Deliveries, planned{d, d.Objects()})
		}
		all.Groups = append(all.Groups, group)
	}
	return all
}

// makePlan makes the plan of a run or of a campaign, as the worker does, and returns what prints it too.
func makePlan(ctx context.Context, c *config.Config, request plan.Request) (any, func(io.Writer), error) {
	if request.Campaign != "" {
		p, err := activities.ResolveCampaign(ctx, c, request, 0, 0)
		if err != nil {
			return nil, nil, err
		}
		return withObjects(p), p.Print, nil
	}
	p, err := activities.Resolve(ctx, c, request, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	return planned{p, p.Objects()}, p.Print, nil
}

// moment reads --at.
func (a *app) moment(text string) (time.Time, error) {
	if text == "" {
		return a.clock().UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, wrong(fmt.Errorf("--at %q is not a time", text), "write 2026-11-23T06:00:00Z, or 2026-11-23; without a zone it is UTC")
}
