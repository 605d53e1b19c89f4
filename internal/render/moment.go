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
			if !inDay(v.I64[i]) {
				return dst, whyDay
			}
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

// whyDay is why a time of day cannot be written. DuckDB reads it from a Parquet file as it stands there.
const whyDay = "it is not between 00:00 and 24:00"

func inDay(micros int64) bool { return micros >= 0 && micros <= microsPerDay }

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
	if year <= 0 {
		return append(appendNumbers(dst, 1-year, month, day), " (BC)"...)
	}
	return appendNumbers(dst, year, month, day)
}

func appendNumbers(dst []byte, year int64, month, day int) []byte {
	if year > 9999 {
		dst = append(strconv.AppendInt(dst, year, 10), "-00-00"...)
	} else {
		dst = append(dst, "0000-00-00"...)
		putTwo(dst[len(dst)-10:], uint(year)/100)
		putTwo(dst[len(dst)-8:], uint(year)%100)
	}
	putTwo(dst[len(dst)-5:], uint(month))
	putTwo(dst[len(dst)-2:], uint(day))
	return dst
}

// civil turns days since 1970-01-01 into a date. It counts in years that begin in March, so that the leap day is the
// last, and in centuries. Instead of dividing, years and months are taken from the upper half of a product, and what is
// left of them from the lower one: Neri and Schneider, "Euclidean affine functions and their application to calendar
// algorithms", 2022.
func civil(days int64) (year int64, month, day int) {
	const eras = 16_000                                 // of 400 years: they make every date of a table positive, and are taken off again
	quarters := uint64(days+719_468+eras*146_097)*4 + 3 // 719,468 days from 0000-03-01 on; 4 times, for 146,097 days are 4 centuries
	century, ofCentury := quarters/146_097, uint32(quarters%146_097)/4
	const perYear = 2_939_745 // 2^32 / (4 * 365.25), rounded up
	product := uint64(4*ofCentury+3) * perYear
	ofYear := uint32(product) / perYear / 4
	monthAndDay := 2_141*ofYear + 197_913 // 2^16 / 30.6, and March at 3
	month, day = int(monthAndDay>>16), int(monthAndDay&0xffff)/2_141+1
	year = int64(100*century+product>>32) - eras*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// appendClock appends a time of day that is given in units of 10^-width seconds, without zeros at the end of the fraction.
func appendClock(dst []byte, units int64, width int) []byte {
	seconds, fraction := units, int64(0)
	switch width { // so that the divisors are constants
	case 0:
	case 3:
		seconds, fraction = units/1_000, units%1_000*1_000_000
	case 6:
		seconds, fraction = units/1_000_000, units%1_000_000*1_000
	default:
		seconds, fraction = units/1_000_000_000, units%1_000_000_000
	}
	s := uint(seconds)
	dst = append(dst, "00:00:00"...)
	putTwo(dst[len(dst)-8:], s/3600)
	putTwo(dst[len(dst)-5:], s/60%60)
	putTwo(dst[len(dst)-2:], s%60)
	return appendFraction(dst, uint(fraction))
}

// appendFraction appends nanoseconds as a fraction of a second, without zeros at its end.
func appendFraction(dst []byte, nanos uint) []byte {
	if nanos == 0 {
		return dst
	}
	dst = append(dst, ".000000000"...)
	end := dst[len(dst)-9:]
	end[0] = byte('0' + nanos/100_000_000)
	putTwo(end[1:], nanos/1_000_000%100)
	putTwo(end[3:], nanos/10_000%100)
	putTwo(end[5:], nanos/100%100)
	putTwo(end[7:], nanos%100)
	return trimZeros(dst)
}

// trimZeros takes away the zeros at the end of a fraction, which is not 0.
func trimZeros(dst []byte) []byte {
	n := len(dst)
	for dst[n-1] == '0' {
		n--
	}
	return dst[:n]
}

var tens = [...]int64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

func appendTimestamp(dst []byte, units int64, width int, zone string) []byte {
	switch units {
	case table.TimestampInfinity:
		return append(dst, "infinity"...)
	case table.TimestampNegInfinity:
		return append(dst, "-infinity"...)
	}
	var days, rest int64
	if width == 6 { // the usual one, with a constant to divide by
		days, rest = units/microsPerDay, units%microsPerDay
	} else {
		days, rest = units/(secondsPerDay*tens[width]), units%(secondsPerDay*tens[width])
	}
	if rest < 0 {
		days--
		rest += secondsPerDay * tens[width]
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
	seconds := uint(micros / 1_000_000 % 3600)
	dst = append(dst, "00:00"...)
	putTwo(dst[len(dst)-5:], seconds/60)
	putTwo(dst[len(dst)-2:], seconds%60)
	return appendFraction(dst, uint(micros%1_000_000)*1_000)
}

// twoDigits are the numbers 00 to 99.
const twoDigits = "00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" + "40414243444546474849" +
	"50515253545556575859" + "60616263646566676869" + "70717273747576777879" + "80818283848586878889" + "90919293949596979899"

// putTwo writes a number below 100 with two digits.
func putTwo(dst []byte, n uint) { copy(dst[:2], twoDigits[2*n:2*n+2]) }
