package config

import (
	"time"
	_ "time/tzdata" // so that a time zone is known in a container without any

	"consign/internal/problem"
)

const cronHint = `as in "0 6 * * MON": minute, hour, day of the month, month, day of the week`

// What a schedule makes up for after Temporal was down: at least what Temporal itself does, at most its year.
const (
	minCatchUp = 10 * time.Second
	maxCatchUp = 366 * 24 * time.Hour
)

func (k *checker) schedule(s *Schedule, at string) {
	if s.Cron == "" {
		k.missing(at+".cron", cronHint)
	} else {
		k.cron(s.Cron, at+".cron")
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		k.add(at+".time_zone", "a name of the IANA list, as America/Los_Angeles", "%q is not a time zone", s.TimeZone)
	}
	within(k, at+".jitter", s.Jitter, 0, 24*time.Hour)
	within(k, at+".catch_up", s.CatchUp, minCatchUp, maxCatchUp)
}

func (k *checker) cron(line, at string) {
	c, wrong := readCron(line)
	switch {
	case wrong != "":
		k.add(at, cronHint, "%s", wrong)
	case !c.comes():
		k.add(at, "no month of the line has such a day", "%q never comes", line)
	case c.bothDays():
		k.put(problem.Problem{
			Key: at, Warning: true, Hint: "leave one of the two days *",
			Message: "starts on the days that are right in the month and in the week, where cron takes either",
		})
	}
}

// clockChanges warns of what a schedule does when, in the coming year, the clocks of its time zone change. Temporal goes by the
// wall clock: a time that does not come starts nothing, and a time that comes twice may start two runs.
func (c *Config) clockChanges(r *report, now time.Time) {
	for i := range c.Orchestrations {
		c.Orchestrations[i].Schedule.clockChanges(r, item("orchestrations", i), now)
	}
	for i := range c.Campaigns {
		c.Campaigns[i].Schedule.clockChanges(r, item("campaigns", i), now)
	}
}

func (s *Schedule) clockChanges(r *report, at string, now time.Time) {
	if s == nil || len(s.Calendar().Hours) == 24 { // every hour: every hour that there is
		return
	}
	until := now.AddDate(1, 0, 0)
	for t := now.In(s.Location()); ; {
		_, change := t.ZoneBounds()
		if change.IsZero() || change.After(until) {
			return
		}
		t = change
		if wall, twice, found := s.around(change); found {
			message := "there is no " + wall.Format("15:04") + " on " + wall.Format(time.DateOnly) + " in " + s.TimeZone + ": it starts nothing then"
			if twice {
				message = wall.Format("15:04") + " starts two runs on " + wall.Format(time.DateOnly) + " in " + s.TimeZone + ", where the clocks are put back"
			}
			r.put(problem.Problem{Key: at + ".schedule.cron", Warning: true, Message: message, Hint: "choose an hour that comes once every day, or time_zone: UTC"})
		}
	}
}

// around finds a time of the schedule that a change of the clocks leaves out, or for which Temporal starts two runs.
func (s *Schedule) around(change time.Time) (wall time.Time, twice, found bool) {
	_, before := change.Add(-time.Second).Zone()
	_, after := change.Zone()
	calendar := s.Calendar()
	// The clock on the wall, as if it were UTC: from what it is set to, or from what it shows, to the other.
	from, to := change.UTC().Add(time.Duration(before)*time.Second), change.UTC().Add(time.Duration(after)*time.Second)
	if twice = to.Before(from); twice {
		from, to = to, from
		// Where Go takes a time that comes twice for the second (east of Greenwich), Temporal repeats the hour before.
		if !time.Date(from.Year(), from.Month(), from.Day(), from.Hour(), from.Minute(), 0, 0, change.Location()).Before(change) {
			from, to = from.Add(-time.Hour), from
		}
	}
	for wall = from; wall.Before(to); wall = wall.Add(time.Minute) {
		if calendar.Matches(wall) {
			return wall, twice, true
		}
	}
	return wall, twice, false
}
