package naming

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A layout is a parsed pattern of Joda-Time's DateTimeFormat
// (https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html), of which this package knows the
// letters that a filename needs.
type layout []field

// A field appends its part of t.
type field func(b []byte, t time.Time) []byte

// A patternError says what is wrong with a pattern, and where in it.
type patternError struct {
	offset  int
	message string
}

func (e *patternError) Error() string { return e.message }

// patternLetters is what messages offer; a letter may be repeated as Joda-Time allows, so M, MM, MMM and MMMM are all known.
const patternLetters = "yyyy YYYY MM dd HH hh mm ss SSS DDD EEE a Z ZZ"

func (l layout) format(t time.Time) string {
	b := make([]byte, 0, 32)
	for _, f := range l {
		b = f(b, t)
	}
	return string(b)
}

func parseLayout(pattern string) (layout, error) {
	if pattern == "" {
		return nil, &patternError{0, "the pattern is empty: write format:'yyyy-MM-dd'"}
	}
	var l layout
	for i := 0; i < len(pattern); {
		r, size := utf8.DecodeRuneInString(pattern[i:])
		switch {
		case r == '\'':
			text, length, err := quotedText(pattern, i)
			if err != nil {
				return nil, err
			}
			l = append(l, literal(text))
			i += length
		case letter(r):
			count := len(pattern[i:]) - len(strings.TrimLeft(pattern[i:], string(r)))
			f := fieldFor(r, count)
			if f == nil {
				return nil, &patternError{i, unknownLetters(r, count)}
			}
			l = append(l, f)
			i += count
		default:
			l = append(l, literal(pattern[i:i+size]))
			i += size
		}
	}
	return l, nil
}

var quoted = regexp.MustCompile(`'[^']*'`)

// doubtOf says what the letters of a pattern mean that are often written for others; empty: nothing. YYYY-MM-DD is an ISO date
// to most people, and so is yyyy-mm-dd. timed says that there is an hour in this pattern or beside it.
func doubtOf(letters string, timed bool) string {
	switch {
	case strings.Contains(letters, "D") && strings.ContainsAny(letters, "Md"):
		return "D is the day of the year; the day of the month is dd"
	case strings.Contains(letters, "m") && !timed:
		return "m is the minute, and there is no hour; the month is MM"
	}
	return ""
}

// quotedText reads 'text' at offset begin: two quotes are a quote, both outside and inside of quoted text.
func quotedText(pattern string, begin int) (text string, length int, err error) {
	if strings.HasPrefix(pattern[begin:], "''") {
		return "'", 2, nil
	}
	var b strings.Builder
	for i := begin + 1; i < len(pattern); i++ {
		switch {
		case pattern[i] != '\'':
			b.WriteByte(pattern[i])
		case strings.HasPrefix(pattern[i:], "''"):
			b.WriteByte('\'')
			i++
		default:
			return b.String(), i + 1 - begin, nil
		}
	}
	return "", 0, &patternError{begin, "the quote that ends the text in the pattern is missing"}
}

func unknownLetters(r rune, count int) string {
	if r == 'Z' {
		return "ZZZ would be the zone's name, which holds a /: write Z or ZZ"
	}
	run := strings.Repeat(string(r), min(count, len("MMMM")))
	return fmt.Sprintf("%q is not known: the letters are %s, and text stands in quotes", run, patternLetters)
}

// fieldFor returns the field for count times the letter, or nil if there is none.
func fieldFor(r rune, count int) field {
	switch r {
	case 'y', 'Y': // year and year of era are the same after the year 0
		if count == 2 {
			return number(2, func(t time.Time) int { return t.Year() % 100 })
		}
		return number(count, time.Time.Year)
	case 'M':
		if count > 2 {
			return name(count > 3, func(t time.Time) string { return t.Month().String() })
		}
		return number(count, func(t time.Time) int { return int(t.Month()) })
	case 'd':
		return number(count, time.Time.Day)
	case 'D':
		return number(count, time.Time.YearDay)
	case 'E':
		return name(count > 3, func(t time.Time) string { return t.Weekday().String() })
	case 'Z':
		return zone(count)
	}
	return clockField(r, count)
}

func clockField(r rune, count int) field {
	switch r {
	case 'H':
		return number(count, time.Time.Hour)
	case 'h': // 12, 1, 2 ... 11
		return number(count, func(t time.Time) int { return (t.Hour()+11)%12 + 1 })
	case 'm':
		return number(count, time.Time.Minute)
	case 's':
		return number(count, time.Time.Second)
	case 'S':
		return fraction(count)
	case 'a':
		return func(b []byte, t time.Time) []byte { return t.AppendFormat(b, "PM") }
	}
	return nil
}

func literal(text string) field {
	return func(b []byte, _ time.Time) []byte { return append(b, text...) }
}

// number writes at least digits digits, filled up with zeros.
func number(digits int, value func(time.Time) int) field {
	return func(b []byte, t time.Time) []byte {
		text := strconv.Itoa(value(t))
		for range digits - len(text) {
			b = append(b, '0')
		}
		return append(b, text...)
	}
}

// name writes an English name, or its first three letters: the bytes must not depend on the machine's language.
func name(full bool, value func(time.Time) string) field {
	return func(b []byte, t time.Time) []byte {
		if full {
			return append(b, value(t)...)
		}
		return append(b, value(t)[:3]...)
	}
}

// fraction writes the first digits of the fraction of the second, cut and not rounded.
func fraction(digits int) field {
	return func(b []byte, t time.Time) []byte {
		text := fmt.Sprintf("%09d", t.Nanosecond())
		for range digits - len(text) {
			text += "0"
		}
		return append(b, text[:digits]...)
	}
}

// zone writes +0000 or +00:00. Joda-Time writes UTC no differently.
func zone(count int) field {
	if count > 2 {
		return nil
	}
	format := []string{"-0700", "-07:00"}[count-1]
	return func(b []byte, t time.Time) []byte { return t.AppendFormat(b, format) }
}
