package activities

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/upload"
	"consign/internal/workspace"
)

// A parcel is a run on its host that has uploads open in a store. The store is a stand-in, for MinIO fails to abort on no
// request: it notes what is aborted and refuses what it is told to.
type parcel struct {
	*keeper
	endpoint string
	folder   Folder
	run      *workspace.Run

	mu      sync.Mutex
	aborted []string // bucket, key and id
	asked   int
	within  func() // called while an abort is under way
	code    string // what aborting is answered, one that is not tried again at once; "": it is done
	open    string // what is listed as open, in XML; "": this store has no such list
}

func newParcel(t *testing.T) *parcel {
	t.Helper()
	p := &parcel{folder: Folder{Run: "r", WorkflowID: "send/o", Delivery: "r-1"}}
	store := httptest.NewServer(p)
	t.Cleanup(store.Close)
	p.endpoint = store.URL
	file := filepath.Join(t.TempDir(), "consign.yaml")
	text := `credentials: [{name: c, type: iam-credential, access_key_id: {env: A}, secret_access_key: {env: B}, region: eu-west-1}]`
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, list, err := config.Load(file, func(name string) (string, bool) {
		return map[string]string{"A": "AKIAOURS", "B": "ours"}[name], len(name) == 1
	})
	require.NoError(t, err)
	require.NoError(t, list.Err())
	p.keeper = newKeeper(t, time.Hour)
	p.steps.options.Config = func() (*config.Config, error) { return c, nil }
	p.sent(t, p.target("acme"), "u1", "u2")
	return p
}

func (p *parcel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.within != nil {
		p.within()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	switch {
	case r.Method == http.MethodGet && p.open != "":
		_, _ = w.Write([]byte(p.open))
	case r.Method != http.MethodDelete:
		w.WriteHeader(http.StatusNotImplemented)
	case p.code != "":
		w.WriteHeader(map[string]int{"AccessDenied": http.StatusForbidden, "OperationAborted": http.StatusConflict, "NoSuchBucket": http.StatusNotFound}[p.code])
		_, _ = w.Write([]byte(`<Error><Code>` + p.code + `</Code><Message>No.</Message></Error>`))
	default:
		p.aborted = append(p.aborted, strings.TrimPrefix(r.URL.Path, "/")+" "+r.URL.Query().Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	}
}

// answers says what aborting is answered from now on.
func (p *parcel) answers(code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code = code
}

// lists says what open uploads are listed as from now on.
func (p *parcel) lists(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = text
}

// gone are the uploads that were aborted, and forgets them.
func (p *parcel) gone() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := p.aborted
	p.aborted = nil
	slices.Sort(gone)
	return gone
}

// requests returns how many there were since it was called last.
func (p *parcel) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = 0
	return asked
}

func (p *parcel) target(bucket string) Target {
	return Target{Run: "r", Credential: "c", Upload: upload.Options{
		Bucket: bucket, Region: "eu-west-1", Endpoint: p.endpoint, PathStyle: true, Concurrency: 2,
	}}
}

func names() plan.Names { return plan.Names{Filename: "f.csv", Extension: "csv"} }

// sent gives the run a file that is to be sent and notes uploads of it.
func (p *parcel) sent(t *testing.T, to Target, uploads ...string) {
	t.Helper()
	var err error
	p.run, err = p.host.Run(p.folder.WorkflowID, p.folder.Run)
	require.NoError(t, err)
	require.NoError(t, p.host.Lease(p.run))
	step, err := p.run.Step(p.folder.Delivery, stepRender)
	require.NoError(t, err)
	out, err := create(step, "0000001", sha256.New())
	file := written(t, out, err)
	require.NoError(t, step.Finish(file))
	journal, err := p.run.Step(p.folder.Delivery, stepUpload)
	require.NoError(t, err)
	for _, id := range uploads {
		file.Upload = id
		require.NoError(t, journal.Enter(file))
	}
	require.NoError(t, p.run.Note(noteSending, sending{to, p.folder.Delivery, names()}))
}

func (p *parcel) discard() error {
	_, err := p.env.ExecuteActivity(p.steps.Discard, DiscardInput{Folder: p.folder, Target: p.target("acme"), Names: names(), Abort: true})
	return err
}

// holdsUploadsOnly says what must be left of a run of which uploads are open still: nobody's data.
func (p *parcel) holdsUploadsOnly(t *testing.T) {
	t.Helper()
	require.NotContains(t, p.left(t), "r/r-1/render")
	require.Contains(t, p.left(t), "r/r-1/upload")
}

func TestWhatCannotBeAbortedNowIsAbortedLater(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	p.answers("OperationAborted")
	require.ErrorContains(t, p.discard(), "OperationAborted")
	p.holdsUploadsOnly(t)
	leases, err := filepath.Glob(filepath.Join(p.dir, "runs", "r", "lease"))
	require.NoError(t, err)
	require.Empty(t, leases, "its place is free")
	p.answers("")
	require.NoError(t, p.discard())
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
	require.Empty(t, p.left(t))
}

func TestTheUploadsOfSideFilesAreAbortedLaterToo(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	journal, err := p.run.Step(p.folder.Delivery, stepSides)
	require.NoError(t, err)
	require.NoError(t, journal.Enter(workspace.File{Number: sideReceipt, Upload: "u3"}))
	receipt, err := names().Receipt()
	require.NoError(t, err)
	p.answers("OperationAborted")
	require.Error(t, p.discard())
	p.answers("")
	require.NoError(t, p.discard())
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2", "acme/" + receipt + " u3"}, p.gone())
}

// Nobody mends a note by hand: a run whose note was damaged on the disk must not fail at it for ever.
func TestANoteThatWasDamagedIsAsIfItWereNotThere(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	damage := func() {
		require.NoError(t, os.WriteFile(filepath.Join(p.dir, "runs", "r", "sending.json"), []byte(`{"target":{"run":0}}`), 0o600))
	}
	damage()
	again, err := p.steps.noteSent(t.Context(), p.run, sending{p.target("acme"), p.folder.Delivery, names()})
	require.NoError(t, err)
	require.False(t, again)
	damage()
	require.NoError(t, p.discard())
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone(), "the step knows by itself where they are")
	require.Empty(t, p.left(t))
}

func TestTheJanitorRemovesFilesAlsoIfUploadsCannotBeAbortedYet(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	p.answers("OperationAborted")
	over := func(context.Context, *workspace.Run) (bool, error) { return true, nil }
	_, err := Sweep(t.Context(), p.steps, over)
	require.ErrorIs(t, err, upload.ErrBusy)
	p.holdsUploadsOnly(t)
	p.answers("")
	require.Equal(t, 1, p.sweep(t))
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
	require.Empty(t, p.left(t))
}

func TestUploadsThatThereWasNoTimeToAbortAreNotForgotten(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	ctx, cancel := context.WithCancel(t.Context())
	bucket, err := p.steps.bucket(ctx, p.target("acme"))
	require.NoError(t, err)
	cancel()
	n, err := abortUploads(ctx, bucket, map[string][]string{"f.csv": {"u1", "u2"}}, 2)
	require.Zero(t, n)
	require.ErrorIs(t, err, context.Canceled)
}

// Steps of a run that was reset may not have noticed.
func TestAStepThatMakesFilesEndsTheOthersOfItsRun(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	kept, sent, _ := p.finish(t, "kept", stepRender)
	ctx, upload, err := p.run.Begin(t.Context(), stepUpload, nil)
	require.NoError(t, err)
	go func() {
		<-ctx.Done()
		upload.End()
	}()
	do[RenderResult](t, p.packer, p.steps.Reuse, ReuseInput{Folder: p.folder, Kept: kept, From: sent})
	require.ErrorIs(t, context.Cause(ctx), workspace.ErrOver)
}

// nothingMore is an upload of files that are all sent: what is tested is what it does before.
func (p *parcel) nothingMore(bucket string) UploadInput {
	return UploadInput{Folder: p.folder, Target: p.target(bucket), From: FilesResult{Step: stepRender, Files: 1}, Names: names(), First: 1}
}

func TestARunKeepsItsPlaceUntilItsLastFileIsSent(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	in := p.nothingMore("acme")
	in.First = 0
	do[UploadResult](t, p.packer, p.steps.Upload, in)
	require.True(t, p.host.Leased(p.run))
	do[UploadResult](t, p.packer, p.steps.Upload, p.nothingMore("acme"))
	require.False(t, p.host.Leased(p.run))
}

func TestAResetToAnotherBucketLeavesNothingOpenInTheFirst(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	do[UploadResult](t, p.packer, p.steps.Upload, p.nothingMore("acme"))
	require.Empty(t, p.gone(), "to the same place: it goes on")
	p.answers("OperationAborted")
	_, err := p.env.ExecuteActivity(p.steps.Upload, p.nothingMore("other"))
	require.ErrorContains(t, err, "abort")
	p.answers("")
	do[UploadResult](t, p.packer, p.steps.Upload, p.nothingMore("other"))
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
	require.NotContains(t, p.left(t), "r/r-1/upload/journal.ndjson", "nobody is to send into them")
	do[UploadResult](t, p.packer, p.steps.Upload, p.nothingMore("other"))
	require.Empty(t, p.gone())
}

func TestADeliveryDoesNotWaitForUploadsThatNobodyMayAbort(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	p.answers("AccessDenied")
	do[UploadResult](t, p.packer, p.steps.Upload, p.nothingMore("other"))
}

// A run that was reset to before its plan may be aborted before it has sent anything to the bucket of its new plan.
func TestWhatIsOpenIsAbortedWhereItIs(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	other := names()
	other.Prefix, other.Encrypted = "new/", true // nothing of which was in the one before
	do[DiscardResult](t, p.packer, p.steps.Discard, DiscardInput{Folder: p.folder, Target: p.target("other"), Names: other, Abort: true})
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
}

// S3 takes some settings when an upload is opened, and the journal tells no key.
func TestAResetWithOtherSettingsOfTheObjectBeginsOtherUploads(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*UploadInput){
		"sse":           func(in *UploadInput) { in.Target.Upload.SSE = "s3" },
		"kms_key_id":    func(in *UploadInput) { in.Target.Upload.KMSKeyID = "k" },
		"acl":           func(in *UploadInput) { in.Target.Upload.ACL = "bucket-owner-full-control" },
		"storage_class": func(in *UploadInput) { in.Target.Upload.StorageClass = "STANDARD_IA" },
		"tags":          func(in *UploadInput) { in.Target.Upload.Tags = map[string]string{"a": "b"} },
		"endpoint":      func(in *UploadInput) { in.Target.Upload.Endpoint = "http://127.0.0.1:1" },
		"filename":      func(in *UploadInput) { in.Names.Filename = "g.csv" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t)
			in := p.nothingMore("acme")
			change(&in)
			do[UploadResult](t, p.packer, p.steps.Upload, in)
			require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
		})
	}
}

func TestFilesGoBeforeUploadsAreAborted(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	var left [][]string
	p.within = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		left = append(left, p.left(t))
	}
	require.NoError(t, p.discard())
	require.Len(t, left, 2)
	for _, names := range left {
		require.NotContains(t, names, "r/r-1/render")
	}
}

func TestAStoreThatIsAwayIsNotAskedThousandsOfTimes(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	uploads := make([]string, 1000)
	for i := range uploads {
		uploads[i] = fmt.Sprint("more-", i)
	}
	p.sent(t, p.target("acme"), uploads...)
	p.answers("OperationAborted")
	require.Error(t, p.discard())
	require.Less(t, p.requests(), 100)

	p.answers("AccessDenied")
	require.ErrorContains(t, p.discard(), "access denied")
	require.Equal(t, 1002, p.requests(), "of one upload this says nothing about the next")
	p.answers("NoSuchBucket")
	require.NoError(t, p.discard(), "with the bucket they are gone")
}

// What is known is aborted also where nothing can be looked for.
func TestASearchThatFailsLeavesNoKnownUploadOpen(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	got := do[DiscardResult](t, p.packer, p.steps.Discard, DiscardInput{
		Folder: p.folder, Target: p.target("acme"), Names: names(), Elsewhere: true, Unknown: 2,
		Uploads: []Uploaded{{Key: "f.csv", UploadID: "u9"}, {Key: "empty.csv"}},
	})
	require.Equal(t, DiscardResult{Aborted: 1}, got, "this store answers 501, and there is no upload of nothing")
	require.Equal(t, []string{"acme/f.csv u9"}, p.gone())
}

// A step that makes the files anew knows of all that an earlier delivery of the run has left open, and of nothing else.
func TestFilesThatAreMadeAnewAreSentAnew(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	kept, sent, _ := p.finish(t, "kept", stepRender)
	p.folder.Delivery = "r-2"
	do[RenderResult](t, p.packer, p.steps.Reuse, ReuseInput{Folder: p.folder, Kept: kept, From: sent})
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
	require.NoDirExists(t, filepath.Join(p.dir, "runs", "r", "r-1"))
	found, err := p.run.Noted(noteSending, new(sending))
	require.NoError(t, err)
	require.False(t, found)
}

func TestAStepThatFailsForgetsNoUpload(t *testing.T) {
	t.Parallel()
	p := newParcel(t)
	p.answers("OperationAborted")
	_, err := p.env.ExecuteActivity(p.steps.Reuse, ReuseInput{Folder: p.folder})
	require.ErrorContains(t, err, "abort")
	p.holdsUploadsOnly(t)
	p.answers("")
	require.Equal(t, 1, p.sweep(t))
	require.Equal(t, []string{"acme/f.csv u1", "acme/f.csv u2"}, p.gone())
}
