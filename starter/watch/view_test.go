package watch

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"consign/activities"
	"consign/workflows"
)

// noon is when every test's run began.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func running(step string, done []workflows.StepProgress, w ...Working) Snapshot {
	return Snapshot{
		Open: true, State: workflows.Running, Started: noon, Working: w,
		Progress: &workflows.Progress{State: workflows.Running, Step: step, Steps: done},
	}
}

func uploading(seconds int, bytes int64) Working {
	return Working{
		Step: "Upload", State: "running", Attempt: 1, BeatAt: at(seconds),
		Beat: activities.Heartbeat{Step: "Upload", Bytes: bytes, Total: 100_000_000},
	}
}

func rendered(attempt int) []workflows.StepProgress {
	return []workflows.StepProgress{
		{Name: "Plan", State: "done", Attempt: 1},
		{Name: "Render", State: "done", Attempt: attempt, Rows: 100_000, Bytes: 12_300_000},
		{Name: "Upload", State: "running", Attempt: 1},
	}
}

func TestLinesTellEachFinishedStepOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	l.Show(running("Upload", rendered(1)), at(1))
	l.Show(running("Upload", rendered(1)), at(2))
	require.Equal(t, "Plan             done\nRender           done, 100,000 rows, 12.3 MB\n", out.String())

	out.Reset()
	l.Show(running("Upload", rendered(2)), at(3))
	require.Equal(t, "Render           done, 100,000 rows, 12.3 MB\n", out.String(), "a step that was done again is told again")
}

func TestLinesAboutProgressAreAFewSecondsApart(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	for second := range 12 {
		l.Show(running("Upload", nil, uploading(second, int64(second)*5_000_000)), at(second))
	}
	require.Equal(t, []string{
		"Upload           25%, 25.0 MB of 100 MB, 5.00 MB/s, 15 s left",
		"Upload           50%, 50.0 MB of 100 MB, 5.00 MB/s, 10 s left",
	}, strings.Split(strings.TrimSpace(out.String()), "\n"))
}

func TestLinesSayNothingWhenNothingChanges(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	for second := range 60 {
		l.Show(running("Upload", nil, uploading(0, 5_000_000)), at(second))
	}
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
}

func TestAFailingTryIsToldAtOnceAndOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	failing := Working{Step: "Upload", State: "waiting", Attempt: 3, Next: at(9), LastFailure: "S3 at\nhttp://127.0.0.1:9000 cannot be reached"}
	l.Show(running("Upload", nil, failing), at(1))
	l.Show(running("Upload", nil, failing), at(2))
	require.Equal(t, "Upload           attempt 3, next in 8 s: S3 at http://127.0.0.1:9000 cannot be reached\n", out.String())
}

func TestOfSeveralStepsAtWorkTheOneInTroubleIsToldOrTheFirst(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLines(&out)
	waits := Working{Step: "Upload", State: "running", Attempt: 1}
	packing := Working{Step: "Archive", State: "running", Attempt: 1, Beat: activities.Heartbeat{Bytes: 7_000_000, Total: 10_000_000}}
	l.Show(running("Archive", nil, packing, waits), at(1))
	l.Show(running("Archive", nil, packing, waits), at(7))
	require.Equal(t, "Archive          70%, 7.00 MB of 10.0 MB\n", out.String())

	out.Reset()
	waits.State, waits.LastFailure = "waiting", "S3 cannot be reached"
	l.Show(running("Archive", nil, packing, waits), at(8))
	require.Equal(t, "Upload           attempt 1: S3 cannot be reached\n", out.String())
}

func TestRateAndTimeLeftBeginAnewWithANewTry(t *testing.T) {
	t.Parallel()
	var m meter
	m.add(uploading(0, 0))
	m.add(uploading(10, 50_000_000))
	_, bytes, ok := m.rate("Upload")
	require.True(t, ok)
	require.InDelta(t, 5_000_000, bytes, 1)
	left, ok := m.left(uploading(10, 50_000_000))
	require.True(t, ok)
	require.Equal(t, 10*time.Second, left)

	again := uploading(20, 60_000_000)
	again.Attempt = 2
	m.add(again)
	_, _, ok = m.rate("Upload")
	require.False(t, ok)
	_, _, ok = m.rate("Encrypt")
	require.False(t, ok)
}

func TestAMeterIgnoresAStepThatHasNotBeaten(t *testing.T) {
	t.Parallel()
	var m meter
	m.add(Working{Step: "Upload", Attempt: 1})
	_, _, ok := m.rate("Upload")
	require.False(t, ok)
}

func TestWhatIsSaidOfAStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		working Working
		want    string
	}{
		"a step that has just begun is at work":        {Working{Step: "Plan", State: "running", Attempt: 1}, "Plan             at work"},
		"a step that nobody took waits for a worker":   {Working{Step: "Upload", State: "waiting", Attempt: 1}, "Upload           waits for a worker"},
		"a target that is not there is waited for":     {Working{Step: "AwaitTarget", State: "running", Attempt: 1}, "AwaitTarget      waits for a workflow of notify that is not there, to tell it; until notify_timeout"},
		"a render waits for room":                      {Working{Step: "Render", State: "waiting", Attempt: 1}, "Render           waits for a worker with room (worker.runs; workspace.max_bytes or the disk, as the worker's log says then)"},
		"a step of a run that was aborted stops":       {Working{Step: "Upload", State: "stopping", Attempt: 1}, "Upload           is told to stop, and hears of it within half a minute"},
		"a try at work says why the last one failed":   {Working{Step: "Plan", State: "running", Attempt: 3, LastFailure: "cannot be\nreached"}, "Plan             attempt 3; last try: cannot be reached"},
		"a try that failed says whose it was":          {Working{Step: "Render", State: "waiting", Attempt: 2, LastFailure: "no space left", Worker: "acme-1 (pid 7)"}, "Render           attempt 2: no space left (worker acme-1 (pid 7))"},
		"a paused step says where to go":               {Working{Step: "Render", State: "paused", Attempt: 2}, "Render           paused in the Temporal UI: unpause it there"},
		"rows without a total":                         {Working{Step: "Render", State: "running", Attempt: 1, Beat: activities.Heartbeat{Rows: 5000, Bytes: 70_000}}, "Render           5,000 rows, 70.0 kB"},
		"a second try says so":                         {Working{Step: "Encrypt", State: "running", Attempt: 2, Beat: activities.Heartbeat{Bytes: 70_000}}, "Encrypt          attempt 2, 70.0 kB"},
		"more bytes than were expected are still 100%": {Working{Step: "Upload", State: "running", Attempt: 1, Beat: activities.Heartbeat{Bytes: 120, Total: 100}}, "Upload           100%, 120 B of 100 B"},
		"a try that is due now has no countdown":       {Working{Step: "Upload", State: "waiting", Attempt: 2, Next: noon.Add(-time.Second), LastFailure: "x"}, "Upload           attempt 2: x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, Describe(c.working, noon))
		})
	}
}

func TestTheBarRedrawsOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := NewBar(&out, func() int { return 100 }, false)
	b.Show(running("Upload", rendered(1), uploading(0, 25_000_000)), at(1))
	b.Show(running("Upload", rendered(1), uploading(5, 50_000_000)), at(6))
	b.Close()
	require.Equal(t, "✓ Plan             done\n"+
		"✓ Render           done, 100,000 rows, 12.3 MB\n"+
		"\r\x1b[K⠙ Upload           ██████░░░░░░░░░░░░░░░░░░ 25%, 25.0 MB of 100 MB"+
		"\r\x1b[K⠹ Upload           ████████████░░░░░░░░░░░░ 50%, 50.0 MB of 100 MB, 5.00 MB/s, 10 s left"+
		"\r\x1b[K", out.String())
}

func TestTheBarNeverWraps(t *testing.T) {
	t.Parallel()
	for width := 2; width < 130; width++ {
		var out bytes.Buffer
		b := NewBar(&out, func() int { return width }, width%2 == 0)
		b.Show(running("Upload", nil, uploading(0, 25_000_000)), at(1))
		b.Show(running("Upload", nil, Working{Step: "Upload", State: "waiting", Attempt: 3, LastFailure: strings.Repeat("é ", 100)}), at(1))
		for _, line := range strings.Split(out.String(), "\r\x1b[K") {
			require.LessOrEqual(t, utf8.RuneCountInString(line), width-1)
		}
	}
}

func TestTheBarOfAPlainTerminalIsAscii(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := NewBar(&out, func() int { return 100 }, true)
	b.Show(running("Upload", rendered(1), uploading(0, 25_000_000)), at(1))
	b.Note("Temporal does not answer; trying again")
	b.Close()
	require.Equal(t, "+ Plan             done\n+ Render           done, 100,000 rows, 12.3 MB\n"+
		"\r\x1b[K/ Upload           ######.................. 25%, 25.0 MB of 100 MB\r\x1b[K  Temporal does not answer; trying again\n", out.String())
}

func TestTheBarSaysWhenNoWorkerHasTakenTheRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := NewBar(&out, func() int { return 100 }, true)
	b.Show(Snapshot{Open: true, State: workflows.Running, Started: noon}, at(4))
	require.Contains(t, out.String(), "waits for a worker, 4 s")
}

func TestNothingIsDrawnForARunThatIsOver(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, view := range []View{NewBar(&out, func() int { return 100 }, true), NewLines(&out)} {
		view.Show(Snapshot{State: workflows.Completed, Started: noon, Working: []Working{uploading(0, 5)}}, at(4))
		view.Show(Snapshot{Open: true, State: workflows.Parked, Started: noon, Working: []Working{uploading(0, 5)}}, at(4))
		view.Close()
	}
	require.Empty(t, out.String())
}

func TestAnotherRunsTurnIsToldOnce(t *testing.T) {
	t.Parallel()
	s := running("Plan", []workflows.StepProgress{{Name: "Plan", State: "running", Attempt: 1}})
	s.Progress.WaitsFor = "send/a/1"
	var out bytes.Buffer
	l := NewLines(&out)
	l.Show(s, at(1))
	l.Show(s, at(2))
	require.Equal(t, "Plan             waits for its turn: send/a/1 delivers\n", out.String())

	out.Reset()
	b := NewBar(&out, func() int { return 80 }, true)
	b.Show(s, at(3))
	require.Contains(t, out.String(), "waits for its turn: send/a/1 delivers")
}

func TestAFailuresWordsDoNotMoveTheCursor(t *testing.T) {
	t.Parallel()
	failing := uploading(1, 1)
	failing.State, failing.LastFailure = "waiting", "Access \x1b[2JDenied\u009b1A\x7f"
	var out bytes.Buffer
	b := NewBar(&out, func() int { return 200 }, true)
	b.Show(running("Upload", nil, failing), at(1))
	b.Note("\x1b[2J")
	require.NotContains(t, strings.ReplaceAll(out.String(), "\r\x1b[K", ""), "\x1b")
	require.NotContains(t, out.String(), "\u009b")
	require.Contains(t, out.String(), `Access \u001b[2JDenied\u009b1A\u007f`)
	require.Equal(t, "a\tb\nc é", Printable("a\tb\nc é"))
	require.Equal(t, `a\u202etxt.exe`, Printable("a\u202etxt.exe"), "read from right to left it is a text")
}
