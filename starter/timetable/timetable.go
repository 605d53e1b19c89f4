package timetable

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// ErrForeign is wrapped where somebody else's schedule has the id that one of ours needs.
var ErrForeign = errors.New("there is a schedule of that id that is not ours")

// What is to be done to a schedule.
const (
	Create = "create"
	Update = "update"
	Delete = "delete"
)

// A Change makes one schedule of Temporal equal to the configuration.
type Change struct {
	Do            string       `json:"do"` // create | update | delete
	Schedule      string       `json:"schedule"`
	Orchestration string       `json:"orchestration,omitempty"`
	Campaign      string       `json:"campaign,omitempty"`
	Cron          string       `json:"cron,omitempty"` // as it is written
	TimeZone      string       `json:"time_zone,omitempty"`
	Paused        bool         `json:"paused,omitempty"` // it is created, and starts nothing yet
	Differences   []Difference `json:"differences,omitempty"`

	entry Entry
}

// Kept is a schedule that a person has paused in Temporal: it stays so.
type Kept struct {
	Schedule      string `json:"schedule"`
	Orchestration string `json:"orchestration,omitempty"`
	Campaign      string `json:"campaign,omitempty"`
	Note          string `json:"note"` // the person's
}

// A Timetable is what has to be done to make Temporal's schedules equal to the configuration.
type Timetable struct {
	Changes   []Change `json:"changes"`
	Unchanged int      `json:"unchanged"`
	Kept      []Kept   `json:"kept_paused"`

	schedules client.ScheduleClient
	queue     string
}

// Look compares what is wanted with what is in Temporal. queue is the configuration's task queue.
func Look(ctx context.Context, schedules client.ScheduleClient, wanted []Entry, queue string) (*Timetable, error) {
	t := &Timetable{Changes: []Change{}, Kept: []Kept{}, schedules: schedules, queue: queue}
	ids := map[string]bool{}
	for _, e := range wanted {
		ids[e.id()] = true
		if err := t.compare(ctx, e); err != nil {
			return nil, err
		}
	}
	left, err := t.leftOver(ctx, ids)
	if err != nil {
		return nil, err
	}
	t.Changes = append(t.Changes, left...)
	return t, nil
}

// compare asks for the schedule itself, which knows its last change at once; the list of all is told a moment later.
func (t *Timetable) compare(ctx context.Context, e Entry) error {
	change := Change{Schedule: e.id(), Orchestration: e.Orchestration, Campaign: e.Campaign, Cron: e.Cron, TimeZone: e.TimeZone, entry: e}
	is, err := t.schedules.GetHandle(ctx, e.id()).Describe(ctx)
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		change.Do, change.Paused = Create, e.Pause
		t.Changes = append(t.Changes, change)
		return nil
	case err != nil:
		return fmt.Errorf("look at schedule %s: %w", e.id(), err)
	case !t.owns(is.Memo):
		return fmt.Errorf("%w: %s%s", ErrForeign, e.id(), ownedBy(is.Memo))
	}
	_, kept, paused := pause(is.Schedule.State, e.Pause)
	change.Differences = append(differences(is.Schedule, e.schedule(t.queue)), paused...)
	if kept {
		t.Kept = append(t.Kept, Kept{e.id(), e.Orchestration, e.Campaign, is.Schedule.State.Note})
	}
	if len(change.Differences) == 0 {
		t.Unchanged++
		return nil
	}
	change.Do = Update
	t.Changes = append(t.Changes, change)
	return nil
}

// leftOver finds the schedules of ours that the configuration does not have.
func (t *Timetable) leftOver(ctx context.Context, wanted map[string]bool) ([]Change, error) {
	entries, err := t.schedules.List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	var left []Change
	for entries.HasNext() {
		entry, err := entries.Next()
		if err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		in, ours := named(entry.ID)
		if !ours || wanted[entry.ID] || !t.owns(entry.Memo) {
			continue
		}
		is, err := t.schedules.GetHandle(ctx, entry.ID).Describe(ctx)
		var missing *serviceerror.NotFound
		switch {
		case errors.As(err, &missing): // deleted a moment ago, and still listed
		case err != nil:
			return nil, fmt.Errorf("look at schedule %s: %w", entry.ID, err)
		case t.owns(is.Memo):
			left = append(left, Change{Do: Delete, Schedule: entry.ID, Orchestration: in.Orchestration, Campaign: in.Campaign})
		}
	}
	slices.SortFunc(left, func(a, b Change) int { return strings.Compare(a.Schedule, b.Schedule) })
	return left, nil
}

// owns reports whether a schedule's memo says that it is this configuration's.
func (t *Timetable) owns(memo *commonpb.Memo) bool {
	queue, ok := queueOf(memo)
	return ok && queue == t.queue
}

func queueOf(memo *commonpb.Memo) (queue string, ok bool) {
	payload, ok := memo.GetFields()[memoQueue]
	if !ok {
		return "", false
	}
	return queue, converter.GetDefaultDataConverter().FromPayload(payload, &queue) == nil
}

func ownedBy(memo *commonpb.Memo) string {
	if queue, ok := queueOf(memo); ok {
		return ", which belongs to the configuration with the task queue " + queue
	}
	return ""
}

// Apply makes one change.
func (t *Timetable) Apply(ctx context.Context, c Change) error {
	handle := t.schedules.GetHandle(ctx, c.Schedule)
	var err error
	switch c.Do {
	case Create:
		wanted := c.entry.schedule(t.queue)
		_, err = t.schedules.Create(ctx, client.ScheduleOptions{
			ID: c.Schedule, Spec: *wanted.Spec, Action: wanted.Action, Overlap: wanted.Policy.Overlap, CatchupWindow: wanted.Policy.CatchupWindow,
			PauseOnFailure: wanted.Policy.PauseOnFailure, Paused: wanted.State.Paused, Note: wanted.State.Note,
			Memo: map[string]any{memoQueue: t.queue},
		})
	case Update:
		err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(is client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			wanted := c.entry.schedule(t.queue)
			state, _, _ := pause(is.Description.Schedule.State, c.entry.Pause) // a person may have paused it meanwhile
			wanted.State = &state
			return &client.ScheduleUpdate{Schedule: &wanted}, nil
		}})
		if err == nil {
			err = t.settled(ctx, c)
		}
	default:
		err = handle.Delete(ctx)
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) { // somebody else was quicker
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("%s schedule %s: %w", c.Do, c.Schedule, err)
	}
	return nil
}

// settled waits until Temporal shows a schedule as it was updated to: it answers before it has done so.
func (t *Timetable) settled(ctx context.Context, c Change) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		is, err := t.schedules.GetHandle(ctx, c.Schedule).Describe(ctx)
		if err != nil {
			return err
		}
		_, _, paused := pause(is.Schedule.State, c.entry.Pause)
		if len(paused) == 0 && len(differences(is.Schedule, c.entry.schedule(t.queue))) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
