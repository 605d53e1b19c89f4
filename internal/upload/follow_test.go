package upload_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

// following begins an upload of data and sends what is written of it, MiB by MiB. The file ends when so many parts are there,
// or sending them has failed.
func following(t *testing.T, b *upload.Bucket, bucket string, o upload.Object, data []byte, parts int) (id string, err error) {
	t.Helper()
	id, err = b.Begin(t.Context(), o)
	require.NoError(t, err)
	g := upload.NewGrowth()
	done, over := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(over)
		done <- b.Follow(t.Context(), o, id, bytes.NewReader(data), g)
	}()
	for size := int64(mib - 1); size < o.Size; size += mib {
		g.Wrote(size, o.Sums[:size/mib*4])
	}
	g.Wrote(o.Size, o.Sums[:o.Size/mib*4])
	require.Eventually(t, func() bool {
		held, err := store.Client().ListParts(t.Context(), &s3.ListPartsInput{Bucket: &bucket, Key: &o.Key, UploadId: &id})
		select {
		case <-over:
			return true
		default:
			return err == nil && len(held.Parts) >= parts
		}
	}, time.Minute, 10*time.Millisecond)
	g.End()
	return id, <-done
}

func TestAFileIsSentWhileItIsWritten(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, at := range map[string]struct {
		part, size int64
		ahead      int
	}{
		"its end is for later":         {5 * mib, 13*mib + 7, 2},
		"its end is the end of a part": {5 * mib, 10 * mib, 2},
		"parts that no sums tell":      {5*mib + 1, 13 * mib, 2},
		"less than a part":             {16 * mib, 5 * mib, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := options(bucket)
			opts.PartSize = at.part
			b := open(t, opts)
			data := content(int(at.size))
			o := object("ahead/"+name, data)
			id, err := following(t, b, bucket, o, data, at.ahead)
			require.NoError(t, err)
			sent, err := b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
			require.NoError(t, err)
			require.Equal(t, at.ahead, sent.Resumed)
			require.NoError(t, b.Verify(t.Context(), o, id))
			done, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err)
			require.Equal(t, o.CRC32C, done.Checksum)
			require.True(t, bytes.Equal(data, read(t, bucket, o.Key)))
			_, standing, err := b.Look(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, upload.Ours, standing, "by S3's own checksum")
			again, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err)
			require.Equal(t, done, again)
			o.CRC32C = upload.Checksum(nil)
			_, standing, err = b.Look(t.Context(), o)
			require.NoError(t, err)
			require.Equal(t, upload.Taken, standing)
		})
	}
}

func TestWhatIsNotSentAheadIsSentInTheEnd(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	data := content(13 * mib)
	b, p := faulty(t, bucket, 1, refuse("part", 1, 503, "SlowDown"))
	o := object("ahead", data)
	id, err := following(t, b, bucket, o, data, 2)
	require.ErrorIs(t, err, upload.ErrThrottled)
	sent, err := b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	require.Less(t, sent.Resumed, 2)
	require.Positive(t, p.count("part"))
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
}

func TestACompletionOfWhatWasSentAheadIsFoundAgain(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	data := content(6 * mib)
	for name, want := range map[string]struct {
		rules []*rule
		err   error
	}{
		"its answer gets lost":            {[]*rule{lose("complete", -1)}, nil},
		"nor can the object be looked at": {[]*rule{lose("complete", -1), refuse("head", -1, 403, "")}, upload.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := faulty(t, bucket, 1, want.rules...)
			o := object("lost/"+name, data)
			id, err := following(t, b, bucket, o, data, 1)
			require.NoError(t, err)
			_, err = b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
			require.NoError(t, err)
			done, err := b.Complete(t.Context(), o, id)
			require.ErrorIs(t, err, want.err)
			if want.err == nil {
				require.Equal(t, o.CRC32C, done.Checksum)
			}
		})
	}
}

// Its upload is gone, for it was completed, and the store is busy just now.
func TestAnUploadThatIsGoneIsLookedAtUntilItIsSeenWhy(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	data := content(6 * mib)
	b, _ := faulty(t, bucket, 1, lose("complete", 1), refuse("head", 3, 503, "SlowDown"))
	o := object("busy", data)
	id, err := following(t, b, bucket, o, data, 1)
	require.NoError(t, err)
	_, err = b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	_, err = b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrUnreachable, "the answer got lost, and the object could not be looked at")
	for range 2 {
		_, err = b.Complete(t.Context(), o, id)
		require.ErrorIs(t, err, upload.ErrThrottled)
	}
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
}

func TestFollowingEndsWithItsContextAndTellsOfABrokenFile(t *testing.T) {
	t.Parallel()
	b := open(t, options(newBucket(t)))
	o := object("ended", content(mib))
	id, err := b.Begin(t.Context(), o)
	require.NoError(t, err)
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(stopped)
	require.ErrorIs(t, b.Follow(ctx, o, id, nil, upload.NewGrowth()), stopped)
	require.False(t, upload.NewGrowth().Reaches(ctx, 1))

	g := upload.NewGrowth()
	g.Wrote(5*mib, nil)
	require.True(t, g.Reaches(t.Context(), 5*mib))
	broken := errors.New("bad sector")
	require.ErrorIs(t, b.Follow(t.Context(), o, id, brokenFile{broken}, g), broken)
}

type brokenFile struct{ err error }

func (f brokenFile) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestWhatWasBegunDoesNotTellItsChecksum(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	data := content(5 * mib)
	o := object("metadata", data)
	id, err := following(t, b, bucket, o, data, 1)
	require.NoError(t, err)
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
	head, err := store.Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &o.Key})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"consign-delivery": "delivery-1"}, head.Metadata)
}
