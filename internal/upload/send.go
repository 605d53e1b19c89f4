package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"consign/internal/awsclient"
	"consign/internal/defect"
)

// Sent is what an upload holds when Send is done.
type Sent struct {
	Parts   int
	Resumed int    // of these, the ones that S3 held already
	CRC32C  string // of the whole file, from its parts'
}

// Send brings all of r, o.Size bytes, into the upload. Parts that S3 holds already are compared with the file, by size
// and checksum, and sent only if they differ; so it can be called again after any failure, on any host that has the
// file.
//
// A part is read as it is sent, and held in memory never; once more before, for its checksum, only if Object.Sums do not
// tell it. progress, if not nil, is told the bytes that are in S3 or on their way; calls do not overlap, and the number
// goes back when a part is sent again.
func (b *Bucket) Send(ctx context.Context, o Object, uploadID string, r io.ReaderAt, progress func(bytes int64)) (Sent, error) {
	held, err := b.parts(ctx, o.Key, uploadID)
	if err != nil {
		return Sent{}, err
	}
	s := &sending{
		b: b, o: o, id: uploadID, r: r, held: held,
		layout:  layoutOf(o.Size, b.o.PartSize, held),
		count:   &count{tell: progress},
		buffers: newBuffers(),
	}
	s.crcs = make([]uint32, s.layout.count())
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.o.Concurrency)
	for number := 1; number <= len(s.crcs); number++ {
		group.Go(defect.Guarded(func() error { return s.one(ctx, number) }))
	}
	if err := group.Wait(); err != nil {
		return Sent{}, err
	}
	return s.sent()
}

// sending is one call of Send.
type sending struct {
	b       *Bucket
	o       Object
	id      string
	r       io.ReaderAt
	held    map[int]part
	layout  layout
	crcs    []uint32 // of each part of the file
	resumed atomic.Int64
	count   *count
	buffers *sync.Pool
}

// one makes sure that S3 holds part number as it is in the file.
func (s *sending) one(ctx context.Context, number int) error {
	if err := ctx.Err(); err != nil {
		return s.b.failPart(s.o.Key, number, err)
	}
	offset, length := s.layout.at(number)
	crc, err := partSum(s.o.Sums, offset, length, s.o.Size, s.r, s.buffers)
	if err != nil {
		return s.b.failPart(s.o.Key, number, err)
	}
	s.crcs[number-1] = crc
	if p, ok := s.held[number]; ok && p.size == length && p.crc == encodeCRC(crc) {
		s.resumed.Add(1)
		s.count.add(length)
		return nil
	}
	return s.b.sendPart(ctx, s.o.Key, s.id, number, crc, &body{SectionReader: io.NewSectionReader(s.r, offset, length), count: s.count})
}

// sendPart sends one part, of this CRC32C.
func (b *Bucket) sendPart(ctx context.Context, key, uploadID string, number int, crc uint32, from *body) error {
	part, length, sum := int32(number), from.Size(), encodeCRC(crc) // at most 10,000
	out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &b.o.Bucket, Key: &key, UploadId: &uploadID, PartNumber: &part, Body: from, ContentLength: &length,
		ChecksumCRC32C: &sum, ExpectedBucketOwner: awsclient.Optional(b.o.BucketOwner),
	}, unsigned)
	if err != nil {
		return b.failPart(key, number, err)
	}
	b.heard(out.ServerSideEncryption)
	return nil
}

// partSum returns the CRC of a part: from the file's sums or, if they do not tell it, by reading the part.
func partSum(sums []byte, offset, length, size int64, r io.ReaderAt, buffers *sync.Pool) (uint32, error) {
	if crc, known := sumOf(sums, offset, length, size); known {
		return crc, nil
	}
	crc, n, err := sum(io.NewSectionReader(r, offset, length), buffers)
	if err == nil && n != length {
		err = fmt.Errorf("the file ends at byte %d of %d: %w", offset+n, size, ErrMismatch)
	}
	if err != nil {
		return 0, &fileError{err}
	}
	return crc, nil
}

func (s *sending) sent() (Sent, error) {
	whole := uint32(0)
	for i, crc := range s.crcs {
		_, length := s.layout.at(i + 1)
		whole = combine(whole, crc, length)
	}
	out := Sent{Parts: len(s.crcs), Resumed: int(s.resumed.Load()), CRC32C: encodeCRC(whole)}
	if out.CRC32C != s.o.CRC32C {
		return out, fmt.Errorf("upload %s/%s: the file's checksum is %s, recorded was %s: %w", s.b.o.Bucket, s.o.Key, out.CRC32C, s.o.CRC32C, ErrMismatch)
	}
	return out, nil
}

// unsigned leaves the body out of the signature, which would cost a SHA-256 of every byte: the CRC32C of the part is
// in a signed header, and S3 checks the body against it.
func unsigned(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// fileError is an error of the local file on its way through the SDK.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// body is one part, read from the file as it is sent. The SDK seeks back to its beginning to send it again.
type body struct {
	*io.SectionReader
	count *count
	told  int64
}

// Read counts.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.SectionReader.Read(p)
	b.told += int64(n)
	b.count.add(int64(n))
	if errors.Is(err, io.EOF) && b.told < b.Size() {
		err = fmt.Errorf("the file ends %d bytes before it should: %w", b.Size()-b.told, ErrMismatch)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &fileError{err}
	}
	return n, err
}

// Seek takes back what was counted after the new place.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	at, err := b.SectionReader.Seek(offset, whence)
	if at < b.told {
		b.count.add(at - b.told)
		b.told = at
	}
	return at, err
}

// count adds up the bytes of all parts.
type count struct {
	mu    sync.Mutex
	bytes int64
	tell  func(int64)
}

func (c *count) add(n int64) {
	if c.tell == nil || n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += n
	c.tell(c.bytes)
}
