package activities

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/mocks"

	"consign/internal/workspace"
)

// A host that was away finds that a run, which nobody has ended, has its files elsewhere by now. Temporal is a stand-in: what is
// asked of it is one query.
func TestTheJanitorRemovesARunThatHasGoneOnElsewhere(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{"here": 0, "another": 1} {
		p := newParcel(t)
		if host == "here" {
			host = p.host.ID()
		}
		p.filesAre(host)
		open := func(context.Context, *workspace.Run) (bool, error) { return false, nil }
		p.now = time.Now()
		removed, err := Sweep(t.Context(), p.steps, open)
		require.NoError(t, err)
		require.Zero(t, removed, "its folder was made just now")
		p.now = time.Now().Add(time.Hour)
		removed, err = Sweep(t.Context(), p.steps, open)
		require.NoError(t, err)
		require.Equal(t, want, removed, host)
		require.Len(t, p.gone(), 2*want)
		require.Equal(t, want == 0, p.host.Leased(p.run))
	}
}

// filesAre has Temporal say on which host the run's files are; empty: nowhere.
func (p *parcel) filesAre(host string) { p.stands(Kept{State: "running", Host: host}) }

// stands has Temporal say how the run stands.
func (p *parcel) stands(now Kept) {
	answer, temporal := &mocks.Value{}, &mocks.Client{}
	answer.On("Get", mock.Anything).Run(func(args mock.Arguments) { *args.Get(0).(*Kept) = now }).Return(nil)
	temporal.On("QueryWorkflow", mock.Anything, "send/o", "", QueryKept).Return(answer, nil)
	p.steps.options.Client = temporal
}

// A host that was away for longer than host_timeout, a reset, or an answer that Temporal did not hear: the run waits in the
// queue for a place to render, and the only host with one holds it for that run's files of before.
func TestTheJanitorTakesThePlaceOfARunThatRendersAnew(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	p.filesAre("")
	open := func(context.Context, *workspace.Run) (bool, error) { return false, nil }
	p.now = time.Now()
	_, err := Sweep(t.Context(), p.steps, open)
	require.NoError(t, err)
	require.True(t, p.host.Leased(p.run), "its Render may have ended just now, and Temporal hears of it in a moment")

	p.now = time.Now().Add(time.Hour)
	removed, err := Sweep(t.Context(), p.steps, open)
	require.NoError(t, err)
	require.Zero(t, removed)
	require.False(t, p.host.Leased(p.run))
	require.NoError(t, p.host.Admit(t.Context(), nil))
	require.Empty(t, p.gone(), "its uploads are the run's to abort")
	_, err = p.host.Find("r")
	require.NoError(t, err, "which learns from this folder which they are")
}

// A worker that is killed in the middle of Render leaves what it has made, without a place. Nobody may wait for ever for the
// room that it takes: neither the run itself, on its only host, nor others, while the run goes on elsewhere.
func TestTheJanitorMakesRoomOfARenderThatWasKilled(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "another", "here"} {
		p := newParcel(t)
		require.NoError(t, p.host.Release(p.run))
		here := host == "here"
		if here {
			host = p.host.ID()
		}
		p.filesAre(host)
		p.now = time.Now().Add(time.Hour)
		_, err := Sweep(t.Context(), p.steps, func(context.Context, *workspace.Run) (bool, error) { return false, nil })
		require.NoError(t, err)
		require.Equal(t, here, slices.Contains(p.left(t), "r/r-1/render"), host)
	}
}

// A host that was down when its run parked was not told to give the place to others, which the run may not want for a week.
func TestTheJanitorGivesThePlaceOfAParkedRunToOthers(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	p.stands(Kept{State: "parked", Host: p.host.ID()})
	p.now = time.Now().Add(time.Hour)
	_, err := Sweep(t.Context(), p.steps, func(context.Context, *workspace.Run) (bool, error) { return false, nil })
	require.NoError(t, err)
	require.False(t, p.host.Leased(p.run))
	require.Contains(t, p.left(t), "r/r-1/render", "with which a retry goes on")
	require.Empty(t, p.gone())
}

func TestThePlaceOfARunWhoseFolderWasRemovedByHandIsFree(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "runs", "r")))
	_, err := Sweep(t.Context(), p.steps, func(context.Context, *workspace.Run) (bool, error) { return true, nil })
	require.NoError(t, err)
	require.NoError(t, p.host.Admit(t.Context(), nil))
}

// A description that cannot be read for now, for want of file handles say, is not one that a crash has left out.
func TestTheJanitorLeavesARunWhoseDescriptionCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	description := filepath.Join(p.dir, "runs", "r", "run.json")
	require.NoError(t, os.Rename(description, description+".aside"))
	require.NoError(t, os.Mkdir(description, 0o700))
	p.now = time.Now().Add(time.Hour)
	removed, err := Sweep(t.Context(), p.steps, func(context.Context, *workspace.Run) (bool, error) { return true, nil })
	require.ErrorContains(t, err, "run.json")
	require.Zero(t, removed)
	require.Empty(t, p.gone())
	_, err = p.host.Find("r")
	require.ErrorContains(t, err, "run.json")
}

// Somebody may reset a run while the janitor aborts what it has left.
func TestTheJanitorLeavesARunThatHasComeBackMeanwhile(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	asked := 0
	over := func(context.Context, *workspace.Run) (bool, error) {
		asked++
		return asked == 1, nil
	}
	removed, err := Sweep(t.Context(), p.steps, over)
	require.NoError(t, err)
	require.Zero(t, removed)
	_, err = p.host.Find("r")
	require.NoError(t, err)
}

// TestTheJanitorCleansTheOtherRuns: of one it cannot be told whether it is over.
func TestTheJanitorCleansTheOtherRuns(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	for _, id := range []string{"a", "z"} {
		_, err := p.host.Run("send/o/"+id, id)
		require.NoError(t, err)
	}
	removed, err := Sweep(t.Context(), p.steps, func(_ context.Context, r *workspace.Run) (bool, error) {
		if r.RunID == "r" {
			return true, errors.New("Temporal is away")
		}
		return true, nil
	})
	require.ErrorContains(t, err, "Temporal is away")
	require.Equal(t, 2, removed)
	require.Empty(t, p.gone())
	require.Contains(t, p.left(t), "r/r-1/render")
}

// TestTheJanitorTakesNothingOfARunThatDoesNotAnswer: it may be at work on this host's files.
func TestTheJanitorTakesNothingOfARunThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	temporal := &mocks.Client{}
	temporal.On("QueryWorkflow", mock.Anything, "send/o", "", QueryKept).Return(nil, serviceerror.NewUnavailable("away"))
	p.steps.options.Client = temporal
	p.now = time.Now().Add(time.Hour)
	removed, err := Sweep(t.Context(), p.steps, func(context.Context, *workspace.Run) (bool, error) { return false, nil })
	require.ErrorContains(t, err, "away")
	require.Zero(t, removed)
	require.True(t, p.host.Leased(p.run))
	require.Contains(t, p.left(t), "r/r-1/render")
	require.Empty(t, p.gone())
}

func TestTheJanitorLeavesAFolderThatIsBeingMade(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, time.Hour)
	require.NoError(t, os.Mkdir(filepath.Join(k.dir, "runs", "just-made"), 0o700))
	require.Zero(t, k.sweep(t))
}
