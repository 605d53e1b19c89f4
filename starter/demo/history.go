package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"
)

// ErrTold means that something stands in Temporal's history that may not.
var ErrTold = errors.New("a secret or a value of the data is in Temporal's history")

// searchHistories looks for secrets and values of the data in all that Temporal keeps of the runs.
func (s *script) searchHistories(ctx context.Context, deliveries []delivery) error {
	c, err := s.world.stack.Temporal.Client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	events := 0
	for _, d := range deliveries {
		n, err := search(c.GetWorkflowHistory(ctx, d.done.WorkflowID, d.done.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT), s.world.unspeakable())
		if err != nil {
			return fmt.Errorf("history of %s: %w", d.name, err)
		}
		events += n
	}
	s.line("The %d events of these runs were searched for keys, passwords and values of the data: none is in them.", events)
	return nil
}

// search returns how many events a history has, and an error if one of them holds what is unspeakable.
func search(history client.HistoryEventIterator, unspeakable map[string]string) (events int, err error) {
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return events, err
		}
		raw, err := proto.Marshal(event)
		if err != nil {
			return events, err
		}
		for what, value := range unspeakable {
			if bytes.Contains(raw, []byte(value)) {
				return events, fmt.Errorf("event %d: %w: %s", event.GetEventId(), ErrTold, what)
			}
		}
		events++
	}
	return events, nil
}

// unspeakable is what may not stand in a history: secrets, and what only stands in the data.
func (w *world) unspeakable() map[string]string {
	return map[string]string{
		"the secret access key":   w.environment["ACME_SECRET_ACCESS_KEY"],
		"the owner's secret key":  w.stack.S3.SecretKey,
		"a customer's address":    "+news@example.",
		"a customer's name":       "Dvořák",
		"a customer's street":     "Hinterhaus",
		"the private OpenPGP key": "PRIVATE KEY",
	}
}
