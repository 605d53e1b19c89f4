package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCronLines(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"* * * * *", "0 6 * * MON", "*/15 0-23/2 1,15 JAN-JUN mon-fri", "59 23 31 12 7", "5/10 * * * *"} {
		_, wrong := readCron(line)
		require.Empty(t, wrong, line)
	}
	for line, field := range map[string]string{
		"60 * * * *": "minute", "* 24 * * *": "hour", "* * 0 * *": "day of the month", "* * * 13 *": "month", "* * * * 8": "day of the week",
		"* * * FEBRUARY *": "month", "a * * * *": "minute", "5-1 * * * *": "minute", "*/x * * * *": "minute", ", * * * *": "minute",
		"1- * * * *": "minute", "* * * * * *": "five fields", "@daily": "five fields", "": "five fields",
	} {
		_, wrong := readCron(line)
		require.Contains(t, wrong, field, line)
	}
}

func TestACronLineMeansACalendar(t *testing.T) {
	t.Parallel()
	c := (&Schedule{Cron: "50/5,7 */8 30-31,1 feb-JUN/2 5-7,SUN,0"}).Calendar()
	require.Equal(t, Calendar{
		Minutes: []int{7, 50, 55}, Hours: []int{0, 8, 16}, Days: []int{1, 30, 31}, Months: []int{2, 4, 6}, Weekdays: []int{0, 5, 6},
	}, c)
	require.True(t, c.Matches(time.Date(2026, 2, 1, 8, 7, 0, 0, time.UTC)), "a Sunday")
	require.False(t, c.Matches(time.Date(2026, 4, 1, 8, 7, 0, 0, time.UTC)), "a Wednesday")
}

func scheduled(t *testing.T, cron, zone string) *Config {
	t.Helper()
	return good(t, folder(t, map[string]string{"a.yaml": `
credentials: [{name: c, type: iam-credential, access_key_id: {file: a.yaml}, secret_access_key: {file: a.yaml}}]
sources: [{name: s, type: duckdb, tables: [{name: t, files: t.csv}]}]
queries: [{name: q, source: s, sql: SELECT 1}]
destinations: [{name: d, plugin: amazon-s3, credential: c, settings: {bucket: acme-inbound, file_format: csv}}]
data_templates: [{name: t, destination: d, settings: {filename: "{{orchestration_name}}.csv"}}]
orchestrations: [{name: o, query: q, data_template: t, schedule: {cron: "` + cron + `", time_zone: ` + zone + `}}]
`}), from(nil))
}

// TestDaysOfClockChangesAreWarnedOf goes by the days that the laws of America, Germany and Australia name for 2027.
func TestDaysOfClockChangesAreWarnedOf(t *testing.T) {
	t.Parallel()
	missing, twice := "there is no %s in %s: it starts nothing then", "%s in %s, where the clocks are put back"
	for name, c := range map[string]struct {
		cron, zone string
		says       []string
	}{
		"an hour that is left out":     {"30 2 * * *", "America/Los_Angeles", []string{fmt.Sprintf(missing, "02:30 on 2027-03-14", "America/Los_Angeles")}},
		"an hour that comes twice":     {"30 1 * * *", "America/Los_Angeles", []string{fmt.Sprintf(twice, "01:30 starts two runs on 2027-11-07", "America/Los_Angeles")}},
		"east of Greenwich":            {"30 2 * * *", "Europe/Berlin", []string{fmt.Sprintf(missing, "02:30 on 2027-03-28", "Europe/Berlin")}},
		"east of Greenwich, before it": {"30 1 * * *", "Europe/Berlin", []string{fmt.Sprintf(twice, "01:30 starts two runs on 2027-10-31", "Europe/Berlin")}},
		"in London":                    {"30 0,1 * * *", "Europe/London", []string{fmt.Sprintf(missing, "01:30 on 2027-03-28", "Europe/London"), fmt.Sprintf(twice, "00:30 starts two runs on 2027-10-31", "Europe/London")}},
		"on the other half of earth":   {"15 1,2 * * *", "Australia/Sydney", []string{fmt.Sprintf(twice, "01:15 starts two runs on 2027-04-04", "Australia/Sydney"), fmt.Sprintf(missing, "02:15 on 2027-10-03", "Australia/Sydney")}},
		"an hour beside it":            {"0 3 * * *", "America/Los_Angeles", nil},
		"another day of the week":      {"30 2 * * MON", "America/Los_Angeles", nil},
		"every hour":                   {"30 * * * *", "America/Los_Angeles", nil},
		"every minute of some hours":   {"* 1-3 * * *", "America/Los_Angeles", []string{fmt.Sprintf(missing, "02:00 on 2027-03-14", "America/Los_Angeles"), fmt.Sprintf(twice, "01:00 starts two runs on 2027-11-07", "America/Los_Angeles")}},
		"a zone that changes no clock": {"30 2 * * *", "Asia/Tokyo", nil},
		"no zone":                      {"30 2 * * *", `""`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var says []string
			for _, p := range scheduled(t, c.cron, c.zone).Check(time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)) {
				require.True(t, p.Warning)
				require.Equal(t, "orchestrations[o].schedule.cron", p.Key)
				require.NotEmpty(t, p.Hint)
				says = append(says, p.Message)
			}
			require.Equal(t, c.says, says)
		})
	}
}

func TestASchedulesDefaults(t *testing.T) {
	t.Parallel()
	s := scheduled(t, "0 6 * * *", `""`).Orchestrations[0].Schedule
	require.Equal(t, "UTC", s.TimeZone)
	require.Equal(t, 24*time.Hour, s.CatchUp)
	require.False(t, s.Pause)
	require.Equal(t, "Europe/Berlin", strings.TrimSpace(scheduled(t, "0 6 * * *", "Europe/Berlin").Orchestrations[0].Schedule.Location().String()))
}
