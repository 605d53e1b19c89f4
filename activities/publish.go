package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"

	"consign/internal/upload"
)

// PublishMode is how much of publishing one call does.
type PublishMode string

// The modes. A delivery of more objects than fit one call is verified whole before the first object is completed.
const (
	PublishAll      PublishMode = "verify and complete"
	PublishVerify   PublishMode = "verify"
	PublishComplete PublishMode = "complete"
)

// PublishInput says what to make visible.
type PublishInput struct {
	Target   Target      `json:"target"`
	Delivery string      `json:"delivery"`
	Objects  []Uploaded  `json:"objects"`
	Mode     PublishMode `json:"mode"`
	// Sides are verified with the objects; WriteSuccessFile completes them.
	Sides SideFiles `json:"sides,omitzero"`
	// Success is the key of the success file, which is looked at before anything shows: with on_conflict: fail an old one
	// would call the new objects complete.
	Success string `json:"success,omitempty"`
	// Turn is the claim by which the run holds its turn.
	Turn *Claim `json:"turn,omitempty"`
	// Shown are those of the objects that an earlier Publish is known to have completed. They are not completed again, even if
	// the bucket's owner has removed them since.
	Shown []Object `json:"shown,omitempty"`
}

// PublishResult is what can be read now.
type PublishResult struct {
	Objects []Object `json:"objects,omitempty"`
}

// Publish checks that every part of every object is in S3 and is ours, and then completes all uploads, one right after
// the other. S3 compares each object with the checksum of the whole. An object that an earlier try has completed is
// recognised by delivery id and checksum.
func (s *Steps) Publish(ctx context.Context, in PublishInput) (_ PublishResult, err error) {
	defer s.fail(ctx, "Publish", &err)
	defer s.renew(in.Target)(&err)
	ctx, cancel := stoppable(ctx)
	defer cancel()
	total := int64(0)
	for _, o := range in.Objects {
		total += o.Bytes
	}
	progress := startProgress(ctx, "Publish", total) // before STS is asked, which may be silent
	defer progress.stop()
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return PublishResult{}, err
	}
	if err := s.retake(ctx, in.Turn); err != nil {
		return PublishResult{}, err
	}
	shown := byKey(in.Shown)
	earlier := in.Shown
	if in.Mode != PublishComplete {
		if earlier, err = in.verify(ctx, bucket, shown); err != nil {
			return PublishResult{}, &visibleError{err, earlier}
		}
	}
	result := PublishResult{}
	if in.Mode == PublishVerify {
		return result, nil
	}
	unwanted := s.unwanted(ctx, progress)
	for _, o := range in.Objects {
		done, was := shown[o.Key]
		switch err = unwanted(); {
		case err != nil:
		case was:
			err = giveUp(ctx, bucket, o)
		default:
			done, err = in.complete(ctx, bucket, o)
		}
		if err != nil {
			return PublishResult{}, &visibleError{err, Seen(earlier, result.Objects)}
		}
		progress.add(o.Bytes)
		result.Objects = append(result.Objects, done)
	}
	return result, nil
}

// verify looks at everything before any of it is completed, and returns the objects that an earlier try has completed.
func (in PublishInput) verify(ctx context.Context, b *upload.Bucket, shown map[string]Object) (earlier []Object, err error) {
	earlier = slices.Clone(in.Shown)
	for _, o := range in.Objects {
		_, was := shown[o.Key]
		done, err := in.verifyOne(ctx, b, o, was)
		if err != nil {
			return earlier, err
		}
		if done != nil {
			earlier = append(earlier, o.shown(in.Target, *done))
		}
	}
	for _, o := range in.Sides.List() {
		if _, err := in.verifyOne(ctx, b, o, false); err != nil {
			return earlier, err
		}
	}
	if in.Success == "" || in.Target.Upload.OnConflict != "fail" {
		return earlier, nil
	}
	if err := free(ctx, b, Empty(in.Success).object(in.Delivery)); err != nil {
		return earlier, fmt.Errorf("publish: success file %s: %w", in.Success, err)
	}
	return earlier, nil
}

// verifyOne looks at one object before any is completed: its parts are all there and ours, or it is complete already, which
// is returned; and with on_conflict: fail nothing else lies under its key. What was shown before must not be another's now.
func (in PublishInput) verifyOne(ctx context.Context, b *upload.Bucket, u Uploaded, was bool) (*upload.Completed, error) {
	o := u.object(in.Delivery)
	if was {
		return nil, notReplaced(ctx, b, o)
	}
	if u.UploadID != "" { // an empty object has no parts
		err := b.Verify(ctx, o, u.UploadID)
		if errors.Is(err, upload.ErrUploadLost) { // it may have become the object
			done, err := b.Settle(ctx, o, err)
			if err != nil {
				return nil, fmt.Errorf("publish: %w", err)
			}
			return &done, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if in.Target.Upload.OnConflict != "fail" {
		return nil, nil
	}
	done, standing, err := b.Look(ctx, o)
	switch {
	case err != nil:
		return nil, err
	case standing == upload.Taken:
		return nil, fmt.Errorf("publish %s: %w", o.Key, upload.ErrConflict)
	case standing == upload.Ours:
		return &done, nil
	}
	return nil, nil
}

// notReplaced returns ErrOverwritten if another object lies where one of ours could be read. That there is none is its
// owner's to decide.
func notReplaced(ctx context.Context, b *upload.Bucket, o upload.Object) error {
	_, standing, err := b.Look(ctx, o)
	if err == nil && standing == upload.Taken {
		err = fmt.Errorf("publish %s: %w: ours could be read before", o.Key, upload.ErrOverwritten)
	}
	return err
}

// ShownOf returns what is known to have been shown of a list.
func ShownOf(list []Uploaded, known []Object) []Object {
	shown := byKey(known)
	var of []Object
	for _, o := range list {
		if was, ok := shown[o.Key]; ok {
			of = append(of, was)
		}
	}
	return of
}

func byKey(objects []Object) map[string]Object {
	known := make(map[string]Object, len(objects))
	for _, o := range objects {
		known[o.Key] = o
	}
	return known
}

// Seen joins two lists of objects that can be read. What is in both is as the second has it.
func Seen(before, now []Object) []Object {
	return append(Unseen(before, now), now...)
}

// Unseen returns the objects of a list whose keys are not in the other.
func Unseen(list, other []Object) []Object {
	if len(list) == 0 {
		return nil
	}
	known := byKey(other) // thousands, in a workflow
	return slices.DeleteFunc(slices.Clone(list), func(o Object) bool {
		_, seen := known[o.Key]
		return seen
	})
}

// A visibleError is why Publish has failed after some of its objects could be read already. The failure that the workflow
// sees tells them as its second detail: see Visible.
type visibleError struct {
	error
	objects []Object
}

// Unwrap returns what went wrong.
func (v *visibleError) Unwrap() error { return v.error }

// Visible returns the objects that a Publish which failed, or was cancelled, has made visible all the same.
func Visible(err error) []Object {
	var objects []Object
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	switch {
	case errors.As(err, &failed) && failed.Details(new(Failure), &objects) == nil:
	case errors.As(err, &canceled) && canceled.Details(&objects) == nil:
	default:
		return nil // the failure has no such detail
	}
	return objects
}

func (in PublishInput) complete(ctx context.Context, b *upload.Bucket, o Uploaded) (Object, error) {
	var done upload.Completed
	var err error
	if o.UploadID == "" {
		done, err = b.Put(ctx, o.object(in.Delivery), nil)
	} else {
		done, err = b.Complete(ctx, o.object(in.Delivery), o.UploadID)
	}
	return o.shown(in.Target, done), err
}

// giveUp aborts the upload of an object that was shown before: it may have been sent again since. What the store does not let
// us abort is left to its lifecycle rule.
func giveUp(ctx context.Context, b *upload.Bucket, o Uploaded) error {
	if o.UploadID == "" {
		return nil
	}
	if err := b.Abort(ctx, o.Key, o.UploadID); err != nil && passes(err) {
		return err
	}
	return nil
}
