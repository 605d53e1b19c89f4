package naming_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/naming"
)

func nameAt(t *testing.T, text string, now time.Time) string {
	t.Helper()
	template, err := naming.Parse(text)
	require.NoError(t, err)
	name, err := template.Render(naming.Variables{Now: now})
	require.NoError(t, err)
	return name
}

// On 2027-09-05 the clocks of Santiago go from 23:59 to 01:00, and Apia had no 2011-12-30 at all.
func TestNextDayIsTheNextDayWhereTheClocksSkipMidnight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, now, want string }{
		{"America/Santiago", "2027-09-04T04:30:00Z", "2027-09-05_0100"}, // 00:30, which the next day has not
		{"America/Santiago", "2027-09-04T05:30:00Z", "2027-09-05_0130"},
		{"America/Santiago", "2027-09-05T03:30:00Z", "2027-09-05_2330"}, // the evening before
		{"Pacific/Apia", "2011-12-29T22:00:00Z", "2011-12-31_0000"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		require.NoError(t, err)
		require.Equal(t, c.want, nameAt(t, "{{now|local:'"+c.zone+"'|next_day|format:'yyyy-MM-dd_HHmm'}}", now), "%s at %s", c.zone, c.now)
	}
}

func TestNextDayIsTheCalendarsNextDayInEveryZone(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{
		"UTC", "America/Santiago", "America/Asuncion", "America/Havana", "America/Sao_Paulo", "America/Los_Angeles", "America/St_Johns", "America/Nuuk",
		"America/Scoresbysund", "Atlantic/Azores", "Europe/Berlin", "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Amman", "Asia/Damascus",
		"Asia/Gaza", "Asia/Tehran", "Asia/Tokyo", "Asia/Pyongyang", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Norfolk", "Antarctica/Troll",
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			location, err := time.LoadLocation(zone)
			require.NoError(t, err)
			template, err := naming.Parse("{{now|local:'" + zone + "'|next_day|format:'yyyy-MM-dd'}}")
			require.NoError(t, err)
			for day := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() <= 2030; day = day.AddDate(0, 0, 1) {
				for _, minute := range []int{0, 15, 45, 75, 150, 720, 1395, 1439} {
					now := time.Date(day.Year(), day.Month(), day.Day(), 0, minute, 0, 0, location)
					year, month, date := now.Date() // of this very moment: the clocks may skip the one that was asked for
					name, err := template.Render(naming.Variables{Now: now})
					require.NoError(t, err)
					if want := time.Date(year, month, date+1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly); name != want {
						t.Fatalf("%s: %s, want %s", now, name, want)
					}
				}
			}
		})
	}
}
