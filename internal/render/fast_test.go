package render

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The quick ways are compared with slow ones that others have written.

func TestDatesAreThoseOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	compare := func(days int64) {
		want := time.Unix(days*secondsPerDay, 0).UTC()
		year, month, day := civil(days)
		if int(year) != want.Year() || month != int(want.Month()) || day != want.Day() {
			t.Fatalf("day %d: %d-%d-%d, not %s", days, year, month, day, want)
		}
	}
	for days := int64(-800_000); days < 100_000; days++ { // the years -220 to 2243: every kind of leap year, before and after 0
		compare(days)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		compare(int64(int32(r.Uint32())))
	}
	compare(math.MinInt32)
	compare(math.MaxInt32)
}

func TestFloatsAreThoseOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	compare := func(f float64) {
		format := byte('f')
		if size := math.Abs(f); size >= 1e16 || size < 1e-5 && size > 0 {
			format = 'e'
		}
		require.Equal(t, strconv.FormatFloat(f, format, -1, 64), string(appendFloat(nil, f, 64)))
	}
	for range 200_000 {
		n := float64(r.Int64N(1_000_000_000) - 500_000_000)
		for _, f := range []float64{n, n / 2, n / 100, n / 1e6, n / 1e7, n / 3, n * 1e3, math.Nextafter(n/100, 0), math.Nextafter(n/1e6, 1e9)} {
			compare(f)
		}
	}
	for i := range 200 { // around where the exponent begins and where the quick way ends
		compare(float64(i) / 1e6)
		compare(float64(i) / 1e7)
		compare(1e9 - 100 + float64(i))
	}
}

// TestAPlainValueIsWrittenAsTheRulesSay compares values of all lengths, with every byte at every place, to appendText,
// which looks at one byte after the other.
func TestAPlainValueIsWrittenAsTheRulesSay(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{FileFormat: FormatCSV},
		{FileFormat: FormatCSV, NullString: "plain"},
		{FileFormat: FormatCSV, QuoteMode: QuoteAll},
		{FileFormat: FormatPSV, EscapeCharacter: `\`},
		{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`},
		{FileFormat: FormatCSV, QuoteMode: QuoteNone, NullString: "plain"},
	} {
		d := newDialect(o.withDefaults())
		force := d.mode == QuoteAll
		write := d.textCell(force)
		compare := func(s string) {
			want, whyWant := d.appendText([]byte("before"), s, force)
			_, b := tableOf(text("only", s))
			got, why := write([]byte("before"), &b.Columns[0], 0)
			if whyWant != why || why == "" && string(want) != string(got) {
				t.Fatalf("%+v: %q became %q (%s), not %q (%s)", o, s, got, why, want, whyWant)
			}
		}
		for _, s := range []string{"", "plain", `\N`, `\.`, `\`, " ", "  ", "ä", "\u00a0x", "x\u3000"} {
			compare(s)
		}
		for length := 1; length < 28; length++ {
			plain := strings.Repeat("plain text", 3)[:length]
			for at := range length {
				for c := range 256 {
					compare(plain[:at] + string([]byte{byte(c)}) + plain[at+1:])
				}
			}
		}
	}
}

func TestFractionsHaveNoZerosAtTheirEnd(t *testing.T) {
	t.Parallel()
	for nanos := uint(1); nanos < 1_000_000_000; nanos += nanos/7 + 1 {
		want := strings.TrimRight(fmt.Sprintf(".%09d", nanos), "0")
		require.Equal(t, want, string(appendFraction(nil, nanos)))
	}
}
