package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consign/internal/awsclient"
	"consign/internal/awserror"
)

// Standing is what lies under a key.
type Standing int

// The standings.
const (
	Free  Standing = iota // nothing
	Ours                  // the object of this delivery, complete
	Taken                 // another object
)

// Look tells what lies under the object's key: an object is ours if it carries our delivery id, in its metadata, and our
// checksum, there or as S3 computed it.
func (b *Bucket) Look(ctx context.Context, o Object) (Completed, Standing, error) {
	out, err := b.head(ctx, o.Key)
	if err != nil || out == nil {
		return Completed{}, Free, err
	}
	done, ours, err := b.ours(ctx, o, out)
	switch {
	case err != nil:
		return Completed{}, Free, err
	case !ours:
		return Completed{}, Taken, nil
	}
	return done, Ours, nil
}

// ours reports whether the object that a look has found is this one.
func (b *Bucket) ours(ctx context.Context, o Object, out *s3.HeadObjectOutput) (Completed, bool, error) {
	done := Completed{ETag: strings.Trim(aws.ToString(out.ETag), `"`), Version: aws.ToString(out.VersionId)}
	if out.Metadata[metaDelivery] != o.Delivery || aws.ToInt64(out.ContentLength) != o.Size {
		return done, false, nil
	}
	checksum, told := out.Metadata[metaCRC32C]
	if !told { // it was begun before its checksum was known
		again, err := b.client.HeadObject(ctx, b.headInput(o.Key, types.ChecksumModeEnabled))
		if err != nil {
			return done, false, b.fail(opHead, o.Key, err)
		}
		checksum = aws.ToString(again.ChecksumCRC32C)
	}
	done.Checksum = checksum
	return done, checksum == o.CRC32C, nil
}

// skew is by how much S3's clock and ours may differ before S3 refuses to talk.
const skew = 15 * time.Minute

// lay reports whether an object that is not ours was there before our upload was opened, and so cannot have replaced our
// object. S3 dates an object of parts by the opening of its upload, so one whose upload took longer than ours and was completed
// after it also counts as older.
func lay(o Object, out *s3.HeadObjectOutput) bool {
	return !o.Opened.IsZero() && aws.ToTime(out.LastModified).Before(o.Opened.Add(-skew))
}

func (b *Bucket) headInput(key string, checksum types.ChecksumMode) *s3.HeadObjectInput {
	return &s3.HeadObjectInput{Bucket: &b.o.Bucket, Key: &key, ChecksumMode: checksum, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner)}
}

// head returns nil for no object.
func (b *Bucket) head(ctx context.Context, key string) (*s3.HeadObjectOutput, error) {
	out, err := b.client.HeadObject(ctx, b.headInput(key, ""))
	if err == nil {
		return out, nil
	}
	if answer := awserror.AnswerOf(err); answer != nil && answer.Status == http.StatusNotFound {
		// The answer to HEAD has no body that would say what is missing; MinIO says it in a header.
		if answer.Header.Get("X-Minio-Error-Code") != "NoSuchBucket" {
			return nil, nil // no object, no error
		}
	}
	err = b.fail(opHead, key, err)
	if errors.Is(err, ErrAccessDenied) {
		return nil, b.list(ctx, key, err)
	}
	return nil, err
}

// Read returns a small object of this delivery: nil if it is larger than most, or has been taken away already. An
// object that is not ours wraps ErrOverwritten: somebody has put another one in its place.
func (b *Bucket) Read(ctx context.Context, key, delivery string, most int64) (_ []byte, err error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.o.Bucket, Key: &key, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner)})
	var gone *types.NoSuchKey
	if errors.As(err, &gone) {
		return nil, nil
	}
	if err != nil {
		err = b.fail(opGet, key, err)
		if errors.Is(err, ErrAccessDenied) { // which is also said of what is not there
			err = b.list(ctx, key, err)
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Body.Close()) }()
	if out.Metadata[metaDelivery] != delivery {
		return nil, fmt.Errorf("read %s/%s: %w", b.o.Bucket, key, ErrOverwritten)
	}
	text, err := io.ReadAll(io.LimitReader(out.Body, most+1))
	if err != nil {
		return nil, b.fail(opGet, key, err)
	}
	if int64(len(text)) > most {
		return nil, nil
	}
	return text, nil
}

// list is asked when HEAD was refused: S3 answers 403, not 404, for an object that is not there if the role may not
// list the bucket. A role that may list under a prefix gets its answer here. It returns nil if there is no object.
func (b *Bucket) list(ctx context.Context, key string, refused error) error {
	one := int32(1)
	out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.o.Bucket, Prefix: &key, MaxKeys: &one, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner)})
	if err != nil {
		return fmt.Errorf("%w; if the object is not there, S3 says so only to a role that has s3:ListBucket on %s too", refused, b.resource(""))
	}
	if len(out.Contents) > 0 && aws.ToString(out.Contents[0].Key) == key {
		return refused
	}
	return nil
}
