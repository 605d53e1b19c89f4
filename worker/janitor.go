package main

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"consign/activities"
	"consign/internal/workspace"
)

// sweepEvery is how often the janitor looks at least. A run that ends in order cleans up by itself; this is for the
// others, and for files that were kept for a while.
const sweepEvery = time.Minute

// janitor removes what runs have left on this host that Temporal says are over, until ctx ends.
func janitor(ctx context.Context, c client.Client, steps *activities.Steps, log *slog.Logger) {
	timer := time.NewTimer(sweepEvery)
	defer timer.Stop()
	for {
		removed, err := activities.Sweep(ctx, steps, func(ctx context.Context, r *workspace.Run) (bool, error) { return over(ctx, c, r) })
		if err != nil && ctx.Err() == nil {
			log.Warn("some finished runs could not be cleaned up; they are tried again", "error", err)
		}
		if removed > 0 {
			log.Info("removed what finished runs had left", "runs", removed)
		}
		timer.Reset(activities.NextSweep(steps, sweepEvery))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// over reports whether nobody will come back to a run's files. The latest run of the workflow decides: a reset goes on
// with the files of the run that it was reset from.
func over(ctx context.Context, c client.Client, r *workspace.Run) (bool, error) {
	if r.WorkflowID == "" {
		return true, nil // a crash left a folder before it had a description: nothing can be in it
	}
	return activities.Closed(ctx, c, r.WorkflowID)
}
