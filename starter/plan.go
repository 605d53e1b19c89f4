package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/source"
	"consign/internal/table"
)

type planOptions struct {
	at, as, runKey string
}

func (a *app) plan() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan ORCHESTRATION",
		Short: "Print what a run would send, and touch nothing",
		Long: `Prints what a run of the orchestration would send: the objects' keys, every setting and where it came from, the columns, and
the statement with which a loader reads the files. The query's columns are asked for; the query is not run, no bucket is
touched and Temporal is not needed.`,
		Example:           "  starter plan vips-weekly --at 2026-11-23T06:00:00Z",
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeOrchestration,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.doPlan(cmd.Context(), args[0], o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.at, "at", "", "the `time` that the run takes for now, such as 2026-11-23T06:00:00Z or 2026-11-23")
	flags.StringVar(&o.as, "as", "", "the `user` who asks for it (required if the configuration has users)")
	flags.StringVar(&o.runKey, "run-key", "", "the run's `key` (default: --at)")
	must(cmd.RegisterFlagCompletionFunc("as", a.completeUser))
	return cmd
}

// unknownRun stands for the run's id, which Temporal gives to a run when it starts.
const unknownRun = "RUN-ID"

func (a *app) doPlan(ctx context.Context, name string, o planOptions) error {
	now, err := a.moment(o.at)
	if err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if err := known(c, name); err != nil {
		return err
	}
	if err := a.requester(c, o.as); err != nil {
		return err
	}
	if o.runKey == "" {
		o.runKey = now.Format(time.RFC3339)
	}
	request := plan.Request{Orchestration: name, RunKey: o.runKey, RunID: unknownRun, Now: now, RequestedBy: o.as}
	p, err := makePlan(ctx, c, request)
	switch {
	case errors.Is(err, plan.ErrRefused):
		return &exit{exitRefused, fmt.Errorf("plan %s: %w", name, err), ""}
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return wrong(fmt.Errorf("plan %s: %w", name, err), "")
	}
	return a.result(p, p.Print)
}

// makePlan describes the query's columns, which touches nothing but the source, and resolves the rest.
func makePlan(ctx context.Context, c *config.Config, request plan.Request) (*plan.Plan, error) {
	query, err := plan.QueryOf(c, request)
	if err != nil {
		return nil, err
	}
	schema, err := describe(ctx, c, query)
	if err != nil {
		return nil, fmt.Errorf("query %s, source %s: %w", query.Name, query.Source, err)
	}
	return plan.Make(c, request, schema)
}

func describe(ctx context.Context, c *config.Config, query *config.Query) (table.Schema, error) {
	options, err := c.SourceOptions(query.Source)
	if err != nil {
		return nil, err
	}
	s, err := source.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	schema, err := s.Describe(ctx, query.SQL)
	return schema, errors.Join(err, s.Close())
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
