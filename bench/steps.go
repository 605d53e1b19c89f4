package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
)

// A stepTime is how long the calls of one activity took in one delivery, from the first one's start to the last one's
// end: what is left of the whole is Temporal's.
type stepTime struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

// steps reads the times of a delivery's activities from its history, in the order in which they began.
func (w *world) steps(ctx context.Context, workflowID string) ([]stepTime, error) {
	type span struct{ from, to time.Time }
	var order []string
	spans := map[string]*span{}
	names := map[int64]string{}     // by the event that scheduled it
	starts := map[int64]time.Time{} // by the same
	for events := w.temporal.GetWorkflowHistory(ctx, workflowID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", workflowID, err)
		}
		switch {
		case e.GetActivityTaskScheduledEventAttributes() != nil:
			names[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case e.GetActivityTaskStartedEventAttributes() != nil:
			starts[e.GetActivityTaskStartedEventAttributes().GetScheduledEventId()] = e.GetEventTime().AsTime()
		case e.GetActivityTaskCompletedEventAttributes() != nil:
			scheduled := e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()
			name := names[scheduled]
			if spans[name] == nil {
				spans[name] = &span{from: starts[scheduled]}
				order = append(order, name)
			}
			spans[name].to = e.GetEventTime().AsTime()
		}
	}
	times := make([]stepTime, 0, len(order))
	for _, name := range order {
		times = append(times, stepTime{name, spans[name].to.Sub(spans[name].from).Seconds()})
	}
	return times, nil
}

// stepTimes are the medians of each step over the runs.
func (m measurement) stepTimes() []stepTime {
	var names []string
	seconds := map[string][]float64{}
	for _, run := range m.Steps {
		for _, t := range run {
			if seconds[t.Step] == nil {
				names = append(names, t.Step)
			}
			seconds[t.Step] = append(seconds[t.Step], t.Seconds)
		}
	}
	times := make([]stepTime, len(names))
	for i, name := range names {
		times[i] = stepTime{name, median(seconds[name])}
	}
	return times
}

// rest is what of a run is not in its long steps. Discard is not in the run: it comes after the success file.
func (m measurement) rest() float64 {
	rests := make([]float64, len(m.Steps))
	for i, run := range m.Steps {
		rests[i] = m.Wall[i]
		for _, t := range run {
			if t.Seconds >= longStep && t.Step != "Discard" {
				rests[i] -= t.Seconds
			}
		}
	}
	return median(rests)
}

// longStep is how long a step takes that is told by name.
const longStep = 0.1

// longSteps are the steps that took so long, for people.
func longSteps(times []stepTime) string {
	var said []string
	for _, t := range times {
		if t.Seconds >= longStep {
			said = append(said, fmt.Sprintf("%s %.2f", t.Step, t.Seconds))
		}
	}
	return strings.Join(said, ", ")
}
