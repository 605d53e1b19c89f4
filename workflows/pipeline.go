package workflows

import (
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// A delivery of several files is a pipeline: while Archive is at work on the third file, Encrypt may have the second and
// Upload the first. The steps stay the activities that they are, one of each; those behind are only asked for early, and
// wait on the host for each file that the one before enters in its journal.
//
// What became of a step that began early is looked at when it is its turn, and counts if it is done: what it could not do
// hours ago, with the store away say, it is asked for again. So what is parked, retried or begun anew is the same as if
// the steps had followed each other; before any of that the steps behind are stopped. What they have done by then is in
// their journals, and stays done.

// An early is a step that began while the one before it was at work.
type early struct {
	made activities.FilesResult
	err  error
	over bool

	cancel workflow.CancelFunc
}

// doFiles does a step that takes the files of the one before.
func (r *run) doFiles(ctx workflow.Context, s *step) error {
	if s.early != nil {
		if err := workflow.Await(ctx, func() bool { return s.early.over }); err != nil {
			return err
		}
		done := *s.early
		s.early = nil
		if done.err == nil {
			r.take(s, done.made)
			return nil
		}
		r.begin(ctx, s)
	}
	r.beginEarly(ctx, s)
	made, err := s.files(ctx, r.files)
	if err == nil {
		r.take(s, made)
	}
	return err
}

// take notes what a step has made.
func (r *run) take(s *step, made activities.FilesResult) {
	if made.Files > 0 { // Upload makes none
		r.files = made
	}
	r.count(s)
}

// beginEarly begins the steps behind one that is about to work on several files, as far as they go file by file.
func (r *run) beginEarly(ctx workflow.Context, at *step) {
	if !r.rendered.Pipelined || r.files.Files < 2 || at.name == stepArchive && r.plan.PacksIntoOne() {
		return
	}
	before := at
	for _, s := range r.steps[r.next+1:] {
		if s.files == nil {
			return
		}
		if !s.needed(r) {
			continue
		}
		if s.early == nil {
			from := activities.FilesResult{Step: before.folder, Files: r.files.Files, Rows: r.files.Rows, Coming: r.files.Step}
			r.beginOne(ctx, s, from)
		}
		before = s
	}
}

func (r *run) beginOne(ctx workflow.Context, s *step, from activities.FilesResult) {
	e := &early{}
	s.early = e
	ctx, e.cancel = workflow.WithCancel(ctx)
	r.begin(ctx, s)
	workflow.Go(ctx, func(ctx workflow.Context) {
		e.made, e.err = s.files(ctx, from)
		e.over = true
		if e.err != nil {
			s.state = stepWaiting // for its turn
			r.show(ctx)
		}
	})
}

// stopEarly stops the steps behind one that failed, and waits until they have let go of their files.
func (r *run) stopEarly(ctx workflow.Context) {
	ctx, done := workflow.NewDisconnectedContext(ctx) // also after an abort
	defer done()
	for _, s := range r.steps {
		if s.early != nil {
			s.early.cancel()
		}
	}
	for _, s := range r.steps {
		if s.early == nil {
			continue
		}
		if err := workflow.Await(ctx, func() bool { return s.early.over }); err != nil {
			workflow.GetLogger(ctx).Warn("did not wait for a step to stop", "step", s.name, "error", err)
		}
		s.early, s.state = nil, stepWaiting
	}
}
