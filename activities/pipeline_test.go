package activities

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"consign/internal/plan"
	"consign/internal/workspace"
)

// A pipeline is a delivery of several files, packed one by one and encrypted, of which Render is done.
type pipeline struct {
	*packer
	plan   *plan.Plan
	folder Folder
	files  FilesResult
	run    *workspace.Run
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	dir := t.TempDir()
	makeTables(t, dir)
	newRecipients(t, dir)
	g := packed{format: "csv", split: "rows"}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(g.configuration()), 0o600))
	p := &pipeline{packer: newPacker(t, dir)}
	name := ""
	for i, encoding := range encodings {
		if encoding == "gzip" {
			name = encoding + "-" + g.audiences(i)[1]
		}
	}
	made, err := Resolve(t.Context(), p.config(t), plan.Request{Orchestration: name, RunID: "r", Now: p.now}, 256<<20, 1)
	require.NoError(t, err)
	p.plan, p.folder = made, Folder{Run: "r", WorkflowID: "send/" + name, Delivery: "r-1"}
	rendered := do[RenderResult](t, p.packer, p.steps.Render, RenderInput{Folder: p.folder, Query: made.Query, Render: made.Render})
	require.True(t, rendered.Pipelined)
	require.Greater(t, rendered.Files, 3)
	p.files = rendered.FilesResult
	p.run, err = p.host.Run(p.folder.WorkflowID, p.folder.Run)
	require.NoError(t, err)
	return p
}

func (p *pipeline) archive(t *testing.T) FilesResult {
	t.Helper()
	return do[FilesResult](t, p.packer, p.steps.Archive, ArchiveInput{Folder: p.folder, From: p.files, Archive: p.plan.Archive, Names: p.plan.Names})
}

// encryptEarly begins Encrypt before Archive has made a file, and returns a function that waits for its end.
func (p *pipeline) encryptEarly(t *testing.T) func() FilesResult {
	t.Helper()
	from := FilesResult{Step: stepArchive, Files: p.files.Files, Rows: p.files.Rows, Coming: true}
	beside := newEnvironment(p.steps)
	type answer struct {
		made converter.EncodedValue
		err  error
	}
	over := make(chan answer, 1)
	go func() {
		made, err := beside.ExecuteActivity(p.steps.Encrypt, EncryptInput{Folder: p.folder, From: from, Encryption: p.plan.Encryption})
		over <- answer{made, err}
	}()
	return func() (made FilesResult) {
		got := <-over
		require.NoError(t, got.err)
		require.NoError(t, got.made.Get(&made))
		return made
	}
}

// left are the files of a step that are on the disk, without the journal.
func (p *pipeline) left(t *testing.T, step string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(p.host.Dir(), "runs", "r", "r-1", step, "0*"))
	require.NoError(t, err)
	return left
}

func TestAStepThatBeginsEarlyTakesEachFileAsItComes(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	encrypted := p.encryptEarly(t)
	packed := p.archive(t)
	made := encrypted()
	require.Equal(t, p.files.Files, made.Files)
	require.Equal(t, p.files.Rows, made.Rows)
	step, files, err := filesOf(p.run, p.folder.Delivery, made)
	require.NoError(t, err)
	for i, f := range files {
		require.Equal(t, i+1, f.Number)
		require.Equal(t, packed.Listed[min(i, maxListed-1)].SHA256, files[min(i, maxListed-1)].Plain)
		in, err := step.Open(f)
		require.NoError(t, err)
		require.NoError(t, in.Close())
	}
	require.Empty(t, p.left(t, stepRender))
	require.Empty(t, p.left(t, stepArchive))

	// Archive's worker died before it could tell that it is done, and Encrypt has removed what it would need.
	require.Equal(t, packed, p.archive(t))
	require.Equal(t, made, p.encryptEarly(t)())
}

func TestAStepThatBeganEarlyGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	packed := p.archive(t)
	from, err := p.run.Step(p.folder.Delivery, stepArchive)
	require.NoError(t, err)
	journal, err := os.ReadFile(journalOf(p, stepArchive))
	require.NoError(t, err)
	files, _, err := from.Files(nil)
	require.NoError(t, err)

	// The journal as it was when half of the files were there; the step's end, when a worker is told to stop.
	require.NoError(t, os.Remove(journalOf(p, stepArchive)))
	require.NoError(t, from.Enter(files[:2]...))
	a, err := arriving(p.run, p.folder.Delivery, FilesResult{Step: stepArchive, Files: packed.Files, Coming: true})
	require.NoError(t, err)
	ctx, stop := context.WithCancelCause(t.Context())
	var seen []int
	err = a.each(ctx, func(f workspace.File) {
		if seen = append(seen, f.Number); len(seen) == 2 {
			stop(errWorkerStops)
		}
	})
	require.ErrorIs(t, err, errWorkerStops)
	require.Equal(t, []int{1, 2}, seen)

	encrypted := p.encryptEarly(t)
	require.NoError(t, os.WriteFile(journalOf(p, stepArchive), journal, 0o600))
	require.Equal(t, packed.Files, encrypted().Files)
}

func journalOf(p *pipeline, step string) string {
	return filepath.Join(p.host.Dir(), "runs", "r", "r-1", step, "journal.ndjson")
}

func TestFilesThatShouldBeThereAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	run := newRun(t)
	stepOf(t, run, stepArchive)
	_, err := arriving(run, "d", FilesResult{Step: stepArchive, Files: 1})
	require.ErrorIs(t, err, workspace.ErrMissing)
}

func TestFilesThatAreDoneOutOfTurnAreTakenInTurn(t *testing.T) {
	t.Parallel()
	step := stepOf(t, newRun(t), stepArchive)
	a := &arrivals{step: step, want: FilesResult{Step: stepArchive, Files: 3, Coming: true}}
	require.NoError(t, step.Enter(workspace.File{Number: 3}, workspace.File{Number: 2}))
	over, stop := context.WithCancel(t.Context())
	stop()
	_, err := a.file(over, 1)
	require.ErrorIs(t, err, context.Canceled, "the first is not there")
	require.NoError(t, step.Enter(workspace.File{Number: 1}))
	var seen []int
	require.NoError(t, a.each(t.Context(), func(f workspace.File) { seen = append(seen, f.Number) }))
	require.Equal(t, []int{1, 2, 3}, seen)
}
