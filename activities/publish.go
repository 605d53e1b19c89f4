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
	defer s.renew(in.Target, &err)
	ctx, cancel := stoppable(ctx)
	defer cancel()
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return PublishResult{}, err
	}
	progress := startProgress(ctx, "Publish", int64(len(in.Objects)))
	defer progress.stop()
	if in.Mode != PublishComplete {
		for _, o := range append(slices.Clone(in.Objects), in.Sides.List()...) {
			if err := verify(ctx, bucket, in.Delivery, in.Target.Upload, o); err != nil {
				return PublishResult{}, err
			}
		}
	}
	result := PublishResult{}
	if in.Mode == PublishVerify {
		return result, nil
	}
	for _, o := range in.Objects {
		done, err := complete(ctx, bucket, in.Delivery, o)
		if err != nil {
			return PublishResult{}, &visibleError{err, result.Objects}
		}
		progress.add(1)
		result.Objects = append(result.Objects, Object{
			Bucket: in.Target.Upload.Bucket, Key: o.Key, Rows: o.Rows, Bytes: o.Bytes,
			ETag: done.ETag, Version: done.Version, Checksum: done.Checksum,
		})
	}
	return result, nil
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

// verify looks at one object before any is completed: its parts are all there and ours, or it is complete already; and
// with on_conflict: fail nothing else lies under its key.
func verify(ctx context.Context, b *upload.Bucket, delivery string, options upload.Options, o Uploaded) error {
	if o.UploadID != "" {
		err := b.Verify(ctx, object(delivery, o), o.UploadID)
		if err != nil && !errors.Is(err, upload.ErrUploadLost) {
			return err
		}
		if err == nil && options.OnConflict != "fail" {
			return nil
		}
		_, standing, look := b.Look(ctx, object(delivery, o))
		switch {
		case look != nil: // an upload that is gone may have become the object
			return fmt.Errorf("publish: whether the object is there cannot be seen: %w", look)
		case standing == upload.Ours:
			return nil
		case err != nil:
			return err
		case standing == upload.Taken:
			return fmt.Errorf("publish %s: %w", o.Key, upload.ErrConflict)
		}
	}
	return nil
}

func complete(ctx context.Context, b *upload.Bucket, delivery string, o Uploaded) (upload.Completed, error) {
	if o.UploadID == "" {
		return b.Put(ctx, object(delivery, o), nil)
	}
	return b.Complete(ctx, object(delivery, o), o.UploadID)
}
