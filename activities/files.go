package activities

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"

	"consign/internal/workspace"
)

// FilesResult is what a step that makes files leaves in the history. The files themselves, and what is known of each,
// are in the step's journal on the host.
type FilesResult struct {
	Step   string       `json:"step"` // whose journal has the files
	Files  int          `json:"files"`
	Rows   int64        `json:"rows"`
	Bytes  int64        `json:"bytes"`
	Listed []ListedFile `json:"listed,omitempty"` // the first few, for people
	// Coming says that the step is still at work, and in the end on the files of which step, all of which are there:
	// whoever reads its files waits for each, and Bytes is not known yet.
	Coming string `json:"coming,omitempty"`
}

// ListedFile is one file, for people.
type ListedFile struct {
	Number int    `json:"number"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

const maxListed = 10

// fileName is what a file is called in the workspace: its number, and nothing of the customer's.
func fileName(number int) string { return fmt.Sprintf("%07d", number) }

func filesResult(step string, files []workspace.File) FilesResult {
	result := FilesResult{Step: step, Files: len(files)}
	for i, f := range files {
		result.Rows += f.Rows
		result.Bytes += f.Bytes
		if i < maxListed {
			result.Listed = append(result.Listed, ListedFile{f.Number, f.Rows, f.Bytes, f.SHA256})
		}
	}
	return result
}

// arrivals are the files of an earlier step, some of which may still be made.
type arrivals struct {
	step  *workspace.Step
	want  FilesResult
	got   []workspace.File       // in order; some are missing only while they are coming
	early map[int]workspace.File // those behind the first that is missing
	watch *workspace.Watch
}

// arriving looks for the files that an earlier step has made or makes. It answers workspace.ErrMissing if they should all
// be there and are not, or if nobody can make them any more: the disk was emptied.
func arriving(run *workspace.Run, delivery string, from FilesResult) (*arrivals, error) {
	if from.Coming == "" {
		step, files, err := filesOf(run, delivery, from)
		return &arrivals{step: step, want: from, got: files}, err
	}
	if _, _, err := filesOf(run, delivery, FilesResult{Step: from.Coming, Files: from.Files}); err != nil {
		return nil, err
	}
	step, err := run.Step(delivery, from.Step)
	if err != nil {
		return nil, err
	}
	return &arrivals{step: step, want: from, early: map[int]workspace.File{}, watch: step.Watch()}, nil
}

// each calls do with every file in the order of their numbers, which are 1, 2, 3 and so on, as soon as it is there. It
// returns the cause of ctx's end if that is before the last one.
func (a *arrivals) each(ctx context.Context, do func(workspace.File)) error {
	for number := 1; number <= a.want.Files; number++ {
		f, err := a.file(ctx, number)
		if err != nil {
			return err
		}
		do(f)
	}
	return nil
}

// file waits for one file.
func (a *arrivals) file(ctx context.Context, number int) (workspace.File, error) {
	for len(a.got) < number {
		more, finished, err := a.watch.Next(ctx)
		if err != nil {
			return workspace.File{}, fmt.Errorf("%s: wait for file %d: %w", a.want.Step, number, err)
		}
		for _, f := range more { // side by side, a later one may be there before
			a.early[f.Number] = f
		}
		for next, ok := a.early[len(a.got)+1]; ok; next, ok = a.early[len(a.got)+1] {
			delete(a.early, next.Number)
			a.got = append(a.got, next)
		}
		if finished && len(a.got) < number {
			return workspace.File{}, fmt.Errorf("%s: %w: it is done without file %d", a.want.Step, workspace.ErrMissing, number)
		}
	}
	return a.got[number-1], context.Cause(ctx)
}

// filesOf returns the files that an earlier step has made, in order. It answers workspace.ErrMissing if they are not all
// there: another disk, or one that was emptied.
func filesOf(run *workspace.Run, delivery string, from FilesResult) (*workspace.Step, []workspace.File, error) {
	step, err := run.Step(delivery, from.Step)
	if err != nil {
		return nil, nil, err
	}
	files, _, err := step.Files(nil)
	if err != nil {
		return nil, nil, err
	}
	if len(files) != from.Files {
		return nil, nil, fmt.Errorf("%s: %w: %d files, not %d", from.Step, workspace.ErrMissing, len(files), from.Files)
	}
	slices.SortFunc(files, func(a, b workspace.File) int { return a.Number - b.Number })
	return step, files, nil
}

// An outFile is a file of the workspace while it is written, and hashed as it goes to the disk.
type outFile struct {
	name   string
	path   string // until it is finished
	f      *os.File
	digest *digestWriter
}

// create begins a file of a step. Of one that only another step reads sha is nil: the CRC32C, by which that step compares it,
// is enough.
func create(step *workspace.Step, name string, sha hash.Hash) (*outFile, error) {
	f, err := step.Create(name)
	if err != nil {
		return nil, err
	}
	return &outFile{name: name, path: f.Name(), f: f, digest: newDigestWriter(diskWriter{f}, sha)}, nil
}

// Write writes to the file, by and by.
func (o *outFile) Write(p []byte) (int, error) { return o.digest.Write(p) }

// Close closes the file when all is written. Closing twice is safe.
func (o *outFile) Close() error {
	if o.f == nil {
		return nil
	}
	err := errors.Join(o.digest.Close(), o.f.Close())
	o.f = nil
	return err
}

// drop lets go of a file that will not be finished, and of its room on the disk: the run may be parked for want of it, and
// others need it meanwhile.
func (o *outFile) drop() {
	_ = o.Close() // what is wrong is known
	_ = os.Remove(o.path)
}

// file describes the closed file for the journal.
func (o *outFile) file(number int, rows int64) workspace.File {
	return workspace.File{
		Name: o.name, Number: number, Rows: rows, Bytes: o.digest.size,
		SHA256: o.digest.SHA256(), CRC32C: o.digest.CRC32C(), Sums: o.digest.sums.Sums(),
	}
}

// diskWriter names a full disk.
type diskWriter struct{ f *os.File }

func (d diskWriter) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	return n, workspace.Space(err)
}

// read opens a finished file for reading once, from end to end, ahead of its reader: compared with its journal, counted,
// and ended with ctx.
func read(ctx context.Context, step *workspace.Step, f workspace.File, p *progress) (*aheadReader, error) {
	in, err := step.Open(f)
	if err != nil {
		return nil, err
	}
	checked := &checkedReader{r: in, want: f.CRC32C, bad: fmt.Errorf("read %s: %w", f.Name, workspace.ErrCorrupt)}
	return readAhead(ctx, readCloser{io.TeeReader(checked, p), in}, f.Bytes), nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// convert passes one file through a stage: gzip, or a cipher.
func convert(ctx context.Context, from *workspace.Step, f workspace.File, to *workspace.Step, p *progress, stage func(io.Writer) (io.WriteCloser, error)) (err error) {
	in, err := read(ctx, from, f, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := create(to, f.Name, sha256.New())
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			out.drop()
		}
	}()
	w, err := stage(out)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		_ = w.Close() // lets its goroutines go; of a full disk it says the same once more
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	made := out.file(f.Number, f.Rows)
	made.Plain = f.SHA256
	return to.Finish(made)
}
