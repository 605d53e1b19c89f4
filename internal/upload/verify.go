package upload

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"consign/internal/awsclient"
)

// part is one part as S3 lists it.
type part struct {
	size int64
	crc  string
	etag string
}

// parts lists what the upload holds; S3 answers at most 1,000 parts at once.
func (b *Bucket) parts(ctx context.Context, key, uploadID string) (map[int]part, error) {
	held := map[int]part{}
	pages := s3.NewListPartsPaginator(b.client, &s3.ListPartsInput{
		Bucket: &b.o.Bucket, Key: &key, UploadId: &uploadID, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.fail(opParts, key, err)
		}
		for _, p := range page.Parts {
			held[int(aws.ToInt32(p.PartNumber))] = part{size: aws.ToInt64(p.Size), crc: aws.ToString(p.ChecksumCRC32C), etag: aws.ToString(p.ETag)}
		}
	}
	return held, nil
}

// Verify reports whether the upload holds exactly the object: every part, of the right size, and together of the right
// checksum, as S3 computed it. ErrMismatch says what differs; ErrUploadLost, that there is no such upload: Complete
// finds out why; ErrNoChecksum, that the store cannot tell.
func (b *Bucket) Verify(ctx context.Context, o Object, uploadID string) error {
	_, err := b.verified(ctx, o, uploadID)
	return err
}

// verified returns the parts to complete the upload with. Parts behind the last one, left from another part size, do
// not belong to the object and are not completed.
func (b *Bucket) verified(ctx context.Context, o Object, uploadID string) ([]types.CompletedPart, error) {
	held, err := b.parts(ctx, o.Key, uploadID)
	if err != nil {
		return nil, err
	}
	cut := layout{size: o.Size, part: max(held[1].size, 1)}
	if len(held) == 0 || (o.Size+cut.part-1)/cut.part > MaxParts {
		return nil, b.mismatch(o, "%d parts are there, the first of %d bytes", len(held), held[1].size)
	}
	completed := make([]types.CompletedPart, 0, cut.count())
	whole := uint32(0)
	for number := 1; number <= cut.count(); number++ {
		p, ok := held[number]
		if !ok {
			return nil, b.mismatch(o, "part %d of %d is not there", number, cut.count())
		}
		if _, length := cut.at(number); p.size != length {
			return nil, b.mismatch(o, "part %d has %d bytes, not %d", number, p.size, length)
		}
		crc, ok := decodeCRC(p.crc)
		if !ok {
			return nil, fmt.Errorf("verify %s/%s: %w: it lists part %d without its CRC32C", b.o.Bucket, o.Key, ErrNoChecksum, number)
		}
		whole = combine(whole, crc, p.size)
		n := int32(number) // at most 10,000
		completed = append(completed, types.CompletedPart{PartNumber: &n, ETag: &p.etag, ChecksumCRC32C: &p.crc})
	}
	if encodeCRC(whole) != o.CRC32C {
		return nil, b.mismatch(o, "its checksum is %s, the file's is %s", encodeCRC(whole), o.CRC32C)
	}
	return completed, nil
}

func (b *Bucket) mismatch(o Object, format string, args ...any) error {
	return fmt.Errorf("verify %s/%s: %w: %s", b.o.Bucket, o.Key, ErrMismatch, fmt.Sprintf(format, args...))
}
