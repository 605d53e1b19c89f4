package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consign/internal/awsclient"
)

// Complete shows the object. S3 puts its parts together and compares the whole with o.CRC32C and o.Size before.
//
// It can be called again: an upload that is gone because an earlier call completed it, whose answer got lost, is
// recognised by the delivery id and checksum of the object. ErrUploadLost: the upload is gone and there is no object,
// or only one that lay there before the upload was opened. ErrOverwritten: it is gone and the object is another.
// ErrConflict: an object was there, and on_conflict is fail.
func (b *Bucket) Complete(ctx context.Context, o Object, uploadID string) (Completed, error) {
	parts, err := b.verified(ctx, o, uploadID)
	if err != nil {
		return b.settleUpload(ctx, o, uploadID, err)
	}
	out, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket:              &b.o.Bucket,
		Key:                 &o.Key,
		UploadId:            &uploadID,
		ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner),
		MultipartUpload:     &types.CompletedMultipartUpload{Parts: parts},
		ChecksumType:        types.ChecksumTypeFullObject,
		ChecksumCRC32C:      &o.CRC32C,
		MpuObjectSize:       &o.Size,
		IfNoneMatch:         b.condition(),
	})
	if err == nil && aws.ToString(out.ETag) == "" {
		err = errEmpty
	}
	if err != nil {
		return b.settleUpload(ctx, o, uploadID, b.fail(opComplete, o.Key, err))
	}
	done := Completed{ETag: strings.Trim(aws.ToString(out.ETag), `"`), Version: aws.ToString(out.VersionId), Checksum: aws.ToString(out.ChecksumCRC32C)}
	if done.Checksum == "" {
		done.Checksum = o.CRC32C // S3 was given it and would have refused
	}
	if done.Checksum != o.CRC32C {
		return Completed{}, fmt.Errorf("complete %s/%s: %w: the object's checksum is %s, the file's is %s", b.o.Bucket, o.Key, ErrMismatch, done.Checksum, o.CRC32C)
	}
	return done, nil
}

// settleUpload is settle for an upload, which goes if it turns out that the object is there: an earlier upload of the same
// bytes has become it, and this one would stay open. One that the store does not let us abort is its lifecycle rule's.
func (b *Bucket) settleUpload(ctx context.Context, o Object, uploadID string, why error) (Completed, error) {
	done, err := b.Settle(ctx, o, why)
	if err == nil && !errors.Is(why, ErrUploadLost) {
		err = passing(ctx, b.Abort(ctx, o.Key, uploadID))
	}
	return done, err
}

// condition is If-None-Match: * where an object of the same name must not be replaced.
func (b *Bucket) condition() *string {
	if b.o.OnConflict == "fail" {
		return awsclient.Optional("*")
	}
	return nil
}

// Settle looks at the object to decide what an error means that leaves the outcome open: an error of Complete or Put, or
// ErrUploadLost from whoever found the upload gone. Nil: the object is there, and ours.
func (b *Bucket) Settle(ctx context.Context, o Object, err error) (Completed, error) {
	lost := errors.Is(err, ErrUploadLost)
	open := lost || errors.Is(err, ErrConflict) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrServer) ||
		errors.Is(err, ErrThrottled) || errors.Is(err, ErrBusy) || errors.Is(err, ErrOther)
	switch {
	case ctx.Err() != nil && lost: // nobody has looked
		return Completed{}, fmt.Errorf("the upload is gone, and whether it was completed was not looked at: %w", context.Cause(ctx))
	case !open || ctx.Err() != nil:
		return Completed{}, err
	}
	out, look := b.head(ctx, o.Key)
	var done Completed
	var ours bool
	if look == nil && out != nil {
		done, ours, look = b.ours(ctx, o, out)
	}
	switch {
	case look != nil && lost: // it may have become the object: to call it lost would be to send it twice
		return Completed{}, fmt.Errorf("the upload is gone, and whether it was completed cannot be seen: %w", look)
	case look != nil || out == nil:
		return Completed{}, err
	case ours:
		return done, nil
	case lost && !lay(o, out):
		return Completed{}, fmt.Errorf("complete %s/%s: %w: the upload is gone", b.o.Bucket, o.Key, ErrOverwritten)
	}
	return Completed{}, err
}

// Put writes a small or empty object at once: success files, files without a byte, and the receipt and the manifest of a
// delivery without objects. o.Size and o.CRC32C may be left empty. Like Complete it can be called again.
func (b *Bucket) Put(ctx context.Context, o Object, data []byte) (Completed, error) {
	crc := Checksum(data)
	if o.CRC32C != "" && o.CRC32C != crc || o.Size != 0 && o.Size != int64(len(data)) {
		return Completed{}, fmt.Errorf("put %s/%s: %w: %d bytes with checksum %s, recorded were %d with %s", b.o.Bucket, o.Key, ErrMismatch, len(data), crc, o.Size, o.CRC32C)
	}
	o.CRC32C, o.Size = crc, int64(len(data))
	if err := checkKey(b.o.Bucket, o.Key); err != nil {
		return Completed{}, err
	}
	out, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:               &b.o.Bucket,
		Key:                  &o.Key,
		Body:                 bytes.NewReader(data),
		ContentLength:        &o.Size,
		ExpectedBucketOwner:  awsclient.Optional(b.o.BucketOwner),
		ChecksumCRC32C:       &o.CRC32C,
		ContentType:          awsclient.Optional(o.ContentType),
		Metadata:             o.metadata(),
		ServerSideEncryption: b.sse(),
		SSEKMSKeyId:          awsclient.Optional(b.o.KMSKeyID),
		ACL:                  b.acl(),
		StorageClass:         types.StorageClass(b.o.StorageClass),
		Tagging:              b.tagging(),
		IfNoneMatch:          b.condition(),
	})
	if err == nil && aws.ToString(out.ETag) == "" {
		err = errEmpty
	}
	if err != nil {
		return b.Settle(ctx, o, b.fail(opPut, o.Key, err))
	}
	return Completed{ETag: strings.Trim(aws.ToString(out.ETag), `"`), Version: aws.ToString(out.VersionId), Checksum: o.CRC32C}, nil
}
