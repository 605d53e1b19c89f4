package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"consign/internal/archive"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/source"
	"consign/internal/table"
	"consign/internal/workspace"
)

// The errors that a rendered result can end with.
var (
	// ErrEmpty means that the query has no rows and on_empty is fail.
	ErrEmpty = errors.New("the query returned no rows")
	// ErrRowCount means that an alert of the query refuses the number of rows.
	ErrRowCount = errors.New("row count refused by an alert")
	// ErrTooManyFiles means that a result would be split into more files than a delivery may have.
	ErrTooManyFiles = errors.New("too many files")
	// ErrPlanStale means that the configuration no longer holds what the plan was made of.
	ErrPlanStale = errors.New("the configuration has changed since the plan was made")
	// ErrOtherColumns means that the source answers with other columns than when the plan was made.
	ErrOtherColumns = errors.New("the query's columns are others than when the run was planned")
)

const stepRender = "render"

// How many files a result may make. Each object stands in the run's history, which has room for about 30,000 before
// Temporal ends the run: 5,000 are what is tested. Each file of an archive takes 350 bytes of the worker's memory until
// its directory is written.
const (
	mostObjects = 5_000
	mostEntries = 100_000
)

// RenderInput says what to render.
type RenderInput struct {
	Folder
	Query   plan.Query     `json:"query"`
	Render  render.Options `json:"render"`
	OnEmpty string         `json:"on_empty"`
	Alerts  plan.Alerts    `json:"alerts"`
	// Columns are what the plan says of the files; those of workflows of earlier releases say nothing.
	Columns []plan.Column `json:"columns,omitempty"`
	// Packed says that Archive follows: what Render makes is not what is delivered, and needs no SHA-256.
	Packed bool `json:"packed,omitempty"`
	// Archive, Names and Encryption are what the next steps do: where one file is made of all, Render does it on the way.
	Archive    *archive.Options `json:"archive,omitempty"`
	Names      plan.Names       `json:"names,omitzero"`
	Encryption *plan.Encryption `json:"encryption,omitempty"`
	// Target is where to send the delivery's one file while it is written; nil: it is not.
	Target *Target `json:"target,omitempty"`
}

// RenderResult says what was rendered, and on which host.
type RenderResult struct {
	FilesResult
	Host     string   `json:"host"`
	Queue    string   `json:"queue"` // of the host
	Empty    bool     `json:"empty,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Pipelined says that the host's next steps may each begin while the one before is at work: they wait for its files.
	// Hosts of earlier releases did not.
	Pipelined bool `json:"pipelined,omitempty"`
}

// Render runs the query and writes its rows to files of the workspace. The host that does it is the one on which the
// later steps run.
//
// A result cannot be taken up in its middle, for a source may answer in another order the second time: an interrupted
// Render begins anew, a finished one is not done again.
func (s *Steps) Render(ctx context.Context, in RenderInput) (_ RenderResult, err error) {
	defer s.fail(ctx, "Render", &err)
	ctx, run, end, err := s.work(ctx, stepRender, in.Folder)
	if err != nil {
		return RenderResult{}, err
	}
	defer end()
	defer func() { // the next attempt may be on another host, and nobody would know what is left on this one
		if err != nil {
			err = errors.Join(err, s.abandon(ctx, run))
		}
	}()
	step, err := run.Step(in.Delivery, stepRender)
	if err != nil {
		return RenderResult{}, err
	}
	result := s.onThisHost()
	if done, finished, err := in.finished(step); finished {
		return done, s.options.Host.Lease(run)
	} else if err != nil {
		return RenderResult{}, err
	}
	if err := errors.Join(s.beginAnew(ctx, run, in.Delivery, stepArchive, stepEncrypt), step.Clear()); err != nil {
		return RenderResult{}, err
	}
	ahead := s.headStart(run, in.Delivery, in.Names, in.Target)
	defer ahead.stop()
	files, err := s.render(ctx, run, step, in, ahead)
	if err != nil {
		return RenderResult{}, err
	}
	result.FilesResult = filesResult(stepRender, files)
	if result.Warnings, err = in.Alerts.Check(result.Rows); err != nil {
		return RenderResult{}, fmt.Errorf("query %s: %w: %w", in.Query.Name, ErrRowCount, err)
	}
	if result.Rows == 0 {
		if in.OnEmpty == "fail" {
			return RenderResult{}, fmt.Errorf("query %s: %w", in.Query.Name, ErrEmpty)
		}
		if in.OnEmpty == "skip" {
			result.FilesResult, result.Empty = FilesResult{Step: stepRender}, true
		}
	}
	if err := step.Done(renderDone{result, in.digest()}); err != nil {
		return RenderResult{}, err
	}
	ahead.settle()
	return result, s.options.Host.Lease(run)
}

// A renderDone is what the journal says of a finished Render or Reuse. A workflow that was reset to before its plan asks the
// same run's folder again, with another plan perhaps: for a key that was replaced, say.
type renderDone struct {
	RenderResult
	Of string `json:"of,omitempty"` // digest of what was asked for; earlier releases did not note it
}

// finished returns what an earlier attempt at the same has left in the journal.
func (in RenderInput) finished(step *workspace.Step) (RenderResult, bool, error) {
	var done renderDone
	_, finished, err := step.Files(&done)
	return done.RenderResult, err == nil && finished && (done.Of == "" || done.Of == in.digest()), err
}

// digest tells inputs of a run apart.
func (in RenderInput) digest() string {
	in.Folder, in.Target = Folder{}, nil // where it is sent makes no other file
	text, _ := json.Marshal(in)          // of texts, numbers and times
	return plan.Digest(string(text))
}

// onThisHost is the result of a step whose files are here.
func (s *Steps) onThisHost() RenderResult {
	return RenderResult{Host: s.options.Host.ID(), Queue: HostQueue(s.options.Queue, s.options.Host.ID()), Pipelined: true}
}

// render writes the files and enters them in the journal.
func (s *Steps) render(ctx context.Context, run *workspace.Run, step *workspace.Step, in RenderInput, ahead *headStart) (_ []workspace.File, err error) {
	progress := startProgress(ctx, "Render", 0)
	defer progress.stop()
	rows, closeRows, err := s.query(ctx, in.Query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeRows()) }()
	if err := in.asPlanned(rows.Schema()); err != nil {
		return nil, fmt.Errorf("query %s: %w", in.Query.Name, err)
	}
	to, err := s.destination(ctx, run, step, in, ahead)
	if err != nil {
		return nil, err
	}
	defer to.close()
	in.Render.Threads = s.options.Threads
	w, err := render.New(rows.Schema(), in.Render, in.limited(to.create))
	if err != nil {
		return nil, err
	}
	if err := copyRows(ctx, w, rows, progress); err != nil {
		w.Abort()
		return nil, err
	}
	return to.finish(w.Files())
}

// asPlanned compares the columns with the plan's: by those the receipt describes the files, and Redshift loads them. What type
// the values of text files have had shows in none of them, and may be another whenever CSV or JSON is read.
func (in RenderInput) asPlanned(result table.Schema) error {
	is, err := in.Render.Schema(result)
	if err != nil || in.Columns == nil {
		return err
	}
	if len(is) != len(in.Columns) {
		return fmt.Errorf("%w: %d, and not %d", ErrOtherColumns, len(is), len(in.Columns))
	}
	typed := in.Render.FileFormat == render.FormatParquet
	for i, was := range in.Columns {
		if c := is[i]; c.Name != was.Name || typed && c.Type.String() != was.Type {
			return fmt.Errorf("%w: column %d is %q %s, and not %q %s", ErrOtherColumns, i+1, c.Name, c.Type, was.Name, was.Type)
		}
	}
	return nil
}

// limited makes files as create does, up to the most that a delivery may have.
func (in RenderInput) limited(create render.Create) render.Create {
	most, each := mostObjects, "objects"
	if in.Archive != nil && archive.Single(in.Archive.Encoding) {
		most, each = mostEntries, "files in one archive"
	}
	return func(number int) (io.WriteCloser, error) {
		if number > most {
			return nil, fmt.Errorf("%w: a delivery has at most %d %s", ErrTooManyFiles, most, each)
		}
		return create(number)
	}
}

func copyRows(ctx context.Context, w *render.Writer, rows source.Rows, p *progress) error {
	for {
		batch, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return w.Close()
		}
		if err != nil {
			return err
		}
		if err := w.Write(batch); err != nil {
			return err
		}
		done, bytes := w.Progress()
		p.rows.Store(done)
		p.bytes.Store(bytes)
	}
}

// query starts the plan's query in an engine that nobody else uses. The function returned ends it.
func (s *Steps) query(ctx context.Context, q plan.Query) (source.Rows, func() error, error) {
	c, err := s.options.Config()
	if err != nil {
		return nil, nil, err
	}
	configured, err := c.Query(q.Name)
	if err != nil {
		return nil, nil, err
	}
	if plan.Digest(configured.SQL) != q.Digest {
		return nil, nil, fmt.Errorf("query %s: %w", q.Name, ErrPlanStale)
	}
	leave, err := enter(ctx, s.rendering)
	if err != nil {
		return nil, nil, err
	}
	src, err := s.engines.open(ctx, c, q.Source)
	if err != nil {
		leave()
		return nil, nil, err
	}
	rows, err := src.Query(ctx, configured.SQL)
	if err != nil {
		defer leave()
		return nil, nil, errors.Join(err, src.Close())
	}
	return rows, func() error {
		defer leave()
		return errors.Join(rows.Close(), src.Close())
	}, nil
}
