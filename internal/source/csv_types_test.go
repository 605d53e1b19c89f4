package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDaysInCSVAreNotMadeUp: the engine knows one format of dates for a file. What was written in another became a day in the
// year 24, or a timestamp.
func TestDaysInCSVAreNotMadeUp(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"e,d\n2024-01-05,24-01-05\n2024-01-06,25-12-31\n":                      {"VARCHAR", "24-01-05", "25-12-31"},
		"e,d\n2024-01-05 10:00:00,24-01-05 10:00:00\n":                         {"VARCHAR", "24-01-05 10:00:00"},
		"e,d\n45-01-31,2024-01-05\n45-01-31,2024-12-31\n":                      {"VARCHAR", "2024-01-05", "2024-12-31"},
		"e,d\n1,2024-1-5\n1,24-01-05\n":                                        {"VARCHAR", "2024-1-5", "24-01-05"},
		"e,d\n13.01.2024 10:00:00,2024-01-05 10:00:00\n":                       {"VARCHAR", "2024-01-05 10:00:00"},
		"e,d\n45-01-31,2024-01-05\n45-01-31,2024-01-05 10:00:00\n":             {"TIMESTAMP", "2024-01-05 00:00:00", "2024-01-05 10:00:00"},
		"e,d\n2024-01-05,2024-01-05T10:00:00.5\n2024-01-05,0024-01-05T10:00\n": {"TIMESTAMP", "2024-01-05 10:00:00.5", "0024-01-05 10:00:00"},
		"e,d\n1,13.01.2024\n2,13.01.24\n":                                      {"VARCHAR", "13.01.2024", "13.01.24"},
		"e,d\n1,13.01.85\n2,13.01.1985\n":                                      {"VARCHAR", "13.01.85", "13.01.1985"},
		"e,d\n1,13.01.85\n2,28.02.99\n":                                        {"DATE", "1985-01-13", "1999-02-28"},
	} {
		requireColumnAt(t, content, 1, want)
	}
}

// TestInfinityInCSVIsNot1900: it is what the engine makes of the word, and of epoch, where it was told how dates are written.
func TestInfinityInCSVIsNot1900(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"d\n13.01.2024\ninfinity\n":                  {"VARCHAR", "13.01.2024", "infinity"},
		"d\n13.01.2024 10:00:00\n-infinity\nepoch\n": {"VARCHAR", "13.01.2024 10:00:00", "-infinity", "epoch"},
		"d\n2024/01/05\nInfinity\n":                  {"VARCHAR", "2024/01/05", "Infinity"},
		"d\n2024/01/05 10:00:00\ninfinity\n":         {"VARCHAR", "2024/01/05 10:00:00", "infinity"},
		"d\n2024-1-5\ninfinity\n":                    {"DATE", "2024-01-05", "infinity"},
		"d\n2024-01-05 10:00:00\ninfinity\n":         {"VARCHAR", "2024-01-05 10:00:00", "infinity"},
		"d\n2024-01-05 10:00:00Z\n-infinity\n":       {"TIMESTAMP WITH TIME ZONE", "2024-01-05 10:00:00+00", "-infinity"},
		"d\nepoch\nepoch\n":                          {"VARCHAR", "epoch", "epoch"},
		"d\ninf\n-inf\n":                             {"VARCHAR", "inf", "-inf"},
		"d,n\n,1\n13.01.2024,2\n":                    {"DATE", "2024-01-13"},
	} {
		requireColumn(t, content, want)
	}
	s := overFiles(t, numbered(t, ".csv", "d\n2024-01-05\n", "d\ninfinity\n"))
	require.Equal(t, [][]string{{"DATE", "2024-01-05"}, {"DATE", "infinity"}}, texts(t, s, "SELECT typeof(d), d::VARCHAR FROM t"), "one file says what the words of another are")
}

// TestTimesInCSVWithoutTheirOffsetAreText: beside others that have one, the engine made times of UTC of them, or of the zone
// that a value before them named, and NULL of what it could not read.
func TestTimesInCSVWithoutTheirOffsetAreText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"d\n13.01.2024 10:00:00\n2024-01-05 10:00:00\n":                  {"VARCHAR", "13.01.2024 10:00:00", "2024-01-05 10:00:00"},
		"d\n13.01.2024 10:00:00\n2024-01-05 10:00:00+02\n":               {"VARCHAR", "13.01.2024 10:00:00", "2024-01-05 10:00:00+02"},
		"d\n2024-01-05 10:00:00 Europe/Berlin\n2024-01-05 10:00:00\n":    {"VARCHAR", "2024-01-05 10:00:00 Europe/Berlin", "2024-01-05 10:00:00"},
		"d\n2024-01-05T10:00:00Z\n2024-01-05\n":                          {"VARCHAR", "2024-01-05T10:00:00Z", "2024-01-05"},
		"d\n2024-01-05T10:00:00Z\n2024-01-05T10:00:00\n":                 {"VARCHAR", "2024-01-05T10:00:00Z", "2024-01-05T10:00:00"},
		"d\n2024-01-05T10:00:00Z\n2024-1-5 9:00:00.25+02:00\n":           {"TIMESTAMP WITH TIME ZONE", "2024-01-05 10:00:00+00", "2024-01-05 07:00:00.25+00"},
		"d\n0044-03-15 (BC) 10:00:00+00\n12024-01-05 10:00:00-05:30\n\n": {"TIMESTAMP WITH TIME ZONE", "0044-03-15 (BC) 10:00:00+00", "12024-01-05 15:30:00+00"},
	} {
		requireColumn(t, content, want)
	}
}

// TestColumnsThatFilesHaveInOtherTypesAreText: the engine made NULL of a number where another file has a time
// with its offset, and may make a timestamp of a day.
func TestColumnsThatFilesHaveInOtherTypesAreText(t *testing.T) {
	t.Parallel()
	for _, values := range [][]string{
		{"2024-01-05 10:00:00Z", "1.5"},
		{"1.5", "2024-01-05 10:00:00Z"},
		{"true", "1"},
		{"infinity", "1.5"},
		{"2024-01-05", "10:00:00"},
		{"2024-01-05", "2024-01-05 10:00:00"},
		{"0x1F", "1.5"},
	} {
		s := overFiles(t, numbered(t, ".csv", "a|d\n1|"+values[0]+"\n", "a|d\n1|"+values[1]+"\n"))
		require.Equal(t, [][]string{{"VARCHAR", values[0]}, {"VARCHAR", values[1]}}, texts(t, s, "SELECT typeof(d), d::VARCHAR FROM t"), values)
	}
}

// TestIdentifiersInCSVAreNoNumbers: the engine reads 0x1F as 31.
func TestIdentifiersInCSVAreNoNumbers(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"n\n0x1F\n0x0012\n": {"VARCHAR", "0x1F", "0x0012"},
		"n\n1\n 0X2a\n":     {"VARCHAR", "1", " 0X2a"},
		"n\n0b11\n":         {"VARCHAR", "0b11"},
		"n\n0\n-5\n 7\n":    {"BIGINT", "0", "-5", "7"},
	} {
		requireColumn(t, content, want)
	}
}
