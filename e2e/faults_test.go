package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"consign/activities"
	"consign/internal/devstack/trust"
	"consign/workflows"
)

// A gate stands before S3 and holds requests back while it is shut: no real store is slow on request.
type gate struct {
	*httptest.Server
	mu     sync.Mutex
	passed map[string]int // requests that were let through, by kind
	done   map[string]int // and answered
	open   chan struct{}  // closed while the gate is open
	kind   string         // what it holds back; empty: nothing
	most   int            // requests of the kind that it lets through before
}

// gate puts a gate before S3, which lets so many requests of a kind through and holds back the others until release.
func (s *site) gate(kind string, most int) *gate {
	s.t.Helper()
	g := &gate{passed: map[string]int{}, done: map[string]int{}, open: make(chan struct{}), kind: kind, most: most}
	proxy := proxyOf(s.t, stack.S3.Endpoint)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind := kindOf(r)
		g.mu.Lock()
		held := kind == g.kind && g.passed[kind] >= g.most
		if !held {
			g.passed[kind]++
		}
		open := g.open
		g.mu.Unlock()
		if held {
			<-open
			w.WriteHeader(http.StatusServiceUnavailable) // whoever still waits tries again
			return
		}
		proxy.ServeHTTP(w, r)
		g.mu.Lock()
		g.done[kind]++
		g.mu.Unlock()
	}))
	s.t.Cleanup(func() {
		g.release()
		g.Close()
	})
	s.endpoint = g.URL
	return g
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kind != "" {
		g.kind = ""
		close(g.open)
	}
}

// answered is how many requests of a kind S3 has answered; count, how many it was given.
func (g *gate) answered(kind string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.done[kind]
}

func (g *gate) count(kind string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passed[kind]
}

// kindOf names a request to S3.
func kindOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber") && r.ContentLength < 1<<20:
		return "TryPart" // AssumeRole tries what it may do
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodPut:
		return "PutObject"
	default:
		return r.Method
	}
}

// plainSend is an orchestration that sends all rows as one CSV file, and tells a campaign.
func (s *site) plainSend(notify string) {
	s.t.Helper()
	s.patientSend(notify, "2s")
}

// patientSend is a plainSend that waits for whom it tells.
func (s *site) patientSend(notify, patience string) {
	s.t.Helper()
	s.sends(judged, fmt.Sprintf("weekly-{site}, notify_timeout: %s, notify: [{workflow_id: %s}]", patience, notify),
		"platform", "file_format: csv, success_file: true", `filename: "all.csv"`)
}

func TestAWorkerKilledDuringUploadGoesOnWithThePartsThatAreThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000)) // about 40 MB: eight parts
	g := s.gate("UploadPart", 3)
	s.plainSend(s.name + "-campaign")
	heard := s.campaign(s.name + "-campaign")
	w := s.worker()
	s.begin("weekly", "k")
	eventually(t, "three parts sent", func() bool { return g.answered("UploadPart") >= 3 })
	w.kill()
	require.Empty(t, s.keys(), "nothing is to be seen yet")
	g.release()
	before := g.count("UploadPart")
	s.worker()
	c := s.send(s.id("weekly"), "--run-key", "k")
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))
	require.Len(t, heard(), 1, "one signal")
	s.nothingLeft()

	parts := int((c.Bytes + 5<<20 - 1) / (5 << 20))
	require.Equal(t, parts-3, g.count("UploadPart")-before, "parts that S3 has are not sent again")
	require.Equal(t, 1, g.count("CompleteMultipartUpload"))
	require.Equal(t, 2, g.count("CreateMultipartUpload"), "one to try, one to send")
}

func TestAWorkerKilledDuringRenderBeginsTheRenderAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(3_000_000))
	s.plainSend(s.name + "-campaign")
	heard := s.campaign(s.name + "-campaign")
	w := s.worker()
	s.begin("weekly", "k")
	eventually(t, "a part of the file", func() bool {
		parts, err := filepath.Glob(s.path("workspace/runs/*/*/render/*.part"))
		require.NoError(t, err)
		if len(parts) == 0 {
			return false
		}
		info, err := os.Stat(parts[0])
		return err == nil && info.Size() > 1<<20
	})
	w.kill()
	s.worker()
	c := s.send(s.id("weekly"), "--run-key", "k")
	require.EqualValues(t, 3_000_000, c.Rows)
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	s.sameCSV(s.get("all.csv"))
	require.Len(t, heard(), 1)
	s.nothingLeft()
}

func TestAStoppedWorkerGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	g := s.gate("UploadPart", 3)
	s.plainSend(s.name + "-nobody")
	w := s.worker()
	s.begin("weekly", "k")
	eventually(t, "three parts sent", func() bool { return g.answered("UploadPart") >= 3 })
	require.Equal(t, 0, w.stop(), s.logs.String())
	g.release()
	s.worker()
	eventually(t, "the success file", func() bool { return len(s.keys()) == 2 })
	s.sameCSV(s.get("all.csv"))
}

// A broken is a run that must end parked, with an explanation and nothing in the bucket.
type broken struct {
	destination, query string
	prepare            func(*site)

	attribution, kind string
	says              []string // in what the person who waits is told
}

func brokenRuns() map[string]broken {
	return map[string]broken{
		"a bucket that is not there": {
			prepare:     func(s *site) { s.bucket = "acme-is-not-there" },
			attribution: "customer", kind: "NoSuchBucket", says: []string{"acme-is-not-there"},
		},
		"a secret key that is wrong": {
			prepare:     func(s *site) { s.write("secret", "not-the-secret") },
			attribution: "configuration", kind: "SecretKeyWrong", says: []string{"secret access key"},
		},
		"a secret that is not there": {
			prepare:     func(s *site) { require.NoError(s.t, os.Remove(s.path("secret"))) },
			attribution: "configuration", kind: "SecretMissing", says: []string{"secret"},
		},
		"a query that cannot be parsed": {
			query:       "SELEKT * FROM customers",
			attribution: "configuration", kind: "QueryFailed", says: []string{"query all", "SELEKT"},
		},
		"a file that is not Parquet": {
			prepare:     func(s *site) { s.write("data.parquet", "PAR1 this is not") },
			attribution: "configuration", kind: "SourceUnreadable", says: []string{"data.parquet"},
		},
		"a value that a row cannot write": {
			query:       `SELECT 1 AS id, 'fine' AS a UNION ALL SELECT 2, 'jane,doe' ORDER BY id`,
			destination: "quote_mode: none",
			attribution: "configuration", kind: "UnwritableValue", says: []string{"row 2", `"a"`},
		},
		"a store that does not answer": {
			prepare:     func(s *site) { s.endpoint = "http://127.0.0.1:1" },
			attribution: "platform", kind: "S3Unreachable", says: []string{"127.0.0.1:1"},
		},
	}
}

func TestWhatCannotBeDeliveredParksWithAnExplanation(t *testing.T) {
	t.Parallel()
	for name, b := range brokenRuns() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			bucket := s.bucket
			s.data("data.parquet", nastyRows(10))
			if b.prepare != nil {
				b.prepare(s)
			}
			query := b.query
			if query == "" {
				query = "SELECT * FROM customers"
			}
			settings := "file_format: csv, success_file: true"
			if b.destination != "" {
				settings += ", " + b.destination
			}
			s.sends(fmt.Sprintf(`
sources:
  - {name: files, type: duckdb, tables: [{name: customers, files: data.parquet}]}
queries:
  - {name: all, source: files, sql: %q}
`, query), "weekly-{site}", "platform", settings, "filename: all.csv")
			s.worker()
			a := s.parks("weekly")
			said := a.out + a.err
			f := s.failure("weekly")
			require.Equal(t, b.kind, f.Type)
			require.EqualValues(t, b.attribution, f.Attribution)
			for _, want := range append(b.says, b.attribution, "starter retry "+s.id("weekly")+"/k") {
				require.Contains(t, said, want)
			}
			require.NotContains(t, said, "goroutine ")
			require.NotContains(t, said, "jane,doe", "a value is never shown")

			s.bucket = bucket
			require.Empty(t, s.keys())
			require.Equal(t, 0, s.starter("abort", s.id("weekly")+"/k", "--reason", "a test").code)
			eventually(t, "the run is closed", func() bool { return s.status(s.workflow("weekly")) != enums.WORKFLOW_EXECUTION_STATUS_RUNNING })
			require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_CANCELED, s.status(s.workflow("weekly")))
			s.nothingLeft()
		})
	}
}

// failure is why the run is parked.
func (s *site) failure(orchestration string) activities.Failure {
	s.t.Helper()
	p := s.progressOf(s.workflow(orchestration))
	require.Equal(s.t, workflows.Parked, p.State)
	require.NotNil(s.t, p.Failure)
	return *p.Failure
}

func (s *site) status(workflowID string) enums.WorkflowExecutionStatus {
	s.t.Helper()
	described, err := temporal.DescribeWorkflowExecution(s.t.Context(), workflowID, "")
	require.NoError(s.t, err)
	return described.GetWorkflowExecutionInfo().GetStatus()
}

func TestAWrongExternalIDIsExplainedAndMendedWithAReplan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(10))
	const role = "arn:aws:iam::210987654321:role/strict"
	// MinIO's STS ignores external IDs and trust policies, so these roles are assumed from one that honours them and
	// hands out MinIO's own sessions.
	sts := httptest.NewServer(trust.New(trust.Options{
		Users: []trust.User{{ARN: "arn:aws:iam::111122223333:user/consign", Key: userKey, Secret: userSecret}},
		Roles: []trust.Role{{ARN: role, ExternalID: "the-right-one"}, {ARN: "arn:aws:iam::210987654321:role/open"}},
		Issue: trust.From(stack.S3.Endpoint, userKey, userSecret),
	}))
	t.Cleanup(sts.Close)
	configure := func(roleARN, externalID string) {
		s.sends(fmt.Sprintf(`  - {name: strict, type: iam-role-to-role, base: platform, role_arn: %q, external_id: %q, sts_endpoint: %q, verify_external_id: true}
`, roleARN, externalID, sts.URL)+source, "weekly-{site}", "strict", "file_format: csv, success_file: true", "filename: all.csv")
	}
	configure(role, "the-wrong-one")
	s.worker()
	a := s.parks("weekly")
	require.Equal(t, "RoleDenied", s.failure("weekly").Type)
	require.Contains(t, a.out+a.err, "customer")
	require.Empty(t, s.keys())

	configure("arn:aws:iam::210987654321:role/open", "the-right-one")
	require.Equal(t, 0, s.starter("retry", s.id("weekly")+"/k", "--replan").code)
	s.parks("weekly")
	require.Equal(t, "RoleOpenToAnyone", s.failure("weekly").Type)

	configure(role, "the-right-one")
	require.Equal(t, 0, s.starter("retry", s.id("weekly")+"/k", "--replan").code)
	c := s.send(s.id("weekly"), "--run-key", "k")
	require.Equal(t, workflows.Completed, c.Status)
	require.Equal(t, []string{"all.csv", "all.csv.DONE"}, s.keys())
	require.NotContains(t, historyOf(t, s.workflow("weekly")), "the-right-one")
	s.nothingLeft()
}

func TestADiskThatIsFullIsExplained(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(500_000))
	require.NoError(t, os.Mkdir(s.path("workspace"), 0o700))
	// A small disk of the worker's own: a mount that nobody else sees and that goes with it.
	s.wrap = []string{"unshare", "--user", "--map-root-user", "--mount", "sh", "-c", `mount -t tmpfs -o size=80m tmpfs "$0" && exec "$@"`, s.path("workspace")}
	s.plainSend("nobody")
	s.edit("SELECT * FROM customers", "SELECT c.* FROM customers c, range(9)")
	s.worker()
	a := s.parks("weekly")
	require.Equal(t, "DiskFull", s.failure("weekly").Type)
	require.Contains(t, a.out+a.err, "platform")
	require.Empty(t, s.keys())
}
