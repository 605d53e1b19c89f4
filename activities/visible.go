package activities

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"consign/internal/defect"
	"consign/internal/upload"
)

// VisibleInput says which objects may be visible.
type VisibleInput struct {
	Target   Target     `json:"target"`
	Delivery string     `json:"delivery"`
	Objects  []Uploaded `json:"objects"`
}

// looking is how many objects are looked for at once, times the connections of an upload: no bytes are sent, and two requests for
// each of 500 are to be answered within a minute, also from the other side of the world.
const looking = 4

// FindVisible returns those objects of a delivery that can be read, and sees to it that they stay all: their uploads are
// aborted before it looks. A Publish whose worker was killed, or that was aborted between two tries, could not say what it had
// shown; and one that was frozen goes on where it was when it wakes up.
func (s *Steps) FindVisible(ctx context.Context, in VisibleInput) (_ PublishResult, err error) {
	defer s.fail(ctx, "FindVisible", &err)
	defer s.renew(in.Target)(&err)
	ctx, end := watched(ctx, "FindVisible")
	defer end()
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return PublishResult{}, err
	}
	found := make([][]Object, len(in.Objects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(looking * max(in.Target.Upload.Concurrency, 1))
	for i, o := range in.Objects {
		group.Go(defect.Guarded(func() (err error) {
			found[i], err = abortThenLook(ctx, bucket, in, o)
			return err
		}))
	}
	if err := group.Wait(); err != nil {
		return PublishResult{}, err
	}
	return PublishResult{Objects: slices.Concat(found...)}, nil
}

// abortThenLook returns the object if it can be read. One that is sent in parts, and cannot be read by then, never will be.
func abortThenLook(ctx context.Context, b *upload.Bucket, in VisibleInput, o Uploaded) ([]Object, error) {
	var open error
	if o.UploadID != "" {
		open = b.Abort(ctx, o.Key, o.UploadID)
	}
	done, standing, err := b.Look(ctx, o.object(in.Delivery))
	if err == nil && standing == upload.Ours {
		return []Object{o.shown(in.Target, done)}, nil
	}
	return nil, errors.Join(open, err)
}
