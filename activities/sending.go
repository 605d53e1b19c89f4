package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"consign/internal/defect"
	"consign/internal/plan"
	"consign/internal/upload"
	"consign/internal/workspace"
)

// noteSending is the note in a run's folder that lets a later step, or the janitor, abort what the run has left open.
const noteSending = "sending"

// A sending says where the files go that the journals of a delivery's uploads speak of.
type sending struct {
	Target   Target     `json:"target"`
	Delivery string     `json:"delivery"`
	Names    plan.Names `json:"names"`
}

// place tells places apart: uploads of one cannot go on in another, nor with settings that S3 takes when an upload is opened.
func (n sending) place() string {
	o := n.Target.Upload
	text, _ := json.Marshal(struct { // of texts and a time
		Delivery string
		Names    plan.Names
		Upload   upload.Options
	}{n.Delivery, n.Names, upload.Options{
		Bucket: o.Bucket, Endpoint: o.Endpoint, SSE: o.SSE, KMSKeyID: o.KMSKeyID, ACL: o.ACL, StorageClass: o.StorageClass, Tags: o.Tags,
	}})
	return string(text)
}

// noteSent tells whoever cleans up where the files go, and reports whether files were being sent before. What was sent to
// another place, before somebody reset the run, is taken back first.
func (s *Steps) noteSent(ctx context.Context, run *workspace.Run, now sending) (again bool, err error) {
	var last sending
	if again, err = run.Noted(noteSending, &last); err != nil {
		return again, err
	}
	if again && last.place() != now.place() {
		if err := s.takeBack(ctx, run, last); err != nil {
			return again, err
		}
	}
	return again, run.Note(noteSending, now)
}

// beginAnew makes a run's folder ready for a delivery whose files are made anew, in these steps: what an earlier one has
// left open in S3 is aborted, and its files go.
func (s *Steps) beginAnew(ctx context.Context, run *workspace.Run, delivery string, steps ...string) error {
	var last sending
	found, err := run.Noted(noteSending, &last)
	if err != nil {
		return err
	}
	if found {
		if err := s.takeBack(ctx, run, last); err != nil {
			return err
		}
	}
	for _, step := range steps {
		if err := run.RemoveStep(delivery, step); err != nil {
			return err
		}
	}
	return run.RemoveOthers(delivery)
}

// takeBack aborts what the run has left open in S3 and forgets it. An error that may pass is worth one more attempt of the
// step; after that the uploads are left to the lifecycle rule, for the delivery that is to be made is worth more.
func (s *Steps) takeBack(ctx context.Context, run *workspace.Run, last sending) error {
	progress := startProgress(ctx, "Clean up", 0)
	defer progress.stop()
	if _, err := s.abortNoted(ctx, run, last); err != nil {
		if ctx.Err() != nil || passes(err) && activity.GetInfo(ctx).Attempt == 1 {
			return err
		}
		activity.GetLogger(ctx).Warn("open uploads were not aborted; the bucket's lifecycle rule will", "bucket", last.Target.Upload.Bucket, "error", err)
	}
	return errors.Join(run.RemoveStep(last.Delivery, stepUpload), run.RemoveStep(last.Delivery, stepSides), run.Forget(noteSending))
}

// abandonWithin is how long a step that has failed, or that tries the rights, tries to abort uploads: it is waited for.
const abandonWithin = 20 * time.Second

// abandon empties a run's folder after a step has failed whose next attempt may be on another host, and aborts what is open
// in S3. What cannot be aborted now stays noted here for the janitor. It outlasts ctx, whose end may be why the step failed.
func (s *Steps) abandon(ctx context.Context, run *workspace.Run) error {
	var last sending
	found, err := run.Noted(noteSending, &last)
	if found {
		ctx, end := upload.Outlast(ctx)
		defer end()
		ctx, cancel := context.WithTimeout(ctx, abandonWithin)
		defer cancel()
		progress := startProgress(ctx, "Clean up", 0)
		defer progress.stop()
		_, err = s.abortNoted(ctx, run, last)
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("open uploads were not aborted; the janitor will", "error", err)
		return run.Shed(stepUpload, stepSides)
	}
	return run.Remove()
}

// abortAll aborts what a run that is over has left open: where its note says or, without one, where the run was to send. Its
// files go first, for this does not need them.
func (s *Steps) abortAll(ctx context.Context, run *workspace.Run, to sending) (int, error) {
	var noted sending // its own: what the note leaves out is empty there
	found, err := run.Noted(noteSending, &noted)
	if found {
		to = noted
	}
	if err := errors.Join(err, run.Shed(stepUpload, stepSides)); err != nil {
		return 0, err
	}
	return s.abortNoted(ctx, run, to)
}

// abortNoted aborts the uploads that the journals know, and returns how many.
func (s *Steps) abortNoted(ctx context.Context, run *workspace.Run, of sending) (int, error) {
	open := map[string][]string{}
	for step, nameOf := range map[string]func(int) (string, error){
		stepUpload: of.Names.Key,
		stepSides:  func(number int) (string, error) { return sideKey(of.Names, number) },
	} {
		if err := noted(run, of.Delivery, step, nameOf, open); err != nil {
			return 0, err
		}
	}
	if len(open) == 0 {
		return 0, nil
	}
	bucket, err := s.bucket(ctx, of.Target)
	if err != nil {
		return 0, err
	}
	return abortUploads(ctx, bucket, open, of.Target.Upload.Concurrency)
}

// noted adds the uploads that a step's journal knows to open, by key.
func noted(run *workspace.Run, delivery, step string, nameOf func(int) (string, error), open map[string][]string) error {
	journal, err := run.Step(delivery, step)
	if err != nil {
		return err
	}
	files, _, err := journal.Files(nil)
	if err != nil {
		return err
	}
	for _, f := range files {
		key, err := nameOf(f.Number)
		if err != nil {
			return err
		}
		if !slices.Contains(open[key], f.Upload) {
			open[key] = append(open[key], f.Upload)
		}
	}
	return nil
}

// abortUploads aborts uploads side by side and returns how many. One that the store refuses to abort does not stop the
// others; a store that is away does, for thousands would each be tried for as long as it takes. With their bucket all are gone.
func abortUploads(ctx context.Context, bucket *upload.Bucket, open map[string][]string, atOnce int) (int, error) {
	var aborted atomic.Int64
	var refused atomic.Pointer[error]
	group, aborting := errgroup.WithContext(ctx)
	group.SetLimit(max(atOnce, 1))
	abort := func(key, id string) error {
		err := bucket.Abort(aborting, key, id)
		if err == nil || errors.Is(err, upload.ErrNoSuchBucket) {
			aborted.Add(1)
			return nil
		}
		if passes(err) {
			return err
		}
		refused.Store(&err)
		return nil
	}
	for key, ids := range open {
		for _, id := range ids {
			if aborting.Err() == nil {
				group.Go(defect.Guarded(func() error { return abort(key, id) }))
			}
		}
	}
	err := group.Wait()
	if err == nil {
		err = context.Cause(ctx) // those that were not begun any more are open
	}
	if one := refused.Load(); err == nil && one != nil {
		err = *one
	}
	return int(aborted.Load()), err
}
