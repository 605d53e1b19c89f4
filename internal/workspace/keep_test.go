package workspace_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

var ended = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// finish makes a run with a file of each of the named steps.
func finish(t *testing.T, h *workspace.Host, id string, steps ...string) *workspace.Run {
	t.Helper()
	r, err := h.Run("send/vips/"+id, id)
	require.NoError(t, err)
	for _, name := range steps {
		s, err := r.Step(id+"-1", name)
		require.NoError(t, err)
		require.NoError(t, s.Finish(write(t, s, "0000001", "hello")))
	}
	return r
}

func TestAKeptRunHasItsFilesAndNothingElse(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{Runs: 1})
	r := finish(t, h, runID, "render", "archive", "encrypt", "upload")
	require.NoError(t, r.Note("sending", 1))
	require.NoError(t, h.Lease(r))
	kept, err := r.Keep(delivery, ended, "archive", "encrypt")
	require.NoError(t, err)
	require.Equal(t, workspace.Kept{Delivery: delivery, Ended: ended}, kept)
	left, err := filepath.Glob(filepath.Join(h.Dir(), "runs", runID, "*"))
	require.NoError(t, err)
	require.Len(t, left, 3, "its description, the note, and the delivery: %v", left)
	left, err = filepath.Glob(filepath.Join(h.Dir(), "runs", runID, delivery, "*"))
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.NoError(t, h.Admit(t.Context(), nil), "its place is free")

	again, err := r.Keep(delivery, ended.Add(time.Hour), "archive", "encrypt")
	require.NoError(t, err)
	require.Equal(t, kept, again, "a step that runs twice does not keep them longer")

	const other = runID + "-2"
	s, err := r.Step(other, "encrypt")
	require.NoError(t, err)
	require.NoError(t, s.Finish(write(t, s, "0000001", "hello")))
	kept, err = r.Keep(other, ended.Add(time.Hour), "archive", "encrypt")
	require.NoError(t, err)
	require.Equal(t, workspace.Kept{Delivery: other, Ended: ended.Add(time.Hour)}, kept, "the run was reset, and has delivered anew")
	require.True(t, r.Holds(other))
	require.False(t, r.Holds(delivery))
}

func TestWhatIsKeptOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := open(t, workspace.Options{Dir: dir})
	kept, err := finish(t, h, runID, "render").Keep(delivery, ended, "render")
	require.NoError(t, err)
	require.NoError(t, h.Close())
	h = open(t, workspace.Options{Dir: dir})
	r, err := h.Find(runID)
	require.NoError(t, err)
	again, found, err := r.Kept()
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, kept, again)

	require.NoError(t, r.Unkeep())
	require.NoError(t, r.Unkeep(), "not kept is success")
	_, found, err = r.Kept()
	require.NoError(t, err)
	require.False(t, found)
}

func TestARunThatIsNotHereIsNotFoundAndNotMade(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	_, err := h.Find(runID)
	require.ErrorIs(t, err, workspace.ErrMissing)
	require.NoDirExists(t, filepath.Join(h.Dir(), "runs", runID))
}

func TestKeptFilesMakeRoomForRunsTheOldestFirst(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{MaxBytes: 2500, Runs: 3})
	for id, after := range map[string]time.Duration{"a-last": time.Hour, "b-first": 0, "c-second": time.Minute} { // folders are read by name
		r := finish(t, h, id, "render")
		require.NoError(t, os.Truncate(filepath.Join(h.Dir(), "runs", id, id+"-1", "render", "0000001"), 1000))
		_, err := r.Keep(id+"-1", ended.Add(after), "render")
		require.NoError(t, err)
	}
	require.ErrorIs(t, h.Room(), workspace.ErrNoSpace)
	require.NoError(t, h.Admit(t.Context(), nil))
	_, err := h.Find("b-first")
	require.ErrorIs(t, err, workspace.ErrMissing)
	for _, id := range []string{"a-last", "c-second"} {
		_, err := h.Find(id)
		require.NoError(t, err, "there is room without it")
	}
}

func TestFilesOfRunsUnderWayAreNotEvicted(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{MaxBytes: 4})
	finish(t, h, runID, "render")
	evicted, err := h.Evict()
	require.NoError(t, err)
	require.False(t, evicted)
	_, err = h.Find(runID)
	require.NoError(t, err)
}

// TestKeptFilesStayIfTheDiskLacksAnotherThingThanRoom: it is read-only, say, and without them it would be too.
func TestKeptFilesStayIfTheDiskLacksAnotherThingThanRoom(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	_, err := finish(t, h, runID, "render").Keep(delivery, ended, "render")
	require.NoError(t, err)
	require.NoError(t, os.Remove(h.Spill()))
	require.NoError(t, os.WriteFile(h.Spill(), nil, 0o600)) // where a folder would be
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.ErrorIs(t, h.Admit(ctx, func(error) { cancel() }), context.Canceled)
	_, err = h.Find(runID)
	require.NoError(t, err)
}

func TestALinkedFileIsThereWhenItsFirstRunIsGone(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	first := finish(t, h, runID, "render")
	from, err := first.Step(delivery, "render")
	require.NoError(t, err)
	files, _, err := from.Files(nil)
	require.NoError(t, err)
	r, err := h.Run("send/vips/again", "again")
	require.NoError(t, err)
	to, err := r.Step("again-1", "render")
	require.NoError(t, err)
	before, err := h.Used()
	require.NoError(t, err)
	require.NoError(t, to.Link(from, files[0]))
	require.NoError(t, to.Link(from, files[0]), "a second attempt links it again")
	after, err := h.Used()
	require.NoError(t, err)
	require.Equal(t, before, after, "shared bytes are counted once")

	require.NoError(t, first.Remove())
	f, err := to.Open(files[0])
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.ErrorIs(t, to.Link(from, files[0]), workspace.ErrMissing)
}

// TestADeliveryAndItsStepsCannotLeaveTheirRun: their names come with the input of a step, as the run's id does.
func TestADeliveryAndItsStepsCannotLeaveTheirRun(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(outside, "render"), 0o700))
	file := filepath.Join(outside, "render", "precious")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	h := open(t, workspace.Options{})
	r := begin(t, h)
	away, err := filepath.Rel(filepath.Join(h.Dir(), "runs", runID), outside)
	require.NoError(t, err)
	for _, name := range []string{away, "", "..", "a/b", ".hidden"} {
		_, err := r.Step(name, "render")
		require.Error(t, err, name)
		_, err = r.Step(delivery, name)
		require.Error(t, err, name)
		_, err = r.Keep(name, ended)
		require.Error(t, err, name)
		require.Error(t, r.RemoveStep(name, "render"), name)
		require.Error(t, r.RemoveFiles(name, "render"), name)
	}
	require.FileExists(t, file)
}
