package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

// faulty opens the bucket through a proxy with rules.
func faulty(t *testing.T, bucket string, attempts int, rules ...*rule) (*upload.Bucket, *proxy) {
	t.Helper()
	p := newProxy(t, store.Endpoint, rules...)
	o := options(bucket)
	o.Endpoint, o.Attempts = p.URL, attempts
	return open(t, o), p
}

func TestAPartIsSentAgainAfterWhatMayPass(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	data := content(11 * mib)
	for name, fault := range map[string]*rule{
		"S3 asks for less":                    refuse("part", 1, 503, "SlowDown"),
		"KMS asks S3 for less":                refuse("part", 1, 400, "KMS.ThrottlingException"),
		"S3 fails":                            refuse("part", 1, 500, "InternalError"),
		"a gateway fails":                     refuse("part", 1, 502, ""),
		"the connection breaks in the middle": cut("part", 1, 2*mib),
		"the answer gets lost":                lose("part", 1),
		"bytes are damaged on their way":      damage("part", 1),
		"S3 says that they were damaged":      refuse("part", 1, 400, "BadDigest"),
		"the list of parts breaks off":        half("parts", 1),
		"nothing moves any more":              hang("part", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, store.Endpoint, fault)
			o := options(bucket)
			o.Endpoint, o.Stall = p.URL, time.Second
			b := open(t, o)
			ob := object("again/"+name, data)
			id, err := b.Start(t.Context(), ob)
			require.NoError(t, err)
			var last int64
			_, err = b.Send(t.Context(), ob, id, bytes.NewReader(data), func(n int64) { last = n })
			require.NoError(t, err)
			require.Equal(t, ob.Size, last, "bytes that were sent twice are counted once")
			_, err = b.Complete(t.Context(), ob, id)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, read(t, bucket, ob.Key)))
			require.Zero(t, fault.times, "the fault did not happen")
		})
	}
}

func TestAnOpeningWhoseAnswerGetsLostLeavesNoUpload(t *testing.T) {
	t.Parallel()
	b, p := faulty(t, newBucket(t), 3, lose("create", 1))
	o := object("stray", []byte("x"))
	id, err := b.Start(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, 2, p.count("create"))
	open, err := b.Find(t.Context(), o.Key)
	require.NoError(t, err)
	require.Equal(t, []string{id}, open, "only the one that is known")
}

func TestStraysThatCannotBeLookedForNowAreLookedForAgain(t *testing.T) {
	t.Parallel()
	b, p := faulty(t, newBucket(t), 1, refuse("uploads", 1, 503, "SlowDown"), refuse("abort", 1, 500, "InternalError"), refuse("uploads", 1, 501, "NotImplemented"),
		refuse("abort", 1, 403, "AccessDenied"), refuse("abort", 1, 400, "ExpiredToken"))
	stray, err := b.Start(t.Context(), object("stray", []byte("x")))
	require.NoError(t, err)
	require.ErrorIs(t, b.AbortStrays(t.Context(), "stray", ""), upload.ErrThrottled)
	require.NoError(t, b.AbortStrays(t.Context(), "stray", ""), "a store that has no such list is no reason to stop")
	require.ErrorIs(t, b.AbortStrays(t.Context(), "stray", ""), upload.ErrServer, "it was found, and not ended")
	require.NoError(t, b.AbortStrays(t.Context(), "stray", ""), "nobody would be let end it later either")
	require.ErrorIs(t, b.AbortStrays(t.Context(), "stray", ""), upload.ErrExpired)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, b.AbortStrays(stopped, "stray", ""), context.Canceled)
	require.NoError(t, b.AbortStrays(t.Context(), "stray", stray))
	require.Equal(t, 3, p.count("abort"), "ours stays")
	require.NoError(t, b.AbortStrays(t.Context(), "stray", ""))
	open, err := b.Find(t.Context(), "stray")
	require.NoError(t, err)
	require.Empty(t, open)
}

func TestAnOpeningThatMayHaveLeftAnotherIsTriedAgain(t *testing.T) {
	t.Parallel()
	b, _ := faulty(t, newBucket(t), 2, lose("create", 1), refuse("uploads", 2, 503, "SlowDown"))
	_, err := b.Start(t.Context(), object("stray", []byte("x")))
	require.ErrorIs(t, err, upload.ErrThrottled)
	require.Equal(t, 1, openUploads(t, b, "stray"), "not the one that nobody is told of")
	require.NoError(t, b.AbortStrays(t.Context(), "stray", ""), "as the next try does")
	open, err := b.Find(t.Context(), "stray")
	require.NoError(t, err)
	require.Empty(t, open)
}

func TestTriesEnd(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for header, value := range map[string]string{"Retry-After": "9", "X-Amz-Retry-After": "9000"} { // Amazon's own has milliseconds
		b, p := faulty(t, bucket, 2, refuse("part", -1, 503, "SlowDown", header, value))
		o := object("slow", []byte("x"))
		id, err := b.Start(t.Context(), o)
		require.NoError(t, err)
		_, err = b.Send(t.Context(), o, id, strings.NewReader("x"), nil)
		require.ErrorIs(t, err, upload.ErrThrottled)
		require.ErrorContains(t, err, "upload "+bucket+"/slow part 1: ")
		require.Equal(t, 2, p.count("part"))
		var hint interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, err, &hint)
		require.Equal(t, 9*time.Second, hint.RetryAfter())
	}
}

func TestALostAnswerToACompletionIsFoundAgain(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, rules := range map[string][]*rule{
		"the connection is reset, and tried again": {lose("complete", 1)},
		"the connection is reset, every time":      {lose("complete", -1)},
		"S3 fails after it has succeeded":          {swap("complete", -1, 500, "InternalError")},
		"status 200 with an error in it":           {swap("complete", 1, 200, "InternalError")},
		"half an answer":                           {half("complete", -1)},
		"409 after it has succeeded":               {swap("complete", 1, 409, "ConditionalRequestConflict")},
		"412 after it has succeeded":               {swap("complete", 1, 412, "PreconditionFailed")},
		"a gateway that gave up waiting":           {swap("complete", -1, 504, "")},
		"another completion was under way":         {swap("complete", -1, 409, "OperationAborted")},
		"S3 asks for less after it has succeeded":  {swap("complete", -1, 503, "SlowDown")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := faulty(t, bucket, 2, rules...)
			o, id := opened(t, b, "lost/"+name, []byte(name))
			done, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err)
			require.Equal(t, o.CRC32C, done.Checksum)
			require.NotEmpty(t, done.ETag)
			again, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err, "completing twice is recognised")
			require.Equal(t, done, again)
			require.Equal(t, name, string(read(t, bucket, o.Key)))
		})
	}
}

func TestACompletionThatDidNotHappenIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, tc := range map[string]struct {
		rule *rule
		want error
	}{
		"S3 fails":                       {refuse("complete", -1, 500, "InternalError"), upload.ErrServer},
		"status 200 with an error in it": {refuse("complete", -1, 200, "InternalError"), upload.ErrServer},
		"the connection is reset":        {cut("complete", -1, 10), upload.ErrUnreachable},
		"somebody else completes":        {refuse("complete", -1, 409, "OperationAborted"), upload.ErrBusy},
		"no right to write":              {refuse("complete", -1, 403, "AccessDenied"), upload.ErrAccessDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := faulty(t, bucket, 1, tc.rule)
			o, id := opened(t, b, "not/"+name, []byte("ours"))
			_, err := b.Complete(t.Context(), o, id)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, "complete "+bucket+"/"+o.Key)
			require.Nil(t, read(t, bucket, o.Key))

			good := open(t, options(bucket))
			_, err = good.Complete(t.Context(), o, id)
			require.NoError(t, err, "the upload is still there")
		})
	}
	t.Run("a conflict that passes", func(t *testing.T) {
		t.Parallel()
		b, p := faulty(t, bucket, 3, refuse("complete", 1, 409, "ConditionalRequestConflict"))
		o, id := opened(t, b, "passes", []byte("ours"))
		_, err := b.Complete(t.Context(), o, id)
		require.NoError(t, err)
		require.Equal(t, 2, p.count("complete"))
	})
}

func TestAnUploadThatIsGoneIsJudgedByWhatLiesThere(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	o, id := opened(t, b, "gone", []byte("ours"))
	require.NoError(t, b.Abort(t.Context(), o.Key, id)) // as a lifecycle rule does
	_, err := b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrUploadLost, "nothing lies there")
	require.NotErrorIs(t, err, upload.ErrOverwritten)
	_, err = b.Send(t.Context(), o, id, strings.NewReader("ours"), nil)
	require.ErrorIs(t, err, upload.ErrUploadLost)

	for name, other := range map[string]struct{ delivery, data string }{
		"another delivery":                   {"delivery-0", "ours"},
		"the same delivery with other bytes": {"delivery-1", "less"},
	} {
		t.Run(name, func(t *testing.T) {
			o, id := opened(t, b, "over/"+name, []byte("ours"))
			_, err := b.Complete(t.Context(), o, id)
			require.NoError(t, err)
			_, err = b.Put(t.Context(), upload.Object{Key: o.Key, Delivery: other.delivery}, []byte(other.data))
			require.NoError(t, err)
			_, err = b.Complete(t.Context(), o, id)
			require.ErrorIs(t, err, upload.ErrOverwritten)
			require.Equal(t, other.data, string(read(t, bucket, o.Key)))
		})
	}
}

func TestAnObjectThatLayThereBeforeHasNotReplacedOurs(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	_, err := b.Put(t.Context(), upload.Object{Key: "weekly", Delivery: "delivery-0"}, []byte("last week's"))
	require.NoError(t, err)
	o, id := opened(t, b, "weekly", []byte("ours"))
	require.NoError(t, b.Abort(t.Context(), o.Key, id))

	o.Opened = time.Now().Add(time.Hour) // a week later, to S3
	_, err = b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrUploadLost, "it is to be sent again, and replaces the old one")
	require.NotErrorIs(t, err, upload.ErrOverwritten)
	o.Opened = time.Now()
	_, err = b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrOverwritten, "too near to tell")
}

func TestWhatHEADRefusesIsToldByListingOrNotAtAll(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	denied := func() *rule { return refuse("head", -1, 403, "") }
	b := open(t, options(bucket))
	published, publishedID := opened(t, b, "published", []byte("ours"))
	_, err := b.Complete(t.Context(), published, publishedID)
	require.NoError(t, err)
	lost, lostID := opened(t, b, "published.not", []byte("ours"))
	require.NoError(t, b.Abort(t.Context(), lost.Key, lostID))

	// The role may list: what is not listed is not there.
	lister, _ := faulty(t, bucket, 1, denied())
	_, err = lister.Complete(t.Context(), lost, lostID)
	require.ErrorIs(t, err, upload.ErrUploadLost)
	require.NotErrorIs(t, err, upload.ErrAccessDenied)
	_, standing, err := lister.Look(t.Context(), lost)
	require.NoError(t, err)
	require.Equal(t, upload.Free, standing)
	_, err = lister.Complete(t.Context(), published, publishedID)
	require.ErrorIs(t, err, upload.ErrAccessDenied)
	require.ErrorContains(t, err, "needs s3:GetObject on arn:aws:s3:::"+bucket+"/published")

	reader, _ := faulty(t, bucket, 2, denied(), refuse("get", -1, 403, "AccessDenied"))
	text, err := reader.Read(t.Context(), lost.Key, "d", 100)
	require.NoError(t, err)
	require.Nil(t, text)
	_, err = reader.Read(t.Context(), published.Key, "d", 100)
	require.ErrorIs(t, err, upload.ErrAccessDenied)

	// The role may not: nobody can tell.
	blind, _ := faulty(t, bucket, 1, denied(), refuse("list", -1, 403, "AccessDenied"))
	_, err = blind.Complete(t.Context(), lost, lostID)
	require.ErrorIs(t, err, upload.ErrAccessDenied)
	require.NotErrorIs(t, err, upload.ErrUploadLost)
	require.ErrorContains(t, err, "s3:ListBucket on arn:aws:s3:::"+bucket)
}

func TestARoleThatMayNotLookForUploadsFindsNone(t *testing.T) {
	t.Parallel()
	b, _ := faulty(t, newBucket(t), 1, refuse("uploads", 1, 403, "AccessDenied"), refuse("uploads", 1, 500, "InternalError"))
	found, err := b.Find(t.Context(), "k")
	require.NoError(t, err)
	require.Empty(t, found)
	_, err = b.Find(t.Context(), "k")
	require.ErrorIs(t, err, upload.ErrServer)
}

func TestUploadsOfLongerKeysAreNotFound(t *testing.T) {
	t.Parallel()
	// S3 lists by prefix; MinIO lists the exact key only.
	b, _ := faulty(t, newBucket(t), 1, &rule{"uploads", 1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) {
		fmt.Fprint(w, `<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>1</UploadId></Upload><Upload><Key>k.csv</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>`)
	}})
	found, err := b.Find(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, found)
}

func TestALostAnswerToAPutIsFoundAgain(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for _, onConflict := range []string{"overwrite", "fail"} {
		p := newProxy(t, store.Endpoint, lose("put", -1))
		o := options(bucket)
		o.Endpoint, o.Attempts, o.OnConflict = p.URL, 2, onConflict
		done, err := open(t, o).Put(t.Context(), upload.Object{Key: onConflict, Delivery: "d"}, []byte("x"))
		require.NoError(t, err)
		require.Equal(t, upload.Checksum([]byte("x")), done.Checksum)
	}
	b, _ := faulty(t, bucket, 1, cut("put", -1, 0))
	_, err := b.Put(t.Context(), upload.Object{Key: "never", Delivery: "d"}, []byte("x"))
	require.ErrorIs(t, err, upload.ErrUnreachable)
}

func TestTwoCompletionsAtOnceAreBothRight(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for _, onConflict := range []string{"overwrite", "fail"} {
		opts := options(bucket)
		opts.OnConflict = onConflict
		b := open(t, opts)
		for i := range 10 {
			o, id := opened(t, b, fmt.Sprintf("%s/%d", onConflict, i), content(5*mib+1))
			var wait sync.WaitGroup
			results := make([]error, 2)
			for n := range results {
				wait.Go(func() { _, results[n] = b.Complete(t.Context(), o, id) })
			}
			wait.Wait()
			require.NoError(t, errors.Join(results...))
		}
	}
}

func TestANewSessionIsTakenInTheMiddleOfAnUpload(t *testing.T) {
	t.Parallel()
	// The first session expires while the parts are sent: S3 refuses it, and Send is called again with a fresh one.
	bucket := newBucket(t)
	p := newProxy(t, store.Endpoint, &rule{"part", 2, func(w http.ResponseWriter, r *http.Request, p *proxy) { p.store.ServeHTTP(w, r) }}, refuse("part", 1, 400, "ExpiredToken"))
	opts := options(bucket)
	opts.Endpoint, opts.Concurrency = p.URL, 1
	b := open(t, opts)
	data := content(20 * mib)
	o := object("long", data)
	id, err := b.Start(t.Context(), o)
	require.NoError(t, err)
	_, err = b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.ErrorIs(t, err, upload.ErrExpired)
	sent, err := b.Send(t.Context(), o, id, bytes.NewReader(data), nil)
	require.NoError(t, err)
	require.Equal(t, 2, sent.Resumed)
	require.Equal(t, 5, p.count("part"))
	_, err = b.Complete(t.Context(), o, id)
	require.NoError(t, err)
}

func TestAStoreThatKeepsNoChecksumsIsTold(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b := open(t, options(bucket))
	out, err := store.Client().CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("plain")})
	require.NoError(t, err)
	_, err = store.Client().UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: aws.String("plain"), UploadId: out.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")},
		func(o *s3.Options) { o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired })
	require.NoError(t, err)
	err = b.Verify(t.Context(), object("plain", []byte("x")), *out.UploadId)
	require.ErrorIs(t, err, upload.ErrNoChecksum)
	require.ErrorContains(t, err, "it lists part 1 without its CRC32C")
}

// TestATryWhoseByteIsDamagedIsTheStoresFailure: files that are lost are rendered anew, and none were made yet.
func TestATryWhoseByteIsDamagedIsTheStoresFailure(t *testing.T) {
	t.Parallel()
	b, _ := faulty(t, newBucket(t), 1, damage("part", -1))
	err := b.Try(t.Context(), "k")
	require.ErrorIs(t, err, upload.ErrServer)
	require.Zero(t, openUploads(t, b, "k"))
}

// TestALostUploadThatNobodyHasLookedForIsNotCalledLost: a worker that stops has no time to look whether it has become the
// object, and to send it again would be to deliver twice.
func TestALostUploadThatNobodyHasLookedForIsNotCalledLost(t *testing.T) {
	t.Parallel()
	b := open(t, options(newBucket(t)))
	o, id := opened(t, b, "gone", []byte("ours"))
	_, err := b.Complete(t.Context(), o, id)
	require.NoError(t, err)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err = b.Settle(stopped, o, upload.ErrUploadLost)
	require.NotErrorIs(t, err, upload.ErrUploadLost)
	require.ErrorIs(t, err, context.Canceled)
}
