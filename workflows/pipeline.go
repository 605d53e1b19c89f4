package workflows

import (
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// A delivery of several files is a pipeline: while Archive is at work on the third file, Encrypt may have the second and
// Upload the first. The steps stay the activities that they are, one of each; those behind are only asked for early, and
// wait on the host for each file that the one before enters in its journal.
//
// What became of a step that began early is looked at when it is its turn. So a failure is that of the first step that
// failed, as if they had followed each other, and what is parked, retried or begun anew is the same; before any of that
// the steps behind it are stopped. What they have done by then is in their journals, and stays done.

// An early is a step that began while the one before it was at work.
type early struct {
	made activities.FilesResult
	err  error
	over bool
}

// doFiles does a step that takes the files of the one before.
func (r *run) doFiles(ctx workflow.Context, s *step) error {
	if s.early == nil {
		r.beginEarly(ctx, s)
		made, err := s.files(ctx, r.files)
		return r.take(s, made, err)
	}
	if err := workflow.Await(ctx, func() bool { return s.early.over }); err != nil {
		return err
	}
	made, err := s.early.made, s.early.err
	s.early = nil
	return r.take(s, made, err)
}

// take notes what a step has made.
func (r *run) take(s *step, made activities.FilesResult, err error) error {
	if err != nil {
		return err
	}
	if made.Files > 0 { // Upload makes none
		r.files = made
	}
	r.count(s)
	return nil
}

// beginEarly begins the steps behind one that is about to work on several files, as far as they go file by file.
func (r *run) beginEarly(ctx workflow.Context, at *step) {
	if !r.rendered.Pipelined || r.files.Files < 2 || at.name == stepArchive && r.plan.PacksIntoOne() {
		return
	}
	ctx, r.cancelEarly = workflow.WithCancel(ctx)
	before := at
	for _, s := range r.steps[r.next+1:] {
		if s.files == nil {
			return
		}
		if !s.needed(r) {
			continue
		}
		from := activities.FilesResult{Step: before.folder, Files: r.files.Files, Rows: r.files.Rows, Coming: true}
		e := &early{}
		s.early, before = e, s
		r.begin(ctx, s)
		workflow.Go(ctx, func(ctx workflow.Context) {
			e.made, e.err = s.files(ctx, from)
			e.over = true
		})
	}
}

// stopEarly stops the steps behind one that failed, and waits until they have let go of their files.
func (r *run) stopEarly(ctx workflow.Context) {
	ctx, done := workflow.NewDisconnectedContext(ctx) // also after an abort
	defer done()
	for _, s := range r.steps {
		if s.early == nil {
			continue
		}
		r.cancelEarly()
		if err := workflow.Await(ctx, func() bool { return s.early.over }); err != nil {
			workflow.GetLogger(ctx).Warn("did not wait for a step to stop", "step", s.name, "error", err)
		}
		s.early, s.state = nil, stepWaiting
	}
}
