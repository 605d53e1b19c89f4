package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// A deadSession is S3 and STS behind a proxy for which the first session that sends parts dies after two of them: S3
// refuses from then on whatever is signed with it, as it does with one that has expired.
type deadSession struct {
	*httptest.Server
	mu      sync.Mutex
	first   string // token of the session that dies
	parts   int    // sent with it
	refused int
	later   map[string]bool // tokens of other sessions that sent parts
}

func newDeadSession(t *testing.T) *deadSession {
	t.Helper()
	d := &deadSession{later: map[string]bool{}}
	proxy := proxyOf(t, stack.S3.Endpoint)
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.expired(r) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *deadSession) expired(r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	token, part := r.Header.Get("X-Amz-Security-Token"), kindOf(r) == "UploadPart"
	if part && d.first == "" {
		d.first = token
	}
	switch {
	case token == "" || token != d.first:
		d.later[token] = d.later[token] || part
		return false
	case part && d.parts < 2:
		d.parts++
		return false
	case d.parts < 2:
		return false
	}
	d.refused++
	return true
}

// TestAnUploadThatOutlastsItsSessionGoesOnWithAFreshOne: what the first session has sent is not sent again.
func TestAnUploadThatOutlastsItsSessionGoesOnWithAFreshOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	d := newDeadSession(t)
	s.endpoint = d.URL
	s.sends(source, "long-{site}", "role", "file_format: csv, success_file: true", `filename: "all.csv"`)
	s.worker()
	s.send(s.id("long"), "--run-key", "k")
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))
	s.nothingLeft()
	d.mu.Lock()
	defer d.mu.Unlock()
	require.Equal(t, 2, d.parts)
	require.Positive(t, d.refused, "the session died")
	fresh := 0
	for token, sent := range d.later {
		if sent {
			require.NotEmpty(t, token)
			fresh++
		}
	}
	require.Equal(t, 1, fresh, "sessions that sent the rest")
}

// TestAKeyThatIsRotatedDuringAnUploadIsReadAnew: another key stands in the files that the worker reads, and then the old
// one is withdrawn while parts that it has signed are on their way.
func TestAKeyThatIsRotatedDuringAnUploadIsReadAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	const all = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
	key := func(which string) {
		require.NoError(t, stack.S3.AddUser(t.Context(), which+"-key-of-"+s.name, which+"-secret-0123456789", all))
		s.write("id", which+"-key-of-"+s.name)
		s.write("key", which+"-secret-0123456789")
	}
	key("old")
	g := s.gate("UploadPart", 2)
	withdrawn := newWithdrawal(t, g.URL, "old-key-of-"+s.name)
	s.endpoint = withdrawn.URL
	s.sends("  - {name: theirs, type: iam-credential, access_key_id: {file: id}, secret_access_key: {file: key}}\n"+judged,
		"rotated-{site}", "theirs", "file_format: csv, success_file: true", `filename: "all.csv"`)
	s.worker()
	s.begin("rotated", "k")
	eventually(t, "Upload is at work", func() bool { return g.answered("UploadPart") == 2 })
	key("new")
	withdrawn.begun.Store(true)
	g.release()
	s.send(s.id("rotated"), "--run-key", "k")
	require.Positive(t, withdrawn.refused.Load(), "the old key was tried once more")
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))
	s.nothingLeft()
}

// A withdrawal stands before S3, which does not know a key any more once it has begun.
type withdrawal struct {
	*httptest.Server
	begun   atomic.Bool
	refused atomic.Int64
}

func newWithdrawal(t *testing.T, endpoint, key string) *withdrawal {
	t.Helper()
	d := &withdrawal{}
	proxy := proxyOf(t, endpoint)
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.begun.Load() || !strings.Contains(r.Header.Get("Authorization"), key) {
			proxy.ServeHTTP(w, r)
			return
		}
		d.refused.Add(1)
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>InvalidAccessKeyId</Code><Message>The AWS Access Key Id you provided does not exist in our records.</Message></Error>`)
	}))
	t.Cleanup(d.Close)
	return d
}

// TestMoreObjectsThanFitOneCallAreShownTogether sends one object more than an Upload or a Publish handles.
func TestMoreObjectsThanFitOneCallAreShownTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.many(501)
}

// many delivers a row per object.
func (s *site) many(objects int) {
	s.t.Helper()
	s.data("data.parquet", nastyRows(objects))
	s.sends(source, "many-{site}", "platform", "file_format: ndjson, success_file: true, receipt: true, split: {rows: 1}",
		`filename: all, split_filename: "{{file_number}}.ndjson"`)
	s.worker()
	c := s.send(s.id("many"), "--run-key", "k")
	require.EqualValues(s.t, objects, c.Rows)
	require.Equal(s.t, objects, c.ObjectCount)
	require.Len(s.t, c.Objects, 200)
	require.True(s.t, c.ObjectsTruncated)
	found := map[string]int64{}
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &s.bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		require.NoError(s.t, err)
		for _, o := range page.Contents {
			found[*o.Key] = *o.Size
		}
	}
	require.Len(s.t, found, objects+2, "and receipt and success file")
	for number := 1; number <= objects; number++ {
		require.Positive(s.t, found[fmt.Sprintf("all/%07d.ndjson", number)])
	}
	batches := (objects + 499) / 500
	require.Equal(s.t, 2*batches, strings.Count(historyOf(s.t, s.workflow("many")), `"name":"Publish"`), "all are verified before the first is completed")
	s.nothingLeft()
}

// TestACrashBetweenTwoCompletionsIsFinished kills the worker when seven of twenty objects can be read: the others follow,
// and none is completed twice.
func TestACrashBetweenTwoCompletionsIsFinished(t *testing.T) {
	t.Parallel()
	const objects, before = 20, 7
	s := newSite(t)
	s.data("data.parquet", nastyRows(objects))
	g := s.gate("CompleteMultipartUpload", before)
	s.sends(source, "halfway-{site}", "platform", "file_format: ndjson, success_file: true, split: {rows: 1}",
		`filename: all, split_filename: "{{file_number}}.ndjson"`)
	w := s.worker()
	s.begin("halfway", "k")
	eventually(t, "some objects are complete", func() bool { return g.answered("CompleteMultipartUpload") == before })
	w.kill()
	require.Len(t, s.keys(), before, "and no success file")
	g.release()
	s.worker()
	c := s.send(s.id("halfway"), "--run-key", "k")
	require.Equal(t, objects, c.ObjectCount)
	require.Len(t, s.keys(), objects+1)
	require.Equal(t, objects, g.count("CompleteMultipartUpload"), "what was complete is recognised")
	s.nothingLeft()
}
