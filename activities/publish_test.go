package activities

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"consign/internal/archive"
	"consign/internal/upload"
)

// threeObjects is what a Publish is asked for whose three objects are sent.
func threeObjects(t *testing.T) (*early, PublishInput) {
	t.Helper()
	e := newEarly(t, archive.None, "nobody")
	in := PublishInput{Target: e.target, Delivery: e.folder.Delivery, Mode: PublishComplete}
	e.within(t, func(ctx context.Context) {
		bucket, err := e.steps.bucket(ctx, e.target)
		require.NoError(t, err)
		for _, key := range []string{"p/1", "p/2", "p/3"} {
			o := upload.Object{Key: key, Size: 3, CRC32C: upload.Checksum([]byte(key)), Delivery: in.Delivery}
			id, err := bucket.Start(ctx, o)
			require.NoError(t, err)
			_, err = bucket.Send(ctx, o, id, bytes.NewReader([]byte(key)), nil)
			require.NoError(t, err)
			in.Objects = append(in.Objects, Uploaded{Key: key, UploadID: id, Rows: 7, Bytes: 3, CRC32C: o.CRC32C})
		}
	})
	return e, in
}

// asker is a Temporal that wants a step until it has been asked so often.
type asker struct {
	client.Client
	answers []error
	told    []any
}

func (a *asker) RecordActivityHeartbeat(_ context.Context, _ []byte, told ...any) error {
	a.told = append(a.told, told...)
	answer := a.answers[0]
	a.answers = a.answers[1:]
	return answer
}

// A Publish goes on for as long as the store takes, and the SDK tells it only now and then that nobody wants it any more.
func TestAPublishThatNobodyWantsShowsNoFurtherObject(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]error{"aborted": temporal.NewCanceledError(), "terminated": serviceerror.NewNotFound("workflow execution already completed")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, in := threeObjects(t)
			now := time.Now()
			e.steps.options.Clock = func() time.Time { now = now.Add(askEvery); return now }
			asked := &asker{answers: []error{nil, serviceerror.NewUnavailable("not just now"), answer}}
			e.steps.options.Client = asked
			_, err := e.env.ExecuteActivity(e.steps.Publish, in)
			require.Error(t, err)
			require.Len(t, Visible(err), 2)
			require.Equal(t, []string{"p/1", "p/2"}, e.keys(t))
			const step = "Publish"
			require.Equal(t, []any{Heartbeat{step, 0, 0, 9}, Heartbeat{step, 0, 3, 9}, Heartbeat{step, 0, 6, 9}}, asked.told, "in bytes, as of any step")
		})
	}
}

// Somebody aborts one of three uploads while they are completed: what can be read by then is told.
func TestAPublishThatFailsTellsWhatCanBeRead(t *testing.T) {
	t.Parallel()
	e, in := threeObjects(t)
	lost := in.Objects[2]
	_, err := e.store.Client().AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &e.target.Upload.Bucket, Key: &lost.Key, UploadId: &lost.UploadID})
	require.NoError(t, err)
	_, err = e.env.ExecuteActivity(e.steps.Publish, in)
	require.Error(t, err)
	var keys []string
	for _, o := range Visible(err) {
		keys = append(keys, o.Key)
		require.EqualValues(t, 7, o.Rows)
	}
	require.Equal(t, []string{"p/1", "p/2"}, keys)
}

// An empty object is put when the others are completed: too late to find out that its name is taken, and a store without
// conditional writes would put it over what is there.
func TestWithOnConflictFailTheKeyOfAnEmptyObjectIsLookedAtBeforeAnythingShows(t *testing.T) {
	t.Parallel()
	e, in := threeObjects(t)
	in.Mode, in.Target.Upload.OnConflict = PublishAll, "fail"
	in.Objects = append(in.Objects, Empty("p/4"))
	theirs := s3.PutObjectInput{Bucket: &e.target.Upload.Bucket, Key: &in.Objects[3].Key, Body: strings.NewReader("theirs")}
	_, err := e.store.Client().PutObject(t.Context(), &theirs)
	require.NoError(t, err)
	_, err = e.env.ExecuteActivity(e.steps.Publish, in)
	var told *temporal.ApplicationError
	require.ErrorAs(t, err, &told)
	require.Equal(t, "ObjectExists", told.Type())
	require.Empty(t, Visible(err))
	require.Equal(t, []string{"p/4"}, e.keys(t))

	_, err = e.store.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: theirs.Bucket, Key: theirs.Key})
	require.NoError(t, err)
	for range 2 { // the second finds its own
		_, err = e.env.ExecuteActivity(e.steps.Publish, in)
		require.NoError(t, err)
		require.Equal(t, []string{"p/1", "p/2", "p/3", "p/4"}, e.keys(t))
	}
}

// The upload was completed, its answer lost, and the object cannot be looked at just now: to send the file again would deliver
// it twice. The store is a stand-in, for MinIO is not busy on request.
func TestAnUploadThatIsGoneIsNotGivenUpWhileItCannotBeSeenWhy(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusConflict:            "ObjectBusy",
		http.StatusServiceUnavailable:  "Throttled",
		http.StatusInternalServerError: "S3Failed",
		http.StatusForbidden:           "AccessDenied",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t)
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead || r.Method == http.MethodGet && r.URL.Query().Has("list-type") {
					w.WriteHeader(status)
					return
				}
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(`<Error><Code>NoSuchUpload</Code><Message>It is gone.</Message></Error>`))
			}))
			t.Cleanup(store.Close)
			p.endpoint = store.URL
			for _, mode := range []PublishMode{PublishAll, PublishVerify, PublishComplete} {
				_, err := p.env.ExecuteActivity(p.steps.Publish, PublishInput{
					Target: p.target("acme"), Delivery: "d", Mode: mode, Objects: []Uploaded{{Key: "k", UploadID: "u1", Bytes: 1, CRC32C: "AAAAAA=="}},
				})
				var told *temporal.ApplicationError
				require.ErrorAs(t, err, &told)
				require.Equal(t, want, told.Type(), mode)
				require.Equal(t, status == http.StatusForbidden, told.NonRetryable())
			}
		})
	}
}

func TestWhatACancelledPublishHasMadeVisibleIsTold(t *testing.T) {
	t.Parallel()
	one := []Object{{Bucket: "b", Key: "k"}}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(temporal.NewCanceledError())
	err := failed(ctx, &visibleError{context.Canceled, one})
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, one, Visible(err))
	require.Nil(t, Visible(failed(ctx, &visibleError{context.Canceled, nil})))
	require.Equal(t, one, Visible(failed(t.Context(), &visibleError{upload.ErrAccessDenied, one})))
	require.Nil(t, Visible(failed(t.Context(), upload.ErrAccessDenied)))
	require.Nil(t, Visible(nil))
}
