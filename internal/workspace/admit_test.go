package workspace_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

func TestAHostTakesAsManyRunsAsItMay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := open(t, workspace.Options{Dir: dir, Runs: 1})
	require.NoError(t, h.Admit(t.Context(), nil))
	refused := func() {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		require.EqualError(t, h.Admit(ctx, nil), "enough")
	}
	refused()
	r := begin(t, h)
	require.NoError(t, h.Lease(r))
	h.Forgo()
	refused()
	require.NoError(t, h.Release(r))
	require.NoError(t, h.Admit(t.Context(), nil), "the place that was given back is free")
	refused()
	require.NoError(t, h.Lease(r))

	require.NoError(t, h.Close())
	h = open(t, workspace.Options{Dir: dir, Runs: 1})
	r = begin(t, h)
	refused() // the lease outlived the process

	admitted := make(chan error)
	go func() { admitted <- h.Admit(t.Context(), nil) }()
	require.NoError(t, h.Release(r))
	require.NoError(t, <-admitted, "who waits is woken")
}

func TestAHostTakesSeveralRunsIfItMay(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{Runs: 2})
	require.NoError(t, h.Admit(t.Context(), nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, h.Admit(ctx, nil))
	cancel()
	require.Error(t, h.Admit(ctx, nil))
}

func TestAFullHostTakesNoRun(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{MaxBytes: 4, Runs: 2})
	require.NoError(t, h.Room())
	s, err := begin(t, h).Step(delivery, "render")
	require.NoError(t, err)
	write(t, s, "0000001", "hello")
	require.ErrorIs(t, h.Room(), workspace.ErrNoSpace)
	require.ErrorContains(t, h.Room(), "workspace.max_bytes is 4")

	dir := t.TempDir()
	h = open(t, workspace.Options{Dir: dir, MaxBytes: 4})
	require.NoError(t, os.Mkdir(filepath.Join(h.Spill(), "1"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(h.Spill(), "1", "spilt"), []byte("hello"), 0o600))
	require.ErrorIs(t, h.Room(), workspace.ErrNoSpace, "so does what a query spills")
	require.NoError(t, h.Close())
	h = open(t, workspace.Options{Dir: dir, MaxBytes: 4})
	require.NoError(t, h.Room(), "which goes with the process")

	require.NoError(t, h.Close())
	other := t.TempDir() // a disk of its own is mounted there, say
	require.NoError(t, os.Remove(h.Spill()))
	require.NoError(t, os.Symlink(other, h.Spill()))
	require.NoError(t, os.WriteFile(filepath.Join(other, "7"), []byte("hello"), 0o600))
	h = open(t, workspace.Options{Dir: dir, MaxBytes: 4})
	require.NoFileExists(t, filepath.Join(other, "7"))
	to, err := os.Readlink(h.Spill())
	require.NoError(t, err)
	require.Equal(t, other, to)

	h = open(t, workspace.Options{MinFree: 1 << 62})
	require.ErrorIs(t, h.Room(), workspace.ErrNoSpace)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, h.Admit(ctx, nil), context.DeadlineExceeded)
}

// TestARunThatFoundNoRoomIsTakenWhenThereIs: a place that a full disk has refused is still there.
func TestARunThatFoundNoRoomIsTakenWhenThereIs(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{MaxBytes: 4, Runs: 1})
	r := begin(t, h)
	s, err := r.Step(delivery, "render")
	require.NoError(t, err)
	write(t, s, "0000001", "hello")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, h.Admit(ctx, func(error) { assert.NoError(t, r.Remove()) }))
}

func TestAFullHostLooksAtItsDiskNowAndThen(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{MinFree: 1 << 62, Runs: 4})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var looks atomic.Int64
	var waiting sync.WaitGroup
	for range 2 {
		waiting.Go(func() {
			err := h.Admit(ctx, func(err error) {
				looks.Add(1)
				assert.ErrorIs(t, err, workspace.ErrNoSpace)
			})
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
	waiting.Wait()
	require.GreaterOrEqual(t, looks.Load(), int64(2), "each is told why it waits")
	require.Less(t, looks.Load(), int64(20), "neither wakes the other")
}
