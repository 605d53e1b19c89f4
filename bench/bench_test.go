package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryJobAndItsPeerDeliverTheTable is the bench in small: nothing is timed, and what both sides have delivered is
// unpacked by its recipient's programs and compared with the table.
func TestEveryJobAndItsPeerDeliverTheTable(t *testing.T) {
	t.Parallel()
	quick := slices.DeleteFunc(jobNames(), func(name string) bool { return name == "split-100" || name == "split-1000" }) // as split-10, at length
	var said strings.Builder
	o := options{rows: 3_000, runs: 1, sends: 50, workers: 2, check: true, jobs: quick, folder: t.TempDir(), out: &said}
	require.NoError(t, o.run(t.Context()), said.String())

	records := recorded(t, o.folder)
	require.Len(t, records, len(quick))
	for _, r := range records {
		if r.Many != nil {
			require.Equal(t, 50, r.Many.Delivered)
			require.Zero(t, r.Many.Again, r.Many.Reasons)
			require.Less(t, r.Many.Events, int64(50), "events of a bare Parquet send's history")
			continue
		}
		require.Len(t, r.Ours.Wall, 1, r.Job)
		require.Positive(t, r.Ours.Peak, r.Job)
		if jobOf(r.Job).commands != "" {
			require.Positive(t, r.Peer.Peak, r.Job)
			require.Positive(t, r.Peer.Bytes, r.Job)
		}
	}
	text, err := os.ReadFile(filepath.Join(o.folder, "results.md"))
	require.NoError(t, err)
	for _, name := range quick {
		require.Contains(t, string(text), jobOf(name).title)
	}
	require.Contains(t, string(text), "## Where the time goes")
	require.NotEmpty(t, records[0].Ours.Steps[0])
	require.Equal(t, "Plan", records[0].Ours.Steps[0][0].Step)
	host, err := os.Hostname()
	require.NoError(t, err)
	require.NotContains(t, string(text), host)
	require.NotContains(t, string(text), os.TempDir())
}

func recorded(t *testing.T, folder string) []record {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "results.json"))
	require.NoError(t, err)
	var records []record
	require.NoError(t, json.Unmarshal(text, &records))
	return records
}

func TestAJobThatIsMeasuredAgainLeavesTheOthers(t *testing.T) {
	t.Parallel()
	w := &world{o: options{folder: t.TempDir()}}
	turn := func(job string, rows int, ours, peer float64) record {
		return record{
			Job: job, Rows: rows, Runs: 1, Ours: measurement{Wall: []float64{ours}, CPU: []float64{1}}, Peer: measurement{Wall: []float64{peer}, CPU: []float64{1}},
		}
	}
	for _, r := range []record{turn("csv", 10, 2, 3), turn("parquet", 10, 2, 2), turn("csv", 20, 4, 6), turn("csv", 10, 1, 4)} {
		require.NoError(t, w.note(r))
	}
	records := recorded(t, w.o.folder)
	require.Len(t, records, 3)
	require.Equal(t, []string{"parquet", "csv", "csv"}, []string{records[0].Job, records[1].Job, records[2].Job})
	require.InDelta(t, 4, records[1].ratio(), 0)
	text, err := os.ReadFile(filepath.Join(w.o.folder, "results.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "| CSV plain | 10 | 1.00 | 4.00 | **4.00** | 1.30 |")
	require.Contains(t, string(text), "| CSV plain | 20 |")
}

func TestTheRestOfARunIsWhatIsInNoLongStep(t *testing.T) {
	t.Parallel()
	m := measurement{Wall: []float64{10, 20, 30}, Steps: [][]stepTime{
		{{"Plan", 0.05}, {"Render", 6}, {"Upload", 3.5}, {"Discard", 4}},
		{{"Plan", 0.05}, {"Render", 12}, {"Upload", 7}},
		{{"Render", 20}, {"Upload", 8}},
	}}
	require.InDelta(t, 1, m.rest(), 1e-9)
	require.Equal(t, []stepTime{{"Plan", 0.05}, {"Render", 12}, {"Upload", 7}, {"Discard", 4}}, m.stepTimes())
	require.Equal(t, "Render 12.00, Upload 7.00, Discard 4.00", longSteps(m.stepTimes()))
}

func TestTheRatioIsTheMedianOfTheTurns(t *testing.T) {
	t.Parallel()
	r := record{Ours: measurement{Wall: []float64{1, 10, 1}}, Peer: measurement{Wall: []float64{2, 20, 5}}}
	require.InDelta(t, 2, r.ratio(), 0, "a turn on a busy machine has a ratio like any other")
	require.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
	require.Equal(t, "1,234,567", grouped(1_234_567))
	require.Equal(t, "123", grouped(123))
}

func TestAJobThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	_, err := choose([]string{"parquet", "paper"})
	require.ErrorContains(t, err, `there is no job "paper": the jobs are parquet, csv,`)
}
