package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"consign/starter/watch"
)

// A narrator says what happens.
type narrator struct {
	out   io.Writer
	clock func() time.Time
}

func (n narrator) say(format string, args ...any) { fmt.Fprintf(n.out, format+"\n", args...) }

func (n narrator) title(text string) {
	fmt.Fprintf(n.out, "\n%s\n%s\n", text, strings.Repeat("-", len(text)))
}

func (n narrator) line(format string, args ...any) { fmt.Fprintf(n.out, "  "+format+"\n", args...) }

// table writes rows with their columns under each other.
func (n narrator) table(rows [][]string, right ...int) {
	watch.Table(&indent{out: n.out}, rows, right...)
}

// indent puts two spaces before every line, so that what others say stands under the title.
type indent struct {
	out  io.Writer
	open bool // in the middle of a line
}

func (i *indent) Write(b []byte) (int, error) {
	for _, line := range strings.SplitAfter(string(b), "\n") {
		if line == "" {
			continue
		}
		if !i.open {
			line = "  " + line
		}
		i.open = !strings.HasSuffix(line, "\n")
		if _, err := io.WriteString(i.out, line); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
