package activities

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"consign/internal/upload"
	"consign/internal/workspace"
)

// TestUploadsWhoseAnswersGotLostAreLookedForInSeveralTries: the store is a stand-in, for MinIO is not busy on request.
func TestUploadsWhoseAnswersGotLostAreLookedForInSeveralTries(t *testing.T) {
	t.Parallel()
	asked := 0
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("uploads") {
			asked++
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`))
	}))
	t.Cleanup(busy.Close)
	bucket, err := new(upload.Connections).Open(t.Context(), credentials.NewStaticCredentialsProvider("id", "secret", ""),
		upload.Options{Bucket: "acme", Region: "us-east-1", Endpoint: busy.URL, PathStyle: true, Attempts: 1})
	require.NoError(t, err)
	resume := func(s sender, file int) error {
		s.bucket = bucket
		return s.resume(t.Context(), upload.Object{Key: "k"}, workspace.File{Number: file}, &Uploaded{})
	}
	require.ErrorIs(t, resume(sender{insists: true}, 1), upload.ErrThrottled, "AssumeRole opened one under this key")
	require.NoError(t, resume(sender{}, 1), "the delivery is worth more than what a lifecycle rule removes")
	require.ErrorIs(t, resume(sender{insists: true, again: true}, 2), upload.ErrThrottled)
	require.Equal(t, 3, asked)
	require.NoError(t, resume(sender{insists: true}, 2), "nobody can have opened one")
	require.Equal(t, 3, asked)
}

func TestTheFirstTriesInsistAndTheLastOneDoesNot(t *testing.T) {
	t.Parallel()
	for most, want := range map[int32][]bool{
		0: {true, true, true, true, false}, 20: {true, true, true, true, false}, 4: {true, true, true, false}, 2: {true, false}, 1: {false},
	} {
		for i, insisted := range want {
			try := activity.Info{Attempt: int32(i + 1), RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: most}}
			require.Equal(t, insisted, insists(try), "%d of %d", i+1, most)
		}
	}
	require.True(t, insists(activity.Info{Attempt: 4}), "Temporal does not tell how many there are")
}

// TestAnUploadThatCannotBeNotedIsAborted: the run's folder is gone, as when a host wakes up and its janitor was faster. The
// store is a stand-in that tells what it was asked.
func TestAnUploadThatCannotBeNotedIsAborted(t *testing.T) {
	t.Parallel()
	var asked []string
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Query().Get("uploadId"))
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = w.Write([]byte(`<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`))
	}))
	t.Cleanup(store.Close)
	bucket, err := new(upload.Connections).Open(t.Context(), credentials.NewStaticCredentialsProvider("id", "secret", ""),
		upload.Options{Bucket: "acme", Region: "us-east-1", Endpoint: store.URL, PathStyle: true, Attempts: 1})
	require.NoError(t, err)
	run := newRun(t)
	s := sender{bucket: bucket, journal: stepOf(t, run, stepUpload), clock: time.Now}
	one := upload.Object{Key: "k", Size: 1, CRC32C: upload.Checksum([]byte("1"))}
	over, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, s.start(over, one, workspace.File{Number: 1}, &Uploaded{}), "the step was told to end; the upload is noted all the same")
	require.Equal(t, []string{"POST "}, asked)
	require.NoError(t, run.Remove())
	err = s.start(t.Context(), one, workspace.File{Number: 2}, &Uploaded{})
	require.ErrorContains(t, err, "journal")
	require.Equal(t, []string{"POST ", "POST ", "DELETE u1"}, asked)
}

// TestAnUploadOfOtherBytesDoesNotStayOpen: a receipt says something else after a reset, and nobody would look for its first upload.
func TestAnUploadOfOtherBytesDoesNotStayOpen(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	bucket, err := p.steps.bucket(t.Context(), p.target("acme"))
	require.NoError(t, err)
	s := sender{bucket: bucket, begun: map[int]workspace.File{1: {Number: 1, Upload: "u1", CRC32C: "AAAAAA=="}}}
	var sent Uploaded
	require.NoError(t, s.resume(t.Context(), upload.Object{Key: "k"}, workspace.File{Number: 1, CRC32C: "AAAAAQ=="}, &sent))
	require.Empty(t, sent.UploadID)
	require.Equal(t, []string{"acme/k u1"}, p.gone())
	require.NoError(t, s.resume(t.Context(), upload.Object{Key: "k"}, workspace.File{Number: 1, CRC32C: "AAAAAA=="}, &sent))
	require.Equal(t, "u1", sent.UploadID)
	require.Empty(t, p.gone())
}
