package activities

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
	"consign/internal/defect"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/upload"
	"consign/internal/workspace"
)

func TestADigestWriterSeesEveryByteOnce(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same every time
	for _, size := range []int{0, 1, digestChunk - 1, digestChunk, digestChunk + 1, 5*digestChunk + 17} {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		var out bytes.Buffer
		d := newDigestWriter(&out, sha256.New())
		for rest := content; len(rest) > 0; {
			n := min(1+random.IntN(2*digestChunk), len(rest))
			_, err := d.Write(rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, d.Close())
		require.NoError(t, d.Close(), "closing twice is safe")
		sum := sha256.Sum256(content)
		require.Equal(t, hex.EncodeToString(sum[:]), d.SHA256())
		require.Equal(t, upload.Checksum(content), d.CRC32C())
		require.Equal(t, content, append([]byte{}, out.Bytes()...))
		require.EqualValues(t, size, d.size)
	}
}

// fullDisk takes so many bytes and then no more.
type fullDisk struct{ room int }

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, workspace.ErrNoSpace
	}
	return len(p), nil
}

func TestAFullDiskEndsTheStageThatWrites(t *testing.T) {
	t.Parallel()
	d := newDigestWriter(&fullDisk{room: 3 * digestChunk}, sha256.New())
	_, err := io.Copy(d, zeros{}) // without end, if the error did not come back
	require.ErrorIs(t, err, workspace.ErrNoSpace)
	require.ErrorIs(t, d.Close(), workspace.ErrNoSpace)

	d = newDigestWriter(&fullDisk{}, sha256.New())
	_, err = d.Write([]byte("little"))
	require.NoError(t, err, "it is not written yet")
	require.ErrorIs(t, d.Close(), workspace.ErrNoSpace)
}

// TestAnArchiveThatCouldNotBeEndedIsNotThere: the disk is full when its last bytes are written, which all of a small one are.
func TestAnArchiveThatCouldNotBeEndedIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	makeTables(t, dir)
	for _, encoding := range []string{archive.TGZ, archive.ZIP} {
		f := newFusing(t, dir, encoding, "none", "nobody")
		rendered := do[RenderResult](t, f.packer, f.steps.Render, f.renderInput(false)).FilesResult
		packed := stepNamed(t, f, stepArchive)
		require.NoError(t, os.Symlink("/dev/full", filepath.Join(f.host.Dir(), "runs", "r", "r-1", stepArchive, "0000001.part")))
		_, err := f.env.ExecuteActivity(f.steps.Archive, f.archiveInput(rendered, false))
		require.Equal(t, "DiskFull", typeOf(t, err))
		made, _, err := packed.Files(nil)
		require.NoError(t, err)
		require.Empty(t, made)
		require.Equal(t, 1, do[FilesResult](t, f.packer, f.steps.Archive, f.archiveInput(rendered, false)).Files)
	}
}

// TestAZipThatCouldNotBeEndedIsNotThere, which Render makes on the way.
func TestAZipThatCouldNotBeEndedIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	makeTables(t, dir)
	f := newFusing(t, dir, archive.ZIP, "none", "nobody")
	to, err := f.steps.destination(t.Context(), f.run, stepNamed(t, f, stepRender), f.renderInput(true), nil)
	require.NoError(t, err)
	defer to.close()
	disk := to.(*fused).out.out
	require.NoError(t, disk.digest.Close())
	disk.digest = newDigestWriter(&fullDisk{}, sha256.New())
	entry, err := to.create(1)
	require.NoError(t, err)
	written := []byte("1\n")
	_, err = entry.Write(written)
	require.NoError(t, err)
	require.NoError(t, entry.Close())
	_, err = to.finish([]render.File{{Number: 1, Rows: 1, Bytes: int64(len(written))}})
	require.ErrorIs(t, err, workspace.ErrNoSpace)
	for _, step := range []string{stepRender, stepArchive} {
		made, _, err := stepNamed(t, f, step).Files(nil)
		require.NoError(t, err)
		require.Empty(t, made)
	}
}

// newRun is a run in a workspace of its own.
func newRun(t *testing.T) *workspace.Run {
	t.Helper()
	h, err := workspace.Open(workspace.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	run, err := h.Run("w", "r")
	require.NoError(t, err)
	return run
}

func stepOf(t *testing.T, run *workspace.Run, name string) *workspace.Step {
	t.Helper()
	step, err := run.Step("d", name)
	require.NoError(t, err)
	return step
}

// written writes a file of a step, and says what it is.
func written(t *testing.T, out *outFile, err error) workspace.File {
	t.Helper()
	require.NoError(t, err)
	_, err = io.WriteString(out, "personal data")
	require.NoError(t, err)
	require.NoError(t, out.Close())
	return out.file(1, 7)
}

func TestAFileThatIsOnlyPassedOnHasNoSHA256(t *testing.T) {
	t.Parallel()
	out, err := create(stepOf(t, newRun(t), "render"), "0000001", nil)
	file := written(t, out, err)
	require.Empty(t, file.SHA256)
	require.Equal(t, upload.Checksum([]byte("personal data")), file.CRC32C)
}

func TestTheChecksumIsWrittenAsS3WritesIt(t *testing.T) {
	t.Parallel()
	d := newDigestWriter(io.Discard, sha256.New())
	_, err := io.WriteString(d, "123456789") // the check value of the catalogue of CRCs: CRC-32C is e3069283
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Equal(t, "4waSgw==", d.CRC32C())
}

func TestAFileThatChangedOnTheDiskIsNotPassedOn(t *testing.T) {
	t.Parallel()
	run := newRun(t)
	from, to := stepOf(t, run, "render"), stepOf(t, run, "archive")
	out, err := create(from, "0000001", sha256.New())
	file := written(t, out, err)
	require.NoError(t, from.Finish(file))
	plain := func(w io.Writer) (io.WriteCloser, error) { return passOn{w}, nil }

	require.NoError(t, convert(t.Context(), from, file, to, &progress{}, plain))
	_, made, err := filesOf(run, "d", FilesResult{Step: "archive", Files: 1})
	require.NoError(t, err)
	require.Equal(t, file.SHA256, made[0].SHA256)
	require.Equal(t, file.SHA256, made[0].Plain)
	require.EqualValues(t, 7, made[0].Rows)

	damaged := file
	damaged.CRC32C = upload.Checksum([]byte("another"))
	require.ErrorIs(t, convert(t.Context(), from, damaged, to, &progress{}, plain), workspace.ErrCorrupt)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errWorkerStops)
	require.ErrorIs(t, convert(ctx, from, file, to, &progress{}, plain), errWorkerStops)

	_, _, err = filesOf(run, "d", FilesResult{Step: "render", Files: 2})
	require.ErrorIs(t, err, workspace.ErrMissing)
	_, files, err := filesOf(run, "d", FilesResult{Step: "render", Files: 1})
	require.NoError(t, err)
	require.Equal(t, []workspace.File{file}, files)
}

// What cannot be finished for want of room must not take the room that there is: the run is parked, and others wait for it.
func TestAFileThatCannotBeFinishedLeavesNothing(t *testing.T) {
	t.Parallel()
	run := newRun(t)
	from, to := stepOf(t, run, "render"), stepOf(t, run, "archive")
	out, err := create(from, "0000001", sha256.New())
	file := written(t, out, err)
	require.NoError(t, from.Finish(file))
	before, err := os.ReadDir(filepath.Dir(out.path))
	require.NoError(t, err)
	require.Len(t, before, 2, "the file and its journal")

	var half string
	err = convert(t.Context(), from, file, to, &progress{}, func(w io.Writer) (io.WriteCloser, error) {
		half = w.(*outFile).path
		require.FileExists(t, half)
		return gzip.NewWriter(&fullDisk{room: 1}), nil // whose Close fails too
	})
	require.ErrorIs(t, err, workspace.ErrNoSpace)
	require.Equal(t, 1, strings.Count(err.Error(), workspace.ErrNoSpace.Error()), "an operator reads it once: %v", err)
	left, err := os.ReadDir(filepath.Dir(half))
	require.NoError(t, err)
	require.Empty(t, left)
}

// Every file is transformed by a goroutine of its own, of which a panic would end the worker, and with it everybody's runs.
func TestAPanicWhileAFileIsTransformedIsAnError(t *testing.T) {
	t.Parallel()
	run := newRun(t)
	from := stepOf(t, run, "render")
	out, err := create(from, "0000001", sha256.New())
	file := written(t, out, err)
	require.NoError(t, from.Finish(file))
	_, err = new(Steps).each(t.Context(), run, "archive", "d", FilesResult{Step: "render", Files: 1}, 1, func(io.Writer) (io.WriteCloser, error) {
		panic("a defect")
	})
	require.ErrorIs(t, err, defect.Err)
}

// A defective stands for what panics when it is read or written.
type defective struct{}

func (defective) Write([]byte) (int, error) { panic("a defect") }

func (defective) Read([]byte) (int, error) { panic("a defect") }

// What goes to the disk and comes from it does so on goroutines, too.
func TestAPanicOfWhatIsReadOrWrittenIsAnError(t *testing.T) {
	t.Parallel()
	d := newDigestWriter(defective{}, sha256.New())
	_, err := d.Write([]byte("by and by"))
	require.NoError(t, err)
	require.ErrorIs(t, d.Close(), defect.Err)
	_, err = io.ReadAll(readAhead(t.Context(), io.NopCloser(defective{}), 1))
	require.ErrorIs(t, err, defect.Err)
}

type passOn struct{ io.Writer }

func (passOn) Close() error { return nil }

func TestAlertsRefuseACountOfRows(t *testing.T) {
	t.Parallel()
	_, err := plan.Alerts{FailBelow: 10}.Check(9)
	require.Error(t, err)
	warnings, err := plan.Alerts{WarnAbove: 10}.Check(11)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
}

// Thousands of files of one delivery are known until the last is written: their buffers must not be.
func TestAClosedFileHoldsNoBuffers(t *testing.T) {
	step := stepOf(t, newRun(t), "render")
	const files = 64
	outs := make([]*outFile, files)
	before := heap()
	for i := range outs {
		out, err := create(step, "0000001", sha256.New())
		require.NoError(t, err)
		_, err = out.Write(make([]byte, 4*digestChunk))
		require.NoError(t, err)
		require.NoError(t, out.Close())
		outs[i] = out
	}
	require.Less(t, heap()-before, int64(files*digestChunk/8))
	runtime.KeepAlive(outs)
}

// heap is what is in use after two collections, which empty all pools.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) // no heap has 2^63 bytes
}
