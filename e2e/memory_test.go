package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var memoryRows = flag.Int("memory-rows", 4_000_000, "rows of the larger result of TestMemoryDoesNotGrowWithTheResult; the smaller has two million: enough of this narrow table to fill every buffer")

const fewerRows = 2_000_000

// maxResident is what a worker with the default worker.memory may take, engine, encoders and buffers together.
const maxResident = 600 << 20

// TestMemoryDoesNotGrowWithTheResult is promise 5: the worker's peak resident memory at two sizes, per format.
func TestMemoryDoesNotGrowWithTheResult(t *testing.T) {
	for _, format := range []string{"parquet", "csv"} {
		t.Run(format, func(t *testing.T) {
			peaks := map[int]int64{}
			for _, rows := range []int{fewerRows, *memoryRows} {
				peaks[rows] = peakOf(t, format, rows)
				t.Logf("%s, %d rows: %d MiB", format, rows, peaks[rows]>>20)
			}
			large, small := peaks[*memoryRows], peaks[fewerRows]
			require.Less(t, large, int64(maxResident))
			require.LessOrEqual(t, float64(large), 1.15*float64(small), "within a seventh of each other; docs/SCALE.md has it at more sizes")
		})
	}
}

// peakOf sends rows from a fresh worker and returns its peak resident memory in bytes.
func peakOf(t *testing.T, format string, rows int) int64 {
	t.Helper()
	s := newSite(t)
	s.data("data.parquet", fmt.Sprintf(`SELECT i AS id, md5(i::VARCHAR) AS a, md5((i*7)::VARCHAR) || ' "quoted", ' AS b,
		(i * 1.25)::DECIMAL(18,2) AS c, i / 7.0::DOUBLE AS d, TIMESTAMP '2020-01-01' + to_microseconds(i) AS e FROM range(%d) t(i)`, rows))
	more := ", encoding: gzip, pgp_public_key: {file: acme.asc}"
	if format == "parquet" {
		more = ""
	} else {
		s.gpgHome()
	}
	s.sends(unsorted, "weekly-{site}", "platform", "file_format: "+format+more, `filename: "all"`)
	w := s.worker()
	c := s.send(s.id("weekly"), "--run-key", "k")
	require.EqualValues(t, rows, c.Rows)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	require.NoError(t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, peak)
	kib, err := strconv.ParseInt(string(peak[1]), 10, 64)
	require.NoError(t, err)
	require.Equal(t, 0, w.stop())
	return kib << 10
}
