package activities

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/devstack"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/upload"
	"consign/internal/workspace"
)

// s3Store is the MinIO of this package's tests, started for the first that asks.
var (
	started *devstack.S3
	s3Store = sync.OnceValues(func() (_ *devstack.S3, err error) {
		started, err = devstack.StartS3(context.Background(), devstack.S3Options{Log: os.Stderr})
		return started, err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		_ = started.Stop()
	}
	os.Exit(code)
}

// An early is a delivery of one object that a real bucket takes.
type early struct {
	*fusing
	store  *devstack.S3
	target Target
	key    string
}

// newEarly plans a delivery of the format CSV, for a bucket of its own.
func newEarly(t *testing.T, encoding, to string) *early {
	t.Helper()
	dir := t.TempDir()
	makeTables(t, dir)
	if to != "nobody" {
		newRecipients(t, dir)
	}
	e := &early{fusing: newFusing(t, dir, encoding, "none", to)}
	var err error
	e.store, err = s3Store()
	require.NoError(t, err)
	bucket := fmt.Sprintf("early-%x", rand.Uint64())
	require.NoError(t, e.store.MakeBucket(t.Context(), bucket))
	c, list, err := config.Load(filepath.Join(dir, "consign.yaml"), func(name string) (string, bool) {
		return map[string]string{"A": e.store.AccessKey, "B": e.store.SecretKey}[name], len(name) == 1
	})
	require.NoError(t, err)
	require.NoError(t, list.Err())
	e.steps.options.Config = func() (*config.Config, error) { return c, nil }
	e.target = Target{Run: "r", Credential: "c", Prefix: "p", Upload: upload.Options{
		Bucket: bucket, Region: devstack.Region, Endpoint: e.store.Endpoint, PathStyle: true, PartSize: upload.MinPartSize, Concurrency: 2,
	}}
	e.key = e.plan.FirstKey()
	return e
}

// within calls do as an activity is called.
func (e *early) within(t *testing.T, do func(ctx context.Context)) {
	t.Helper()
	name := fmt.Sprintf("%x", rand.Uint64())
	e.env.RegisterActivityWithOptions(func(ctx context.Context) error { do(ctx); return nil }, activity.RegisterOptions{Name: name})
	_, err := e.env.ExecuteActivity(name)
	require.NoError(t, err)
}

func (e *early) input() RenderInput {
	in := e.renderInput(true)
	in.Names, in.Target = e.plan.Names, &e.target
	return in
}

// parts is how many parts an upload holds.
func (e *early) parts(id string) int {
	held, err := e.store.Client().ListParts(context.Background(), &s3.ListPartsInput{Bucket: &e.target.Upload.Bucket, Key: &e.key, UploadId: &id})
	if err != nil {
		return 0
	}
	return len(held.Parts)
}

// open are the ids of the uploads that are open under the delivery's key.
func (e *early) open(t *testing.T) []string {
	t.Helper()
	listed, err := e.store.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &e.target.Upload.Bucket, Prefix: &e.key})
	require.NoError(t, err)
	ids := []string{}
	for _, u := range listed.Uploads {
		ids = append(ids, *u.UploadId)
	}
	return ids
}

// noted are the uploads in the journal of Upload.
func (e *early) noted(t *testing.T) []workspace.File {
	t.Helper()
	step, err := e.run.Step(e.folder.Delivery, stepUpload)
	require.NoError(t, err)
	files, _, err := step.Files(nil)
	require.NoError(t, err)
	return files
}

// arrived waits until the bucket holds a part of the file that is being written, and returns the upload's id.
func (e *early) arrived(t *testing.T) (id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		if noted := e.noted(t); len(noted) > 0 {
			id = noted[0].Upload
		}
		return id != "" && e.parts(id) > 0
	}, time.Minute, 10*time.Millisecond)
	return id
}

// finish ends a render whose file was written, and its head start.
func (e *early) finish(t *testing.T, to destination, out io.Closer, ahead *headStart) {
	t.Helper()
	require.NoError(t, out.Close())
	_, err := to.finish(oneFile(7))
	require.NoError(t, err)
	ahead.settle()
}

// uploaded is what Upload makes of the file of a step.
func (e *early) uploaded(t *testing.T, step string) Uploaded {
	t.Helper()
	got := do[UploadResult](t, e.packer, e.steps.Upload, UploadInput{
		Folder: e.folder, Target: e.target, From: FilesResult{Step: step, Files: 1}, Names: e.plan.Names, Count: 1,
	})
	require.Len(t, got.Objects, 1)
	return got.Objects[0]
}

// publish makes it visible.
func (e *early) publish(t *testing.T, sent Uploaded) PublishResult {
	t.Helper()
	return do[PublishResult](t, e.packer, e.steps.Publish, PublishInput{
		Target: e.target, Delivery: e.folder.Delivery, Objects: []Uploaded{sent}, Mode: PublishAll,
	})
}

// more is as much as makes more than a part, however it is packed.
func more() []byte {
	noise := make([]byte, 3*upload.MinPartSize)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	return noise
}

// oneFile is what a render of so many rows has made.
func oneFile(rows int64) []render.File { return []render.File{{Number: 1, Rows: rows}} }

// write begins to render, and writes more than a part.
func (e *early) write(ctx context.Context, t *testing.T) (destination, io.WriteCloser, *headStart) {
	t.Helper()
	ahead := e.steps.headStart(e.run, e.folder.Delivery, e.plan.Names, &e.target)
	to, err := e.steps.destination(ctx, e.run, stepNamed(t, e.fusing, stepRender), e.input(), ahead)
	require.NoError(t, err)
	out, err := to.create(1)
	require.NoError(t, err)
	_, err = out.Write(more())
	require.NoError(t, err)
	return to, out, ahead
}

// begin does so too, and returns when a part of the file is in the bucket.
func (e *early) begin(ctx context.Context, t *testing.T) (destination, io.WriteCloser, *headStart, string) {
	t.Helper()
	to, out, ahead := e.write(ctx, t)
	return to, out, ahead, e.arrived(t)
}

func TestTheOneFileIsSentWhileItIsMade(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct{ encoding, to, last string }{
		"as it is":           {archive.None, "nobody", stepRender},
		"encrypted":          {archive.None, "rsa", stepEncrypt},
		"gzip":               {archive.GZIP, "nobody", stepArchive},
		"gzip and encrypted": {archive.GZIP, "rsa", stepEncrypt},
		"zip":                {archive.ZIP, "nobody", stepArchive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEarly(t, at.encoding, at.to)
			var id string
			e.within(t, func(ctx context.Context) {
				to, out, ahead, begun := e.begin(ctx, t)
				id = begun
				_, err := out.Write([]byte("the end"))
				require.NoError(t, err)
				e.finish(t, to, out, ahead)
				ahead.stop()
			})
			require.Equal(t, []string{id}, e.open(t))

			sent := e.uploaded(t, at.last)
			require.Equal(t, id, sent.UploadID)
			require.False(t, sent.Opened.IsZero())
			published := e.publish(t, sent)
			require.Equal(t, sent.CRC32C, published.Objects[0].Checksum)
			require.Empty(t, e.open(t))
			require.True(t, bytes.Equal(e.fileOf(t, at.last), e.object(t)))
			require.Equal(t, published, e.publish(t, sent), "an answer that got lost is found")
		})
	}
}

func (e *early) fileOf(t *testing.T, step string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.host.Dir(), "runs", "r", "r-1", step, "0000001"))
	require.NoError(t, err)
	return text
}

func (e *early) object(t *testing.T) []byte {
	t.Helper()
	got, err := e.store.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &e.target.Upload.Bucket, Key: &e.key})
	require.NoError(t, err)
	text, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.NoError(t, got.Body.Close())
	return text
}

func TestAnArchiveIsSentWhileItIsPackedAndAgainIntoTheSameUpload(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.TGZ, "rsa")
	var ids []string
	for range 2 { // the second time after a crash
		e.within(t, func(ctx context.Context) {
			out, err := e.steps.outlet(e.run, e.folder.Delivery, stepArchive, e.steps.cipher(e.plan.Encryption))
			require.NoError(t, err)
			ahead := e.steps.headStart(e.run, e.folder.Delivery, e.plan.Names, &e.target)
			out.sendAhead(ctx, ahead, e.plan.Encryption)
			_, err = out.Write(more())
			require.NoError(t, err)
			ids = append(ids, e.arrived(t))
			ahead.stop()
			require.NoError(t, out.Close())
			_, err = out.finish(7)
			require.NoError(t, err)
		})
	}
	require.Equal(t, ids[0], ids[1])
	require.Equal(t, ids[:1], e.open(t))
	sent := e.uploaded(t, stepEncrypt)
	require.Equal(t, ids[0], sent.UploadID)
	e.publish(t, sent)
	require.True(t, bytes.Equal(e.fileOf(t, stepEncrypt), e.object(t)))
}

// What is still to be encrypted must not leave the host.
func TestOnlyWhatIsDeliveredIsSentAhead(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{archive.None, archive.GZIP} {
		e := newEarly(t, encoding, "rsa")
		e.steps.options.Keep, e.steps.options.KeepPlain = time.Hour, true
		e.within(t, func(ctx context.Context) {
			to, out, ahead := e.write(ctx, t)
			e.finish(t, to, out, ahead)
			require.Nil(t, ahead.over, "nothing is followed")
		})
		require.Empty(t, e.noted(t))
	}
}

func TestAStepThatFailsTakesBackWhatItHasSent(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	e.within(t, func(ctx context.Context) {
		ctx, stop := context.WithCancel(ctx)
		to, out, ahead, _ := e.begin(ctx, t)
		stop() // as the end of the worker or of the run does
		require.NoError(t, out.Close())
		to.close()
		ahead.stop()
		require.NoError(t, e.steps.abandon(ctx, e.run))
	})
	require.Empty(t, e.open(t))
	_, err := e.host.Find("r")
	require.ErrorIs(t, err, workspace.ErrMissing)
}

func TestARenderThatBeginsAnewTakesBackWhatWasSent(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	e.within(t, func(ctx context.Context) {
		_, out, ahead, _ := e.begin(ctx, t)
		ahead.stop()
		require.NoError(t, out.Close())
	})
	require.Len(t, e.open(t), 1)
	do[RenderResult](t, e.packer, e.steps.Render, e.input()) // a small result, which has no whole part
	require.Empty(t, e.open(t))
	require.Empty(t, e.noted(t))
}

// An upload of the key may be open that nobody knows: of a host that was lost.
func TestAHeadStartEndsWhatIsOpenUnderItsKey(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	_, err := e.store.Client().CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &e.target.Upload.Bucket, Key: &e.key})
	require.NoError(t, err)
	e.within(t, func(ctx context.Context) {
		_, out, ahead, id := e.begin(ctx, t)
		ahead.stop()
		require.NoError(t, out.Close())
		require.Equal(t, []string{id}, e.open(t))
	})
}

func TestAHeadStartThatCannotBeIsUploadsToDo(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	there := e.target.Upload.Bucket
	e.target.Upload.Bucket = "not-there"
	e.within(t, func(ctx context.Context) {
		to, out, ahead := e.write(ctx, t)
		<-ahead.over
		_, err := out.Write(more())
		require.NoError(t, err)
		e.finish(t, to, out, ahead)
	})
	e.target.Upload.Bucket = there
	require.Equal(t, []string{e.uploaded(t, stepRender).UploadID}, e.open(t))
}

func TestAHeadStartThatSomebodyHasAbortedIsSentAgain(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	var id string
	e.within(t, func(ctx context.Context) {
		to, out, ahead, begun := e.begin(ctx, t)
		id = begun
		e.finish(t, to, out, ahead)
	})
	_, err := e.store.Client().AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: &e.target.Upload.Bucket, Key: &e.key, UploadId: &id})
	require.NoError(t, err)
	sent := e.uploaded(t, stepRender)
	require.NotEqual(t, id, sent.UploadID)
	require.Equal(t, sent, e.uploaded(t, stepRender))
}

// A plan is asked of its render by what it makes, and not by where that goes.
func TestWhereItIsSentMakesNoOtherFile(t *testing.T) {
	t.Parallel()
	in := RenderInput{Names: plan.Names{Filename: "f"}}
	sent := in
	sent.Target = &Target{Run: "r"}
	require.Equal(t, in.digest(), sent.digest())
}
