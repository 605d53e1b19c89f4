package workspace_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

func TestAWatchTellsEachFileOnce(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	step, err := begin(t, h).Step(delivery, "archive")
	require.NoError(t, err)
	w := step.Watch()
	var wait sync.WaitGroup
	wait.Go(func() {
		for number := 1; number <= 100; number++ {
			if err := step.Enter(workspace.File{Name: fmt.Sprint(number), Number: number}); err != nil {
				t.Error(err)
			}
		}
		if err := step.Done("all"); err != nil {
			t.Error(err)
		}
	})
	var seen []int
	for finished := false; !finished; {
		var more []workspace.File
		more, finished, err = w.Next(t.Context())
		require.NoError(t, err)
		for _, f := range more {
			seen = append(seen, f.Number)
		}
	}
	wait.Wait()
	require.Len(t, seen, 100)
	require.IsIncreasing(t, seen)
}

func TestAWatchWaitsForTheEndOfALine(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	step, err := begin(t, h).Step(delivery, "archive")
	require.NoError(t, err)
	journal := filepath.Join(h.Dir(), "runs", runID, delivery, "archive", "journal.ndjson")
	require.NoError(t, os.WriteFile(journal, []byte("\n{\"file\":{\"number\":1}}\n{\"file\":{\"numb"), 0o600))
	w := step.Watch()
	more, _, err := w.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, more, 1)

	reason := errors.New("the worker stops")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(reason)
	_, _, err = w.Next(ctx)
	require.ErrorIs(t, err, reason, "a line that is being written is not there yet")

	require.NoError(t, step.Enter(workspace.File{Number: 2})) // the first writer died in its line
	more, _, err = w.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, more, 1)
	require.Equal(t, 2, more[0].Number)

	require.NoError(t, os.Remove(journal))
	_, _, err = w.Next(t.Context())
	require.ErrorIs(t, err, workspace.ErrMissing)
}

func TestFilesGoAndTheirJournalStays(t *testing.T) {
	t.Parallel()
	run := begin(t, open(t, workspace.Options{}))
	step, err := run.Step(delivery, "render")
	require.NoError(t, err)
	file := write(t, step, "1", "personal data")
	require.NoError(t, step.Finish(file))
	for range 2 { // nothing there is success
		require.NoError(t, run.RemoveFiles(delivery, "render"))
	}
	require.NoError(t, run.RemoveFiles(delivery, "archive"))
	files, _, err := step.Files(nil)
	require.NoError(t, err)
	require.Len(t, files, 1)
	_, err = step.Open(file)
	require.ErrorIs(t, err, workspace.ErrMissing)
}

func TestStepsOfOneRunMayBeginAtTheSameTime(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if _, err := h.Run("send/vips/2026-11-23", runID); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

func TestARunIsStoppedWhole(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	run := begin(t, h)
	other, err := h.Run("send/vips/other", "other")
	require.NoError(t, err)
	untouched, last, err := other.Begin(t.Context(), "upload", nil)
	require.NoError(t, err)
	defer last.End()
	ended := make(chan error, 2)
	for _, step := range []string{"encrypt", "upload"} {
		ctx, attempt, err := run.Begin(t.Context(), step, nil)
		require.NoError(t, err)
		go func() {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			attempt.End()
		}()
	}
	require.NoError(t, run.Stop(t.Context()))
	require.Len(t, ended, 2, "it waits for both")
	require.ErrorIs(t, <-ended, workspace.ErrOver)
	require.ErrorIs(t, <-ended, workspace.ErrOver)
	require.NoError(t, untouched.Err())
	require.NoError(t, run.Stop(t.Context()), "nothing at work is success")

	over, stop := context.WithCancel(t.Context())
	stop()
	_, stubborn, err := run.Begin(t.Context(), "render", nil)
	require.NoError(t, err)
	require.ErrorIs(t, run.Stop(over), context.Canceled)
	stubborn.End()
}
