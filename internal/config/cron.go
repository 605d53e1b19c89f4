package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
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

// A Calendar is what a cron line means: every minute of which all five are in their lists. The lists are sorted and hold
// each value once.
type Calendar struct {
	Minutes, Hours, Days, Months []int
	Weekdays                     []int // Sunday is 0
}

// Calendar returns the times at which the schedule starts something, in its time zone. Its cron line was checked when
// the configuration was read.
func (s *Schedule) Calendar() Calendar {
	c, _ := readCron(s.Cron)
	return c
}

// Location returns the schedule's time zone.
func (s *Schedule) Location() *time.Location {
	if zone, err := time.LoadLocation(s.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// readCron reads a cron line, or says what is wrong with it.
func readCron(line string) (c Calendar, wrong string) {
	values := strings.Fields(line)
	if len(values) != len(cronFields) {
		return c, strconv.Quote(line) + " has not five fields"
	}
	lists := []*[]int{&c.Minutes, &c.Hours, &c.Days, &c.Months, &c.Weekdays}
	for i, f := range cronFields {
		words := strings.Split(f.words, " ")
		for part := range strings.SplitSeq(strings.ToUpper(values[i]), ",") {
			numbers, ok := cronPart(part, f.least, f.most, words)
			if !ok {
				return Calendar{}, strconv.Quote(values[i]) + " is no value for the " + f.name
			}
			*lists[i] = append(*lists[i], numbers...)
		}
	}
	for i, day := range c.Weekdays {
		c.Weekdays[i] = day % 7 // 7 is Sunday too
	}
	for _, list := range lists {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return c, ""
}

// cronPart returns the values of a part of a field: "*", "n" or "n-m", with or without a step "/n".
func cronPart(part string, least, most int, words []string) (numbers []int, ok bool) {
	span, step, stepped := strings.Cut(part, "/")
	by := 1
	if stepped {
		var err error
		if by, err = strconv.Atoi(step); err != nil || by < 1 || by > most {
			return nil, false
		}
	}
	first, last := least, most
	if span != "*" {
		from, to, ranged := strings.Cut(span, "-")
		if first, ok = cronValue(from, least, most, words); !ok {
			return nil, false
		}
		if last, ok = cronValue(to, least, most, words); ranged && (!ok || last < first) {
			return nil, false
		}
		switch {
		case ranged:
		case stepped: // from there on
			last = most
		default:
			last = first
		}
	}
	for n := first; n <= last; n += by {
		numbers = append(numbers, n)
	}
	return numbers, true
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

// Matches reports whether a time of day, as the clock on the wall shows it, is one of the calendar's.
func (c Calendar) Matches(t time.Time) bool {
	return slices.Contains(c.Minutes, t.Minute()) && slices.Contains(c.Hours, t.Hour()) && slices.Contains(c.Days, t.Day()) &&
		slices.Contains(c.Months, int(t.Month())) && slices.Contains(c.Weekdays, int(t.Weekday()))
}

// longestMonths are the days of each month in a leap year.
var longestMonths = []int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// comes reports whether one of the calendar's days is in one of its months.
func (c Calendar) comes() bool {
	return slices.ContainsFunc(c.Months, func(month int) bool { return c.Days[0] <= longestMonths[month-1] })
}

// bothDays reports whether the day must be right in the month and in the week: cron would take either.
func (c Calendar) bothDays() bool { return len(c.Days) < 31 && len(c.Weekdays) < 7 }
