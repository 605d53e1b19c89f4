package main

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
)

const (
	// twinEvery is how often a worker looks whether another one has its host's id.
	twinEvery = time.Minute
	// pollAge is how long Temporal names a worker after its last poll began, at most, while it lives: a poll takes a minute.
	pollAge = 2 * time.Minute
)

// watchForTwins warns, until ctx ends, if another worker takes steps from the queue of this one's host: its workspace is a
// copy, with the host's id in it, and the steps that it takes do not find their files.
func watchForTwins(ctx context.Context, c client.Client, queue, self string, log *slog.Logger) {
	start := time.Now()
	tick := time.NewTicker(twinEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if twin := twinOf(ctx, c, queue, self, start); twin != "" {
			log.Warn("another worker has this host's id: its workspace is a copy of this one, or this one of its. "+
				"Stop the worker on the copy, remove host-id from the copy, and start it again", "other", twin, "queue", queue)
		}
	}
}

// twinOf returns the identity of another worker that polls a queue. One that died before since is still named for a while.
func twinOf(ctx context.Context, c client.Client, queue, self string, since time.Time) string {
	found, err := c.DescribeTaskQueue(ctx, queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return "" // it is asked again
	}
	for _, p := range found.GetPollers() {
		if p.GetIdentity() != self && p.GetLastAccessTime().AsTime().After(since.Add(pollAge)) {
			return p.GetIdentity()
		}
	}
	return ""
}
