package watch

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBytesAreWrittenWithThreeDigits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 1234: "1.23 kB", 9994: "9.99 kB", 9996: "10.0 kB", 12_345: "12.3 kB",
		99_960: "100 kB", 999_499: "999 kB", 999_500: "1.00 MB", 1_250_000: "1.25 MB", 62_400_000_000: "62.4 GB",
		5 << 40: "5.50 TB", math.MaxInt64: "9223 PB",
	} {
		require.Equal(t, want, Bytes(n), "%d", n)
	}
}

func TestNumbersHaveACommaEveryThreeDigits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 100_000: "100,000", 1_234_567: "1,234,567", -1000: "-1,000", -999: "-999",
	} {
		require.Equal(t, want, Number(n))
	}
}

func TestOneIsSingular(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0 rows", Count(0, "row"))
	require.Equal(t, "1 row", Count(1, "row"))
	require.Equal(t, "2,000 rows", Count(2000, "row"))
	require.Equal(t, "2 queries", Plural(2, "query", "queries"))
}

func TestDurationsReadAsAPersonWouldSayThem(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second:                     "0 s",
		0:                                "0 s",
		40 * time.Millisecond:            "0 s",
		440 * time.Millisecond:           "0.4 s",
		2 * time.Second:                  "2 s",
		9*time.Second + 940*1e6:          "9.9 s",
		12*time.Second + 900*1e6:         "12 s",
		3 * time.Minute:                  "3 min",
		3*time.Minute + 20*time.Second:   "3 min 20 s",
		2*time.Hour + 5*time.Minute + 30: "2 h 5 min",
		47 * time.Hour:                   "47 h",
		7 * 24 * time.Hour:               "7 days",
		50 * time.Hour:                   "2 days 2 h",
	} {
		require.Equal(t, want, Took(d), "%s", d)
	}
}

func TestATableHasItsColumnsUnderEachOther(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	Table(&out, [][]string{{"STEP", "ROWS", "NOTE"}, {"Plan"}, {"Render", "1,000", "é"}, {"x", "2", ""}}, 1)
	require.Equal(t, "STEP     ROWS  NOTE\nPlan\nRender  1,000  é\nx           2\n", out.String())
}
