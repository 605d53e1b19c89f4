package demo

import (
	"context"
	"encoding/json"
	"fmt"

	"consign/starter/watch"
	"consign/workflows"
)

// runKey is what the demo's runs are called.
const runKey = "demo"

// A delivery is one that the demo makes.
type delivery struct {
	name  string // the orchestration
	about string
	done  workflows.Completion
}

// send makes a delivery by the command that a newcomer would type.
func (s *script) send(ctx context.Context, d *delivery) error {
	s.say("%s:", d.about)
	s.say("$ starter send %s --run-key %s --wait", d.name, runKey)
	waiting, stop := s.world.worker.whileItLives(ctx)
	defer stop()
	out, status := s.Starter(waiting, s.world.environment, "-o", "json", "send", d.name, "--run-key", runKey, "--wait")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var answer struct {
		Completion workflows.Completion `json:"completion"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || status != 0 {
		return fmt.Errorf("%s: %w: starter ended with status %d%s", d.name, ErrNotDelivered, status, s.world.worker.lastWords())
	}
	d.done = answer.Completion
	s.say("Delivered %s, %s, in %s.", watch.Count(d.done.Rows, "row"), watch.Bytes(d.done.Bytes), watch.Took(d.done.CompletedAt.Sub(d.done.StartedAt)))
	return nil
}
