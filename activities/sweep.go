package activities

import (
	"context"
	"errors"
	"time"

	"consign/internal/workspace"
)

// Sweep removes from the host what runs have left that over says are over: terminated ones, and those whose end could
// not reach this host. It aborts their open uploads first. It returns how many runs were removed; one that cannot be
// cleaned is left for the next time and does not stop the others. What workspace.keep keeps is left until then.
func Sweep(ctx context.Context, s *Steps, over func(ctx context.Context, r *workspace.Run) (bool, error)) (int, error) {
	runs, err := s.options.Host.Runs()
	if err != nil {
		return 0, err
	}
	removed := 0
	var failed []error
	for _, r := range runs {
		if left, err := s.keptFor(r); err == nil && left > 0 { // a note that cannot be read keeps nothing
			continue
		}
		if r.WorkflowID == "" && r.InUse(s.options.Clock()) { // not described yet
			continue
		}
		if gone, err := over(ctx, r); err != nil || !gone {
			failed = append(failed, err)
			continue
		}
		gone, err := s.sweep(ctx, r, over)
		if gone {
			removed++
		}
		failed = append(failed, err)
	}
	return removed, errors.Join(failed...)
}

// sweep removes a run that is over, and reports whether it has. Aborting thousands of uploads takes time, in which somebody may
// have reset the run: then what is there is the new way's.
func (s *Steps) sweep(ctx context.Context, r *workspace.Run, over func(context.Context, *workspace.Run) (bool, error)) (bool, error) {
	if err := r.Stop(ctx); err != nil { // a step that does not know yet may open another upload
		return false, err
	}
	var said sending
	if found, err := r.Noted(noteSending, &said); err == nil && found {
		if _, err := s.abortAll(ctx, r, said); err != nil {
			s.renew(said.Target, &err)
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
