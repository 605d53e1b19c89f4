package render

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

func of(k table.Kind) table.Type { return table.Type{Kind: k} }

func TestEveryTypeHasItsText(t *testing.T) {
	t.Parallel()
	const day = 24 * 60 * 60
	low := math.Float32frombits(1)
	for name, c := range map[string]struct {
		typ    table.Type
		value  any
		text   string
		inJSON string // empty: the same
	}{
		"true":                            {of(table.Bool), true, "true", ""},
		"false":                           {of(table.Bool), false, "false", ""},
		"the least of 8 bits":             {of(table.Int8), int8(math.MinInt8), "-128", ""},
		"the least of 16 bits":            {of(table.Int16), int16(math.MinInt16), "-32768", ""},
		"the least of 32 bits":            {of(table.Int32), int32(math.MinInt32), "-2147483648", ""},
		"the least of 64 bits":            {of(table.Int64), int64(math.MinInt64), "-9223372036854775808", ""},
		"the most of 8 bits":              {of(table.Uint8), uint8(math.MaxUint8), "255", ""},
		"the most of 16 bits":             {of(table.Uint16), uint16(math.MaxUint16), "65535", ""},
		"the most of 32 bits":             {of(table.Uint32), uint32(math.MaxUint32), "4294967295", ""},
		"the most of 64 bits":             {of(table.Uint64), uint64(math.MaxUint64), "18446744073709551615", ""},
		"a huge zero":                     {of(table.HugeInt), table.Int128{}, "0", ""},
		"a huge minus one":                {of(table.HugeInt), table.Int128{Lo: math.MaxUint64, Hi: -1}, "-1", ""},
		"a huge 2^64":                     {of(table.HugeInt), table.Int128{Hi: 1}, "18446744073709551616", ""},
		"the least of 128 bits":           {of(table.HugeInt), table.Int128{Hi: math.MinInt64}, "-170141183460469231731687303715884105728", ""},
		"the most of 128 bits":            {of(table.HugeInt), table.Int128{Hi: math.MaxInt64, Lo: math.MaxUint64}, "170141183460469231731687303715884105727", ""},
		"the most of 128 unsigned bits":   {of(table.UHugeInt), table.Int128{Hi: -1, Lo: math.MaxUint64}, "340282366920938463463374607431768211455", ""},
		"a decimal keeps its scale":       {dec(4, 2), int16(1250), "12.50", ""},
		"a decimal below one":             {dec(4, 3), int16(-7), "-0.007", ""},
		"a decimal of nine digits":        {dec(9, 9), int32(-999999999), "-0.999999999", ""},
		"a decimal without scale":         {dec(9, 0), int32(-12), "-12", ""},
		"a decimal zero":                  {dec(18, 4), int64(0), "0.0000", ""},
		"a decimal of eighteen digits":    {dec(18, 18), int64(999999999999999999), "0.999999999999999999", ""},
		"a decimal of 38 digits":          {dec(38, 10), table.Int128{Hi: 5421010862427522170, Lo: 687399551400673279}, "9999999999999999999999999999.9999999999", ""},
		"the least of 38 digits":          {dec(38, 38), table.Int128{Hi: -5421010862427522171, Lo: 17759344522308878337}, "-0.99999999999999999999999999999999999999", ""},
		"a small decimal of 38 digits":    {dec(38, 2), table.Int128{Lo: 5}, "0.05", ""},
		"a minus of 38 digits":            {dec(38, 20), table.Int128{Lo: math.MaxUint64, Hi: -1}, "-0.00000000000000000001", ""},
		"a whole float":                   {of(table.Float64), 12.0, "12", ""},
		"a float without exponent":        {of(table.Float64), 0.1, "0.1", ""},
		"the last float without exponent": {of(table.Float64), 9999999999999998.0, "9999999999999998", ""},
		"the first float with exponent":   {of(table.Float64), 1e16, "1e+16", ""},
		"a small float without exponent":  {of(table.Float64), 0.00001, "0.00001", ""},
		"a smaller float with exponent":   {of(table.Float64), 0.0000012, "1.2e-06", ""},
		"the greatest float":              {of(table.Float64), math.MaxFloat64, "1.7976931348623157e+308", ""},
		"the smallest float":              {of(table.Float64), math.SmallestNonzeroFloat64, "5e-324", ""},
		"minus zero":                      {of(table.Float64), math.Copysign(0, -1), "-0", "-0.0"},
		"not a number":                    {of(table.Float64), math.NaN(), "NaN", `"NaN"`},
		"infinity":                        {of(table.Float64), math.Inf(1), "Infinity", `"Infinity"`},
		"minus infinity":                  {of(table.Float32), float32(math.Inf(-1)), "-Infinity", `"-Infinity"`},
		"a float of 32 bits":              {of(table.Float32), float32(0.1), "0.1", ""},
		"the greatest float of 32 bits":   {of(table.Float32), float32(math.MaxFloat32), "3.4028235e+38", ""},
		"the smallest float of 32 bits":   {of(table.Float32), low, "1e-45", ""},
		"a day":                           {of(table.Date), int32(20780), "2026-11-23", `"2026-11-23"`},
		"the day before the epoch":        {of(table.Date), int32(-1), "1969-12-31", `"1969-12-31"`},
		"a leap day":                      {of(table.Date), int32(11016), "2000-02-29", `"2000-02-29"`},
		"a day before the calendar":       {of(table.Date), int32(-141428), "1582-10-14", `"1582-10-14"`},
		"the first day of the era":        {of(table.Date), int32(-719162), "0001-01-01", `"0001-01-01"`},
		"the day before it":               {of(table.Date), int32(-719163), "0001-12-31 (BC)", `"0001-12-31 (BC)"`},
		"a day long before":               {of(table.Date), int32(-735160), "0044-03-15 (BC)", `"0044-03-15 (BC)"`},
		"the last day of four digits":     {of(table.Date), int32(2932896), "9999-12-31", `"9999-12-31"`},
		"a day of five":                   {of(table.Date), int32(2932897), "10000-01-01", `"10000-01-01"`},
		"DuckDB's last day":               {of(table.Date), int32(math.MaxInt32 - 1), "5881580-07-10", `"5881580-07-10"`},
		"no last day":                     {of(table.Date), table.DateInfinity, "infinity", `"infinity"`},
		"no first day":                    {of(table.Date), table.DateNegInfinity, "-infinity", `"-infinity"`},
		"midnight":                        {of(table.Time), int64(0), "00:00:00", `"00:00:00"`},
		"a time with a fraction":          {of(table.Time), int64(20519250000), "05:41:59.25", `"05:41:59.25"`},
		"the last microsecond":            {of(table.Time), int64(microsPerDay - 1), "23:59:59.999999", `"23:59:59.999999"`},
		"the end of the day":              {of(table.Time), int64(microsPerDay), "24:00:00", `"24:00:00"`},
		"a timestamp":                     {of(table.Timestamp), int64(1795412519123456), "2026-11-23 05:41:59.123456", `"2026-11-23 05:41:59.123456"`},
		"a timestamp without a fraction":  {of(table.Timestamp), int64(0), "1970-01-01 00:00:00", `"1970-01-01 00:00:00"`},
		"a timestamp before the epoch":    {of(table.Timestamp), int64(-1), "1969-12-31 23:59:59.999999", `"1969-12-31 23:59:59.999999"`},
		"a timestamp before the era":      {of(table.Timestamp), int64(-735160*day*1e6 + 36000e6), "0044-03-15 (BC) 10:00:00", `"0044-03-15 (BC) 10:00:00"`},
		"a timestamp without end":         {of(table.Timestamp), table.TimestampInfinity, "infinity", `"infinity"`},
		"a timestamp without beginning":   {of(table.TimestampTZ), table.TimestampNegInfinity, "-infinity", `"-infinity"`},
		"a timestamp of seconds":          {table.Type{Kind: table.Timestamp, Unit: table.Second}, int64(-1), "1969-12-31 23:59:59", `"1969-12-31 23:59:59"`},
		"a timestamp of milliseconds":     {table.Type{Kind: table.Timestamp, Unit: table.Milli}, int64(1001), "1970-01-01 00:00:01.001", `"1970-01-01 00:00:01.001"`},
		"a timestamp of nanoseconds":      {table.Type{Kind: table.Timestamp, Unit: table.Nano}, int64(-1), "1969-12-31 23:59:59.999999999", `"1969-12-31 23:59:59.999999999"`},
		"a timestamp with its zone":       {of(table.TimestampTZ), int64(500000), "1970-01-01 00:00:00.5+00", `"1970-01-01 00:00:00.5+00"`},
		"no interval":                     {of(table.Interval), table.IntervalValue{}, "00:00:00", `"00:00:00"`},
		"an interval of every part":       {of(table.Interval), table.IntervalValue{Months: 14, Days: 3, Micros: 14706789000}, "1 year 2 months 3 days 04:05:06.789", `"1 year 2 months 3 days 04:05:06.789"`},
		"an interval back":                {of(table.Interval), table.IntervalValue{Months: -13, Days: -1, Micros: -500000}, "-1 year -1 month -1 day -00:00:00.5", `"-1 year -1 month -1 day -00:00:00.5"`},
		"an interval of days":             {of(table.Interval), table.IntervalValue{Days: 2}, "2 days", `"2 days"`},
		"an interval of many hours":       {of(table.Interval), table.IntervalValue{Micros: 360000000000}, "100:00:00", `"100:00:00"`},
		"the least interval":              {of(table.Interval), table.IntervalValue{Micros: math.MinInt64}, "-2562047788:00:54.775808", `"-2562047788:00:54.775808"`},
		"a UUID":                          {of(table.UUID), [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0xb, 0xc, 0xd, 0xe, 0xff}, "00010203-0405-0607-0809-0a0b0c0d0eff", `"00010203-0405-0607-0809-0a0b0c0d0eff"`},
		"no bytes":                        {of(table.Blob), "", `""`, `""`},
		"bytes":                           {of(table.Blob), "\xfb\xff\x00", "+/8A", `"+/8A"`},
		"an enum":                         {of(table.Enum), "gold", "gold", `"gold"`},
		"JSON":                            {of(table.JSON), `[1, {"a":2}]`, `"[1, {""a"":2}]"`, `[1, {"a":2}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema, b := tableOf(col{"a", c.typ, []any{c.value}})
			require.Equal(t, []string{c.text + "\n"}, renderAll(t, Options{FileFormat: FormatCSV}, schema, b))
			schema, b = tableOf(col{"a", c.typ, []any{c.value}})
			if c.inJSON == "" {
				c.inJSON = c.text
			}
			require.Equal(t, []string{`{"a":` + c.inJSON + "}\n"}, renderAll(t, Options{FileFormat: FormatNDJSON}, schema, b))
		})
	}
}

func dec(precision, scale uint8) table.Type {
	return table.Type{Kind: table.Decimal, Precision: precision, Scale: scale}
}

func TestNestedValuesAreOneJSONText(t *testing.T) {
	t.Parallel()
	str, i64 := of(table.String), of(table.Int64)
	inner := table.Type{Kind: table.Struct, Fields: []table.Field{{Name: `na"me`, Type: str}, {Name: "n", Type: i64}}}
	for name, c := range map[string]struct {
		typ   table.Type
		value any
		want  string
	}{
		"a list":                  {listOf(i64), []any{int64(1), nil, int64(math.MaxInt64)}, `[1,null,9223372036854775807]`},
		"an empty list":           {listOf(i64), []any{}, `[]`},
		"a list of lists":         {listOf(listOf(str)), []any{[]any{"a"}, nil, []any{}}, `[["a"],null,[]]`},
		"a struct":                {inner, []any{"x\ny", int64(1)}, `{"na\"me":"x\ny","n":1}`},
		"a struct of NULLs":       {inner, []any{nil, nil}, `{"na\"me":null,"n":null}`},
		"a map with text as key":  {mapOf(str, i64), []entry{{"a", int64(1)}, {"b", nil}}, `{"a":1,"b":null}`},
		"a map with another key":  {mapOf(i64, str), []entry{{int64(1), "a"}, {int64(2), nil}}, `[{"key":1,"value":"a"},{"key":2,"value":null}]`},
		"an empty map":            {mapOf(str, i64), []entry{}, `{}`},
		"JSON within a list":      {listOf(of(table.JSON)), []any{"{\"a\":\n1}"}, `[{"a": 1}]`},
		"control characters":      {listOf(str), []any{"\x00\x1f\t\r\"\\/é\u2028"}, `["\u0000\u001f\t\r\"\\/é` + "\u2028" + `"]`},
		"what is not a number":    {listOf(of(table.Float64)), []any{math.NaN(), math.Inf(-1), 1.5}, `["NaN","-Infinity",1.5]`},
		"days and times and such": {listOf(of(table.Timestamp)), []any{int64(0)}, `["1970-01-01 00:00:00"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema, b := tableOf(col{"a", c.typ, []any{nil, c.value, nil}})
			require.Equal(t, []string{"{\"a\":null}\n{\"a\":" + c.want + "}\n{\"a\":null}\n"}, renderAll(t, Options{FileFormat: FormatNDJSON}, schema, b))
			schema, b = tableOf(col{"a", c.typ, []any{c.value}})
			require.Equal(t, []string{c.want + "\n"}, renderAll(t, Options{FileFormat: FormatCustom, Delimiter: "\x01", QuoteMode: QuoteNone}, schema, b))
		})
	}
}

func TestAnArrayIsWholeWithNoneOneOrMoreRows(t *testing.T) {
	t.Parallel()
	for want, values := range map[string][]any{
		"[\n]\n":                                    nil,
		"[\n{\"a\":\"x\"}\n]\n":                     {"x"},
		"[\n{\"a\":\"x\"},\n{\"a\":null}\n]\n":      {"x", nil},
		"[\n{\"a\":1},\n{\"a\":2},\n{\"a\":3}\n]\n": {int64(1), int64(2), int64(3)},
	} {
		typ := of(table.String)
		if len(values) == 3 {
			typ = of(table.Int64)
		}
		schema, b := tableOf(col{"a", typ, values})
		require.Equal(t, []string{want}, renderAll(t, Options{FileFormat: FormatJSON}, schema, b))
	}
	schema, b := tableOf(text("a", "x", "y"))
	require.Equal(t, []string{"[\r\n{\"a\":\"x\"},\r\n{\"a\":\"y\"}\r\n]\r\n"}, renderAll(t, Options{FileFormat: FormatJSON, LineEnding: LineCRLF}, schema, b))
}

func TestJSONRefusesWhatItCannotHold(t *testing.T) {
	t.Parallel()
	for _, format := range []string{FormatJSON, FormatNDJSON} {
		for reason, c := range map[string]col{
			whyUTF8: text("a", "x", "secret\xff"),
			whyJSON: {"a", of(table.JSON), []any{"1", `{"secret":`}},
		} {
			schema, b := tableOf(c)
			err := renderFails(t, Options{FileFormat: format}, schema, b)
			require.ErrorContains(t, err, reason)
			require.ErrorContains(t, err, `row 2, column "a"`)
			require.NotContains(t, err.Error(), "secret")
		}
	}
}

func TestTheGuardLooksAtBytesToo(t *testing.T) {
	t.Parallel()
	schema, b := tableOf(col{"a", of(table.Blob), []any{"\xfb\xff\x00", "a"}}, col{"b", of(table.Int32), []any{int32(-1), int32(1)}},
		col{"c", of(table.JSON), []any{"-1", "1"}})
	require.Equal(t, "'+/8A,-1,'-1\nYQ==,1,1\n", renderAll(t, Options{FileFormat: FormatCSV, FormulaGuard: true}, schema, b)[0])
}
