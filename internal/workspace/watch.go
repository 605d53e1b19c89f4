package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// watchEvery is how often a step's journal is looked at by whoever waits for its next file. A look that finds nothing new
// costs one stat.
const watchEvery = 20 * time.Millisecond

// A Watch follows the journal of a step, which may be at work in this process, in a later attempt, or not begun yet. It
// is for one goroutine.
type Watch struct {
	journal string
	read    int64 // of the journal, in whole lines
	known   entries
}

// Watch returns a watch that has seen nothing yet.
func (s *Step) Watch() *Watch { return &Watch{journal: s.journal} }

// Next waits until files were finished that it has not told yet, or the step said Done, for as long as that takes, and
// returns them. They are forced to the disk before, so that nobody builds on a file that a power cut makes undone. It
// answers ErrMissing if the journal was taken away, and the cause of ctx's end if that is first.
func (w *Watch) Next(ctx context.Context) (more []File, finished bool, err error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	told := len(w.known.files)
	for {
		if err := w.look(); err != nil {
			return nil, false, fmt.Errorf("workspace: journal: %w", err)
		}
		if len(w.known.files) > told || w.known.finished {
			return w.known.files[told:], w.known.finished, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
}

// look reads the lines that are new.
func (w *Watch) look() (err error) {
	info, err := os.Stat(w.journal)
	size := int64(0)
	switch {
	case err == nil:
		size = info.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if size < w.read {
		return ErrMissing
	}
	if size == w.read {
		return nil
	}
	f, err := os.Open(w.journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.NewSectionReader(f, w.read, size-w.read))
	if err != nil {
		return err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1] // the rest is being written
	if len(whole) == 0 {
		return nil
	}
	w.known.add(whole)
	w.read += int64(len(whole))
	return f.Sync()
}
