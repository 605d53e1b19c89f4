package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// watchEvery is how often a step's journal is looked at by whoever waits for its next file. A look that finds nothing new
// costs one stat.
const watchEvery = 20 * time.Millisecond

// Watch calls look with the files that are finished, now and whenever there are more, until it reports that it has seen
// enough. The step may be at work in this process, in a later attempt, or not begun yet; nobody knows how long it takes.
// It returns the cause of ctx's end if that is first.
func (s *Step) Watch(ctx context.Context, look func([]File) (enough bool)) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := int64(-1)
	for {
		size, err := s.journalSize()
		if err != nil {
			return err
		}
		if size != seen {
			files, _, err := s.Files(nil)
			if err != nil || look(files) {
				return err
			}
			seen = size
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// journalSize is 0 before the first line. A journal only grows while its step is at work.
func (s *Step) journalSize() (int64, error) {
	info, err := os.Stat(s.journal)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("workspace: journal: %w", err)
	}
	return info.Size(), nil
}
