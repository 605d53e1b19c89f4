package timetable

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
)

// A Difference is one thing in which Temporal's schedule is not the configuration's.
type Difference struct {
	What string `json:"what"` // as the configuration calls it, where it has it
	From string `json:"from"`
	To   string `json:"to"`
}

// differences compares a schedule as it is in Temporal with the one that is wanted. Whether it is paused is not compared
// here: see pause.
func differences(is, wanted client.Schedule) []Difference {
	var all []Difference
	from, to := facts(is), facts(wanted)
	for i := range to {
		if from[i].value != to[i].value {
			all = append(all, Difference{from[i].what, from[i].value, to[i].value})
		}
	}
	return all
}

type fact struct{ what, value string }

// facts writes all that matters of a schedule, always in the same order.
func facts(s client.Schedule) []fact {
	spec, policy, state := s.Spec, s.Policy, s.State
	var crons []string
	for _, c := range spec.Calendars {
		crons = append(crons, cron(c))
	}
	kind, queue, id, input := "", "", "", ""
	if action, ok := s.Action.(*client.ScheduleWorkflowAction); ok {
		kind, queue, id, input = fmt.Sprint(action.Workflow), action.TaskQueue, action.ID, text(action.Args)
	}
	return []fact{
		{"cron", strings.Join(append(crons, spec.CronExpressions...), " and ")},
		{"time_zone", cmp.Or(spec.TimeZoneName, "UTC")},
		{"jitter", spec.Jitter.String()},
		{"catch_up", policy.CatchupWindow.String()},
		{"overlap", policy.Overlap.String()},
		{"pause on failure", strconv.FormatBool(policy.PauseOnFailure)},
		{"starts", kind + input + " as " + id + " on " + queue},
		{"limits", limits(spec, state)},
	}
}

// limits are what only a person in Temporal can have added: times besides the cron line's, or fewer.
func limits(spec *client.ScheduleSpec, state *client.ScheduleState) string {
	var all []string
	add := func(is bool, format string, args ...any) {
		if is {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(len(spec.Intervals) > 0, "%d intervals", len(spec.Intervals))
	add(len(spec.Skip) > 0, "%d exclusions", len(spec.Skip))
	add(!spec.StartAt.IsZero() && spec.StartAt.Unix() != 0, "not before %s", spec.StartAt.UTC().Format(time.RFC3339))
	add(!spec.EndAt.IsZero() && spec.EndAt.Unix() != 0, "not after %s", spec.EndAt.UTC().Format(time.RFC3339))
	add(state.LimitedActions, "%d starts left", state.RemainingActions)
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// text writes a workflow's input, which Temporal hands out encoded.
func text(args []any) string {
	var b strings.Builder
	for _, arg := range args {
		if payload, ok := arg.(*commonpb.Payload); ok {
			b.Write(payload.GetData())
			continue
		}
		out, err := json.Marshal(arg)
		if err != nil {
			return err.Error()
		}
		b.Write(out)
	}
	return b.String()
}

// cron writes a calendar as a cron line, always the same one for the same times.
func cron(c client.ScheduleCalendarSpec) string {
	line := strings.Join([]string{
		list(c.Minute, 0, 59), list(c.Hour, 0, 23), list(c.DayOfMonth, 1, 31), list(c.Month, 1, 12), list(c.DayOfWeek, 0, 6),
	}, " ")
	if seconds := list(c.Second, 0, 59); seconds != "0" {
		line += " at the seconds " + seconds
	}
	if len(c.Year) > 0 {
		line += " in the years " + list(c.Year, 0, 0)
	}
	return line
}

func list(all []client.ScheduleRange, least, most int) string {
	runs := ranges(numbers(all))
	if len(runs) == 1 && runs[0].Start == least && runs[0].End == most {
		return "*"
	}
	var parts []string
	for _, r := range runs {
		part := strconv.Itoa(r.Start)
		if r.End > r.Start {
			part += "-" + strconv.Itoa(r.End)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// pause decides whether a schedule is to be paused, and with which note. What the configuration has paused it resumes;
// what a person has paused in Temporal stays so until a person resumes it (kept).
func pause(is *client.ScheduleState, wanted bool) (state client.ScheduleState, kept bool, differs []Difference) {
	state = client.ScheduleState{Paused: is.Paused, Note: is.Note}
	switch {
	case wanted && !is.Paused:
		state = client.ScheduleState{Paused: true, Note: pausedByUs}
	case !wanted && is.Paused && is.Note == pausedByUs:
		state = client.ScheduleState{}
	default:
		return state, !wanted && is.Paused, nil
	}
	return state, false, []Difference{{"pause", strconv.FormatBool(is.Paused), strconv.FormatBool(wanted)}}
}
