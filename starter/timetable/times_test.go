package timetable

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// matching asks the server when a schedule starts something.
func matching(t *testing.T, id string, from, to time.Time) []time.Time {
	t.Helper()
	answer, err := temporal.WorkflowService().ListScheduleMatchingTimes(t.Context(), &workflowservice.ListScheduleMatchingTimesRequest{
		Namespace: "default", ScheduleId: id, StartTime: timestamppb.New(from), EndTime: timestamppb.New(to),
	})
	require.NoError(t, err)
	var times []time.Time
	for _, at := range answer.GetStartTime() {
		times = append(times, at.AsTime())
	}
	return times
}

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

// TestTemporalStartsAtTheTimesOfTheLine compares our reading of a cron line with Temporal's own.
func TestTemporalStartsAtTheTimesOfTheLine(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"once a week":                  "0 6 * * MON",
		"every day":                    "30 23 * * *",
		"Sunday is 7 too":              "0 6 * * 7",
		"from the day on":              "0 6 * * 5/1",
		"through the week's end":       "0 6 * * 4-7",
		"every other day to Sunday":    "0 6 * * 1-7/2",
		"a list of all kinds":          "5,50/5 0-8/4,23 1,10-12,28-31/3 JAN,MAR-APR/2 *",
		"every step":                   "*/20 */6 */10 */3 */3",
		"days of month and of week":    "0 12 1-7 * TUE",
		"words in small letters":       "0 12 * dec-dec sun,wed-fri",
		"the last of the long months":  "59 23 31 * *",
		"a day that is rare":           "0 0 29 FEB *",
		"each minute of an hour":       "* 2 * * *",
		"the hour that changes clocks": "15,45 1-3 * * SUN",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entry("times-"+strings.ReplaceAll(name, " ", "-"), line, "America/Los_Angeles")
			e.Pause = true
			apply(t, e.Orchestration, e)
			theirs := e.id() + "-theirs"
			create(t, client.ScheduleOptions{ID: theirs, Spec: client.ScheduleSpec{CronExpressions: []string{line}, TimeZoneName: e.TimeZone}})
			some := 0
			for _, from := range []time.Time{day("2027-03-07"), day("2027-11-01"), day("2027-12-24"), day("2028-02-20")} {
				want := matching(t, theirs, from, from.AddDate(0, 0, 12))
				require.Equal(t, want, matching(t, e.id(), from, from.AddDate(0, 0, 12)), line)
				some += len(want)
			}
			require.NotZero(t, some, line)
		})
	}
}

// TestDaysOnWhichTheClocksChange says what the documents say, by Temporal's own word.
func TestDaysOnWhichTheClocksChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line, zone, from, to string
		want                 []string
	}{
		"spring: an hour that is left out starts nothing": {
			"30 2 * * *", "America/Los_Angeles", "2027-03-13", "2027-03-16",
			[]string{"2027-03-13T10:30:00Z", "2027-03-15T09:30:00Z"},
		},
		"spring: the hour after it comes as always": {
			"0 3 * * *", "America/Los_Angeles", "2027-03-13", "2027-03-16",
			[]string{"2027-03-13T11:00:00Z", "2027-03-14T10:00:00Z", "2027-03-15T10:00:00Z"},
		},
		"autumn: an hour that comes twice starts two runs": {
			"30 1 * * *", "America/Los_Angeles", "2027-11-06", "2027-11-09",
			[]string{"2027-11-06T08:30:00Z", "2027-11-07T08:30:00Z", "2027-11-07T09:30:00Z", "2027-11-08T09:30:00Z"},
		},
		"autumn: half past two comes once": {
			"30 2 * * *", "America/Los_Angeles", "2027-11-06", "2027-11-09",
			[]string{"2027-11-06T09:30:00Z", "2027-11-07T10:30:00Z", "2027-11-08T10:30:00Z"},
		},
		"spring in Berlin": {
			"30 2 * * *", "Europe/Berlin", "2027-03-27", "2027-03-30", []string{"2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"},
		},
		"autumn east of Greenwich: an hour that comes twice starts one run, the second time": {
			"30 2 * * *", "Europe/Berlin", "2027-10-30", "2027-11-01", []string{"2027-10-30T00:30:00Z", "2027-10-31T01:30:00Z"},
		},
		"autumn east of Greenwich: the hour before it starts two": {
			"30 1 * * *", "Europe/Berlin", "2027-10-30", "2027-11-01",
			[]string{"2027-10-30T23:30:00Z", "2027-10-31T00:30:00Z"},
		},
		"autumn in London, where summer is east of Greenwich": {
			"30 0 * * *", "Europe/London", "2027-10-30", "2027-11-01", []string{"2027-10-30T23:30:00Z", "2027-10-31T00:30:00Z"},
		},
		"every hour is every hour that there is": {
			"0 * * * *", "America/Los_Angeles", "2027-03-14", "2027-03-15", nil,
		},
		"universal time has no such days": {
			"30 2 * * *", "UTC", "2027-03-14", "2027-03-15", []string{"2027-03-14T02:30:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entry("clocks-"+strings.NewReplacer(" ", "-", ":", "").Replace(name), c.line, c.zone)
			e.Pause = true
			apply(t, e.Orchestration, e)
			var got []string
			for _, at := range matching(t, e.id(), day(c.from).Add(-time.Second), day(c.to).Add(-time.Second)) {
				got = append(got, at.Format(time.RFC3339))
			}
			if c.want == nil {
				require.Len(t, got, 24)
				return
			}
			require.Equal(t, c.want, got)
		})
	}
}
