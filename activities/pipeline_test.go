package activities

import (
	"bytes"
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
	from := FilesResult{Step: stepArchive, Files: p.files.Files, Rows: p.files.Rows, Coming: stepRender}
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
		if i < maxListed {
			require.Equal(t, packed.Listed[i].SHA256, f.Plain)
		}
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

// arrivals are what Encrypt sees of Archive's files.
func (p *pipeline) arrivals(t *testing.T) *arrivals {
	t.Helper()
	a, err := arriving(p.run, p.folder.Delivery, FilesResult{Step: stepArchive, Files: p.files.Files, Coming: stepRender})
	require.NoError(t, err)
	return a
}

func TestAStepThatBeganEarlyGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	packed := p.archive(t)
	journal, err := os.ReadFile(p.journal(stepArchive))
	require.NoError(t, err)
	from, files, err := filesOf(p.run, p.folder.Delivery, packed)
	require.NoError(t, err)

	// The journal as it was when two of the files were there, and the end of the step, when a worker is told to stop.
	require.NoError(t, os.Remove(p.journal(stepArchive)))
	require.NoError(t, from.Enter(files[:2]...))
	ctx, stop := context.WithCancelCause(t.Context())
	var seen []int
	err = p.arrivals(t).each(ctx, func(f workspace.File) {
		if seen = append(seen, f.Number); len(seen) == 2 {
			stop(errWorkerStops)
		}
	})
	require.ErrorIs(t, err, errWorkerStops)
	require.Equal(t, []int{1, 2}, seen)

	encrypted := p.encryptEarly(t)
	require.NoError(t, os.WriteFile(p.journal(stepArchive), journal, 0o600))
	require.Equal(t, packed.Files, encrypted().Files)
}

func (p *pipeline) journal(step string) string {
	return filepath.Join(p.host.Dir(), "runs", "r", "r-1", step, "journal.ndjson")
}

// TestFilesThatNobodyMakesAreNotWaitedFor: a workflow that was reset to when a step had begun, say, after the end of the
// run has emptied the workspace.
func TestFilesThatNobodyMakesAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	for name, from := range map[string]FilesResult{
		"they should be there":           {Step: stepArchive, Files: p.files.Files},
		"they were to be made of others": {Step: stepArchive, Files: p.files.Files, Coming: stepReuse},
		"they were to be made of more":   {Step: stepArchive, Files: p.files.Files + 1, Coming: stepRender},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := arriving(p.run, p.folder.Delivery, from)
			require.ErrorIs(t, err, workspace.ErrMissing)
		})
	}
	packed := p.archive(t)
	journal, err := os.ReadFile(p.journal(stepArchive))
	require.NoError(t, err)
	lines := bytes.Split(journal, []byte("\n"))
	lines[1] = []byte("{") // the disk's fault
	require.NoError(t, os.WriteFile(p.journal(stepArchive), bytes.Join(lines, []byte("\n")), 0o600))
	_, err = p.arrivals(t).file(t.Context(), 1)
	require.ErrorIs(t, err, workspace.ErrMissing)
	require.Greater(t, packed.Files, 3)
}

func TestFilesThatAreDoneOutOfTurnAreTakenInTurn(t *testing.T) {
	t.Parallel()
	p := newPipeline(t)
	step, err := p.run.Step(p.folder.Delivery, stepArchive)
	require.NoError(t, err)
	a := p.arrivals(t)
	require.NoError(t, step.Enter(workspace.File{Number: 3}, workspace.File{Number: 2}))
	over, stop := context.WithCancel(t.Context())
	stop()
	_, err = a.file(over, 1)
	require.ErrorIs(t, err, context.Canceled, "the first is not there")
	require.NoError(t, step.Enter(workspace.File{Number: 1}))
	for number := 1; number <= 3; number++ {
		f, err := a.file(t.Context(), number)
		require.NoError(t, err)
		require.Equal(t, number, f.Number)
	}
}

func TestWhatIsListedForPeopleIsInOrder(t *testing.T) {
	t.Parallel()
	run := newRun(t)
	step := stepOf(t, run, stepEncrypt)
	require.NoError(t, step.Enter(workspace.File{Number: 2}, workspace.File{Number: 1}))
	for range 2 {
		made, err := allOf(run, "d", stepEncrypt, 2, false)
		require.NoError(t, err)
		require.Equal(t, []ListedFile{{Number: 1}, {Number: 2}}, made.Listed)
	}
}

func TestFilesAreSmallByTheirMean(t *testing.T) {
	t.Parallel()
	require.True(t, FilesResult{Files: 2, Bytes: 8 << 20}.small())
	require.False(t, FilesResult{Files: 2, Bytes: 8<<20 + 1}.small())
}
