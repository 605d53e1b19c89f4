package watch

import (
	"fmt"
	"io"
	"strings"
	"time"

	"consign/workflows"
)

// quiet is the least time between two lines about the same step's progress.
const quiet = 5 * time.Second

// Lines is the view for logs: a line when something changes, at most one every few seconds about a step's progress.
type Lines struct {
	out    io.Writer
	told   teller
	meter  meter
	step   string // the one that was last spoken of
	last   string
	lastAt time.Time
}

// NewLines returns a view that writes whole lines.
func NewLines(out io.Writer) *Lines { return &Lines{out: out, told: teller{}} }

// Show writes what has changed.
func (l *Lines) Show(s Snapshot, now time.Time) {
	for _, line := range l.told.news(s) {
		fmt.Fprintln(l.out, line)
		l.last = ""
	}
	if !s.Open || s.State == workflows.Parked || len(s.Working) == 0 {
		return
	}
	w := s.foremost(now)
	l.meter.add(w)
	if w.Step != l.step { // most steps are over before there is anything to say
		l.step, l.lastAt = w.Step, now
	}
	text, urgent := describe(w, &l.meter, now)
	if text == l.last || !urgent && now.Sub(l.lastAt) < quiet || urgent && sameTry(l.last, text) {
		return
	}
	fmt.Fprintln(l.out, text)
	l.last, l.lastAt = text, now
}

// sameTry reports whether two lines about a failing step differ only in the countdown to the next try.
func sameTry(a, b string) bool {
	head, _, _ := strings.Cut(a, ", next in")
	other, _, _ := strings.Cut(b, ", next in")
	return head != "" && head == other
}

// Note writes a remark.
func (l *Lines) Note(text string) { fmt.Fprintln(l.out, text) }

// Close does nothing: lines are meant to stay.
func (l *Lines) Close() {}

// A teller remembers which steps it has told of.
type teller map[string]int

// news returns a line for every step that was finished since the last snapshot. A step that is done again, after a
// lost host or a replan, is told again.
func (t teller) news(s Snapshot) []string {
	if s.Progress == nil {
		return nil
	}
	var lines []string
	if s.Progress.WaitsFor == "" {
		delete(t, turnTold)
	} else if t[turnTold] == 0 {
		t[turnTold]++
		lines = append(lines, waitsFor(s.Progress))
	}
	for _, step := range s.Progress.Steps {
		name := step.Name + " " + step.Target // several loads may follow one delivery
		if step.State != "done" || t[name] == step.Attempt {
			continue
		}
		t[name] = step.Attempt
		lines = append(lines, finished(step))
	}
	for _, d := range s.Progress.Deliveries {
		if line := delivery(d); line != "" && t[line] == 0 {
			t[line]++
			lines = append(lines, line)
		}
	}
	return lines
}

// delivery says how a group of a campaign stands; nothing as long as it has not begun.
func delivery(d workflows.GroupProgress) string {
	line := fmt.Sprintf("group %s to %s: %s", d.Group, d.DataTemplate, d.State)
	switch d.State {
	case workflows.Waiting:
		return ""
	case workflows.Completed:
		return line + ", " + Count(d.Rows, "row") + ", " + Bytes(d.Bytes)
	case workflows.Running:
		return line
	case workflows.Parked, workflows.Failed, workflows.Aborted:
		if d.Failure != nil {
			line += ": " + oneLine(d.Failure.Message)
		}
	}
	return line
}

// standing says how far a campaign is.
func standing(deliveries []workflows.GroupProgress) string {
	count := map[workflows.State]int{}
	for _, d := range deliveries {
		count[d.State]++
	}
	text := fmt.Sprintf("%d of %d deliveries complete", count[workflows.Completed], len(deliveries))
	for _, state := range []workflows.State{workflows.Running, workflows.Waiting, workflows.Parked, workflows.Failed, workflows.Aborted} {
		if n := count[state]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, state)
		}
	}
	return text
}

// turnTold stands among the steps for what was said of another run's turn.
const turnTold = "turn"

func waitsFor(p *workflows.Progress) string {
	return fmt.Sprintf("%-*s waits for its turn: %s delivers", stepWidth, p.Step, p.WaitsFor)
}

func finished(step workflows.StepProgress) string {
	line := fmt.Sprintf("%-*s done", stepWidth, step.Name)
	if step.Target != "" {
		line += ": " + step.Target
	}
	if step.Rows > 0 {
		line += ", " + Count(step.Rows, "row")
	}
	if step.Bytes > 0 {
		line += ", " + Bytes(step.Bytes)
	}
	return line
}

// stepWidth is the length of the longest step name, WriteSuccessFile.
const stepWidth = 16

// awaitTarget is the step that waits for a notify target to come.
const awaitTarget = "AwaitTarget"

// describe says in one line how far a step is. urgent is true when it does not go as it should.
func describe(w Working, m *meter, now time.Time) (_ string, urgent bool) {
	name := fmt.Sprintf("%-*s", stepWidth, w.Step)
	if w.State == "paused" {
		return name + " paused in the Temporal UI: unpause it there", true
	}
	if w.State == "stopping" {
		return name + " is told to stop, and hears of it within half a minute", false
	}
	if w.State == "waiting" && w.LastFailure != "" {
		return fmt.Sprintf("%s attempt %d%s: %s", name, w.Attempt, nextIn(w, now), oneLine(w.LastFailure)+triedBy(w)), true
	}
	if w.State == "waiting" {
		return name + waitsForWorker(w.Step), false
	}
	if w.Step == awaitTarget {
		return name + " waits for a workflow of notify that is not there, to tell it; until notify_timeout", false
	}
	parts := amounts(w, m)
	if w.Attempt > 1 {
		parts = append([]string{fmt.Sprintf("attempt %d", w.Attempt)}, parts...)
	}
	if len(parts) == 0 {
		return name + " at work", false
	}
	text := name + " " + strings.Join(parts, ", ")
	if w.LastFailure != "" {
		text += "; last try: " + oneLine(w.LastFailure)
	}
	return text, false
}

// triedBy names the worker whose try has failed: what is wrong may be its machine's.
func triedBy(w Working) string {
	if w.Worker == "" {
		return ""
	}
	return " (worker " + w.Worker + ")"
}

// waitsForWorker says why nobody has taken a step. Renders are taken by hosts that have room.
func waitsForWorker(step string) string {
	if step == "Render" {
		return " waits for a worker with room (worker.runs; workspace.max_bytes or the disk, as the worker's log says then)"
	}
	return " waits for a worker"
}

func nextIn(w Working, now time.Time) string {
	if w.Next.Sub(now) < time.Second {
		return ""
	}
	return ", next in " + Took(w.Next.Sub(now).Truncate(time.Second))
}

// amounts returns what is known of rows, bytes, rate and time left.
func amounts(w Working, m *meter) []string {
	var parts []string
	if w.Beat.Rows > 0 {
		parts = append(parts, Count(w.Beat.Rows, "row"))
	}
	switch {
	case w.Beat.Total > 0:
		parts = append(parts, fmt.Sprintf("%d%%", percent(w)), Bytes(w.Beat.Bytes)+" of "+Bytes(w.Beat.Total))
	case w.Beat.Bytes > 0:
		parts = append(parts, Bytes(w.Beat.Bytes))
	}
	if rows, bytes, ok := m.rate(w.Step); ok {
		if bytes > 0 {
			parts = append(parts, Bytes(int64(bytes))+"/s")
		} else if rows > 0 {
			parts = append(parts, Count(int64(rows), "row")+"/s")
		}
	}
	if left, ok := m.left(w); ok {
		parts = append(parts, Took(left)+" left")
	}
	return parts
}

func percent(w Working) int64 {
	return min(100*max(w.Beat.Bytes, 0)/w.Beat.Total, 100)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Describe says in one line how far a step is, from what is known at one moment.
func Describe(w Working, now time.Time) string {
	text, _ := describe(w, &meter{}, now)
	return text
}
