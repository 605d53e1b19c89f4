package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"consign/internal/config"
	"consign/starter/timetable"
	"consign/starter/watch"
)

func (a *app) schedule() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Have Temporal start runs at the times that the configuration names",
		Long: `Orchestrations and campaigns may have a schedule. Temporal keeps it and starts their runs by itself, as long as workers run.
starter schedule apply tells Temporal about the schedules of the configuration.`,
		Example: "  starter schedule apply --dry-run",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.scheduleApply())
	return cmd
}

func (a *app) scheduleApply() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make Temporal's schedules equal to the configuration",
		Long: `Creates, updates and deletes schedules in Temporal until they are those of the configuration. It shows what differs before it
changes anything, and touches no schedule that another configuration or a person has made. Do it each time that a schedule
was changed, added or removed; doing it again does no harm.

Only the times have to be told. What a run sends is read from the configuration when the run begins.

A schedule that somebody has paused in Temporal stays paused until somebody resumes it there. One that the configuration has
paused is resumed when the configuration no longer says so.`,
		Example: `  starter schedule apply --dry-run     # shows what would be changed
  starter schedule apply`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doScheduleApply(cmd.Context(), dryRun) },
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be changed, and change nothing")
	return cmd
}

// applied is the result of schedule apply.
type applied struct {
	DryRun bool `json:"dry_run"`
	*timetable.Timetable
}

func (a *app) doScheduleApply(ctx context.Context, dryRun bool) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	connection, err := a.dial(ctx, c.Temporal)
	if err != nil {
		return doing("schedule apply", err)
	}
	defer connection.Close()
	wanted := timetable.Wanted(c)
	look, cancel := context.WithTimeout(ctx, answerWait+time.Duration(len(wanted))*time.Second) // each is asked for by itself
	defer cancel()
	t, err := timetable.Look(look, connection.ScheduleClient(), wanted, c.Temporal.TaskQueue)
	if err != nil {
		return doing("schedule apply", a.scheduleRefused(c, err))
	}
	if a.output == "text" {
		printChanges(a.out, t.Changes)
	}
	for _, k := range t.Kept {
		a.tell("note: %s was paused in Temporal (%s) and stays paused; who may resume it does so there, or with\n      temporal schedule toggle --unpause --schedule-id %s",
			scheduleOf(k.Orchestration, k.Campaign), strconv.Quote(k.Note), quoted(k.Schedule))
	}
	if !dryRun {
		if err := a.applyAll(ctx, c, t); err != nil {
			return err
		}
	}
	return a.result(applied{dryRun, t}, func(w io.Writer) { fmt.Fprintln(w, summary(t, dryRun)) })
}

func (a *app) applyAll(ctx context.Context, c *config.Config, t *timetable.Timetable) error {
	for i, change := range t.Changes {
		one, cancel := context.WithTimeout(ctx, answerWait)
		err := t.Apply(one, change)
		cancel()
		if err != nil {
			err = a.scheduleRefused(c, fmt.Errorf("%w (%d of %d changes were made)", err, i, len(t.Changes)))
			return doing("schedule apply", err)
		}
	}
	return nil
}

// scheduleRefused explains why a schedule cannot be what the configuration says.
func (a *app) scheduleRefused(c *config.Config, err error) error {
	var invalid *serviceerror.InvalidArgument
	switch {
	case errors.Is(err, timetable.ErrForeign):
		return wrong(err, "nothing was changed; rename the orchestration or campaign, or have the schedule deleted by whoever made it")
	case errors.As(err, &invalid):
		return wrong(err, "Temporal does not take the schedule: it may not know the time zone, or allow no schedules")
	default:
		return a.asked(c.Temporal, "", err)
	}
}

func scheduleOf(orchestration, campaign string) string {
	if campaign != "" {
		return "campaign " + campaign
	}
	return orchestration
}

func printChanges(w io.Writer, changes []timetable.Change) {
	var table [][]string
	for _, c := range changes {
		var lines []string
		switch c.Do {
		case timetable.Create:
			line := c.Cron + " in " + c.TimeZone
			if c.Paused {
				line += ", paused"
			}
			lines = append(lines, line)
		case timetable.Update:
			for _, d := range c.Differences {
				lines = append(lines, fmt.Sprintf("%s: %s -> %s", d.What, d.From, d.To))
			}
		default:
			lines = append(lines, "has no schedule in the configuration")
		}
		first := []string{c.Do, scheduleOf(c.Orchestration, c.Campaign)}
		for _, line := range lines {
			table = append(table, append(first, line))
			first = []string{"", ""}
		}
	}
	watch.Table(w, table)
}

// summary says what was done, or would be.
func summary(t *timetable.Timetable, dryRun bool) string {
	if len(t.Changes) == 0 {
		return "nothing to do: " + watch.Count(int64(t.Unchanged), "schedule") + " as the configuration says"
	}
	count := map[string]int{}
	for _, c := range t.Changes {
		count[c.Do]++
	}
	var parts []string
	for _, do := range []string{timetable.Create, timetable.Update, timetable.Delete} {
		if count[do] > 0 {
			parts = append(parts, fmt.Sprintf("%d %sd", count[do], do))
		}
	}
	text := strings.Join(append(parts, fmt.Sprintf("%d unchanged", t.Unchanged)), ", ")
	if dryRun {
		return "dry run, nothing was changed: would be " + text
	}
	return text
}
