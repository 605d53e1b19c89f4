package naming

import (
	"errors"
	"fmt"
	"strings"
	"time"

	_ "time/tzdata" // a container without zone files must still know America/Los_Angeles
)

// An expression is a variable with the filters that it passes through.
type expression struct {
	offset   int // of the variable's name in the text
	variable *variable
	shifts   []func(time.Time) time.Time
	layout   layout // how a time becomes text; nil without the filter format
	letters  string // of its format, without text between quotes
}

// A variable is something a template may ask for.
type variable struct {
	name    string
	value   func(Variables) string // nil for now, which is not text yet
	missing string                 // why a run may not have it
}

const now = "now"

// variables lists every variable, in the order in which messages show them.
var variables = []variable{
	{now, nil, "the run has no time"},
	{"campaign_name", func(v Variables) string { return v.CampaignName }, "only the deliveries of a campaign have one"},
	{"group_name", func(v Variables) string { return v.GroupName }, "only the deliveries of a campaign have one"},
	{"orchestration_name", func(v Variables) string { return v.OrchestrationName }, "the deliveries of a campaign have none"},
	{"query_name", func(v Variables) string { return v.QueryName }, "this delivery has no query"},
	{"run_id", func(v Variables) string { return v.RunID }, "the run has not begun"},
	{"file_number", fileNumber, "only the files of a split are numbered"},
}

// withoutFormat is what {{now}} gives without the filter format: seconds, and the zone so that it is not ambiguous.
const withoutFormat = "2006-01-02T15:04:05-07:00"

// fileNumber has seven digits, so that names sort as numbers up to the ten million files that a split allows.
func fileNumber(v Variables) string {
	if v.FileNumber < 1 {
		return ""
	}
	return fmt.Sprintf("%07d", v.FileNumber)
}

func (e *expression) render(v Variables) (string, error) {
	if e.variable.name != now {
		value := e.variable.value(v)
		if value == "" {
			return "", fmt.Errorf("%s has no value: %s", e.variable.name, e.variable.missing)
		}
		return strings.ReplaceAll(value, " ", "_"), nil
	}
	if v.Now.IsZero() {
		return "", fmt.Errorf("%s has no value: %s", now, e.variable.missing)
	}
	t := v.Now.UTC()
	for _, shift := range e.shifts {
		t = shift(t)
	}
	if e.layout == nil {
		return t.Format(withoutFormat), nil
	}
	return e.layout.format(t), nil
}

// filter adds the filter name with its argument to the expression. The error is about the filter unless it is a
// *patternError, which knows its character in the argument.
func (e *expression) filter(name string, argument *string) error {
	if e.variable.name != now {
		return fmt.Errorf("%s takes no filter: local, next_day and format are for now", e.variable.name)
	}
	if e.layout != nil {
		return fmt.Errorf("format must be the last filter: its result is text, to which %s cannot be applied", name)
	}
	switch name {
	case "local":
		if argument == nil {
			return errors.New("local needs a time zone: write local:'America/Los_Angeles'")
		}
		return e.local(*argument)
	case "next_day":
		if argument != nil {
			return errors.New("next_day takes no argument: write next_day alone")
		}
		e.shifts = append(e.shifts, nextDay)
		return nil
	case "format":
		if argument == nil {
			return errors.New("format needs a pattern: write format:'yyyy-MM-dd'")
		}
		parsed, err := parseLayout(*argument)
		e.layout, e.letters = parsed, quoted.ReplaceAllString(*argument, "")
		return err
	}
	return fmt.Errorf("there is no filter %q: the filters are local, next_day and format", name)
}

func (e *expression) local(zone string) error {
	// Go reads "" as UTC and "Local" as the zone of the machine that happens to run the plan.
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return fmt.Errorf("there is no time zone %q: write an IANA name such as America/Los_Angeles or UTC", zone)
	}
	e.shifts = append(e.shifts, func(t time.Time) time.Time { return t.In(location) })
	return nil
}

// nextDay is a day of the calendar later in the zone the time is in, not 24 hours: the clock shows the same time. Where
// the clocks skip that time at midnight, Go would answer with another day: then it is the first moment of the right one.
func nextDay(t time.Time) time.Time {
	year, month, day := t.Date()
	want := time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
	if next := t.AddDate(0, 0, 1); sameDate(next, want) {
		return next
	}
	first := time.Date(year, month, day+1, 0, 0, 0, 0, t.Location())
	if sameDate(first, want) {
		return first
	}
	_, first = first.ZoneBounds() // what there is of the day begins where the skip ends
	return first
}

func sameDate(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}
