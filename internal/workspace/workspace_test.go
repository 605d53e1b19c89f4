package workspace_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

const (
	runID    = "0d6f7a4e-7e0c-4d5e-9a55-1f2b3c4d5e6f"
	delivery = runID + "-1"
)

func open(t *testing.T, o workspace.Options) *workspace.Host {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	h, err := workspace.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() }) // some tests close it themselves
	return h
}

func begin(t *testing.T, h *workspace.Host) *workspace.Run {
	t.Helper()
	r, err := h.Run("send/vips/2026-11-23", runID)
	require.NoError(t, err)
	return r
}

func write(t *testing.T, s *workspace.Step, name, text string) workspace.File {
	t.Helper()
	f, err := s.Create(name)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return workspace.File{Name: name, Number: 1, Bytes: int64(len(text)), Rows: 1, SHA256: "aa", CRC32C: "bb"}
}

func TestTheHostIDStaysWithItsDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, workspace.Options{Dir: dir})
	require.Regexp(t, `^host-[0-9a-f]{12}$`, first.ID())
	require.NoError(t, first.Close())
	require.Equal(t, first.ID(), open(t, workspace.Options{Dir: dir}).ID())
	require.NotEqual(t, first.ID(), open(t, workspace.Options{}).ID())
}

func TestAHostIDThatIsNotOneIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "host-id"), []byte("../../etc\n"), 0o600))
	_, err := workspace.Open(workspace.Options{Dir: dir})
	require.ErrorContains(t, err, "holds no host id")
}

func TestAWorkspaceBelongsToOneProcess(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	_, err := workspace.Open(workspace.Options{Dir: h.Dir()})
	require.ErrorIs(t, err, workspace.ErrLocked)
	require.NoError(t, h.Close())
	open(t, workspace.Options{Dir: h.Dir()})
}

func TestNobodyElseMayReadTheFiles(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	s, err := begin(t, h).Step(delivery, "render")
	require.NoError(t, err)
	require.NoError(t, s.Finish(write(t, s, "0000001", "personal")))
	require.NoError(t, filepath.WalkDir(filepath.Join(h.Dir(), "runs"), func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		return nil
	}))
}

func TestAFinishedStepIsFoundAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := open(t, workspace.Options{Dir: dir})
	s, err := begin(t, h).Step(delivery, "render")
	require.NoError(t, err)
	file := write(t, s, "0000001", "hello")

	files, finished, err := s.Files(nil)
	require.NoError(t, err)
	require.Empty(t, files, "a file that is not finished is not there")
	require.False(t, finished)

	require.NoError(t, s.Finish(file))
	require.NoError(t, s.Done(map[string]int{"rows": 7}))
	require.NoError(t, h.Close())

	h = open(t, workspace.Options{Dir: dir})
	s, err = begin(t, h).Step(delivery, "render")
	require.NoError(t, err)
	var done map[string]int
	files, finished, err = s.Files(&done)
	require.NoError(t, err)
	require.True(t, finished)
	require.Equal(t, []workspace.File{file}, files)
	require.Equal(t, 7, done["rows"])
}

func TestALineThatACrashCutOffIsNotThere(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	s, err := begin(t, h).Step(delivery, "encrypt")
	require.NoError(t, err)
	first := write(t, s, "0000001", "hello")
	require.NoError(t, s.Finish(first))
	journal := filepath.Join(h.Dir(), "runs", runID, delivery, "encrypt", "journal.ndjson")
	f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"file":{"name":"00000`)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	second := write(t, s, "0000002", "world")
	require.NoError(t, s.Finish(second))
	files, _, err := s.Files(nil)
	require.NoError(t, err)
	require.Equal(t, []workspace.File{first, second}, files)
}

// The files are compared with their journal: so it must not say what nobody has written, whichever bit of it flips.
func TestADamagedLineIsNotThere(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	s, err := begin(t, h).Step(delivery, "encrypt")
	require.NoError(t, err)
	sums := []byte{1, 2, 3, 4}
	wrote := []workspace.File{
		{Name: "0000001", Number: 1, Rows: 7, Bytes: 5, SHA256: "0a1b", CRC32C: "4waSgw==", Sums: sums, Plain: "2c3d"},
		{Name: "0000002", Number: 2, Rows: 9, Bytes: 6, SHA256: "4e5f", CRC32C: "AAAAAA==", Sums: sums, Upload: "a<b>&c", Opened: time.Unix(1, 0).UTC()},
	}
	require.NoError(t, s.Enter(wrote...))
	require.NoError(t, s.Done(map[string]int{"rows": 16}))
	path := filepath.Join(h.Dir(), "runs", runID, delivery, "encrypt", "journal.ndjson")
	journal, err := os.ReadFile(path)
	require.NoError(t, err)
	known := 0
	for bit := range 8 * len(journal) {
		damaged := bytes.Clone(journal)
		damaged[bit/8] ^= 1 << (bit % 8)
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		var done map[string]int
		files, finished, err := s.Files(&done)
		require.NoError(t, err)
		require.Subset(t, wrote, files, "%s", damaged)
		require.Equal(t, finished, done["rows"] == 16, "%s", damaged)
		known += len(files)
	}
	require.Greater(t, known, 8*len(journal), "the other lines are there")
}

func TestTheJournalOfAnEarlierReleaseIsRead(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	s, err := begin(t, h).Step(delivery, "encrypt")
	require.NoError(t, err)
	path := filepath.Join(h.Dir(), "runs", runID, delivery, "encrypt", "journal.ndjson")
	old := "\n" + `{"file":{"name":"0000001","number":1,"rows":7,"bytes":5,"sha256":"0a1b","crc32c":"4waSgw=="}}` + "\n\n" + `{"done":{"rows":7}}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(old), 0o600))
	var done map[string]int
	files, finished, err := s.Files(&done)
	require.NoError(t, err)
	require.True(t, finished)
	require.Equal(t, map[string]int{"rows": 7}, done)
	require.Equal(t, []workspace.File{{Name: "0000001", Number: 1, Rows: 7, Bytes: 5, SHA256: "0a1b", CRC32C: "4waSgw=="}}, files)
}

func TestAFileThatIsNotWhatItsJournalSaysIsNotRead(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	s, err := begin(t, h).Step(delivery, "render")
	require.NoError(t, err)
	file := write(t, s, "0000001", "hello")
	require.NoError(t, s.Finish(file))
	path := filepath.Join(h.Dir(), "runs", runID, delivery, "render", "0000001")
	require.NoError(t, os.Truncate(path, 2))
	_, err = s.Open(file)
	require.ErrorIs(t, err, workspace.ErrCorrupt)
	require.NoError(t, os.Remove(path))
	_, err = s.Open(file)
	require.ErrorIs(t, err, workspace.ErrMissing)
}

func TestRemoveLeavesNothing(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{Runs: 1})
	r := begin(t, h)
	s, err := r.Step(delivery, "render")
	require.NoError(t, err)
	require.NoError(t, s.Finish(write(t, s, "0000001", "hello")))
	require.NoError(t, h.Lease(r))
	require.NoError(t, r.Remove())
	require.NoError(t, r.Remove(), "nothing there is success")
	entries, err := os.ReadDir(filepath.Join(h.Dir(), "runs"))
	require.NoError(t, err)
	require.Empty(t, entries)
	require.NoError(t, h.Admit(t.Context(), nil), "the place is free again")
}

func TestWhatAnEarlierDeliveryLeftIsRemoved(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	for _, d := range []string{runID + "-1", runID + "-2"} {
		s, err := r.Step(d, "render")
		require.NoError(t, err)
		require.NoError(t, s.Finish(write(t, s, "0000001", d)))
	}
	require.NoError(t, r.RemoveOthers(runID+"-2"))
	require.NoDirExists(t, filepath.Join(h.Dir(), "runs", runID, runID+"-1"))
	require.DirExists(t, filepath.Join(h.Dir(), "runs", runID, runID+"-2"))
}

func TestAWorkspaceThatWasRemovedIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "workspace")
	h := open(t, workspace.Options{Dir: dir, Runs: 2})
	r := begin(t, h)
	require.NoError(t, os.RemoveAll(dir))
	require.ErrorIs(t, h.Room(), workspace.ErrGone)
	_, err := h.Run("send/x/y", runID)
	require.ErrorIs(t, err, workspace.ErrGone)
	_, _, err = r.Begin(t.Context(), "render", nil)
	require.ErrorIs(t, err, workspace.ErrGone)
	require.NoDirExists(t, dir)

	second := open(t, workspace.Options{Dir: dir, Runs: 2}) // a worker that was started again
	require.NoError(t, second.Room())
	require.ErrorIs(t, h.Room(), workspace.ErrGone, "this one's folder is another")
}

func TestWhatTheSystemCallsFullIsNoSpace(t *testing.T) {
	t.Parallel()
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := workspace.Space(&fs.PathError{Op: "write", Path: "f", Err: full})
		require.ErrorIs(t, err, workspace.ErrNoSpace)
		require.ErrorIs(t, err, full)
		require.Equal(t, err, workspace.Space(err), "it is said once")
	}
	require.NotErrorIs(t, workspace.Space(fs.ErrPermission), workspace.ErrNoSpace)
	require.NoError(t, workspace.Space(nil))
}

// A file that cannot be written whole leaves nothing, so that a run that could not begin on a full disk leaves no folder.
func TestWhatCannotBeWrittenLeavesNothing(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	dir := filepath.Join(h.Dir(), "runs", runID)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "in-the-way.json", "full"), 0o700))
	require.Error(t, r.Note("in-the-way", 1))
	require.NoFileExists(t, filepath.Join(dir, "in-the-way.json.part"))
}

// A note is replaced and never written over: whatever ends the process, one of the two is there whole.
func TestANoteIsReplacedWhole(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	r := begin(t, h)
	require.NoError(t, r.Note("sending", "first"))
	first := filepath.Join(t.TempDir(), "first")
	require.NoError(t, os.Link(filepath.Join(h.Dir(), "runs", runID, "sending.json"), first))
	require.NoError(t, r.Note("sending", "second"))
	text, err := os.ReadFile(first)
	require.NoError(t, err)
	require.Equal(t, `"first"`, string(text))
	var now string
	found, err := r.Noted("sending", &now)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "second", now)
}

func TestAFolderIsInUseWhileItIsMade(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	dir := filepath.Join(h.Dir(), "runs", "just-made")
	require.NoError(t, os.Mkdir(dir, 0o700))
	runs, err := h.Runs()
	require.NoError(t, err)
	require.True(t, runs[0].InUse(time.Now()))
	require.False(t, runs[0].InUse(time.Now().Add(time.Hour)))
	require.NoError(t, h.Close())
	h = open(t, workspace.Options{Dir: h.Dir()})
	runs, err = h.Runs()
	require.NoError(t, err)
	require.False(t, runs[0].InUse(time.Now()), "a crash has left it")
}

func TestARunIDCannotLeaveTheWorkspace(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	for _, id := range []string{"", "..", "../x", "a/b", ".hidden"} {
		_, err := h.Run("send/x/y", id)
		require.Error(t, err, id)
	}
}

func TestTheJanitorFindsEveryFolder(t *testing.T) {
	t.Parallel()
	h := open(t, workspace.Options{})
	begin(t, h)
	require.NoError(t, os.Mkdir(filepath.Join(h.Dir(), "runs", "left-by-a-crash"), 0o700))
	runs, err := h.Runs()
	require.NoError(t, err)
	require.Len(t, runs, 2)
	byID := map[string]string{}
	for _, r := range runs {
		byID[r.RunID] = r.WorkflowID
	}
	require.Equal(t, map[string]string{runID: "send/vips/2026-11-23", "left-by-a-crash": ""}, byID)
}

// TestALinkToADiskThatIsNotThereIsNamed: "file exists" is no help.
func TestALinkToADiskThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "runs", "spill"} {
		dir := filepath.Join(t.TempDir(), "workspace")
		link := filepath.Join(dir, name)
		if name != "" {
			require.NoError(t, os.Mkdir(dir, 0o700))
		}
		require.NoError(t, os.Symlink("/nowhere/disk", link))
		_, err := workspace.Open(workspace.Options{Dir: dir})
		require.ErrorContains(t, err, link+" is a link to /nowhere/disk, which is not there")
	}
}
