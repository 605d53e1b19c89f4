package config

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that a time zone is known in a container without any
)

// cronFields are the five fields of a cron line, with the words that stand for numbers.
var cronFields = []struct {
	name        string
	least, most int
	words       string
}{
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day of the month", 1, 31, ""},
	{"month", 1, 12, " JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"},
	{"day of the week", 0, 7, "SUN MON TUE WED THU FRI SAT"},
}

func (k *checker) schedule(s *Schedule, at string) {
	if s.Cron == "" {
		k.missing(at+".cron", `as in "0 6 * * MON": minute, hour, day of the month, month, day of the week`)
	} else if wrong := wrongCron(s.Cron); wrong != "" {
		k.add(at+".cron", `as in "0 6 * * MON": minute, hour, day of the month, month, day of the week`, "%s", wrong)
	}
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		k.add(at+".time_zone", "a name of the IANA list, as America/Los_Angeles", "%q is not a time zone", s.TimeZone)
	}
	within(k, at+".jitter", s.Jitter, 0, 24*time.Hour)
}

// wrongCron says what is wrong with a cron line; nothing if nothing is.
func wrongCron(line string) string {
	values := strings.Fields(line)
	if len(values) != len(cronFields) {
		return strconv.Quote(line) + " has not five fields"
	}
	for i, f := range cronFields {
		words := strings.Split(f.words, " ")
		for _, part := range strings.Split(strings.ToUpper(values[i]), ",") {
			if !cronPart(part, f.least, f.most, words) {
				return strconv.Quote(values[i]) + " is no value for the " + f.name
			}
		}
	}
	return ""
}

// cronPart reports whether a part of a field is "*", "n" or "n-m", with or without a step "/n".
func cronPart(part string, least, most int, words []string) bool {
	span, step, stepped := strings.Cut(part, "/")
	if n, err := strconv.Atoi(step); stepped && (err != nil || n < 1 || n > most) {
		return false
	}
	if span == "*" {
		return true
	}
	from, to, ranged := strings.Cut(span, "-")
	first, ok := cronValue(from, least, most, words)
	if !ranged {
		return ok
	}
	last, also := cronValue(to, least, most, words)
	return ok && also && first <= last
}

func cronValue(text string, least, most int, words []string) (int, bool) {
	for i, word := range words {
		if word != "" && word == text {
			return i, true
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= least && n <= most
}
