package activities

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consign/internal/archive"
	"consign/internal/upload"
)

// deaf is a store that opens uploads without saying so, as often as one request is tried.
func deaf(t *testing.T, store string) string {
	t.Helper()
	to, err := url.Parse(store)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}}
	var opened atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && opened.Add(1) <= 5 {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// TestAssumeRoleLeavesNothingOfItsEarlierTries: no Upload may come that would find it, as of an empty result.
func TestAssumeRoleLeavesNothingOfItsEarlierTries(t *testing.T) {
	t.Parallel()
	trying := func(t *testing.T) (*early, AssumeRoleInput) {
		t.Helper()
		e := newEarly(t, archive.None, "nobody")
		e.target.Upload.Endpoint = deaf(t, e.store.Endpoint)
		return e, AssumeRoleInput{Target: e.target, TryKey: e.key}
	}
	t.Run("it is tried again", func(t *testing.T) {
		t.Parallel()
		e, in := trying(t)
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		env.RegisterActivity(e.steps.AssumeRole)
		env.ExecuteWorkflow(func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
				StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 2},
			})
			return workflow.ExecuteActivity(ctx, e.steps.AssumeRole, in).Get(ctx, nil)
		})
		require.NoError(t, env.GetWorkflowError())
		require.Empty(t, e.open(t))
	})
	t.Run("a person retries", func(t *testing.T) {
		t.Parallel()
		e, in := trying(t)
		_, err := e.env.ExecuteActivity(e.steps.AssumeRole, in)
		require.Equal(t, "S3Failed", typeOf(t, err))
		require.Len(t, e.open(t), 5)
		in.Again = true
		_, err = e.env.ExecuteActivity(e.steps.AssumeRole, in)
		require.NoError(t, err)
		require.Empty(t, e.open(t))
	})
}

// Lost files are rendered and sent again, three times: in such a store that is for nothing.
func TestAStoreWithoutChecksumsIsNotTakenForFilesThatAreLost(t *testing.T) {
	t.Parallel()
	var told *temporal.ApplicationError
	require.ErrorAs(t, failed(t.Context(), fmt.Errorf("verify k: %w", upload.ErrNoChecksum)), &told)
	require.Equal(t, "SettingsRefused", told.Type())
	require.True(t, told.NonRetryable())
	require.ErrorAs(t, failed(t.Context(), fmt.Errorf("%w, or something on the way: %w", upload.ErrServer, upload.ErrMismatch)), &told)
	require.Equal(t, "S3Failed", told.Type())
	require.False(t, told.NonRetryable())
}
