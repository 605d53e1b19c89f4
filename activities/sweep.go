package activities

import (
	"context"
	"errors"
	"time"

	"consign/internal/workspace"
)

// Sweep removes from the host what runs have left that over says are over: terminated ones, and those whose end could
// not reach this host. So it does with runs that have gone on elsewhere while this host was away. It aborts their open
// uploads, and returns how many runs were removed; one that cannot be cleaned is left for the next time and does not stop
// the others. What workspace.keep keeps is left until then.
func Sweep(ctx context.Context, s *Steps, over func(ctx context.Context, r *workspace.Run) (bool, error)) (int, error) {
	if err := s.options.Host.ForgetRemoved(); err != nil {
		return 0, err
	}
	runs, err := s.options.Host.Runs()
	if err != nil {
		return 0, err
	}
	removed := 0
	var failed []error
	for _, r := range runs {
		gone, err := s.sweep(ctx, r, over)
		if gone {
			removed++
		}
		failed = append(failed, err)
	}
	return removed, errors.Join(failed...)
}

// sweep is Sweep of one run.
func (s *Steps) sweep(ctx context.Context, r *workspace.Run, over func(ctx context.Context, r *workspace.Run) (bool, error)) (bool, error) {
	if err := r.Unreadable(); err != nil {
		return false, err
	}
	if left, err := s.keptFor(r); err == nil && left > 0 { // a note that cannot be read keeps nothing
		return false, nil
	}
	if r.WorkflowID == "" && r.InUse(s.options.Clock()) { // not described yet
		return false, nil
	}
	gone, err := s.sweepIf(ctx, r, over)
	if err == nil && !gone && s.idle(r) {
		return s.sweepIdle(ctx, r)
	}
	return gone, err
}

// idle reports whether nothing of a run is at work on the host.
func (s *Steps) idle(r *workspace.Run) bool {
	return s.options.Client != nil && !r.InUse(s.options.Clock())
}

// sweepIdle takes the place and the files of a run that does not go on with them: its files are on another host, or
// nowhere, for they are to be made anew. That may be here, where the run would wait for ever for the place that it has,
// or for the room: of a Render that was killed there are files and no place.
func (s *Steps) sweepIdle(ctx context.Context, r *workspace.Run) (bool, error) {
	now, err := Recall(ctx, s.options.Client, r.WorkflowID, "")
	switch {
	case err != nil:
		return false, err
	case now.Host == s.options.Host.ID() && now.State == "parked" && s.options.Host.Leased(r):
		return false, s.options.Host.Release(r) // the host was down when the run parked, and nobody could tell it
	case now.Host == s.options.Host.ID():
		return false, nil
	case now.Host != "":
		return s.sweepIf(ctx, r, s.movedOn)
	case !s.idle(r): // its Render has begun meanwhile
		return false, nil
	default: // its Render, which begins as soon as this worker does, must not lose what it writes
		_, err := r.Vacate(func() error { return r.Shed(stepUpload, stepSides) })
		return false, err
	}
}

// movedOn reports whether a run has its files on another host by now, and so does not need its place on this one.
func (s *Steps) movedOn(ctx context.Context, r *workspace.Run) (bool, error) {
	now, err := Recall(ctx, s.options.Client, r.WorkflowID, "")
	return err == nil && now.Host != "" && now.Host != s.options.Host.ID(), err
}

// sweepIf removes a run that is over, and reports whether it has. Aborting thousands of uploads takes time, in which somebody may
// have reset the run: then what is there is the new way's.
func (s *Steps) sweepIf(ctx context.Context, r *workspace.Run, over func(context.Context, *workspace.Run) (bool, error)) (bool, error) {
	if gone, err := over(ctx, r); err != nil || !gone {
		return false, err
	}
	if err := r.Stop(ctx); err != nil { // a step that does not know yet may open another upload
		return false, err
	}
	var said sending
	if found, err := r.Noted(noteSending, &said); err == nil && found {
		if _, err := s.abortAll(ctx, r, said); err != nil {
			s.sessions.forget(sessionKey(said.Target))
			return false, err
		}
		if gone, err := over(ctx, r); err != nil || !gone {
			return false, err
		}
	}
	return true, r.Remove()
}

// NextSweep says when to look again: as soon as the files of a kept run have been kept for long enough, and after most
// in any case.
func NextSweep(s *Steps, most time.Duration) time.Duration {
	runs, err := s.options.Host.Runs()
	if err != nil {
		return most
	}
	for _, r := range runs {
		if left, err := s.keptFor(r); err == nil && left > 0 {
			most = min(most, left)
		}
	}
	return most
}
