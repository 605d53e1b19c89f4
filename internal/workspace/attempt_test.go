package workspace_test

import (
	"context"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

// asking tells when somebody begins to wait for its end.
type asking struct {
	context.Context
	asked func()
}

func (a asking) Done() <-chan struct{} {
	a.asked()
	return a.Context.Done()
}

// A Render that begins while the janitor removes what one has left that was killed must not lose its own files to it.
func TestNothingBeginsWhileARunIsVacated(t *testing.T) {
	t.Parallel()
	r := begin(t, open(t, workspace.Options{}))
	waits, begun := make(chan struct{}), make(chan struct{})
	vacant, err := r.Vacate(func() error {
		go func() {
			defer close(begun)
			_ = r.Stop(asking{t.Context(), sync.OnceFunc(func() { close(waits) })})
		}()
		select {
		case <-waits:
		case <-begun:
			t.Error("it does not wait")
		}
		return fs.ErrClosed
	})
	require.ErrorIs(t, err, fs.ErrClosed)
	require.True(t, vacant)
	<-begun

	_, attempt, err := r.Begin(t.Context(), "render", []byte("token"))
	require.NoError(t, err)
	vacant, err = r.Vacate(func() error { return fs.ErrClosed })
	require.NoError(t, err)
	require.False(t, vacant, "its Render has begun")
	attempt.End()
}

// A step may end its process at every try, and everybody's steps with it.
func TestTheNextProcessLearnsHowOftenAStepHasDied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deaths := func(live func(*workspace.Attempt)) int {
		h := open(t, workspace.Options{Dir: dir})
		dead, err := h.Interrupted()
		require.NoError(t, err)
		_, attempt, err := begin(t, h).Begin(t.Context(), "render", []byte("token"))
		require.NoError(t, err)
		live(attempt)
		require.NoError(t, h.Close()) // as a kill would
		if len(dead) == 0 {
			return 0
		}
		return dead[0].Deaths
	}
	die, end := func(*workspace.Attempt) {}, (*workspace.Attempt).End
	require.Equal(t, 0, deaths(die))
	require.Equal(t, 1, deaths(die))
	require.Equal(t, 2, deaths(end))
	require.Equal(t, 0, deaths(die))
	require.Equal(t, 1, deaths(die), "not in a row")
}

// A run that is planned anew asks another query, perhaps: the deaths of the one before are not its own.
func TestADeliveryThatIsBegunAnewHasNotDiedBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deaths := func(delivery string) int {
		h := open(t, workspace.Options{Dir: dir})
		dead, err := h.Interrupted()
		require.NoError(t, err)
		r := begin(t, h)
		_, _, err = r.Begin(t.Context(), "render", []byte("token"))
		require.NoError(t, err)
		_, err = r.Step(delivery, "render")
		require.NoError(t, err)
		require.NoError(t, r.RemoveOthers(delivery))
		require.NoError(t, h.Close()) // as a kill would
		if len(dead) == 0 {
			return 0
		}
		return dead[0].Deaths
	}
	require.Equal(t, 0, deaths(runID+"-1"))
	require.Equal(t, 1, deaths(runID+"-1"))
	require.Equal(t, 2, deaths(runID+"-1"))
	require.Equal(t, 3, deaths(runID+"-2"))
	require.Equal(t, 1, deaths(runID+"-2"))
}
