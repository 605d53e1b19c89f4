package activities

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"consign/internal/archive"
	"consign/internal/upload"
)

// opened sends objects and leaves their uploads open, as Upload does.
func opened(t *testing.T, e *early, keys ...string) PublishInput {
	t.Helper()
	in := PublishInput{Target: e.target, Delivery: e.folder.Delivery, Mode: PublishAll}
	e.within(t, func(ctx context.Context) {
		bucket, err := e.steps.bucket(ctx, e.target)
		require.NoError(t, err)
		for _, key := range keys {
			o := upload.Object{Key: key, Size: int64(len(key)), CRC32C: upload.Checksum([]byte(key)), Delivery: in.Delivery}
			id, err := bucket.Start(ctx, o)
			require.NoError(t, err)
			_, err = bucket.Send(ctx, o, id, bytes.NewReader([]byte(key)), nil)
			require.NoError(t, err)
			in.Objects = append(in.Objects, Uploaded{Key: key, UploadID: id, Rows: 7, Bytes: o.Size, CRC32C: o.CRC32C, Opened: time.Now()})
		}
	})
	return in
}

func (e *early) put(t *testing.T, key, text string) {
	t.Helper()
	_, err := e.store.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &e.target.Upload.Bucket, Key: &key, Body: bytes.NewReader([]byte(text))})
	require.NoError(t, err)
}

// begun is a Publish of three objects that has completed the first.
func begun(t *testing.T, e *early) PublishInput {
	t.Helper()
	in := opened(t, e, "p/1", "p/2", "p/3")
	first := in
	first.Objects, first.Mode = in.Objects[:1], PublishComplete
	_, err := e.env.ExecuteActivity(e.steps.Publish, first)
	require.NoError(t, err)
	return in
}

func typeOf(t *testing.T, err error) string {
	t.Helper()
	var told *temporal.ApplicationError
	require.ErrorAs(t, err, &told)
	return told.Type()
}

// parks reports whether a failure is none that Temporal tries again.
func parks(t *testing.T, err error) bool {
	t.Helper()
	var told *temporal.ApplicationError
	require.ErrorAs(t, err, &told)
	return told.NonRetryable()
}

// TestWhatAnEarlierTryHasShownIsTold: the try that completed it may have died, and the next one fails before it completes any.
func TestWhatAnEarlierTryHasShownIsTold(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	in := begun(t, e)
	lost := in.Objects[1]
	_, err := e.store.Client().AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &e.target.Upload.Bucket, Key: &lost.Key, UploadId: &lost.UploadID})
	require.NoError(t, err)
	loses(t, e, in, PublishAll, PublishVerify)
}

// loses publishes, by each of the modes, what has lost its second upload: the first object is told to be there.
func loses(t *testing.T, e *early, in PublishInput, modes ...PublishMode) {
	t.Helper()
	for _, mode := range modes {
		in.Mode = mode
		_, err := e.env.ExecuteActivity(e.steps.Publish, in)
		require.Equal(t, TypeUploadLost, typeOf(t, err))
		shown := Visible(err)
		require.Len(t, shown, 1)
		require.Equal(t, "p/1", shown[0].Key)
		require.EqualValues(t, 7, shown[0].Rows)
	}
}

func TestWhatCanBeReadIsFound(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	in := begun(t, e)
	e.put(t, "p/3", "theirs")
	found, err := e.env.ExecuteActivity(e.steps.FindVisible, VisibleInput{Target: in.Target, Delivery: in.Delivery, Objects: in.Objects})
	require.NoError(t, err)
	var result PublishResult
	require.NoError(t, found.Get(&result))
	require.Len(t, result.Objects, 1)
	require.Equal(t, "p/1", result.Objects[0].Key)
	require.Equal(t, in.Objects[0].CRC32C, result.Objects[0].Checksum)
	require.EqualValues(t, 7, result.Objects[0].Rows)
}

// TestNothingShowsAfterItWasLookedFor: a Publish that was frozen wakes up, and goes on.
func TestNothingShowsAfterItWasLookedFor(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	in := begun(t, e)
	_, err := e.env.ExecuteActivity(e.steps.FindVisible, VisibleInput{Target: in.Target, Delivery: in.Delivery, Objects: in.Objects})
	require.NoError(t, err)
	loses(t, e, in, PublishComplete, PublishAll)
}

// TestManyObjectsAreLookedForAtOnce: the run's end waits for a minute, and the store may be far away.
func TestManyObjectsAreLookedForAtOnce(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	in := VisibleInput{Target: p.target("acme"), Delivery: "d"}
	many := int32(looking * in.Target.Upload.Concurrency)
	var asked atomic.Int32
	together := make(chan struct{})
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			if asked.Add(1) == many {
				close(together)
			}
			select {
			case <-together:
				w.WriteHeader(http.StatusNoContent)
			case <-time.After(10 * time.Second):
				w.WriteHeader(http.StatusForbidden)
			}
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(store.Close)
	p.endpoint = store.URL
	in.Target = p.target("acme")
	for number := range many {
		in.Objects = append(in.Objects, Uploaded{Key: strconv.Itoa(int(number)), UploadID: "u", Bytes: 1, CRC32C: "AAAAAA=="})
	}
	found, err := p.env.ExecuteActivity(p.steps.FindVisible, in)
	require.NoError(t, err)
	var result PublishResult
	require.NoError(t, found.Get(&result))
	require.Empty(t, result.Objects)
}

// TestAnObjectThatSomebodyOverwroteIsNotLost: to call it lost would be to send it again, over theirs.
func TestAnObjectThatSomebodyOverwroteIsNotLost(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	in := opened(t, e, "p/1")
	_, err := e.env.ExecuteActivity(e.steps.Publish, in) // its answer is lost
	require.NoError(t, err)
	e.put(t, "p/1", "theirs")
	for _, mode := range []PublishMode{PublishComplete, PublishAll, PublishVerify} {
		in.Mode = mode
		_, err = e.env.ExecuteActivity(e.steps.Publish, in)
		require.Equal(t, "ObjectOverwritten", typeOf(t, err), mode)
	}
}

// TestASuccessFileThatIsThereIsFoundBeforeAnythingShows: it would call the new objects complete.
func TestASuccessFileThatIsThereIsFoundBeforeAnythingShows(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	e.target.Upload.OnConflict = "fail"
	in := opened(t, e, "p/1")
	in.Success = "p/1.DONE"
	e.put(t, in.Success, "")
	_, err := e.env.ExecuteActivity(e.steps.Publish, in)
	require.Equal(t, "ObjectExists", typeOf(t, err))
	require.Empty(t, Visible(err))
	in.Target.Upload.OnConflict = "overwrite"
	_, err = e.env.ExecuteActivity(e.steps.Publish, in)
	require.NoError(t, err)
}

// TestAnObjectThatIsThereIsFoundBeforeAnythingShows: else the ones before it could be read without it.
func TestAnObjectThatIsThereIsFoundBeforeAnythingShows(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	e.target.Upload.OnConflict = "fail"
	in := opened(t, e, "p/1", "p/2")
	e.put(t, "p/2", "theirs")
	_, err := e.env.ExecuteActivity(e.steps.Publish, in)
	require.Equal(t, "ObjectExists", typeOf(t, err))
	require.Equal(t, []string{"p/2"}, e.keys(t))
}

// TestWhatWasShownIsNotShownAgain: the bucket's owner may take away what can be read while the rest waits for a person, and
// would get it twice.
func TestWhatWasShownIsNotShownAgain(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	in := opened(t, e, "p/1", "p/2", "p/3")
	first := in
	first.Objects, first.Mode = in.Objects[:2], PublishComplete
	out, err := e.env.ExecuteActivity(e.steps.Publish, first)
	require.NoError(t, err)
	var shown PublishResult
	require.NoError(t, out.Get(&shown))
	for _, o := range shown.Objects {
		_, err := e.store.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &o.Bucket, Key: &o.Key})
		require.NoError(t, err)
	}
	in.Objects[1] = opened(t, e, "p/2").Objects[0] // sent again, for the upload of another one was lost
	in.Shown = shown.Objects
	in.Mode = PublishVerify
	_, err = e.env.ExecuteActivity(e.steps.Publish, in)
	require.NoError(t, err)
	require.Empty(t, e.keys(t), "it looks, and shows nothing")
	in.Mode = PublishAll
	out, err = e.env.ExecuteActivity(e.steps.Publish, in)
	require.NoError(t, err)
	var all PublishResult
	require.NoError(t, out.Get(&all))
	require.Len(t, all.Objects, 3)
	require.Equal(t, shown.Objects, all.Objects[:2])
	require.Equal(t, []string{"p/3"}, e.keys(t))
	e.key = "p/2"
	require.Empty(t, e.open(t), "nothing is left of what was sent again")

	e.put(t, "p/1", "theirs")
	in.Mode = PublishVerify
	_, err = e.env.ExecuteActivity(e.steps.Publish, in)
	require.Equal(t, "ObjectOverwritten", typeOf(t, err))
}

// TestNothingShowsOfADeliveryWithoutFilesWhereAnOldFileLies: with on_conflict fail all of it does, or nothing.
func TestNothingShowsOfADeliveryWithoutFilesWhereAnOldFileLies(t *testing.T) {
	t.Parallel()
	for _, old := range []string{"in/weekly.receipt.json", "in/weekly.manifest", "in/weekly.DONE"} {
		t.Run(old, func(t *testing.T) {
			t.Parallel()
			e := newEarly(t, archive.None, "nobody")
			e.target.Upload.OnConflict = "fail"
			in := SuccessInput{Target: e.target, Delivery: "r-1", Key: "in/weekly.DONE", Facts: facts()}
			e.put(t, old, "an earlier delivery's")
			_, err := e.env.ExecuteActivity(e.steps.WriteSuccessFile, in)
			require.Equal(t, "ObjectExists", typeOf(t, err))
			require.Equal(t, []string{old}, e.keys(t))

			_, err = e.store.Client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &e.target.Upload.Bucket, Key: &old})
			require.NoError(t, err)
			for range 2 { // the second time its own are there
				_, err = e.env.ExecuteActivity(e.steps.WriteSuccessFile, in)
				require.NoError(t, err)
				require.Equal(t, []string{"in/weekly.DONE", "in/weekly.manifest", "in/weekly.receipt.json"}, e.keys(t))
			}
		})
	}
}

// TestASuccessFileIsPutByAStepThatIsToldToEnd: all else can be read by then.
func TestASuccessFileIsPutByAStepThatIsToldToEnd(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	e.within(t, func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err := e.steps.WriteSuccessFile(ctx, SuccessInput{Target: e.target, Delivery: "r-1", Key: "p/all.DONE"})
		require.NoError(t, err)
	})
	require.Equal(t, []string{"p/all.DONE"}, e.keys(t))
}

func (e *early) keys(t *testing.T) []string {
	t.Helper()
	listed, err := e.store.Client().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &e.target.Upload.Bucket})
	require.NoError(t, err)
	var keys []string
	for _, o := range listed.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// attentive is a Temporal that answers when the step that waits for it is known to be alive. It has no workflows but the Turn.
type attentive struct {
	late
	beat chan struct{}
}

func (a attentive) UpdateWithStartWorkflow(ctx context.Context, _ client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return said{taken: Taken{Granted: true}}, a.heard(ctx, nil)
}

func (a attentive) SignalWorkflow(ctx context.Context, _, _, _ string, _ any) error {
	return a.heard(ctx, new(serviceerror.NotFound))
}

func (a attentive) DescribeWorkflowExecution(ctx context.Context, _, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, a.heard(ctx, new(serviceerror.NotFound))
}

func (a attentive) heard(ctx context.Context, answer error) error {
	select {
	case <-a.beat:
		return answer
	case <-time.After(turnAnswers):
		return errors.New("is it alive?")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestAStepThatAsksTemporalIsKnownToBeAlive: a Turn may take longer to answer than a step may go unheard of.
func TestAStepThatAsksTemporalIsKnownToBeAlive(t *testing.T) {
	t.Parallel()
	claim := &Claim{Before: "the execution before"}
	for name, step := range map[string]func(e *early) (any, any){
		"Publish": func(e *early) (any, any) {
			return e.steps.Publish, PublishInput{Target: e.target, Delivery: e.folder.Delivery, Mode: PublishAll, Turn: claim}
		},
		"WriteSuccessFile": func(e *early) (any, any) {
			return e.steps.WriteSuccessFile, SuccessInput{Target: e.target, Delivery: e.folder.Delivery, Turn: claim}
		},
		"TakeTurn": func(e *early) (any, any) { return e.steps.TakeTurn, TakeInput{Claim: *claim} },
		"GiveTurn": func(e *early) (any, any) { return e.steps.GiveTurn, *claim },
		"JoinRun":  func(e *early) (any, any) { return e.steps.JoinRun, JoinInput{WorkflowID: "a run"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEarly(t, archive.None, "nobody")
			beat := make(chan struct{})
			once := sync.OnceFunc(func() { close(beat) })
			e.env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) { once() })
			e.steps.options.Client = attentive{beat: beat}
			do, in := step(e)
			_, err := e.env.ExecuteActivity(do, in)
			require.NoError(t, err)
		})
	}
}
