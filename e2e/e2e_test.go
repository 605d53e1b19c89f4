// Package e2e_test sends real deliveries through the real programs: worker and starter as processes of their own, a
// Temporal server, an S3 with STS, gpg. What was delivered is read back by readers that share no code with Consign.
package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/duckdb/duckdb-go/v2" // the reader that checks
	"github.com/stretchr/testify/require"
	common "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"

	"consign/internal/devstack"
	"consign/workflows"
)

// What all tests of the package share: servers and the programs, built once.
var (
	stack    *devstack.Stack
	bin      string
	temporal client.Client
)

const (
	userKey    = "consign-platform"
	userSecret = "platform-secret-0123456789"
	patience   = 90 * time.Second // for anything that is awaited; machines that run tests are slow at times
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := inStack(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
		code = 1
	}
	os.Exit(code)
}

func inStack(m *testing.M) (_ int, err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "consign-e2e-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin = dir
	build := exec.Command("go", "build", "-o", dir, "consign/worker", "consign/starter")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 1, fmt.Errorf("build the programs: %w", err)
	}
	if stack, err = devstack.Start(ctx, devstack.Options{Temporal: true, S3: true, Log: os.Stderr}); err != nil {
		return 1, err
	}
	defer func() { _ = stack.Stop() }()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
	if err := stack.S3.AddUser(ctx, userKey, userSecret, policy); err != nil {
		return 1, err
	}
	if temporal, err = stack.Temporal.Client(ctx); err != nil {
		return 1, err
	}
	defer temporal.Close()
	code := m.Run()
	return code, replayAll(ctx)
}

// A site is one test's own corner: bucket, task queue, workspace, configuration.
type site struct {
	t      *testing.T
	dir    string
	name   string
	bucket string
	s3     *s3.Client

	endpoint string // where the worker finds S3: the server, or a proxy before it
	config   string
	wrap     []string // a command that the worker runs under
	logs     *syncBuffer
}

var names struct {
	sync.Mutex
	next int
}

func newSite(t *testing.T) *site {
	t.Helper()
	names.Lock()
	names.next++
	name := fmt.Sprintf("t%d", names.next)
	names.Unlock()
	s := &site{t: t, dir: t.TempDir(), name: name, bucket: "acme-" + name, s3: stack.S3.Client(), endpoint: stack.S3.Endpoint, logs: &syncBuffer{}}
	require.NoError(t, stack.S3.MakeBucket(t.Context(), s.bucket))
	s.write("secret", userSecret)
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

func (s *site) write(name, text string) string {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	require.NoError(s.t, os.WriteFile(s.path(name), []byte(text), 0o600))
	return s.path(name)
}

// configure writes the site's configuration: what every test needs, and rest, which has destinations, queries and
// orchestrations.
func (s *site) configure(rest string) {
	s.t.Helper()
	s.write("consign.yaml", fmt.Sprintf(`
temporal: {address: %q, task_queue: %s}
workspace: {dir: ./workspace, host_timeout: 20s}
s3: {part_size: 5MiB, concurrency: 2}
retry: {attempts: 4, initial_interval: 100ms, max_interval: 1s}
credentials:
  - {name: platform, type: iam-credential, access_key_id: {env: PLATFORM_ID}, secret_access_key: {file: secret}}
  - {name: role, type: iam-role-to-role, base: platform, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: an-external-id-4711, sts_endpoint: %q}
`, stack.Temporal.Address, s.name, stack.S3.Endpoint)+strings.ReplaceAll(rest, "{site}", s.name))
	s.config = s.path("consign.yaml")
}

// id makes a name of an orchestration the site's own: all tests share one namespace, and a run is known by its
// orchestration and key.
func (s *site) id(orchestration string) string { return orchestration + "-" + s.name }

// workflow is the id of the run with the key that all tests use.
func (s *site) workflow(orchestration string) string {
	return workflows.OrchestrationID(s.id(orchestration), "k")
}

// destination is the settings that every destination of the tests needs.
func (s *site) destination(name, credential, settings string) string {
	return fmt.Sprintf(`
  - {name: %s, plugin: amazon-s3, credential: %s, settings: {bucket: %s, endpoint: %q, path_style: true, region: us-east-1, %s}}`,
		name, credential, s.bucket, s.endpoint, settings)
}

// data makes a Parquet file with a query of DuckDB, and returns the checking connection that made it.
func (s *site) data(name, query string) *sql.DB {
	s.t.Helper()
	db := duck(s.t)
	_, err := db.Exec(fmt.Sprintf("COPY (%s) TO '%s' (FORMAT parquet)", query, s.path(name)))
	require.NoError(s.t, err)
	return db
}

func duck(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	_, err = db.Exec("SET TimeZone = 'UTC'")
	require.NoError(t, err)
	return db
}

// one asks for a single value.
func one[T any](t *testing.T, db *sql.DB, query string, args ...any) T {
	t.Helper()
	var value T
	require.NoError(t, db.QueryRow(query, args...).Scan(&value), query)
	return value
}

// A process is the worker, or another program of ours.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	end chan error
}

func (s *site) environment() []string {
	return append(os.Environ(), "PLATFORM_ID="+userKey, "CONSIGN_CONFIG="+s.config, "AWS_EC2_METADATA_DISABLED=true")
}

// worker starts the worker and waits until it is ready.
func (s *site) worker() *process {
	s.t.Helper()
	return s.workerIn(s.config)
}

func (s *site) workerIn(config string) *process {
	s.t.Helper()
	args := append(slices.Clone(s.wrap), filepath.Join(bin, "worker"), "--config", config)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = s.environment()
	ready := &waitFor{want: "msg=ready", found: make(chan struct{})}
	cmd.Stderr = io.MultiWriter(s.logs, ready)
	require.NoError(s.t, cmd.Start())
	p := &process{t: s.t, cmd: cmd, end: make(chan error, 1)}
	go func() { p.end <- cmd.Wait() }()
	s.t.Cleanup(p.kill)
	select {
	case <-ready.found:
	case err := <-p.end:
		p.end <- err
		require.FailNow(s.t, "the worker ended", "%v\n%s", err, s.logs)
	case <-time.After(patience):
		require.FailNow(s.t, "the worker is not ready", s.logs.String())
	}
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.end <- <-p.end
}

// stop is SIGTERM, and waits for the exit status.
func (p *process) stop() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(os.Interrupt))
	select {
	case err := <-p.end:
		p.end <- err
	case <-time.After(patience):
		require.FailNow(p.t, "the worker does not stop")
	}
	return p.cmd.ProcessState.ExitCode()
}

// waitFor notices when a text was written.
type waitFor struct {
	want  string
	said  bytes.Buffer
	found chan struct{}
	once  sync.Once
}

func (w *waitFor) Write(p []byte) (int, error) {
	w.said.Write(p)
	if bytes.Contains(w.said.Bytes(), []byte(w.want)) {
		w.once.Do(func() { close(w.found) })
	}
	return len(p), nil
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// An answer is what a command of starter said.
type answer struct {
	code     int
	out, err string
}

// starter runs a command to its end.
func (s *site) starter(args ...string) answer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "starter"), args...)
	cmd.Env = s.environment()
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // what Run returns bare
		require.NoError(s.t, err)
	}
	return answer{cmd.ProcessState.ExitCode(), out.String(), messages.String()}
}

// send sends and waits, and expects a delivery.
func (s *site) send(orchestration string, more ...string) workflows.Completion {
	s.t.Helper()
	a := s.starter(append([]string{"send", orchestration, "--wait", "-o", "json"}, more...)...)
	require.Equal(s.t, 0, a.code, "%s\n%s\n%s", a.out, a.err, s.logs)
	return completionOf(s.t, a.out)
}

func completionOf(t *testing.T, text string) workflows.Completion {
	t.Helper()
	var sent struct {
		Completion workflows.Completion `json:"completion"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &sent), text)
	return sent.Completion
}

// keys lists what is in the bucket.
func (s *site) keys() []string {
	s.t.Helper()
	out, err := s.s3.ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: &s.bucket})
	require.NoError(s.t, err)
	keys := []string{}
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	slices.Sort(keys)
	return keys
}

// get fetches an object to a file.
func (s *site) get(key string) string {
	s.t.Helper()
	out, err := s.s3.GetObject(s.t.Context(), &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	require.NoError(s.t, err)
	defer func() { _ = out.Body.Close() }()
	path := s.path(filepath.Join("got", strings.ReplaceAll(key, "/", "_")))
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
	f, err := os.Create(path)
	require.NoError(s.t, err)
	_, err = io.Copy(f, out.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, f.Close())
	return path
}

// nothingLeft checks promise 4: no open upload, and no file in the workspace.
func (s *site) nothingLeft() {
	s.t.Helper()
	uploads, err := s.s3.ListMultipartUploads(s.t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket})
	require.NoError(s.t, err)
	require.Empty(s.t, uploads.Uploads, "open uploads")
	for _, dir := range []string{"workspace", "workspace2"} {
		entries, err := os.ReadDir(filepath.Join(s.dir, dir, "runs"))
		if !os.IsNotExist(err) {
			require.NoError(s.t, err)
		}
		require.Empty(s.t, entries, "files of %s", dir)
	}
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 20*time.Millisecond, what)
}

// tool runs a program of the machine.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

func executionOf(workflowID string) *common.WorkflowExecution {
	return &common.WorkflowExecution{WorkflowId: workflowID}
}
