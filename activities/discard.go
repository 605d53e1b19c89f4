package activities

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"consign/internal/defect"
	"consign/internal/plan"
	"consign/internal/upload"
)

// DiscardInput says what to take away.
type DiscardInput struct {
	Folder
	Target Target `json:"target"`
	// Release gives the host's place back and leaves the files: the run is parked. Encrypted says that the encrypted
	// files are all there, so that plain ones go in any case.
	Release   bool `json:"release,omitempty"`
	Encrypted bool `json:"encrypted,omitempty"`
	// Abort aborts the uploads that the host's journal knows before its files go.
	Abort bool `json:"abort,omitempty"`
	// Elsewhere means that the step runs on any host and only aborts uploads: Uploads, and what is found open under the
	// keys of the delivery's first Unknown files.
	Elsewhere bool       `json:"elsewhere,omitempty"`
	Uploads   []Uploaded `json:"uploads,omitempty"`
	Names     plan.Names `json:"names,omitzero"`
	Unknown   int        `json:"unknown,omitempty"`
	// Sent are the files that were delivered, by a run that is complete: they stay for as long as workspace.keep says.
	Sent *FilesResult `json:"sent,omitempty"`
	// Turn is given back in the end, when nothing of the run is left that could disturb the next one.
	Turn *Claim `json:"turn,omitempty"`
}

// DiscardResult says what was taken away.
type DiscardResult struct {
	Aborted   int       `json:"aborted,omitempty"`   // uploads
	KeptUntil time.Time `json:"kept_until,omitzero"` // of files that stay
}

// Discard removes the run's files from the host and aborts its open uploads. Nothing there is success.
func (s *Steps) Discard(ctx context.Context, in DiscardInput) (_ DiscardResult, err error) {
	defer s.fail(ctx, "Discard", &err)
	defer startBeating(ctx, quietBeat(ctx), "Discard", 0).stop()
	defer s.renew(in.Target)(&err)
	result, err := s.discard(ctx, in)
	if err == nil && in.Turn != nil {
		err = s.give(ctx, *in.Turn)
	}
	return result, err
}

func (s *Steps) discard(ctx context.Context, in DiscardInput) (DiscardResult, error) {
	if in.Elsewhere {
		return s.discardUploads(ctx, in)
	}
	run, err := s.options.Host.Run(in.WorkflowID, in.Run)
	if err != nil {
		return DiscardResult{}, err
	}
	if in.Release {
		if in.Encrypted {
			err = s.removePlain(run, in.Delivery)
		}
		return DiscardResult{}, errors.Join(s.options.Host.Release(run), err)
	}
	result := DiscardResult{}
	if err := run.Stop(ctx); err != nil {
		return result, err
	}
	if in.Abort {
		result.Aborted, err = s.abortAll(ctx, run, sending{in.Target, in.Delivery, in.Names})
	}
	s.sessions.forget(sessionKey(in.Target))
	if err != nil { // what is open stays known to the next try, or to the janitor
		return result, err
	}
	if in.Sent != nil {
		result.KeptUntil, err = s.keep(run, in)
		return result, err
	}
	return result, run.Remove()
}

func (s *Steps) discardUploads(ctx context.Context, in DiscardInput) (DiscardResult, error) {
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return DiscardResult{}, err
	}
	open := map[string][]string{}
	for _, u := range in.Uploads {
		if u.UploadID != "" {
			open[u.Key] = append(open[u.Key], u.UploadID)
		}
	}
	known, err := abortUploads(ctx, bucket, open, in.Target.Upload.Concurrency)
	if err != nil {
		return DiscardResult{Aborted: known}, err
	}
	unknown, err := unknownUploads(ctx, bucket, in, open)
	if err != nil {
		return DiscardResult{Aborted: known}, err
	}
	found, err := abortUploads(ctx, bucket, unknown, in.Target.Upload.Concurrency)
	return DiscardResult{Aborted: known + found}, err
}

// unknownUploads returns the uploads that S3 finds under the delivery's keys but those that are known, by key, where the role
// may list uploads: openings that were answered into the void.
func unknownUploads(ctx context.Context, b *upload.Bucket, in DiscardInput, known map[string][]string) (map[string][]string, error) {
	keys, err := unknownKeys(in)
	if err != nil {
		return nil, err
	}
	found := make([][]string, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(in.Target.Upload.Concurrency, 1))
	for i, key := range keys {
		if len(known[key]) == 0 {
			group.Go(defect.Guarded(func() (err error) {
				found[i], err = b.Find(ctx, key)
				return err
			}))
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	open := map[string][]string{}
	for i, key := range keys {
		open[key] = append(open[key], found[i]...)
	}
	return open, nil
}

// unknownKeys are the keys under which an upload may be open that nobody knows.
func unknownKeys(in DiscardInput) ([]string, error) {
	if in.Unknown == 0 {
		return nil, nil
	}
	var keys []string
	for number := 1; number <= in.Unknown; number++ {
		key, err := in.Names.Key(number)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	for _, number := range []int{sideReceipt, sideManifest} {
		key, err := sideKey(in.Names, number)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}
