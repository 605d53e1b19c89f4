package torture_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"consign/internal/devstack"
	"consign/workflows"
)

const (
	userKey    = "consign-platform"
	userSecret = "platform-secret-0123456789"
	externalID = "an-external-id-4711"
	bucket     = "acme"
	queue      = "consign"
)

// A world is one seed's: servers, lines, hosts, and what goes wrong with them.
type world struct {
	t      *testing.T
	seed   uint64
	dir    string
	faults []fault
	stack  *devstack.Stack
	client client.Client
	s3     *front
	sts    *front
	wires  [2]*wire
	hosts  [2]*host
	poller *poller

	servers  sync.Mutex // one restart at a time
	retries  int
	parkedBy map[string]int // what the operator found, and how often
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, seed: seed, dir: t.TempDir(), faults: draw(seed), parkedBy: map[string]int{}}
	ctx := t.Context()
	var err error
	w.stack, err = devstack.Start(ctx, devstack.Options{
		Temporal: true, S3: true, TemporalDB: filepath.Join(w.dir, "temporal.db"), Dir: filepath.Join(w.dir, "s3"), Log: os.Stderr,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.stack.Stop() })
	require.NoError(t, w.stack.S3.AddUser(ctx, userKey, userSecret, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`))
	require.NoError(t, w.stack.S3.MakeBucket(ctx, bucket))
	w.client, err = w.stack.Temporal.Client(ctx)
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	w.s3, w.sts = newFront(t, w.stack.S3.Endpoint, seed), newFront(t, w.stack.S3.Endpoint, seed+1<<32)
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "secret"), []byte(userSecret), 0o600))
	for i := range w.hosts {
		w.wires[i] = newWire(t, w.stack.Temporal.Address)
		workspace := filepath.Join(w.dir, fmt.Sprintf("workspace%d", i))
		path := filepath.Join(w.dir, fmt.Sprintf("host%d.yaml", i))
		require.NoError(t, os.WriteFile(path, []byte(w.configuration(i, workspace)), 0o600))
		env := append(os.Environ(), "PLATFORM_ID="+userKey, "AWS_EC2_METADATA_DISABLED=true")
		w.hosts[i] = newHost(t, i, workspace, path, env)
	}
	w.poller = newPoller(t, w.stack.S3.Client())
	return w
}

// configuration is a host's: the same but for the line to Temporal and the workspace.
func (w *world) configuration(host int, workspace string) string {
	text := fmt.Sprintf(`
temporal: {address: %q, task_queue: %s}
workspace: {dir: %q, host_timeout: 10s}
s3: {part_size: 5MiB, concurrency: 2}
worker: {memory: 256MiB, threads: 1, runs: 4}
retry: {attempts: 5, initial_interval: 200ms, max_interval: 2s}
credentials:
  - {name: platform, type: iam-credential, access_key_id: {env: PLATFORM_ID}, secret_access_key: {file: secret}}
  - {name: role, type: iam-role-to-role, base: platform, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: %s, sts_endpoint: %q}
sources:
  - {name: files, type: duckdb, tables: [{name: customers, files: %q}]}
queries:
  - {name: all, source: files, sql: "SELECT * FROM customers ORDER BY id"}
destinations:
  - {name: acme, plugin: amazon-s3, credential: role, settings: {bucket: %s, endpoint: %q, path_style: true, region: us-east-1, success_file: true}}
data_templates:
`, w.wires[host].address(), queue, workspace, externalID, w.sts.URL, data, bucket, w.s3.URL)
	var runs strings.Builder
	for _, d := range deliveries() {
		text += fmt.Sprintf("  - {name: %s, destination: acme, settings: {prefix: %s, %s}}\n", d.name, d.name, d.settings)
		fmt.Fprintf(&runs, "  - {name: %s, query: all, data_template: %s, notify_timeout: 1m, notify: [{workflow_id: crm-%s}]}\n", d.name, d.name, d.name)
	}
	return text + "orchestrations:\n" + runs.String()
}

// between is how long after one run the next is started.
const between = 2 * time.Second

// suffer starts the runs and lets the schedule have its way, and returns when everything is whole again.
func (w *world) suffer() {
	var all sync.WaitGroup
	begin := time.Now()
	for _, f := range w.faults {
		all.Go(func() {
			<-time.After(time.Until(begin.Add(f.at)))
			w.inflict(f)
		})
	}
	all.Go(func() {
		for _, d := range deliveries() {
			w.insist("start", func(ctx context.Context) error {
				// Nobody works on what waits: the signals stay in its history, where they are counted.
				_, err := w.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "crm-" + d.name, TaskQueue: "nobody"}, "crm")
				if err != nil {
					return err
				}
				_, err = w.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: d.workflow(), TaskQueue: queue}, "Orchestration",
					map[string]any{"orchestration": d.name, "run_key": "k"})
				return err
			})
			<-time.After(between)
		}
	})
	all.Wait()
}

// insist repeats what a restarting server may refuse.
func (w *world) insist(what string, do func(context.Context) error) {
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := do(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			w.t.Errorf("%s: %v", what, err)
			return
		}
		<-time.After(200 * time.Millisecond)
	}
}

// inflict makes one fault, waits, and mends it.
func (w *world) inflict(f fault) {
	lasts := func() { <-time.After(f.lasts) }
	h := w.hosts[f.host]
	switch f.kind {
	case killWorker, stopWorker:
		h.down(map[faultKind]syscall.Signal{killWorker: syscall.SIGKILL, stopWorker: syscall.SIGTERM}[f.kind])
		lasts()
		h.up()
	case freezeWorker:
		h.signal(syscall.SIGSTOP)
		lasts()
		h.signal(syscall.SIGCONT)
	case spoilS3, spoilSTS:
		front := map[faultKind]*front{spoilS3: w.s3, spoilSTS: w.sts}[f.kind]
		front.set(f.front)
		lasts()
		front.set(frontWhole)
	case breakTemporalWire:
		w.wires[f.host].set(f.wire)
		lasts()
		w.wires[f.host].set(wireWhole)
	case restartS3:
		w.restart(f.lasts, w.stack.S3.Kill, w.stack.S3.Restart)
	case restartTemporal:
		w.restart(f.lasts, w.stack.Temporal.Kill, w.stack.Temporal.Restart)
	case fillDisk:
		free := h.fill()
		lasts()
		free()
	case loseHost:
		h.down(syscall.SIGKILL)
		lasts()
		if err := h.lose(); err != nil {
			w.t.Errorf("a fresh disk for host %d: %v", f.host, err)
		}
		h.up()
	case harmFile:
		h.harm(f, w.seed)
	case abortRun:
		w.abort(deliveries()[f.run])
	case faultKinds: // a number, not a fault
	}
}

// abort is an operator's who wants no delivery. It comes to nothing if the run has not begun, or is over.
func (w *world) abort(d delivery) {
	w.insist("abort", func(ctx context.Context) error {
		err := w.client.SignalWorkflow(ctx, d.workflow(), "", workflows.AbortName, workflows.AbortRequest{Reason: "a test"})
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
			return nil
		}
		return err
	})
}

func (w *world) restart(after time.Duration, kill func(), restart func(context.Context) error) {
	w.servers.Lock()
	defer w.servers.Unlock()
	kill()
	<-time.After(after)
	w.insist("restart a server", func(context.Context) error { return restart(context.Background()) })
}

// operate waits for all runs to end, and retries those that are parked, as a person would when all is whole again.
func (w *world) operate() []string {
	for deadline := time.Now().Add(patience); ; {
		unfinished := []string{}
		for _, d := range deliveries() {
			if state, over := w.look(d); !over {
				unfinished = append(unfinished, d.name+" is still "+state)
			}
		}
		if len(unfinished) == 0 || time.Now().After(deadline) {
			return unfinished
		}
		<-time.After(500 * time.Millisecond)
	}
}

func (w *world) look(d delivery) (state string, over bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	described, err := w.client.DescribeWorkflowExecution(ctx, d.workflow(), "")
	if err != nil {
		return "unknown: " + err.Error(), false
	}
	if described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return "", true
	}
	_ = converter.GetDefaultDataConverter().FromPayload(described.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()["ConsignState"], &state)
	if state == "parked" {
		why := w.why(ctx, d) // it is forgotten once the run goes on
		if w.client.SignalWorkflow(ctx, d.workflow(), "", "retry", map[string]any{}) == nil {
			w.retries++
			w.parkedBy[why]++
			<-time.After(time.Second) // until it is seen to go on
		}
	}
	for _, p := range described.GetPendingActivities() {
		state += fmt.Sprintf(" %s %s attempt %d %s;", p.GetActivityType().GetName(), p.GetState(), p.GetAttempt(), p.GetLastFailure().GetMessage())
	}
	return state, false
}

// why says what a parked run waits for.
func (w *world) why(ctx context.Context, d delivery) string {
	var p workflows.Progress
	answer, err := w.client.QueryWorkflow(ctx, d.workflow(), "", workflows.QueryProgress)
	if err == nil {
		err = answer.Get(&p)
	}
	switch {
	case err != nil:
		return "nobody answered"
	case p.Failure == nil:
		return "it went on"
	}
	return p.Failure.Type + " at " + p.Failure.Step
}

func (w *world) keepLogs() {
	if *keep == "" {
		return
	}
	for _, h := range w.hosts {
		_ = os.WriteFile(filepath.Join(*keep, fmt.Sprintf("seed%d-host%d.log", w.seed, h.number)), []byte(h.logs.String()), 0o600)
	}
	for _, d := range deliveries() {
		text, _ := w.history(d.workflow())
		_ = os.WriteFile(filepath.Join(*keep, fmt.Sprintf("seed%d-%s.json", w.seed, d.name)), []byte(text), 0o600)
	}
	var record strings.Builder
	for _, x := range w.s3.exchanges() {
		fmt.Fprintf(&record, "%8.3f %8.3f %-9s %3d %s %s %s %d\n", x.asked.Seconds(), x.answered.Seconds(), x.kind, x.status, x.key, x.upload, x.part, x.size)
	}
	_ = os.WriteFile(filepath.Join(*keep, fmt.Sprintf("seed%d-s3.log", w.seed)), []byte(record.String()), 0o600)
}
