package workspace_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

// TestAFolderWithSomebodysFilesIsNoWorkspace: a worker cleans up runs and spill, and others use such names too.
func TestAFolderWithSomebodysFilesIsNoWorkspace(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"runs/experiment-1/model.bin", "spill/1/notes.txt", "spill/readme.txt"} {
		dir := t.TempDir()
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("theirs"), 0o600))
		_, err := workspace.Open(workspace.Options{Dir: dir})
		require.ErrorIs(t, err, workspace.ErrForeign)
		require.FileExists(t, file)
	}
	dir := t.TempDir() // spill is a disk of its own, which was just formatted
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "spill", "lost+found"), 0o700))
	open(t, workspace.Options{Dir: dir})
	require.DirExists(t, filepath.Join(dir, "spill", "lost+found"))
}

// TestACopyWithoutItsIDIsAnotherHost: with the runs in it, which are the other host's.
func TestACopyWithoutItsIDIsAnotherHost(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	_, err := h.Run("send/x/k", "run-1")
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(dir, os.DirFS(h.Dir())))
	require.NoError(t, os.Remove(filepath.Join(dir, "host-id")))
	copied := open(t, workspace.Options{Dir: dir})
	require.NotEqual(t, h.ID(), copied.ID())
	runs, err := copied.Runs()
	require.NoError(t, err)
	require.Len(t, runs, 1)
}

// TestWhatSomebodyPutsBesideTheRunsIsNoRun: nobody's janitor looks at it.
func TestWhatSomebodyPutsBesideTheRunsIsNoRun(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	theirs := filepath.Join(h.Dir(), "runs", "backup")
	require.NoError(t, os.MkdirAll(theirs, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(theirs, "a"), nil, 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(h.Dir(), "runs", "a-crash-s"), 0o700))
	lost := filepath.Join(h.Dir(), "runs", "01a227c3-3b30-7958-9bfb-898f4cf0978a") // its description was, with the power
	require.NoError(t, os.MkdirAll(filepath.Join(lost, delivery), 0o700))
	half := filepath.Join(h.Dir(), "runs", "half-a-crash-s") // whose description was being written
	require.NoError(t, os.MkdirAll(half, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(half, "run.json.part"), nil, 0o600))
	runs, err := h.Runs()
	require.NoError(t, err)
	require.Len(t, runs, 3)
	require.Equal(t, "01a227c3-3b30-7958-9bfb-898f4cf0978a", runs[0].RunID)
	require.Equal(t, "a-crash-s", runs[1].RunID)
	require.Equal(t, "half-a-crash-s", runs[2].RunID)
}

// TestTheFolderMayBeCalledLikeAPattern: its interrupted attempts are found all the same.
func TestTheFolderMayBeCalledLikeAPattern(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ws[1]", "ws[1", "ws?x*"} {
		dir := filepath.Join(t.TempDir(), name)
		h, err := workspace.Open(workspace.Options{Dir: dir})
		require.NoError(t, err)
		r, err := h.Run("send/x/k", "run-1")
		require.NoError(t, err)
		_, _, err = r.Begin(t.Context(), "render", []byte("token"))
		require.NoError(t, err)
		require.NoError(t, h.Close())
		h, err = workspace.Open(workspace.Options{Dir: dir})
		require.NoError(t, err)
		dead, err := h.Interrupted()
		require.NoError(t, err)
		require.Equal(t, []workspace.Dead{{Token: []byte("token"), Run: r.RunID, Step: "render", Deaths: 1}}, dead)
		require.NoError(t, h.Close())
	}
}

// TestADiskThatCannotBeWrittenHasNoRoom: it may have bytes, and no inode, or be read-only. Here a file lies where its folder
// would be, whoever asks.
func TestADiskThatCannotBeWrittenHasNoRoom(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	require.NoError(t, h.Room())
	require.NoError(t, os.Remove(h.Spill()))
	require.NoError(t, h.Room(), "somebody has tidied up")
	require.NoError(t, os.Remove(h.Spill()))
	require.NoError(t, os.WriteFile(h.Spill(), nil, 0o600))
	require.Error(t, h.Room())
}
