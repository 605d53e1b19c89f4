package workspace_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

// What has one in it that was at work is cleaned up, perhaps before the server was told, and it dies again.
func TestADeathIsNotForgottenWithTheFilesOfItsRun(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	_, _, err := r.Begin(t.Context(), "render", []byte("token"))
	require.NoError(t, err)
	require.NoError(t, r.Shed("upload"))
	require.NoError(t, h.Close()) // as a kill would
	h = open(t, workspace.Options{Dir: h.Dir()})
	dead, err := h.Interrupted()
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.NoError(t, begin(t, h).Shed("upload"))
	_, _, err = begin(t, h).Begin(t.Context(), "render", []byte("token"))
	require.NoError(t, err)
	require.NoError(t, h.Close())
	dead, err = open(t, workspace.Options{Dir: h.Dir()}).Interrupted()
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Equal(t, 2, dead[0].Deaths)
}

func TestTheNextProcessLearnsWhatWasInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := open(t, workspace.Options{Dir: dir})
	r := begin(t, h)
	_, ended, err := r.Begin(t.Context(), "render", []byte("token of render"))
	require.NoError(t, err)
	ended.End()
	_, _, err = r.Begin(t.Context(), "upload", []byte("token of upload"))
	require.NoError(t, err)
	half := filepath.Join(dir, "runs", runID, "attempts", "render.part")
	require.NoError(t, os.WriteFile(half, []byte("tok"), 0o600))
	require.NoError(t, h.Close()) // as a kill would

	h = open(t, workspace.Options{Dir: dir})
	dead, err := h.Interrupted()
	require.NoError(t, err)
	require.NoFileExists(t, half, "a step that had not begun")
	require.Equal(t, []workspace.Dead{{Token: []byte("token of upload"), Run: r.RunID, Step: "upload", Deaths: 1}}, dead)
	dead, err = h.Interrupted()
	require.NoError(t, err)
	require.Empty(t, dead)
}

func TestALaterAttemptStopsTheEarlierAndWaitsForIt(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	ctx, first, err := r.Begin(t.Context(), "render", nil)
	require.NoError(t, err)
	over := make(chan struct{})
	go func() {
		<-ctx.Done()
		close(over)
		first.End()
	}()
	second, attempt, err := r.Begin(t.Context(), "render", nil)
	require.NoError(t, err)
	require.ErrorIs(t, context.Cause(ctx), workspace.ErrSuperseded)
	<-over
	require.NoError(t, second.Err())
	attempt.End()
}

// A step that failed removes the folder while the next attempt waits for it: the janitor must not take it for nobody's.
func TestAnAttemptFindsItsFolderDescribed(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	ctx, first, err := r.Begin(t.Context(), "render", nil)
	require.NoError(t, err)
	removed := make(chan error, 1)
	go func() {
		<-ctx.Done()
		removed <- r.Remove()
		first.End()
	}()
	_, second, err := r.Begin(t.Context(), "render", nil)
	require.NoError(t, errors.Join(err, <-removed))
	found, err := h.Find(runID)
	require.NoError(t, err)
	require.True(t, found.InUse(time.Now()))
	second.End()
}

// TestAnAttemptThatCannotBeginHoldsUpNoOther: the disk was full, say, and is not any more.
func TestAnAttemptThatCannotBeginHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	inTheWay := filepath.Join(h.Dir(), "runs", runID, "attempts")
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o600))
	_, _, err := r.Begin(t.Context(), "render", nil)
	require.Error(t, err)
	require.NoError(t, os.Remove(inTheWay))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, a, err := r.Begin(ctx, "render", nil)
	require.NoError(t, err)
	a.End()
}

// TestARunIsInUseWhileAStepIsAtWork: the janitor must not take it, however long nothing has been written.
func TestARunIsInUseWhileAStepIsAtWork(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	_, a, err := r.Begin(t.Context(), "render", nil)
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	require.True(t, r.InUse(later))
	a.End()
	require.False(t, r.InUse(later))
}

// TestAFolderOfBeforeIsInUseJustAfterItsStep: Temporal hears in a moment what the step has made, and it is not nobody's until then.
func TestAFolderOfBeforeIsInUseJustAfterItsStep(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	begin(t, h)
	require.NoError(t, h.Close())
	h = open(t, workspace.Options{Dir: h.Dir()})
	r := begin(t, h)
	require.False(t, r.InUse(time.Now()))
	_, a, err := r.Begin(t.Context(), "render", nil)
	require.NoError(t, err)
	a.End()
	require.True(t, r.InUse(time.Now()))
}
