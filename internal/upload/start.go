package upload

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consign/internal/awsclient"
)

// Start opens an upload of the object. Nothing can be seen of it until it is completed.
//
// An upload that a try within this call opened, and whose answer got lost, is aborted. If all answers get lost an upload
// stays open that nobody knows: see Find.
func (b *Bucket) Start(ctx context.Context, o Object) (uploadID string, err error) {
	switch {
	case o.Size <= 0:
		return "", fmt.Errorf("open upload of %s/%s: %w: an empty object has no parts; put it", b.o.Bucket, o.Key, ErrRefused)
	case o.Size > MaxSize:
		return "", fmt.Errorf("open upload of %s/%s: %w: %d bytes, and S3 allows %d", b.o.Bucket, o.Key, ErrTooLarge, o.Size, int64(MaxSize))
	}
	if _, ok := decodeCRC(o.CRC32C); !ok {
		return "", fmt.Errorf("open upload of %s/%s: %w: %q is not a CRC32C in base64", b.o.Bucket, o.Key, ErrMismatch, o.CRC32C)
	}
	return b.create(ctx, o)
}

func (b *Bucket) create(ctx context.Context, o Object) (string, error) {
	if err := checkKey(b.o.Bucket, o.Key); err != nil {
		return "", err
	}
	out, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket:               &b.o.Bucket,
		Key:                  &o.Key,
		ExpectedBucketOwner:  awsclient.Optional(b.o.BucketOwner),
		ChecksumAlgorithm:    types.ChecksumAlgorithmCrc32c,
		ChecksumType:         types.ChecksumTypeFullObject,
		ContentType:          awsclient.Optional(o.ContentType),
		Metadata:             o.metadata(),
		ServerSideEncryption: b.sse(),
		SSEKMSKeyId:          awsclient.Optional(b.o.KMSKeyID),
		ACL:                  b.acl(),
		StorageClass:         types.StorageClass(b.o.StorageClass),
		Tagging:              b.tagging(),
	})
	if err == nil && aws.ToString(out.UploadId) == "" {
		err = errEmpty
	}
	if err != nil {
		return "", b.fail(opCreate, o.Key, err)
	}
	b.heard(out.ServerSideEncryption)
	id := *out.UploadId
	if tries, ok := retry.GetAttemptResults(out.ResultMetadata); ok && len(tries.Results) > 1 {
		if err := b.AbortStrays(ctx, o.Key, id); err != nil {
			_ = b.Abort(ctx, o.Key, id) // it is opened again
			return "", err
		}
	}
	if b.o.Endpoint != "" && partsOnly(out) {
		err := fmt.Errorf("open upload of %s/%s: %w: it would check the parts by their CRC32C, and not the whole object", b.o.Bucket, o.Key, ErrNoChecksum)
		return "", errors.Join(err, b.Abort(ctx, o.Key, id))
	}
	return id, nil
}

// partsOnly reports whether a store has answered as those do that knew checksums before S3 had any of whole objects, in 2025:
// MinIO of before that year, say. They take the parts, and refuse to complete them by the checksum of the whole.
func partsOnly(out *s3.CreateMultipartUploadOutput) bool {
	return out.ChecksumAlgorithm != "" && out.ChecksumType != types.ChecksumTypeFullObject
}

// AbortStrays ends all uploads of the key but ours: those that earlier tries have opened without hearing the answer, if the
// role may list uploads. What the store does not let it end is left to the bucket's lifecycle rule. Only what may pass is an
// error, because nobody looks again.
func (b *Bucket) AbortStrays(ctx context.Context, key, ours string) error {
	open, err := b.Find(ctx, key)
	for _, id := range open {
		if id != ours && err == nil {
			err = b.Abort(ctx, key, id)
		}
	}
	return passing(ctx, err)
}

// passing returns an error that may be gone at the next try, and nil for any other.
func passing(ctx context.Context, err error) error {
	for _, one := range []error{ErrThrottled, ErrUnreachable, ErrServer, ErrExpired, ctx.Err()} {
		if one != nil && errors.Is(err, one) {
			return err
		}
	}
	return nil
}

func checkKey(bucket, key string) error {
	if key == "" || len(key) > maxKey {
		return fmt.Errorf("open upload in %s: %w: a key has 1 to %d bytes, this one %d", bucket, ErrRefused, maxKey, len(key))
	}
	return nil
}

// Abort ends an upload and removes its parts. That it is not there is success; that it was completed too: its object
// stays.
func (b *Bucket) Abort(ctx context.Context, key, uploadID string) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &b.o.Bucket, Key: &key, UploadId: &uploadID, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner),
	})
	err = b.fail(opAbort, key, err)
	if errors.Is(err, ErrUploadLost) {
		return nil
	}
	return err
}

// Find returns the open uploads of exactly this key. A role that may not look finds none, and so does everybody in a store
// without such a list. It is a convenience, for uploads whose opening was never answered, and no reason to ask a customer for
// more rights.
func (b *Bucket) Find(ctx context.Context, key string) (uploads []string, err error) {
	pages := s3.NewListMultipartUploadsPaginator(b.client, &s3.ListMultipartUploadsInput{
		Bucket: &b.o.Bucket, Prefix: &key, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			err = b.fail(opFind, key, err)
			if errors.Is(err, ErrAccessDenied) || errors.Is(err, ErrRefused) {
				return nil, nil
			}
			return nil, err
		}
		for _, u := range page.Uploads {
			if aws.ToString(u.Key) == key && aws.ToString(u.UploadId) != "" {
				uploads = append(uploads, *u.UploadId)
			}
		}
	}
	return uploads, nil
}

// lastWord is how long an answer is waited for that is on its way when whoever asked is told to end.
const lastWord = 2 * time.Second

// Outlast returns a context that ends 2 s after ctx does: for the opening of an upload, of which nobody would know, and for what
// is done about one when ctx may be why it is done.
func Outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(lastWord, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}

// Try opens an upload of key with the real settings, sends one byte, lists it, and aborts: every right that a delivery
// needs but the reading back after a lost answer. It leaves nothing.
func (b *Bucket) Try(ctx context.Context, key string) (err error) {
	o := Object{Key: key, Size: 1, CRC32C: Checksum([]byte(tryByte)), Delivery: "try"}
	opening, opened := Outlast(ctx) // whose answer is not heard stays open
	defer opened()
	id, err := b.create(opening, o)
	if err != nil {
		return err
	}
	defer func() {
		if abort := b.Abort(context.WithoutCancel(ctx), key, id); err == nil {
			err = abort
		}
	}()
	if _, err = b.Send(ctx, o, id, strings.NewReader(tryByte), nil); err == nil {
		err = b.Verify(ctx, o, id)
	}
	if errors.Is(err, ErrMismatch) { // no file was lost: it is the store, or what is between
		return fmt.Errorf("%w, or something on the way: %w", ErrServer, err)
	}
	if err == nil {
		err = b.unencrypted(key)
	}
	return err
}

// tryByte is what Try sends.
const tryByte = "?"

// heard notes what the store says of its encryption.
func (b *Bucket) heard(said types.ServerSideEncryption) {
	if asked := b.sse(); asked != "" && said == asked {
		b.encrypts.Store(true)
	}
}

// unencrypted refuses a store that takes the setting and has said nowhere that it does as it is asked. Amazon does.
func (b *Bucket) unencrypted(key string) error {
	if b.o.Endpoint == "" || b.sse() == "" || b.encrypts.Load() {
		return nil
	}
	return fmt.Errorf("upload %s/%s: %w: sse asks for %s, and the store does not say that it encrypts so", b.o.Bucket, key, ErrRefused, b.sse())
}

func (b *Bucket) sse() types.ServerSideEncryption {
	switch {
	case b.o.SSE == "kms" || b.o.KMSKeyID != "":
		return types.ServerSideEncryptionAwsKms
	case b.o.SSE == "s3":
		return types.ServerSideEncryptionAes256
	}
	return ""
}

func (b *Bucket) acl() types.ObjectCannedACL {
	if b.o.ACL == "none" {
		return ""
	}
	return types.ObjectCannedACL(b.o.ACL)
}

func (b *Bucket) tagging() *string {
	if len(b.o.Tags) == 0 {
		return nil
	}
	v := url.Values{}
	for key, value := range b.o.Tags {
		v.Set(key, value)
	}
	text := v.Encode()
	return &text
}
