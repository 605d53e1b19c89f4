package watch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Count writes n with a comma every three digits, and the noun in the singular or plural: "1 row", "100,000 rows".
func Count(n int64, noun string) string {
	return Plural(n, noun, noun+"s")
}

// Plural is Count for a noun with a plural of its own.
func Plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Number writes n with a comma every three digits.
func Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// units are powers of 1000, as disks and networks are sold.
var units = [...]string{"kB", "MB", "GB", "TB", "PB"}

// Bytes writes a size with three significant digits: "812 B", "1.25 MB", "62.4 GB".
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value := float64(n)
	unit := ""
	for _, unit = range units {
		value /= 1000
		if value < 999.5 {
			break
		}
	}
	decimals := 2
	for limit := 9.995; value >= limit && decimals > 0; limit *= 10 {
		decimals--
	}
	return strconv.FormatFloat(value, 'f', decimals, 64) + " " + unit
}

// Took writes a duration as a person would say it: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min".
func Took(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return pair(int(d.Seconds()), 60, "min", "s")
	case d < 48*time.Hour:
		return pair(int(d.Minutes()), 60, "h", "min")
	default:
		return pair(int(d.Hours()), 24, "days", "h")
	}
}

func pair(n, per int, big, small string) string {
	if n%per == 0 {
		return fmt.Sprintf("%d %s", n/per, big)
	}
	return fmt.Sprintf("%d %s %d %s", n/per, big, n%per, small)
}

// Printable writes text so that a terminal shows it and does not obey it: a store's words about a failure, or a received
// receipt, may be anybody's. Control characters but line breaks and tabs are written as JSON writes them, and so are those
// that turn the direction of what follows: a name would read as another.
func Printable(text string) string {
	obeyed := func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
	}
	if !strings.ContainsFunc(text, obeyed) {
		return text
	}
	var b strings.Builder
	for from := 0; from < len(text); {
		at := strings.IndexFunc(text[from:], obeyed)
		if at < 0 {
			b.WriteString(text[from:])
			break
		}
		b.WriteString(text[from : from+at])
		r, size := utf8.DecodeRuneInString(text[from+at:])
		fmt.Fprintf(&b, `\u%04x`, r)
		from += at + size
	}
	return b.String()
}
