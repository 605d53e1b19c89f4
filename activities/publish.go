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
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return PublishResult{}, err
	}
	if err := s.retake(ctx, in.Turn); err != nil {
		return PublishResult{}, err
	}
	progress := startProgress(ctx, "Publish", int64(len(in.Objects)))
	defer progress.stop()
	var earlier []Object
	if in.Mode != PublishComplete {
		if earlier, err = in.verify(ctx, bucket); err != nil {
			return PublishResult{}, &visibleError{err, earlier}
		}
	}
	result := PublishResult{}
	if in.Mode == PublishVerify {
		return result, nil
	}
	for _, o := range in.Objects {
		done, err := complete(ctx, bucket, in.Delivery, o)
		if err != nil {
			return PublishResult{}, &visibleError{err, Seen(earlier, result.Objects)}
		}
		progress.add(1)
		result.Objects = append(result.Objects, in.object(o, done))
	}
	return result, nil
}

func (in PublishInput) object(o Uploaded, done upload.Completed) Object {
	return Object{
		Bucket: in.Target.Upload.Bucket, Key: o.Key, Rows: o.Rows, Bytes: o.Bytes,
		ETag: done.ETag, Version: done.Version, Checksum: done.Checksum,
	}
}

// verify looks at everything before any of it is completed, and returns the objects that an earlier try has completed.
func (in PublishInput) verify(ctx context.Context, b *upload.Bucket) (earlier []Object, err error) {
	for _, o := range in.Objects {
		done, err := verify(ctx, b, in.Delivery, in.Target.Upload, o)
		if err != nil {
			return earlier, err
		}
		if done != nil {
			earlier = append(earlier, in.object(o, *done))
		}
	}
	for _, o := range in.Sides.List() {
		if _, err := verify(ctx, b, in.Delivery, in.Target.Upload, o); err != nil {
			return earlier, err
		}
	}
	if in.Success == "" || in.Target.Upload.OnConflict != "fail" {
		return earlier, nil
	}
	if err := free(ctx, b, emptyObject(in.Success, in.Delivery)); err != nil {
		return earlier, fmt.Errorf("publish: success file %s: %w", in.Success, err)
	}
	return earlier, nil
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
	known := make(map[string]bool, len(other)) // thousands, in a workflow
	for _, o := range other {
		known[o.Key] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(o Object) bool { return known[o.Key] })
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

func object(delivery string, o Uploaded) upload.Object {
	return upload.Object{Key: o.Key, Size: o.Bytes, CRC32C: o.CRC32C, Delivery: delivery, Opened: o.Opened}
}

// verify looks at one object before any is completed: its parts are all there and ours, or it is complete already, which
// is returned; and with on_conflict: fail nothing else lies under its key.
func verify(ctx context.Context, b *upload.Bucket, delivery string, options upload.Options, o Uploaded) (*upload.Completed, error) {
	if o.UploadID == "" {
		return nil, nil
	}
	err := b.Verify(ctx, object(delivery, o), o.UploadID)
	if errors.Is(err, upload.ErrUploadLost) { // it may have become the object
		done, err := b.Settle(ctx, object(delivery, o), err)
		if err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		return &done, nil
	}
	if err != nil || options.OnConflict != "fail" {
		return nil, err
	}
	done, standing, err := b.Look(ctx, object(delivery, o))
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

func complete(ctx context.Context, b *upload.Bucket, delivery string, o Uploaded) (upload.Completed, error) {
	if o.UploadID == "" {
		return b.Put(ctx, object(delivery, o), nil)
	}
	return b.Complete(ctx, object(delivery, o), o.UploadID)
}
