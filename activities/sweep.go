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
		if gone, err := over(ctx, r); err != nil || !gone {
			failed = append(failed, err)
			continue
		}
		if err := s.sweep(ctx, r); err != nil {
			failed = append(failed, err)
			continue
		}
		removed++
	}
	return removed, errors.Join(failed...)
}

func (s *Steps) sweep(ctx context.Context, r *workspace.Run) error {
	if err := r.Stop(ctx); err != nil { // a step that does not know yet may open another upload
		return err
	}
	var said sending
	if found, err := r.Noted(noteSending, &said); err == nil && found {
		if _, err := s.abortAll(ctx, r, said); err != nil {
			s.renew(said.Target, &err)
			return err
		}
	}
	return r.Remove()
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
