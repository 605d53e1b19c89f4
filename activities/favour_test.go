package activities

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
	"consign/internal/config"
)

// TestAFileWithoutAWholePartWaitsForNothing: small deliveries are many.
func TestAFileWithoutAWholePartWaitsForNothing(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	e.within(t, func(ctx context.Context) {
		ahead := e.steps.headStart(e.run, e.folder.Delivery, e.plan.Names, &e.target)
		to, err := e.steps.destination(ctx, e.run, stepNamed(t, e.fusing, stepRender), e.input(), ahead)
		require.NoError(t, err)
		out, err := to.create(1)
		require.NoError(t, err)
		require.NoError(t, out.Close())
		begun := time.Now()
		ahead.settle()
		require.Less(t, time.Since(begun), lastParts)
		ahead.stop()
	})
}

// TestADefectInAHeadStartIsUploadsToDo: it is on a goroutine of its own, of which a panic would end everybody's steps.
func TestADefectInAHeadStartIsUploadsToDo(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	configured := e.steps.options.Config
	e.steps.options.Config = func() (*config.Config, error) { panic("a defect") }
	e.within(t, func(ctx context.Context) {
		to, out, ahead := e.write(ctx, t)
		<-ahead.over
		e.finish(t, to, out, ahead)
	})
	e.steps.options.Config = configured
	require.Equal(t, []string{e.uploaded(t, stepRender).UploadID}, e.open(t))
}

// TestAHeadStartThatCannotBeNotedIsAborted: the run's folder is gone, as when a host wakes up and its janitor was faster. The
// store is a stand-in that tells what it was asked.
func TestAHeadStartThatCannotBeNotedIsAborted(t *testing.T) {
	t.Parallel()
	e := newEarly(t, archive.None, "nobody")
	var aborted []string
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPost:
			_ = e.run.Remove()
			_, _ = w.Write([]byte(`<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`))
		case http.MethodDelete:
			aborted = append(aborted, r.URL.Query().Get("uploadId"))
			w.WriteHeader(http.StatusNoContent)
		default: // it has no list of open uploads
			w.WriteHeader(http.StatusNotImplemented)
		}
	}))
	t.Cleanup(store.Close)
	e.target.Upload.Endpoint = store.URL
	e.within(t, func(ctx context.Context) {
		to, out, ahead := e.write(ctx, t)
		<-ahead.over
		ahead.stop()
		require.NoError(t, out.Close())
		to.close()
	})
	require.Equal(t, []string{"u1"}, aborted)
}
