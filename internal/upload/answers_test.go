package upload_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

// TestAHEADThatIsNotAcceptedIsOfASessionThatHasExpired: Amazon answers it with status 400, and says no more.
func TestAHEADThatIsNotAcceptedIsOfASessionThatHasExpired(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b, _ := faulty(t, bucket, 1, lose("complete", 1), refuse("head", 1, 400, ""))
	o, id := opened(t, b, "expired", []byte("ours"))
	_, err := b.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrUnreachable)
	_, _, err = b.Look(t.Context(), o)
	require.NoError(t, err)
	again, _ := faulty(t, bucket, 1, refuse("head", 1, 400, ""))
	_, err = again.Complete(t.Context(), o, id)
	require.ErrorIs(t, err, upload.ErrExpired, "it is gone, and whether it was completed cannot be seen")
	require.NotErrorIs(t, err, upload.ErrRefused)
	done, err := again.Complete(t.Context(), o, id)
	require.NoError(t, err, "a fresh session sees it")
	require.Equal(t, o.CRC32C, done.Checksum)
}

// TestAHEADForAnotherRegionIsNotTakenForASessionThatHasExpired: it has the same status, and no new session would help.
func TestAHEADForAnotherRegionIsNotTakenForASessionThatHasExpired(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for region, want := range map[string]error{"eu-central-1": upload.ErrWrongRegion, "us-east-1": upload.ErrExpired} {
		b, _ := faulty(t, bucket, 1, refuse("head", 1, 400, "", "X-Amz-Bucket-Region", region))
		_, _, err := b.Look(t.Context(), upload.Object{Key: "k"})
		require.ErrorIs(t, err, want)
		if region != "us-east-1" {
			require.ErrorContains(t, err, "it is in eu-central-1, not in us-east-1")
		}
	}
}

// TestAnAnswerThatSaysNothingIsNoSuccess: a gateway in between answers for the store, which has not been asked.
func TestAnAnswerThatSaysNothingIsNoSuccess(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	for name, page := range map[string]string{"no body": "", "a page": "<html><body>back soon</body></html>"} {
		says := func(op, text string) *rule {
			return &rule{op, -1, func(w http.ResponseWriter, r *http.Request, _ *proxy) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, text)
			}}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := faulty(t, bucket, 1, says("create", page), says("complete", page), says("put", page),
				says("uploads", "<ListMultipartUploadsResult><Upload></Upload><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>"))
			_, err := b.Start(t.Context(), object("k", []byte("x")))
			require.ErrorIs(t, err, upload.ErrServer)
			require.ErrorContains(t, err, "open upload of "+bucket+"/k: ")
			found, err := b.Find(t.Context(), "k")
			require.NoError(t, err)
			require.Empty(t, found)

			o, id := opened(t, open(t, options(bucket)), "empty/"+name, []byte("ours"))
			_, err = b.Complete(t.Context(), o, id)
			require.ErrorIs(t, err, upload.ErrServer, "nothing can be read")
			require.Nil(t, read(t, bucket, o.Key))
			_, err = b.Put(t.Context(), upload.Object{Key: o.Key + ".DONE", Delivery: "d"}, nil)
			require.ErrorIs(t, err, upload.ErrServer)
		})
	}
	b, _ := faulty(t, bucket, 1, refuse("head", -1, 403, ""), &rule{"list", -1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) {
		_, _ = io.WriteString(w, "<ListBucketResult><Contents></Contents></ListBucketResult>")
	}})
	_, standing, err := b.Look(t.Context(), upload.Object{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, upload.Free, standing, "nothing of that name is listed")
}

// TestAnAnswerThatBrokeOffIsNoErrorOfTheStore: there is no code to look up.
func TestAnAnswerThatBrokeOffIsNoErrorOfTheStore(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	b, _ := faulty(t, bucket, 1, half("create", -1), half("parts", -1))
	_, err := b.Start(t.Context(), object("k", []byte("x")))
	require.ErrorIs(t, err, upload.ErrServer)
	require.ErrorContains(t, err, "the store failed: its answer does not say what came of the request (HTTP 200")
	o, id := opened(t, open(t, options(bucket)), "k", []byte("x"))
	require.ErrorIs(t, b.Verify(t.Context(), o, id), upload.ErrServer)
}

// TestAnAnswerThatDoesNotEndIsNotReadToItsEnd: the store is somebody else's, and all of an error is read into memory.
func TestAnAnswerThatDoesNotEndIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	const much = 64 << 20
	taken := make(chan int, 1)
	b, _ := faulty(t, newBucket(t), 1, &rule{"create", 1, func(w http.ResponseWriter, _ *http.Request, _ *proxy) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>")
		sent := 0
		for more := make([]byte, 1<<20); sent < much; sent += len(more) {
			if _, err := w.Write(more); err != nil {
				break
			}
		}
		taken <- sent
	}})
	_, err := b.Start(t.Context(), object("k", []byte("x")))
	require.ErrorIs(t, err, upload.ErrAccessDenied)
	require.Less(t, <-taken, much)
}
