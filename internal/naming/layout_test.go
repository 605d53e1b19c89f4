package naming_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/naming"
)

func format(t *testing.T, pattern string, moment time.Time) string {
	t.Helper()
	template, err := naming.Parse(`{{now|format:"` + pattern + `"}}`)
	require.NoError(t, err)
	name, err := template.Render(naming.Variables{Now: moment})
	require.NoError(t, err)
	return name
}

func TestEveryLetterIsRepeatedAsJodaTimeDoes(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"y": "2026", "yy": "26", "yyy": "2026", "yyyy": "2026", "yyyyy": "02026",
		"Y": "2026", "YY": "26", "YYYY": "2026",
		"M": "11", "MM": "11", "MMM": "Nov", "MMMM": "November", "MMMMM": "November",
		"d": "23", "dd": "23", "ddd": "023",
		"D": "327", "DD": "327", "DDD": "327", "DDDD": "0327",
		"E": "Mon", "EE": "Mon", "EEE": "Mon", "EEEE": "Monday",
		"H": "5", "HH": "05", "h": "5", "hh": "05",
		"m": "4", "mm": "04", "s": "9", "ss": "09",
		"S": "0", "SS": "08", "SSS": "087", "SSSSSS": "087654", "SSSSSSSSS": "087654321", "SSSSSSSSSSS": "08765432100",
		"a": "AM", "aa": "AM", "Z": "+0000", "ZZ": "+00:00",
		"'yyyy'": "yyyy", "''": "'", "'o''clock'": "o'clock", "HH'h'mm": "05h04", "'a'yyyy'b'": "a2026b",
		"yyyyMMdd": "20261123", "yyyy-MM-dd_HHmmss": "2026-11-23_050409", "dd.MM.yy": "23.11.26", "年yyyy": "年2026",
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, format(t, pattern, moment))
		})
	}
}

func TestTheClockOfTwelveHoursHasNoZero(t *testing.T) {
	t.Parallel()
	for hour, want := range map[int]string{0: "12 AM", 1: "01 AM", 11: "11 AM", 12: "12 PM", 13: "01 PM", 23: "11 PM"} {
		require.Equal(t, want, format(t, "hh a", time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC)))
	}
}

func TestSmallAndEarlyNumbersAreFilledUpWithZeros(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0987-01-02 002 87", format(t, "yyyy-MM-dd DDD yy", time.Date(987, 1, 2, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, "366", format(t, "DDD", time.Date(2028, 12, 31, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, "05", format(t, "yy", time.Date(2005, 12, 31, 0, 0, 0, 0, time.UTC)))
}

// The first Sunday of November 2026 has 25 hours in Los Angeles: a day of the calendar is not 24 hours.
func TestNextDayKeepsTheClockWhenTheZoneChangesItsOffset(t *testing.T) {
	t.Parallel()
	template, err := naming.Parse("{{now|local:'America/Los_Angeles'|next_day|format:'yyyy-MM-dd HH:mm ZZ'}}")
	require.NoError(t, err)
	name, err := template.Render(naming.Variables{Now: time.Date(2026, 11, 1, 6, 30, 0, 0, time.UTC)})
	require.NoError(t, err)
	require.Equal(t, "2026-11-01 23:30 -08:00", name)
}

// Go's own formatter is an independent reader of the same instant, for the letters both have.
func TestThePatternsAgreeWithGoOverTwoYearsOfHours(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Australia/Lord_Howe") // half an hour of summer time
	require.NoError(t, err)
	template, err := naming.Parse(`{{now|local:'Australia/Lord_Howe'|format:"yyyy-MM-dd EEE EEEE MMM MMMM DDD HH hh mm ss.SSS a Z ZZ"}}`)
	require.NoError(t, err)
	for hour := range 2 * 366 * 24 {
		moment := time.Date(2026, 1, 1, hour, hour%60, hour%59, hour*1_000_003%1_000_000_000, time.UTC)
		name, err := template.Render(naming.Variables{Now: moment})
		require.NoError(t, err)
		require.Equal(t, moment.In(zone).Format("2006-01-02 Mon Monday Jan January 002 15 03 04 05.000 PM -0700 -07:00"), name)
	}
}

func TestDatesThatAreWrittenWithTheLettersOfOthersAreDoubted(t *testing.T) {
	t.Parallel()
	const year, minute = "D is the day of the year; the day of the month is dd", "m is the minute, and there is no hour; the month is MM"
	for pattern, want := range map[string][]string{
		"YYYY-MM-DD":      {year},
		"yyyyMMDD":        {year},
		"yyyy-DD-dd":      {year},
		"yyyy-mm-dd":      {minute},
		"YYYY-mm-DD":      {minute},
		"yyyy-MM-dd":      nil,
		"yyyyDDD":         nil,
		"yyyy-MM-dd_HHmm": nil,
		"hh:mm a":         nil,
		"yyyy-MM-dd'DmD'": nil,
		"MM'D'":           nil,
		"'at'mm' D '":     {minute},
	} {
		parsed, err := naming.Parse(`{{now|format:"` + pattern + `"}}_{{query_name}}.csv`)
		require.NoError(t, err, pattern)
		require.Equal(t, want, parsed.Doubts(), pattern)
	}
	for text, want := range map[string][]string{
		"{{now|format:'yyyy'}}/{{now|format:'mm'}}/{{now|format:'dd'}}":         {minute},
		"day={{now|format:'yyyyMMdd'}}/{{now|format:'HH'}}/{{now|format:'mm'}}": nil,
	} {
		parsed, err := naming.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, parsed.Doubts(), text)
	}
}
