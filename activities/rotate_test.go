package activities

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/internal/config"
	"consign/internal/lambda"
	"consign/internal/plan"
	"consign/internal/redshift"
	"consign/internal/render"
	"consign/internal/upload"
)

// A rotation is a store, and services, that know one key, and a worker that reads its key from files. While a step is at
// work another key takes the place of the one that it uses.
type rotation struct {
	t       *testing.T
	dir     string
	valid   string // the id of the key that is known
	code    string // what is said of others
	refused int
	rotate  func() // called when a request has come
	steps   *Steps
	env     *testsuite.TestActivityEnvironment
	target  Target
}

func newRotation(t *testing.T, code string) *rotation {
	t.Helper()
	r := &rotation{t: t, dir: t.TempDir(), valid: "AKIAOLD", code: code, rotate: func() {}}
	r.keys("AKIAOLD", "old-secret")
	r.write("bucket", "AKIABUCKET\n")
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	path := r.write("consign.yaml", `
credentials:
  - {name: theirs, type: iam-credential, access_key_id: {file: id}, secret_access_key: {file: secret}}
  - {name: bucket, type: iam-credential, access_key_id: {file: bucket}, secret_access_key: {file: bucket}}
`)
	c, problems, err := config.Load(path, func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.NoError(t, problems.Err())
	r.steps = New(Options{Config: func() (*config.Config, error) { return c, nil }, Clock: time.Now})
	r.env = newEnvironment(r.steps)
	r.target = Target{
		Run: "run", Orchestration: "weekly", Credential: "theirs", Prefix: "in",
		Upload: upload.Options{Bucket: "acme-inbound", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, Attempts: 1},
	}
	return r
}

func (r *rotation) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (r *rotation) keys(id, secret string) {
	r.t.Helper()
	r.write("id", id+"\n")
	r.write("secret", secret+"\n")
}

// ServeHTTP puts whatever is signed with the key that is known.
func (r *rotation) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method == http.MethodGet { // a receipt, which somebody has taken away
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("<Error><Code>NoSuchKey</Code></Error>"))
		return
	}
	r.rotate()
	if strings.Contains(q.Header.Get("Authorization"), "Credential="+r.valid+"/") {
		w.Header().Set("ETag", `"0"`)
		_, _ = w.Write([]byte("{}"))
		return
	}
	r.refused++
	w.Header().Set("X-Amzn-Errortype", r.code)
	w.WriteHeader(http.StatusForbidden)
	answer := "<Error><Code>%s</Code></Error>" // S3's
	if q.Method == http.MethodPost {
		answer = `{"__type": %q}` // the Data API's, and Lambda's
	}
	fmt.Fprintf(w, answer, r.code)
}

func (r *rotation) try() *temporal.ApplicationError {
	return r.told(r.steps.WriteSuccessFile, SuccessInput{Target: r.target, Delivery: "d", Key: "in/all.DONE"})
}

// told is what Temporal is told by a step; nil if it has done its work.
func (r *rotation) told(step, in any) *temporal.ApplicationError {
	_, err := r.env.ExecuteActivity(step, in)
	if err == nil {
		return nil
	}
	var told *temporal.ApplicationError
	require.ErrorAs(r.t, err, &told)
	return told
}

func TestAKeyThatTookThePlaceOfTheRefusedOneIsTried(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidAccessKeyId", "SignatureDoesNotMatch"} {
		r := newRotation(t, code)
		require.Nil(t, r.try())
		r.rotate = func() {
			r.keys("AKIANEW", "new-secret")
			r.valid = "AKIANEW"
		}
		told := r.try()
		require.NotNil(t, told)
		require.False(t, told.NonRetryable(), "%s: the next try has the new key", code)
		require.Equal(t, "CredentialsExpired", told.Type())
		require.Contains(t, told.Message(), "the credential was changed meanwhile")
		require.Nil(t, r.try())
		require.Equal(t, 1, r.refused)
	}
}

func TestAKeyThatIsRefusedAndStillTheOneThatIsConfiguredParks(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"InvalidAccessKeyId": "AccessKeyUnknown", "SignatureDoesNotMatch": "SecretKeyWrong"} {
		r := newRotation(t, code)
		r.keys("AKIAWRONG", "old-secret")
		told := r.try()
		require.NotNil(t, told)
		require.True(t, told.NonRetryable(), code)
		require.Equal(t, want, told.Type())
	}
}

// What is refused for another reason is so whatever the key.
func TestARefusalThatIsNotAboutTheKeyParksAlthoughTheKeyWasReplaced(t *testing.T) {
	t.Parallel()
	r := newRotation(t, "AccessDenied")
	r.valid = "nobody"
	r.rotate = func() { r.keys("AKIANEW", "new-secret") }
	told := r.try()
	require.True(t, told.NonRetryable())
	require.Equal(t, "AccessDenied", told.Type())
}

func TestAKeyThatWhatFollowsADeliveryIsAskedWithIsReadAnewToo(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(r *rotation, follows plan.Downstream) *temporal.ApplicationError{
		"a function": func(r *rotation, follows plan.Downstream) *temporal.ApplicationError {
			return r.told(r.steps.InvokeLambda, LambdaInput{Target: r.target, Downstream: follows, Event: LambdaEvent{ReceiptKey: "in/x.receipt.json"}})
		},
		"a load": func(r *rotation, follows plan.Downstream) *temporal.ApplicationError {
			files := &plan.Plan{Render: render.Options{FileFormat: "csv"}, Columns: []plan.Column{{Name: "id", Type: "BIGINT"}}, ManifestKey: "in/x.manifest"}
			return r.told(r.steps.CopyToRedshift, CopyInput{Target: r.target, Plan: files, Downstream: follows, Statement: "7f1c"})
		},
		"the end of a load": func(r *rotation, follows plan.Downstream) *temporal.ApplicationError {
			return r.told(r.steps.CancelLoad, CopyInput{Target: r.target, Downstream: follows, Statement: "7f1c"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotation(t, "UnrecognizedClientException")
			follows := plan.Downstream{
				Credential: "theirs", Lambda: &lambda.Options{Function: "f", Endpoint: r.target.Upload.Endpoint},
				Redshift: &redshift.Options{Workgroup: "w", Database: "d", Table: "s.t", Endpoint: r.target.Upload.Endpoint},
			}
			r.target.Credential, r.valid = "bucket", "AKIANEW"
			told := ask(r, follows)
			require.True(t, told.NonRetryable())
			require.Equal(t, "AccessKeyUnknown", told.Type())
			r.rotate = func() { r.keys("AKIANEW", "new-secret") }
			require.False(t, ask(r, follows).NonRetryable())
			if refused := r.refused; name == "the end of a load" {
				require.Nil(t, ask(r, follows))
				require.Equal(t, refused, r.refused)
			}
		})
	}
}
