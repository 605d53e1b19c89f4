package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"consign/internal/plan"
	"consign/internal/workspace"
)

const stepReuse = "reuse"

// ReuseInput says which kept files of an earlier run to take over.
type ReuseInput struct {
	Folder
	Kept Folder      `json:"kept"`
	From FilesResult `json:"from"` // the step whose files are sent, or encrypted anew
	// Encryption is for whom they are encrypted, here or when they were made.
	Encryption *plan.Encryption `json:"encryption,omitempty"`
}

// digest tells inputs of a run apart.
func (in ReuseInput) digest() string {
	in.Folder = Folder{}
	text, _ := json.Marshal(in) // of texts, numbers and times
	return plan.Digest(string(text))
}

// Reuse takes the place of Render in a run that sends the files of an earlier one again: it gives these files to the run,
// once they are proved to be the ones that were made, so that it does not matter any more how long they are kept. It
// runs on the host that keeps them.
func (s *Steps) Reuse(ctx context.Context, in ReuseInput) (_ RenderResult, err error) {
	defer s.fail(ctx, "Reuse", &err)
	ctx, run, end, err := s.work(ctx, stepReuse, in.Folder)
	if err != nil {
		return RenderResult{}, err
	}
	defer end()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.abandon(ctx, run))
		}
	}()
	journal, err := run.Step(in.Delivery, stepReuse)
	if err != nil {
		return RenderResult{}, err
	}
	var done renderDone
	if _, finished, err := journal.Files(&done); err != nil {
		return RenderResult{}, err
	} else if finished && done.Of == in.digest() {
		return done.RenderResult, s.options.Host.Lease(run)
	}
	if err := errors.Join(s.beginAnew(ctx, run, in.Delivery, stepEncrypt), journal.Clear()); err != nil {
		return RenderResult{}, err
	}
	files, err := s.reuse(ctx, run, in)
	if err != nil {
		return RenderResult{}, err
	}
	result := s.onThisHost()
	result.FilesResult = filesResult(in.From.Step, files)
	if err := journal.Done(renderDone{result, in.digest()}); err != nil {
		return RenderResult{}, err
	}
	return result, s.options.Host.Lease(run)
}

// reuse links the files of the step that is asked for, and, if they are encrypted, those that they were made of: the run
// may be kept in its turn.
func (s *Steps) reuse(ctx context.Context, run *workspace.Run, in ReuseInput) ([]workspace.File, error) {
	kept, err := s.options.Host.Find(in.Kept.Run)
	if err != nil {
		return nil, notKept(in, err)
	}
	if left, err := s.keptFor(kept); err != nil {
		return nil, err
	} else if left == 0 {
		return nil, fmt.Errorf("%s: %w any more: workspace.keep has run out", in.Kept.WorkflowID, ErrNotKept)
	}
	progress := startProgress(ctx, "Reuse", in.From.Bytes)
	defer progress.stop()
	files, err := takeOver(ctx, kept, run, in, in.From, progress)
	if err != nil || in.From.Step != stepEncrypt {
		return files, err
	}
	before, err := beforeEncrypt(kept, in.Kept.Delivery)
	if err != nil {
		return nil, err
	}
	_, err = takeOver(ctx, kept, run, in, FilesResult{Step: before, Files: in.From.Files}, progress)
	if errors.Is(err, ErrNotKept) { // plain files may be gone: then the next time they are too
		err = run.RemoveStep(in.Delivery, before)
	}
	return files, err
}

// takeOver links the files of one step and compares them with what its journal says, which is what was delivered.
func takeOver(ctx context.Context, kept, run *workspace.Run, in ReuseInput, want FilesResult, p *progress) ([]workspace.File, error) {
	from, files, err := filesOf(kept, in.Kept.Delivery, want)
	if err != nil {
		return nil, notKept(in, err)
	}
	to, err := run.Step(in.Delivery, want.Step)
	if err != nil {
		return nil, err
	}
	if err := to.Clear(); err != nil {
		return nil, err
	}
	for _, f := range files {
		err := to.Link(from, f)
		if err == nil {
			err = same(ctx, to, f, p)
		}
		if err != nil {
			return nil, notKept(in, err)
		}
	}
	return files, to.Enter(files...)
}

// notKept says that files which should be there are gone or damaged. Anything else may pass.
func notKept(in ReuseInput, err error) error {
	if errors.Is(err, workspace.ErrMissing) || errors.Is(err, workspace.ErrCorrupt) {
		return fmt.Errorf("%s of %s: %w: %s", in.From.Step, in.Kept.WorkflowID, ErrNotKept, err.Error())
	}
	return fmt.Errorf("%s of %s: %w", in.From.Step, in.Kept.WorkflowID, err)
}

// same compares a file with its SHA-256.
func same(ctx context.Context, step *workspace.Step, f workspace.File, p *progress) (err error) {
	in, err := read(ctx, step, f, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	digest := sha256.New()
	if _, err := io.Copy(digest, in); err != nil {
		return err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != f.SHA256 {
		return fmt.Errorf("%s: %w: SHA-256 %s, not %s", f.Name, workspace.ErrCorrupt, got, f.SHA256)
	}
	return nil
}
