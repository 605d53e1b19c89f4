package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

func TestAnObjectOfAnySizeArrivesWholeAndIsNotSeenBefore(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	for name, tc := range map[string]struct{ size, parts int }{
		"one byte":                     {1, 1},
		"a byte less than one part":    {5*mib - 1, 1},
		"exactly one part":             {5 * mib, 1},
		"a byte more than one part":    {5*mib + 1, 2},
		"a byte less than three parts": {15*mib - 1, 3},
		"exactly three parts":          {15 * mib, 3},
		"a byte more than three parts": {15*mib + 1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, data := "upload/"+name, content(tc.size)
			o := object(key, data)
			id, err := b.Start(t.Context(), o)
			require.NoError(t, err)
			var last int64
			sent, err := b.Send(t.Context(), o, id, bytes.NewReader(data), func(n int64) { last = n })
			require.NoError(t, err)
			require.Equal(t, upload.Sent{Parts: tc.parts, CRC32C: o.CRC32C}, sent)
			require.Equal(t, o.Size, last)
			require.NoError(t, b.Verify(t.Context(), o, id))
			require.Nil(t, read(t, bucket, key), "it can be seen before it is complete")

			done, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err)
			require.Equal(t, o.CRC32C, done.Checksum)
			require.NotEmpty(t, done.ETag)
			require.True(t, bytes.Equal(data, read(t, bucket, key)))
			require.Zero(t, openUploads(t, b, key))
		})
	}
}

func TestAnObjectCarriesWhatTheOptionsSay(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	opts := options(bucket)
	opts.Tags = map[string]string{"team": "crm + more", "cost": "1=2"}
	opts.StorageClass = "REDUCED_REDUNDANCY"
	b := open(t, opts)
	o, id := opened(t, b, "a/b c+ü.csv", []byte("hello"))
	_, err := b.Complete(t.Context(), o, id)
	require.NoError(t, err)
	_, err = b.Put(t.Context(), upload.Object{Key: "put", Delivery: "delivery-1"}, []byte("x"))
	require.NoError(t, err)

	for _, key := range []string{o.Key, "put"} {
		head, err := store.Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: "ENABLED"})
		require.NoError(t, err)
		require.Equal(t, "delivery-1", head.Metadata["consign-delivery"])
		require.Equal(t, *head.ChecksumCRC32C, head.Metadata["consign-crc32c"])
		require.EqualValues(t, "FULL_OBJECT", head.ChecksumType)
		require.EqualValues(t, "REDUCED_REDUNDANCY", head.StorageClass)
		tags, err := store.Client().GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
		require.NoError(t, err)
		require.Len(t, tags.TagSet, 2)
	}
}

func TestASendGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	p := newProxy(t, store.Endpoint)
	opts := options(bucket)
	opts.Endpoint = p.URL
	b := open(t, opts)
	data := content(23 * mib)
	o := object("resumed", data)
	id, err := b.Start(t.Context(), o)
	require.NoError(t, err)

	// Parts 1, 2 and 4 are there, and 4 holds other bytes.
	wrong := bytes.Clone(data)
	wrong[16*mib] ^= 1
	for _, part := range []int32{1, 2, 4} {
		end := min(int(part)*5*mib, len(data))
		_, err := store.Client().UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket: &bucket, Key: &o.Key, UploadId: &id, PartNumber: aws.Int32(part), ChecksumAlgorithm: "CRC32C",
			Body: bytes.NewReader(wrong[(int(part)-1)*5*mib : end]),
		})
		require.NoError(t, err)
	}
	require.ErrorIs(t, b.Verify(t.Context(), o, id), upload.ErrMismatch)

	sent, err := b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	require.Equal(t, upload.Sent{Parts: 5, Resumed: 2, CRC32C: o.CRC32C}, sent)
	require.Equal(t, 3, p.count("part"), "parts that were there have been sent again")
	require.EqualValues(t, 13*mib, p.bytes())

	again, err := b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	require.Equal(t, 5, again.Resumed)
	require.Equal(t, 3, p.count("part"))
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, read(t, bucket, o.Key)))
}

func TestPartsOfAnotherSizeAreKept(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	data := content(13 * mib)
	small := options(bucket)
	o, id := opened(t, open(t, small), "resized", data)
	large := options(bucket)
	large.PartSize = 8 * mib
	b := open(t, large)
	sent, err := b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	require.Equal(t, upload.Sent{Parts: 3, Resumed: 3, CRC32C: o.CRC32C}, sent)
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
}

func TestVerifyComparesThePartsWithTheObject(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	o, id := opened(t, b, "verified", content(11*mib))
	require.NoError(t, b.Verify(t.Context(), o, id))
	for name, change := range map[string]func(*upload.Object){
		"a smaller object":  func(o *upload.Object) { o.Size-- },
		"a larger object":   func(o *upload.Object) { o.Size++ },
		"a missing part":    func(o *upload.Object) { o.Size = 16 * mib },
		"a part too many":   func(o *upload.Object) { o.Size = 10 * mib },
		"another checksum":  func(o *upload.Object) { o.CRC32C = upload.Checksum(nil) },
		"an immense object": func(o *upload.Object) { o.Size = 4 << 40 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := o
			change(&other)
			require.ErrorIs(t, b.Verify(t.Context(), other, id), upload.ErrMismatch)
			_, err := b.Complete(t.Context(), other, id)
			require.ErrorIs(t, err, upload.ErrMismatch)
		})
	}
	t.Run("an upload without parts", func(t *testing.T) {
		t.Parallel()
		id, err := b.Start(t.Context(), object("empty", []byte("x")))
		require.NoError(t, err)
		require.ErrorIs(t, b.Verify(t.Context(), object("empty", []byte("x")), id), upload.ErrMismatch)
	})
	t.Run("an upload that is not there", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, b.Verify(t.Context(), o, "bm90LXRoZXJl"), upload.ErrUploadLost)
	})
}

func TestAFileThatChangedIsNotSent(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	quick := options(bucket)
	quick.Attempts = 1 // S3 refuses a part that differs from its sum, and the SDK would ask again
	b := open(t, quick)
	data := content(6 * mib)
	for name, sums := range map[string][]byte{"whose sums are known": object("", data).Sums, "which is read for its sums": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := object("changed/"+name, data)
			o.Sums = sums
			id, err := b.Start(t.Context(), o)
			require.NoError(t, err)

			_, err = b.Send(t.Context(), o, id, bytes.NewReader(data[:5*mib+3]), nil)
			require.ErrorIs(t, err, upload.ErrMismatch)
			require.ErrorContains(t, err, "part 2: the file ends")
			damaged := bytes.Clone(data)
			damaged[3] ^= 1
			_, err = b.Send(t.Context(), o, id, bytes.NewReader(damaged), nil)
			require.ErrorIs(t, err, upload.ErrMismatch)
			_, err = b.Send(t.Context(), o, id, broken{}, nil)
			require.ErrorIs(t, err, errBroken)
		})
	}
}

func TestPartsThatEndWithinABlockAreReadForTheirSums(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	opts := options(bucket)
	opts.PartSize = 5*mib + 1
	b := open(t, opts)
	data := content(11*mib + 3)
	o, id := opened(t, b, "odd", data)
	_, err := b.Complete(t.Context(), o, id)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, read(t, bucket, o.Key)))
}

type broken struct{}

var errBroken = fmt.Errorf("the disk is gone")

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func TestStartRefusesWhatCannotBeAnUpload(t *testing.T) {
	t.Parallel()
	b := open(t, options("nobody-asks"))
	for name, tc := range map[string]struct {
		object upload.Object
		want   error
	}{
		"an empty object":        {upload.Object{Key: "k", CRC32C: upload.Checksum(nil)}, upload.ErrRefused},
		"more than five TiB":     {upload.Object{Key: "k", Size: upload.MaxSize + 1}, upload.ErrTooLarge},
		"no checksum":            {upload.Object{Key: "k", Size: 1}, upload.ErrMismatch},
		"no key":                 {upload.Object{Size: 1, CRC32C: upload.Checksum(nil)}, upload.ErrRefused},
		"a key that is too long": {upload.Object{Key: strings.Repeat("k", 1025), Size: 1, CRC32C: upload.Checksum(nil)}, upload.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := b.Start(t.Context(), tc.object)
			require.ErrorIs(t, err, tc.want)
		})
	}
}

func TestPutWritesSmallAndEmptyObjects(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	for _, data := range [][]byte{{}, []byte("done\n")} {
		done, err := b.Put(t.Context(), upload.Object{Key: ".DONE", Delivery: "d"}, data)
		require.NoError(t, err)
		require.Equal(t, upload.Checksum(data), done.Checksum)
		require.Equal(t, data, read(t, bucket, ".DONE"))
	}
	_, err := b.Put(t.Context(), upload.Object{Key: ".DONE", CRC32C: upload.Checksum(nil)}, []byte("x"))
	require.ErrorIs(t, err, upload.ErrMismatch)
}

func TestReadReturnsASmallObjectOfTheDelivery(t *testing.T) {
	t.Parallel()
	b := open(t, options(newBucket(t)))
	_, err := b.Put(t.Context(), upload.Object{Key: "receipt.json", Delivery: "d"}, []byte("{}\n"))
	require.NoError(t, err)
	text, err := b.Read(t.Context(), "receipt.json", "d", 3)
	require.NoError(t, err)
	require.Equal(t, "{}\n", string(text))
	text, err = b.Read(t.Context(), "receipt.json", "d", 2)
	require.NoError(t, err)
	require.Nil(t, text, "it is larger than that")
	text, err = b.Read(t.Context(), "fetched-and-deleted.json", "d", 3)
	require.NoError(t, err)
	require.Nil(t, text)
	_, err = b.Read(t.Context(), "receipt.json", "another delivery", 3)
	require.ErrorIs(t, err, upload.ErrOverwritten)
}

func TestTryLeavesNothing(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	require.NoError(t, b.Try(t.Context(), "upload/.consign"))
	require.Zero(t, openUploads(t, b, "upload/.consign"))
	require.Nil(t, read(t, bucket, "upload/.consign"))
}

// TestATryThatIsToldToEndLeavesNothing: the answer to its opening is on its way, and nobody else would know of it.
func TestATryThatIsToldToEndLeavesNothing(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	ctx, stop := context.WithCancel(t.Context())
	b, p := faulty(t, bucket, 1, &rule{"create", 1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		answer := httptest.NewRecorder()
		p.store.ServeHTTP(answer, r)
		stop()
		select {
		case <-r.Context().Done(): // nobody waits for it
		case <-time.After(300 * time.Millisecond):
			_, _ = w.Write(answer.Body.Bytes())
		}
	}})
	require.ErrorIs(t, b.Try(ctx, "k"), context.Canceled)
	require.Equal(t, 1, p.count("create"))
	require.Zero(t, openUploads(t, open(t, options(bucket)), "k"))
}

func TestFindKnowsOnlyTheExactKey(t *testing.T) {
	t.Parallel()
	b := open(t, options(newBucket(t)))
	first, err := b.Start(t.Context(), object("found", []byte("x")))
	require.NoError(t, err)
	second, err := b.Start(t.Context(), object("found", []byte("x")))
	require.NoError(t, err)
	_, err = b.Start(t.Context(), object("found.csv", []byte("x")))
	require.NoError(t, err)
	found, err := b.Find(t.Context(), "found")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{first, second}, found)
	require.NoError(t, b.Abort(t.Context(), "found", first))
	require.NoError(t, b.Abort(t.Context(), "found", first), "not there is success")
	require.Equal(t, 1, openUploads(t, b, "found"))
}

func TestTheRegionIsFound(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, tc := range map[string]struct {
		rule *rule
		want string
		err  error
	}{
		"a store that names none takes any":     {&rule{}, "us-east-1", nil},
		"S3 names it when it redirects":         {refuse("headBucket", 1, 301, "", "X-Amz-Bucket-Region", "eu-central-1"), "eu-central-1", nil},
		"S3 names it when it refuses":           {refuse("headBucket", 1, 403, "", "X-Amz-Bucket-Region", "ap-south-1"), "ap-south-1", nil},
		"S3 names it when all may look":         {refuse("headBucket", 1, 200, "", "X-Amz-Bucket-Region", "eu-west-3"), "eu-west-3", nil},
		"there is no such bucket":               {refuse("headBucket", 1, 404, ""), "", upload.ErrNoSuchBucket},
		"a store that fails may work next time": {refuse("headBucket", -1, 500, ""), "", upload.ErrServer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := options(bucket)
			opts.Region, opts.Endpoint, opts.Attempts = "", newProxy(t, store.Endpoint, tc.rule).URL, 1
			b, err := new(upload.Connections).Open(t.Context(), owner(), opts)
			require.ErrorIs(t, err, tc.err)
			if tc.err == nil {
				require.Equal(t, tc.want, b.Region())
			}
			if errors.Is(tc.err, upload.ErrNoSuchBucket) {
				require.ErrorContains(t, err, "then set region", "S3 says the same of a bucket in another partition")
			}
		})
	}
	t.Run("an access point says it itself", func(t *testing.T) {
		t.Parallel()
		b, err := new(upload.Connections).Open(t.Context(), owner(), upload.Options{Bucket: "arn:aws:s3:eu-west-1:123456789012:accesspoint/inbound"})
		require.NoError(t, err)
		require.Equal(t, "eu-west-1", b.Region())
	})
	t.Run("nobody is there", func(t *testing.T) {
		t.Parallel()
		_, err := new(upload.Connections).Open(t.Context(), owner(), upload.Options{Bucket: bucket, Endpoint: "http://127.0.0.1:1", PathStyle: true, Attempts: 1})
		require.ErrorIs(t, err, upload.ErrUnreachable)
		require.ErrorContains(t, err, "find the region of "+bucket)
	})
}

func TestACancelledSendStopsAtOnceAndCanGoOn(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	p := newProxy(t, store.Endpoint, hang("part", 2))
	opts := options(bucket)
	opts.Endpoint, opts.Concurrency = p.URL, 2
	b := open(t, opts)
	data := content(20 * mib)
	o := object("cancelled", data)
	id, err := b.Start(t.Context(), o)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = b.Send(ctx, o, id, bytes.NewReader(data), nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
}
