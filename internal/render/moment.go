package render

import (
	"strconv"

	"consign/internal/table"
)

const (
	secondsPerDay = 24 * 60 * 60
	microsPerDay  = secondsPerDay * 1_000_000
)

// momentCell writes dates, times and intervals as DuckDB and PostgreSQL both read them.
func momentCell(t table.Type) cell {
	switch t.Kind {
	case table.Date:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendDate(dst, v.I32[i]), ""
		}
	case table.Time:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendClock(dst, v.I64[i], 6), ""
		}
	case table.Timestamp:
		width := [...]int{table.Second: 0, table.Milli: 3, table.Micro: 6, table.Nano: 9}[t.Unit]
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendTimestamp(dst, v.I64[i], width, ""), ""
		}
	case table.TimestampTZ:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendTimestamp(dst, v.I64[i], 6, "+00"), ""
		}
	default:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendInterval(dst, v.Intervals[i]), ""
		}
	}
}

func appendDate(dst []byte, days int32) []byte {
	switch days {
	case table.DateInfinity:
		return append(dst, "infinity"...)
	case table.DateNegInfinity:
		return append(dst, "-infinity"...)
	}
	return appendDay(dst, int64(days))
}

// appendDay appends a day of the proleptic Gregorian calendar. Years from 10000 on have as many digits as they need.
// Before the year 1 the era follows in brackets: both DuckDB and PostgreSQL read `0044-03-15 (BC)` and, with a time
// behind it, `0044-03-15 (BC) 10:00:00`; no other form is common to the two.
func appendDay(dst []byte, days int64) []byte {
	year, month, day := civil(days)
	before := year <= 0
	if before {
		year = 1 - year
	}
	if year > 9999 {
		dst = strconv.AppendInt(dst, year, 10)
	} else {
		dst = appendTwo(appendTwo(dst, int(year)/100), int(year)%100)
	}
	dst = appendTwo(append(dst, '-'), month)
	dst = appendTwo(append(dst, '-'), day)
	if before {
		dst = append(dst, " (BC)"...)
	}
	return dst
}

// civil turns days since 1970-01-01 into a date. It counts in years that begin in March, so that the leap day is the
// last, and in eras of 400 years, which all have 146,097 days.
func civil(days int64) (year int64, month, day int) {
	days += 719_468 // 0000-03-01 to 1970-01-01
	era := days / 146_097
	if days%146_097 < 0 {
		era--
	}
	ofEra := int(days - era*146_097)
	yearOfEra := (ofEra - ofEra/1_460 + ofEra/36_524 - ofEra/146_096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	fromMarch := (5*ofYear + 2) / 153
	day = ofYear - (153*fromMarch+2)/5 + 1
	month = fromMarch + 3
	year = int64(yearOfEra) + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// appendClock appends a time of day that is given in units of 10^-width seconds, without zeros at the end of the fraction.
func appendClock(dst []byte, units int64, width int) []byte {
	scale := tens[width]
	seconds, fraction := int(units/scale), units%scale
	dst = appendTwo(dst, seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	return appendFraction(dst, fraction, width)
}

func appendFraction(dst []byte, fraction int64, width int) []byte {
	if fraction == 0 {
		return dst
	}
	for fraction%10 == 0 {
		fraction /= 10
		width--
	}
	dst = append(dst, '.')
	for i := width - 1; i >= 0; i-- {
		dst = append(dst, byte('0'+fraction/tens[i]%10))
	}
	return dst
}

var tens = [...]int64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

func appendTimestamp(dst []byte, units int64, width int, zone string) []byte {
	switch units {
	case table.TimestampInfinity:
		return append(dst, "infinity"...)
	case table.TimestampNegInfinity:
		return append(dst, "-infinity"...)
	}
	perDay := secondsPerDay * tens[width]
	days, rest := units/perDay, units%perDay
	if rest < 0 {
		days--
		rest += perDay
	}
	dst = append(appendDay(dst, days), ' ')
	return append(appendClock(dst, rest, width), zone...)
}

// appendInterval appends an interval as DuckDB writes it: `1 year 2 months 3 days 04:05:06.5`. PostgreSQL reads the same.
func appendInterval(dst []byte, v table.IntervalValue) []byte {
	start := len(dst)
	for _, p := range [...]struct {
		count int32
		name  string
	}{{v.Months / 12, "year"}, {v.Months % 12, "month"}, {v.Days, "day"}} {
		if p.count == 0 {
			continue
		}
		dst = strconv.AppendInt(dst, int64(p.count), 10)
		dst = append(append(dst, ' '), p.name...)
		if p.count != 1 && p.count != -1 {
			dst = append(dst, 's')
		}
		dst = append(dst, ' ')
	}
	if v.Micros == 0 && len(dst) > start {
		return dst[:len(dst)-1]
	}
	micros := uint64(v.Micros)
	if v.Micros < 0 {
		dst = append(dst, '-')
		micros = -micros
	}
	hours := micros / 3_600_000_000
	if hours < 10 {
		dst = append(dst, '0')
	}
	dst = append(strconv.AppendUint(dst, hours, 10), ':')
	seconds := int(micros / 1_000_000 % 3600)
	dst = appendTwo(dst, seconds/60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	return appendFraction(dst, int64(micros%1_000_000), 6)
}

func appendTwo(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}
