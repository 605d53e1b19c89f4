package source_test

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"consign/internal/table"
)

// text writes value i of a vector as DuckDB's cast to VARCHAR does: the other way to read a value. It covers what the
// tests compare; the real writer of values is elsewhere.
func text(t table.Type, v *table.Vector, i int) string {
	if v.Null(i) {
		return "NULL"
	}
	switch t.Kind {
	case table.Bool:
		return strconv.FormatBool(v.Bools[i])
	case table.Int8:
		return strconv.Itoa(int(v.I8[i]))
	case table.Int16:
		return strconv.Itoa(int(v.I16[i]))
	case table.Int32:
		return strconv.Itoa(int(v.I32[i]))
	case table.Int64:
		return strconv.FormatInt(v.I64[i], 10)
	case table.Uint8:
		return strconv.Itoa(int(v.U8[i]))
	case table.Uint16:
		return strconv.Itoa(int(v.U16[i]))
	case table.Uint32:
		return strconv.Itoa(int(v.U32[i]))
	case table.Uint64:
		return strconv.FormatUint(v.U64[i], 10)
	case table.HugeInt:
		return wide(v.I128[i].Hi < 0, v.I128[i]).String()
	case table.UHugeInt:
		return wide(false, v.I128[i]).String()
	case table.Float32:
		return floatText(float64(v.F32[i]), 32)
	case table.Float64:
		return floatText(v.F64[i], 64)
	case table.Decimal:
		return decimalText(t, v, i)
	case table.String, table.Enum, table.JSON:
		return v.Strings[i]
	case table.Blob:
		return blobText(v.Strings[i])
	case table.UUID:
		h := hex.EncodeToString(v.UUIDs[i][:])
		return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
	default:
		return otherText(t, v, i)
	}
}

func otherText(t table.Type, v *table.Vector, i int) string {
	switch t.Kind {
	case table.Date:
		return dateText(v.I32[i])
	case table.Time:
		return clockText(v.I64[i] * 1000)
	case table.Timestamp:
		return timestampText(v.I64[i], int64([]int{1e3, 1e9, 1e6, 1}[t.Unit]))
	case table.TimestampTZ:
		s := timestampText(v.I64[i], 1e3)
		if strings.HasSuffix(s, "infinity") {
			return s
		}
		return s + "+00"
	case table.Interval:
		return intervalText(v.Intervals[i])
	case table.List:
		var parts []string
		for e := v.Entries[i].Offset; e < v.Entries[i].Offset+v.Entries[i].Length; e++ {
			parts = append(parts, nested(*t.Elem, &v.Children[0], int(e)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case table.Map:
		var parts []string
		for e := v.Entries[i].Offset; e < v.Entries[i].Offset+v.Entries[i].Length; e++ {
			parts = append(parts, nested(*t.Key, &v.Children[0], int(e))+"="+nested(*t.Elem, &v.Children[1], int(e)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case table.Struct:
		var parts []string
		for f, field := range t.Fields {
			parts = append(parts, "'"+field.Name+"': "+nested(field.Type, &v.Children[f], i))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return "?" + t.String()
	}
}

// nested is text, with the quotes that the engine writes around a part that could be misread.
func nested(t table.Type, v *table.Vector, i int) string {
	s := text(t, v, i)
	if !t.Nested() && !v.Null(i) && (s == "" || strings.ContainsAny(s, ":,[]{}()='\"\\")) {
		return "'" + s + "'"
	}
	return s
}

func wide(negative bool, v table.Int128) *big.Int {
	n := new(big.Int).Lsh(new(big.Int).SetUint64(uint64(v.Hi)), 64)
	n.Or(n, new(big.Int).SetUint64(v.Lo))
	if negative {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return n
}

func decimalText(t table.Type, v *table.Vector, i int) string {
	var n *big.Int
	switch {
	case t.Precision <= 4:
		n = big.NewInt(int64(v.I16[i]))
	case t.Precision <= 9:
		n = big.NewInt(int64(v.I32[i]))
	case t.Precision <= 18:
		n = big.NewInt(v.I64[i])
	default:
		n = wide(v.I128[i].Hi < 0, v.I128[i])
	}
	if t.Scale == 0 {
		return n.String()
	}
	digits := new(big.Int).Abs(n).String()
	for len(digits) <= int(t.Scale) {
		digits = "0" + digits
	}
	if t.Precision == t.Scale { // the engine writes no zero before the point of DECIMAL(4,4)
		digits = strings.TrimPrefix(digits, "0")
	}
	at := len(digits) - int(t.Scale)
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + digits[:at] + "." + digits[at:]
}

func floatText(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func intervalText(v table.IntervalValue) string {
	var parts []string
	for _, p := range []struct {
		n    int32
		unit string
	}{{v.Months / 12, "year"}, {v.Months % 12, "month"}, {v.Days, "day"}} {
		if p.n == 1 || p.n == -1 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.unit))
		} else if p.n != 0 {
			parts = append(parts, fmt.Sprintf("%d %ss", p.n, p.unit))
		}
	}
	switch {
	case v.Micros < 0:
		parts = append(parts, "-"+clockText(-v.Micros*1000))
	case v.Micros > 0 || len(parts) == 0:
		parts = append(parts, clockText(v.Micros*1000))
	}
	return strings.Join(parts, " ")
}

func blobText(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c < 32 || c > 126 || c == '\\' || c == '\'' || c == '"' {
			fmt.Fprintf(&b, "\\x%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func dateText(days int32) string {
	switch days {
	case table.DateInfinity:
		return "infinity"
	case table.DateNegInfinity:
		return "-infinity"
	}
	return yearText(time.Unix(int64(days)*86400, 0).UTC())
}

func yearText(at time.Time) string {
	year, era := at.Year(), ""
	if year <= 0 {
		year, era = 1-year, " (BC)"
	}
	return fmt.Sprintf("%04d-%02d-%02d%s", year, at.Month(), at.Day(), era)
}

func clockText(nanos int64) string {
	s := fmt.Sprintf("%02d:%02d:%02d", nanos/3600e9, nanos/60e9%60, nanos/1e9%60)
	if rest := nanos % 1e9; rest != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
	}
	return s
}

func timestampText(v, nanosPerUnit int64) string {
	switch v {
	case table.TimestampInfinity:
		return "infinity"
	case table.TimestampNegInfinity:
		return "-infinity"
	}
	perSecond := int64(1e9) / nanosPerUnit
	seconds, rest := v/perSecond, v%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	at := time.Unix(seconds, 0).UTC()
	return yearText(at) + " " + clockText(int64(at.Hour())*3600e9+int64(at.Minute())*60e9+int64(at.Second())*1e9+rest*nanosPerUnit)
}
