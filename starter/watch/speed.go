package watch

import "time"

// A meter measures how fast a step is from its heartbeats. Their own times count, not those of the looks: a heartbeat
// may be many seconds old.
type meter struct {
	step    string
	attempt int
	first   sample
	last    sample
}

type sample struct {
	at          time.Time
	rows, bytes int64
}

// add notes a heartbeat. Another step or another try begins anew.
func (m *meter) add(w Working) {
	if w.BeatAt.IsZero() {
		return
	}
	s := sample{at: w.BeatAt, rows: w.Beat.Rows, bytes: w.Beat.Bytes}
	if m.step != w.Step || m.attempt != w.Attempt || s.bytes < m.last.bytes {
		*m = meter{step: w.Step, attempt: w.Attempt, first: s}
	}
	m.last = s
}

// rate returns rows and bytes a second; ok is false as long as there is nothing to tell from.
func (m *meter) rate(step string) (rows, bytes float64, ok bool) {
	seconds := m.last.at.Sub(m.first.at).Seconds()
	if m.step != step || seconds <= 0 {
		return 0, 0, false
	}
	return float64(m.last.rows-m.first.rows) / seconds, float64(m.last.bytes-m.first.bytes) / seconds, true
}

// left estimates the time until total bytes are done; ok is false if that cannot be told.
func (m *meter) left(w Working) (_ time.Duration, ok bool) {
	_, bytes, ok := m.rate(w.Step)
	if !ok || bytes <= 0 || w.Beat.Total <= 0 {
		return 0, false
	}
	remaining := float64(w.Beat.Total-w.Beat.Bytes) / bytes
	return time.Duration(max(remaining, 0) * float64(time.Second)), true
}
