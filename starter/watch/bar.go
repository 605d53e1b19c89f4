package watch

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"consign/workflows"
)

// Bar is the view for a terminal: finished steps stay as lines, the step at work is one line that is redrawn.
type Bar struct {
	out    io.Writer
	width  func() int // columns of the terminal, which may be resized
	ascii  bool
	told   teller
	meter  meter
	drawn  bool
	frames int
}

// NewBar returns a view for a terminal of width columns. ascii keeps to characters that every terminal has.
func NewBar(out io.Writer, width func() int, ascii bool) *Bar {
	return &Bar{out: out, width: width, ascii: ascii, told: teller{}}
}

// The widths of the bar itself, and below which terminal width there is none.
const (
	barWidth    = 24
	leastForBar = 72
)

// Show redraws the line of the step at work.
func (b *Bar) Show(s Snapshot, now time.Time) {
	for _, line := range b.told.news(s) {
		b.clear()
		fmt.Fprintln(b.out, b.mark()+" "+Printable(line))
	}
	if !s.Open || s.State == workflows.Parked {
		return
	}
	b.frames++
	b.draw(b.line(s, now))
}

func (b *Bar) line(s Snapshot, now time.Time) string {
	if len(s.Working) == 0 {
		if s.Progress == nil {
			return b.spin() + " waits for a worker, " + Took(now.Sub(s.Started).Truncate(time.Second))
		}
		if s.Progress.WaitsFor != "" {
			return b.spin() + " " + waitsFor(s.Progress)
		}
		if len(s.Progress.Deliveries) > 0 {
			return b.spin() + " " + standing(s.Progress.Deliveries)
		}
		return b.spin() + " " + s.Progress.Step
	}
	w := s.foremost(now)
	b.meter.add(w)
	text, _ := describe(w, &b.meter, now)
	if w.Beat.Total > 0 && w.State == "running" && b.width() >= leastForBar {
		text = text[:stepWidth] + " " + b.bar(percent(w)) + text[stepWidth:]
	}
	return b.spin() + " " + text
}

func (b *Bar) bar(percent int64) string {
	full, empty := "█", "░"
	if b.ascii {
		full, empty = "#", "."
	}
	n := int(percent) * barWidth / 100
	return strings.Repeat(full, n) + strings.Repeat(empty, barWidth-n)
}

func (b *Bar) mark() string {
	if b.ascii {
		return "+"
	}
	return "✓"
}

// spin shows that somebody still looks, even when nothing moves.
func (b *Bar) spin() string {
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	if b.ascii {
		frames = []rune(`|/-\`)
	}
	return string(frames[b.frames%len(frames)])
}

func (b *Bar) draw(text string) {
	text = Printable(text)
	room := b.width() - 1 // a full line would wrap, and a wrapped line cannot be redrawn
	if room > 0 && utf8.RuneCountInString(text) > room {
		text = string([]rune(text)[:room])
	}
	fmt.Fprint(b.out, "\r\x1b[K"+text)
	b.drawn = true
}

func (b *Bar) clear() {
	if b.drawn {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.drawn = false
	}
}

// Note writes a remark above the line.
func (b *Bar) Note(text string) {
	b.clear()
	fmt.Fprintln(b.out, "  "+Printable(text))
}

// Close removes the line.
func (b *Bar) Close() { b.clear() }
