// Package timetable makes the schedules of Temporal equal to those of the configuration.
package timetable

import (
	"slices"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"consign/internal/config"
	"consign/workflows"
)

// Our schedules are known by the beginning of their id, and by a memo with the task queue of the configuration that has
// made them: another configuration's in the same namespace are not ours.
const (
	idPrefix  = "consign/"
	memoQueue = "consign_task_queue"
)

// pausedByUs is the note of a schedule that is paused because the configuration says so. A person who pauses one in
// Temporal leaves another note.
const pausedByUs = "paused by the configuration"

// An Entry is a schedule as the configuration has it.
type Entry struct {
	workflows.ScheduledInput
	*config.Schedule
}

// Wanted returns the schedules of a configuration, in its order.
func Wanted(c *config.Config) []Entry {
	var entries []Entry
	for _, o := range c.Orchestrations {
		if o.Schedule != nil {
			entries = append(entries, Entry{workflows.ScheduledInput{Orchestration: o.Name}, o.Schedule})
		}
	}
	for _, o := range c.Campaigns {
		if o.Schedule != nil {
			entries = append(entries, Entry{workflows.ScheduledInput{Campaign: o.Name}, o.Schedule})
		}
	}
	return entries
}

// path is what the entry starts, as the ids of its runs begin: send/NAME or campaign/NAME.
func (e Entry) path() string {
	if e.Campaign != "" {
		return strings.TrimSuffix(workflows.CampaignID(e.Campaign, ""), "/")
	}
	return strings.TrimSuffix(workflows.OrchestrationID(e.Orchestration, ""), "/")
}

// id is the schedule's id in Temporal.
func (e Entry) id() string { return idPrefix + e.path() }

// named reads what a schedule starts from its id; not ok if the id is not one of ours.
func named(id string) (in workflows.ScheduledInput, ok bool) {
	rest, ok := strings.CutPrefix(id, idPrefix)
	kind, name, two := strings.Cut(rest, "/")
	e := Entry{ScheduledInput: workflows.ScheduledInput{Orchestration: name}}
	if kind == "campaign" {
		e.ScheduledInput = workflows.ScheduledInput{Campaign: name}
	}
	return e.ScheduledInput, ok && two && name != "" && e.id() == id
}

// schedule is the entry as Temporal takes it.
func (e Entry) schedule(queue string) client.Schedule {
	calendar := e.Calendar()
	s := client.Schedule{
		Spec: &client.ScheduleSpec{
			// Our own reading of the line, so that Temporal starts what validate has checked.
			Calendars: []client.ScheduleCalendarSpec{{
				Second: []client.ScheduleRange{{}}, Minute: ranges(calendar.Minutes), Hour: ranges(calendar.Hours),
				DayOfMonth: ranges(calendar.Days), Month: ranges(calendar.Months), DayOfWeek: ranges(calendar.Weekdays),
				Comment: e.Cron,
			}},
			TimeZoneName: e.TimeZone,
			Jitter:       e.Jitter,
		},
		Action: &client.ScheduleWorkflowAction{
			ID:            "scheduled/" + e.path(), // Temporal appends the time
			Workflow:      workflows.TypeScheduledSend,
			Args:          []any{e.ScheduledInput},
			TaskQueue:     queue,
			StaticSummary: e.path() + ", by its schedule",
		},
		Policy: &client.SchedulePolicies{
			// ScheduledSend ends at once, so that this never keeps a delivery from overlapping with another one: that is
			// the orchestration's own overlap to say. If no worker was there, it keeps the order and loses none.
			Overlap:       enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
			CatchupWindow: e.CatchUp,
			// What failed is one run; the next one is another day's.
			PauseOnFailure: false,
		},
		State: &client.ScheduleState{Paused: e.Pause},
	}
	if e.Pause {
		s.State.Note = pausedByUs
	}
	return s
}

// ranges writes sorted numbers as the runs that they are made of.
func ranges(numbers []int) []client.ScheduleRange {
	var all []client.ScheduleRange
	for _, n := range numbers {
		if last := len(all) - 1; last >= 0 && all[last].End == n-1 {
			all[last].End = n
		} else {
			all = append(all, client.ScheduleRange{Start: n, End: n})
		}
	}
	return all
}

// numbers is the opposite of ranges.
func numbers(all []client.ScheduleRange) []int {
	var list []int
	for _, r := range all {
		for n := r.Start; n <= max(r.Start, r.End); n += max(1, r.Step) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
