package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"consign/workflows"
)

// A View shows snapshots as they come.
type View interface {
	// Show shows s. now is the moment at which it was taken.
	Show(s Snapshot, now time.Time)
	// Note shows a remark that belongs to no step.
	Note(text string)
	// Close takes away what is not meant to stay.
	Close()
}

// Follower follows one run.
type Follower struct {
	Client Client
	View   View
	Clock  func() time.Time
	Every  time.Duration // between two looks
}

const (
	// patience is how long a silent Temporal is waited for: a restart of its frontend takes seconds.
	patience = time.Minute
	// unworked is how long a run may stand at its first step before the missing worker is pointed out.
	unworked = 3 * time.Second
	// comeback is for how long a worker is not missed that has just answered, or whose Temporal was silent: a server that
	// was restarted knows of no worker until each asks again, which the SDK does after 20 s at most.
	comeback = 30 * time.Second
)

// heard is what a follower has heard so far.
type heard struct {
	silent time.Time // since when Temporal has not answered; zero if it has
	lately time.Time // when a worker last answered, or Temporal did not
	warned bool      // that nobody works on the run
}

// Until follows the run until it is over or parked, and returns its last snapshot. It ends early with ctx's cause. A run
// that somebody resets in Temporal goes on as another one, which is followed then.
func (f Follower) Until(ctx context.Context, workflowID, runID string) (Snapshot, error) {
	defer f.View.Close()
	ticker := time.NewTicker(f.Every)
	defer ticker.Stop()
	var h heard
	for {
		s, err := f.look(ctx, workflowID, &runID)
		now := f.Clock()
		if over(ctx, now) {
			return s, context.Cause(ctx)
		}
		if err := f.bear(&h, err, now); err != nil {
			return s, err
		}
		if err == nil {
			f.View.Show(s, now)
			if !s.Open || s.State == workflows.Parked {
				return s, nil
			}
			f.warn(ctx, &h, s, now)
		}
		select {
		case <-ctx.Done():
			return s, context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// over reports whether ctx is over. A request whose time is up is refused a moment before ctx itself says so, which is no
// silence of Temporal's.
func over(ctx context.Context, now time.Time) bool {
	if deadline, ok := ctx.Deadline(); ok && !now.Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// look looks at the run, or at the one as which it goes on after a reset: that is the run from then on.
func (f Follower) look(ctx context.Context, workflowID string, runID *string) (Snapshot, error) {
	for {
		s, err := Look(ctx, f.Client, workflowID, *runID)
		if err != nil || s.Open || s.resetTo == "" || s.resetTo == s.RunID {
			return s, err
		}
		*runID = s.resetTo
		f.View.Note("the run was reset in Temporal, and goes on as run " + *runID)
	}
}

// bear returns the error of a look if it is no use to look again.
func (f Follower) bear(h *heard, err error, now time.Time) error {
	if err == nil {
		h.silent = time.Time{}
		return nil
	}
	h.lately = now
	switch {
	case !passing(err):
		return err
	case h.silent.IsZero():
		h.silent = now
		f.View.Note("Temporal does not answer; trying again")
	case now.Sub(h.silent) > patience:
		return fmt.Errorf("no answer for %s: %w", Took(patience), err)
	}
	return nil
}

// warn points out, once, that nobody works on the run.
func (f Follower) warn(ctx context.Context, h *heard, s Snapshot, now time.Time) {
	if s.Progress != nil {
		h.lately = now
	}
	if h.warned || now.Sub(h.lately) <= comeback || now.Sub(s.Started) <= unworked || !f.workerless(ctx, s.Queue) {
		return
	}
	h.warned = true
	f.View.Note(fmt.Sprintf("no worker takes work from the task queue %q: the run waits until one is started", s.Queue))
}

// passing reports whether an error of Temporal may pass by itself.
func passing(err error) bool {
	var unavailable *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var exhausted *serviceerror.ResourceExhausted
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.As(err, &exhausted)
}

func (f Follower) workerless(ctx context.Context, queue string) bool {
	answer, err := f.Client.DescribeTaskQueue(ctx, queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
	return err == nil && len(answer.GetPollers()) == 0
}
