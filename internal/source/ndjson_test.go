package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
)

// overNDJSON opens a source over one file with each of the contents.
func overNDJSON(t *testing.T, contents ...string) source.Source {
	t.Helper()
	return overFiles(t, numbered(t, ".ndjson", contents...))
}

// TestWholeNumbersInNDJSONKeepTheirDigits: the engine takes a number that does not fit 64 bits for a DOUBLE, and so all of a
// column in which one has a point.
func TestWholeNumbersInNDJSONKeepTheirDigits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contents []string
		kind     string
		want     []string
	}{
		"of more than 64 bits":         {[]string{`{"n":12345678901234567890123}`, `{"n":-5}`}, "VARCHAR", []string{"12345678901234567890123", "-5"}},
		"among others with a point":    {[]string{`{"n":9007199254740993}` + "\n" + `{"n":0.5}`}, "VARCHAR", []string{"9007199254740993", "0.5"}},
		"in another file":              {[]string{`{"n":9007199254740993}`, `{"n":0.5}`}, "VARCHAR", []string{"9007199254740993", "0.5"}},
		"in an object":                 {[]string{`{"n":{"id":-9007199254740993,"f":1.5}}`, `{"n":{"id":0.5}}`}, "JSON", []string{`{"id":-9007199254740993,"f":1.5}`, `{"id":0.5}`}},
		"in a list":                    {[]string{`{"n":[0.5,12345678901234567890123]}`}, "JSON", []string{`[0.5,12345678901234567890123]`}},
		"no digit is lost":             {[]string{`{"n":9007199254740992}` + "\n" + `{"n":0.5}`}, "DOUBLE", []string{"9007199254740992.0", "0.5"}},
		"unsigned":                     {[]string{`{"n":18446744073709551615}`, `{"n":-1}`}, "HUGEINT", []string{"18446744073709551615", "-1"}},
		"with an exponent":             {[]string{`{"n":1.2345678901234567e18}`, `{"n":1e19}`}, "DOUBLE", []string{"1.2345678901234568e+18", "1e+19"}},
		"too large for any DOUBLE":     {[]string{`{"n":-1.5E400}`, `{"n":1}`}, "VARCHAR", []string{"-1.5E400", "1"}},
		"digits in a text":             {[]string{`{"n":{"f":0.5,"s":"a \" 12345678901234567890123"}}`}, "STRUCT(f DOUBLE, s VARCHAR)", []string{`{'f': 0.5, 's': 'a " 12345678901234567890123'}`}},
		"beside a key with a number":   {[]string{`{"n":9007199254740993,"n_1":0.5}`, `{"n":0.5}`}, "VARCHAR", []string{"9007199254740993", "0.5"}},
		"beside a column without any":  {[]string{`{"n":9007199254740993,"C1":null}`, `{"n":0.5}`}, "VARCHAR", []string{"9007199254740993", "0.5"}},
		"beside a name that is no SQL": {[]string{`{"n":9007199254740993,"it's \"":{"it's":1}}`, `{"n":0.5}`}, "VARCHAR", []string{"9007199254740993", "0.5"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := overNDJSON(t, c.contents...)
			got := texts(t, s, "SELECT DISTINCT typeof(n) FROM t")[0]
			for _, row := range texts(t, s, "SELECT n::VARCHAR FROM t") {
				got = append(got, row[0])
			}
			require.Equal(t, append([]string{c.kind}, c.want...), got)
		})
	}
}

// TestDatesInNDJSONThatMayMeanOtherDaysAreText: the engine guesses which number is the day, read 01-02-26 as a day of the year 1
// beside others, and infinity as 1900-01-01.
func TestDatesInNDJSONThatMayMeanOtherDaysAreText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contents []string
		kind     string
		want     []string
	}{
		"the day or the month first": {[]string{`{"d":"01-02-2026"}`}, "VARCHAR", []string{"01-02-2026"}},
		"in another file":            {[]string{`{"d":"2026-01-02"}`, `{"d":"01-02-26"}`}, "VARCHAR", []string{"2026-01-02", "01-02-26"}},
		"years of two digits":        {[]string{`{"d":"13-02-24"}`}, "VARCHAR", []string{"13-02-24"}},
		"with a time":                {[]string{`{"d":"01-02-2026 10:00:00"}`}, "VARCHAR", []string{"01-02-2026 10:00:00"}},
		"with half a day":            {[]string{`{"d":"01-02-2026 10:00:00 PM"}`}, "VARCHAR", []string{"01-02-2026 10:00:00 PM"}},
		"infinity":                   {[]string{`{"d":"2026-01-02"}` + "\n" + `{"d":"infinity"}`, `{"d":"-infinity"}`}, "VARCHAR", []string{"2026-01-02", "infinity", "-infinity"}},
		"epoch":                      {[]string{`{"d":"epoch"}`}, "VARCHAR", []string{"epoch"}},
		"with capital letters":       {[]string{`{"d":"2026-01-02"}` + "\n" + `{"d":"-Infinity"}`, `{"d":"EPOCH"}`}, "VARCHAR", []string{"2026-01-02", "-Infinity", "EPOCH"}},
		"in a list":                  {[]string{`{"d":["01-02-2026"]}`}, "JSON", []string{`["01-02-2026"]`}},
		"in an object":               {[]string{`{"d":{"a":{"b":"01-02-2026"}}}`}, "JSON", []string{`{"a":{"b":"01-02-2026"}}`}},

		"as SQL writes it":               {[]string{`{"d":"2026-01-02"}`}, "DATE", []string{"2026-01-02"}},
		"as SQL writes it, with a time":  {[]string{`{"d":"2026-01-02 10:00:00.5"}`}, "TIMESTAMP", []string{"2026-01-02 10:00:00.5"}},
		"as ISO writes it":               {[]string{`{"d":"2026-01-02T10:00:00Z"}`}, "TIMESTAMP", []string{"2026-01-02 10:00:00"}},
		"beside a text that looks alike": {[]string{`{"d":{"a":"2026-01-02","s":"at \"01-02-2026\""}}`}, "STRUCT(a DATE, s VARCHAR)", []string{`{'a': 2026-01-02, 's': 'at "01-02-2026"'}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := overNDJSON(t, c.contents...)
			got := texts(t, s, "SELECT DISTINCT typeof(d) FROM t")[0]
			for _, row := range texts(t, s, "SELECT d::VARCHAR FROM t") {
				got = append(got, row[0])
			}
			require.Equal(t, append([]string{c.kind}, c.want...), got)
		})
	}
}

// TestTimesInNDJSONThatMayBeMinutesAreText: the engine took a call of 3:45 minutes for a quarter to four.
func TestTimesInNDJSONThatMayBeMinutesAreText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		`{"t":"03:45"}`:                          {"VARCHAR", "03:45"},
		`{"t":"16:9:1"}`:                         {"VARCHAR", "16:9:1"},
		`{"t":["10:30:00","03:45"]}`:             {"JSON", `["10:30:00","03:45"]`},
		`{"t":"10:30:00.5"}`:                     {"TIME", "10:30:00.5"},
		`{"t":{"at":"10:30:00","s":"a \"3:45"}}`: {"STRUCT(\"at\" TIME, s VARCHAR)", `{'at': '10:30:00', 's': 'a "3:45'}`},
	} {
		require.Equal(t, [][]string{want}, texts(t, overNDJSON(t, content), "SELECT typeof(t), t::VARCHAR FROM t"), content)
	}
}

// TestTimesInNDJSONKeepTheirOffset: the engine leaves it out of account when it is told the columns, as beside a number that would
// be rounded.
func TestTimesInNDJSONKeepTheirOffset(t *testing.T) {
	t.Parallel()
	const rounded = `,"n":12345678901234567890123}`
	for content, want := range map[string][]string{
		`{"d":"2026-01-02T10:00:00+02:00"}`:                 {"TIMESTAMP", "2026-01-02 08:00:00"},
		`{"d":"2026-01-02T10:00:00+02:00"` + rounded:        {"VARCHAR", "2026-01-02T10:00:00+02:00"},
		`{"d":"2026-1-2T10:00:00.5-0530"` + rounded:         {"VARCHAR", "2026-1-2T10:00:00.5-0530"},
		`{"d":"2026-01-02T10:00:00+00:00"` + rounded:        {"TIMESTAMP", "2026-01-02 10:00:00"},
		`{"d":"2026-01-02T10:00:00Z"` + rounded:             {"TIMESTAMP", "2026-01-02 10:00:00"},
		`{"d":{"at":"2026-01-02T10:00:00+00:30"}` + rounded: {"JSON", `{"at":"2026-01-02T10:00:00+00:30"}`},
	} {
		require.Equal(t, [][]string{want}, texts(t, overNDJSON(t, content), "SELECT typeof(d), d::VARCHAR FROM t"), content)
	}
}

// TestKeysInNDJSONThatSQLCannotTellApart: the engine calls such a key otherwise, and does not find it when it is told its columns.
func TestKeysInNDJSONThatSQLCannotTellApart(t *testing.T) {
	t.Parallel()
	require.Equal(t, [][]string{{"1", "2"}}, texts(t, overNDJSON(t, `{"v":1,"V":2}`), "FROM t"))
	for _, content := range []string{`{"id":12345678901234567890123,"v":1,"V":2}`, `{"id":12345678901234567890123,"":2}`} {
		said := unreadable(t, write(t, "a.ndjson", content))
		require.Contains(t, said, "nothing but its case")
		require.NotContains(t, said, "123")
	}
}
