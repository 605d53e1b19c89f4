package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"consign/workflows"
)

const (
	smallRows   = 1_000 // of each of the many sends
	startAtOnce = 32    // starts under way at the same time
)

// manySends is what came of many orchestrations that were started at once on one worker.
type manySends struct {
	Sends    int        `json:"sends"`
	Workers  int        `json:"workers"`
	Seconds  float64    `json:"seconds"`   // from the first start until the last is delivered
	Started  float64    `json:"started"`   // when the last one was started
	CPU      float64    `json:"cpu"`       // the workers'
	Servers  [2]float64 `json:"servers"`   // likewise of Temporal and of S3
	Peak     int64      `json:"peak"`      // of the worker, bytes
	HalfPeak int64      `json:"half_peak"` // when half of the sends were over
	Events   int64      `json:"events"`    // of the longest history
	Again    int        `json:"again"`     // steps that timed out or failed, and were tried again

	Reasons   map[string]int `json:"reasons,omitempty"` // why they were
	Delivered int            `json:"delivered"`
}

// String is the report's line.
func (m *manySends) String() string {
	return fmt.Sprintf("%d of %d orchestrations of %d rows delivered in %.1f s by %d worker(s), %.1f per second; CPU %.1f s (Temporal %.1f s, S3 %.1f s), %d MiB (%d MiB after half of them); longest history %d events; %d steps tried again%s",
		m.Delivered, m.Sends, smallRows, m.Seconds, m.Workers, float64(m.Sends)/m.Seconds, m.CPU, m.Servers[0], m.Servers[1], m.Peak>>20, m.HalfPeak>>20, m.Events, m.Again, m.reasons())
}

func (m *manySends) reasons() string {
	text := ""
	for _, why := range slices.Sorted(maps.Keys(m.Reasons)) {
		text += fmt.Sprintf("; %d times: %s", m.Reasons[why], why)
	}
	return text
}

// many starts many small sends at once, each of an orchestration of its own.
func (w *world) many(ctx context.Context, j job) (_ record, err error) {
	var more strings.Builder
	for i := range w.o.sends {
		fmt.Fprintf(&more, "  - {name: %s, query: all, data_template: all}\n", small(j, i))
	}
	var workers fleet
	defer func() { err = errors.Join(err, workers.stop()) }()
	for i := range w.o.workers {
		config, err := w.configure(j, fmt.Sprintf("%s-%d", j.name, i), more.String())
		if err != nil {
			return record{}, err
		}
		p, err := w.startWorker(ctx, config)
		if err != nil {
			return record{}, err
		}
		workers = append(workers, p)
	}
	m := &manySends{Sends: w.o.sends, Workers: w.o.workers}
	key := strconv.FormatInt(time.Now().Unix(), 36)
	if err := w.sendMany(ctx, j, workers, key, m); err != nil {
		return record{}, errors.Join(err, workers[0].said())
	}
	if err := w.histories(ctx, j, key, m); err != nil {
		return record{}, err
	}
	return record{Job: j.name, Rows: min(smallRows, w.o.rows), Runs: w.o.workers, Many: m}, nil
}

// A fleet is the workers of one measurement, together.
type fleet []*worker

func (f fleet) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, p := range f {
		used, err := p.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// peak is the largest worker's.
func (f fleet) peak() (int64, error) {
	var most int64
	for _, p := range f {
		peak, err := p.peak()
		if err != nil {
			return 0, err
		}
		most = max(most, peak)
	}
	return most, nil
}

func (f fleet) stop() error {
	var errs []error
	for _, p := range f {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

func small(j job, i int) string { return fmt.Sprintf("%s-%04d", j.name, i) }

// sendMany starts all and waits for all.
func (w *world) sendMany(ctx context.Context, j job, p fleet, key string, m *manySends) error {
	processes := []fleet{p, {{pid: w.stack.Temporal.PID()}}, {{pid: w.stack.S3.PID()}}}
	before, err := cpus(processes)
	if err != nil {
		return err
	}
	begun := time.Now()
	runs, err := w.startMany(ctx, j, key)
	if err != nil {
		return err
	}
	m.Started = time.Since(begun).Seconds()
	end := begun
	for i, run := range runs {
		var done workflows.Completion
		if err := run.Get(ctx, &done); err != nil {
			return err
		}
		if want := w.rows(j); done.Rows != int64(want) {
			return fmt.Errorf("%s: %d rows were delivered instead of %d", done.Orchestration, done.Rows, want)
		}
		if done.CompletedAt.After(end) {
			end = done.CompletedAt
		}
		if m.Delivered++; i == len(runs)/2 {
			if m.HalfPeak, err = p.peak(); err != nil {
				return err
			}
		}
	}
	after, err := cpus(processes)
	if err != nil {
		return err
	}
	m.Seconds, m.CPU = end.Sub(begun).Seconds(), after[0]-before[0]
	m.Servers = [2]float64{after[1] - before[1], after[2] - before[2]}
	m.Peak, err = p.peak()
	return err
}

func (w *world) startMany(ctx context.Context, j job, key string) ([]client.WorkflowRun, error) {
	runs := make([]client.WorkflowRun, w.o.sends)
	starts, starting := errgroup.WithContext(ctx)
	starts.SetLimit(startAtOnce)
	for i := range runs {
		starts.Go(func() (err error) {
			name := small(j, i)
			runs[i], err = w.start(starting, name, key)
			return err
		})
	}
	return runs, starts.Wait()
}

// cpus is the processor time of each fleet, in seconds.
func cpus(fleets []fleet) ([]float64, error) {
	var seconds []float64
	for _, f := range fleets {
		used, err := f.cpu()
		if err != nil {
			return nil, err
		}
		seconds = append(seconds, used.Seconds())
	}
	return seconds, nil
}

func (m *manySends) again(why string) {
	if m.Reasons == nil {
		m.Reasons = map[string]int{}
	}
	m.Again++
	m.Reasons[why]++
}

// histories counts the events of each run, and the steps that nobody did in time.
func (w *world) histories(ctx context.Context, j job, key string, m *manySends) error {
	for i := range w.o.sends {
		events := int64(0)
		history := w.temporal.GetWorkflowHistory(ctx, workflows.OrchestrationID(small(j, i), key), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				return err
			}
			events++
			if timedOut := event.GetActivityTaskTimedOutEventAttributes(); timedOut != nil {
				m.again(timedOut.GetFailure().GetMessage())
			}
			if started := event.GetActivityTaskStartedEventAttributes(); started.GetAttempt() > 1 {
				m.again(started.GetLastFailure().GetMessage())
			}
		}
		m.Events = max(m.Events, events)
	}
	return nil
}
