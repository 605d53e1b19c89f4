package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"consign/workflows"
)

const (
	queue        = "bench"
	destination  = "acme"
	readyWithin  = time.Minute
	stopPatience = 15 * time.Second
	workerMemory = "512MiB" // the default of worker.memory
)

// A worker is a worker process, as an operator runs it.
type worker struct {
	pid    int
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// configure writes the configuration of one job in a folder of its own and returns its path.
func (w *world) configure(j job, folder, more string) (string, error) {
	folder = w.path(folder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	key, err := os.ReadFile(w.path("acme.asc"))
	if err != nil {
		return "", err
	}
	source := "files"
	sources := fmt.Sprintf("\n  - {name: files, type: duckdb, tables: [{name: customers, files: %q}]}", w.tableOf(j))
	if j.source != "" {
		source = j.source
		sources = fmt.Sprintf("\n  - {name: %s, type: postgres, dsn: {env: BENCH_DSN}}", j.source)
	}
	settings := j.settings
	if !j.many {
		settings += ", success_file: true"
	}
	if j.files > 0 {
		settings += fmt.Sprintf(", split: {rows: %d}", (w.o.rows+j.files-1)/j.files)
	}
	text := fmt.Sprintf(`temporal: {address: %q, task_queue: %s}
workspace: {dir: ./workspace}
worker: {memory: %s}
credentials:
  - {name: acme, type: iam-credential, access_key_id: {env: BENCH_ID}, secret_access_key: {env: BENCH_SECRET}}
sources:%s
queries:
  - {name: all, source: %s, sql: %q}
destinations:
  - {name: %s, plugin: amazon-s3, credential: acme, settings: {bucket: %s, endpoint: %q, path_style: true, region: us-east-1, %s}}
data_templates:
  - {name: all, destination: %s, settings: {filename: "ours/%s"}}
orchestrations:
  - {name: %s, query: all, data_template: all}
%s`, w.stack.Temporal.Address, queue, cmp.Or(w.o.memory, workerMemory), sources, source, j.selection("customers"), destination, bucket, w.stack.S3.Endpoint, settings, destination, j.file, j.name, more)
	return filepath.Join(folder, "consign.yaml"), errors.Join(
		os.WriteFile(filepath.Join(folder, "consign.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(folder, "acme.asc"), key, 0o600),
	)
}

// startWorker returns when the worker is ready.
func (w *world) startWorker(ctx context.Context, config string) (*worker, error) {
	p := &worker{log: filepath.Join(filepath.Dir(config), "worker.log"), exited: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the worker has its own handle
	args := []string{"--config", config}
	if w.o.profile != "" {
		args = append(args, "--cpu-profile", filepath.Join(w.o.profile, filepath.Base(filepath.Dir(config))+".pprof"))
	}
	p.cmd = exec.Command(filepath.Join(w.bin, "worker"), args...)
	p.cmd.Env = append(os.Environ(), "BENCH_ID="+w.stack.S3.AccessKey, "BENCH_SECRET="+w.stack.S3.SecretKey, "BENCH_DSN="+w.dsn(), "AWS_EC2_METADATA_DISABLED=true")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches us, and we end it
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the worker: %w", err)
	}
	p.pid = p.cmd.Process.Pid
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	return p, p.await(ctx)
}

func (w *world) dsn() string {
	if w.postgres == nil {
		return ""
	}
	return w.postgres.DSN()
}

// await waits until the worker says that it is ready.
func (p *worker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		said, err := os.ReadFile(p.log)
		if err != nil {
			return errors.Join(err, p.stop())
		}
		if bytes.Contains(said, []byte("msg=ready")) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the worker is not ready: %w\n%s", ctx.Err(), said), p.stop())
		case <-p.exited: // what it said last came after said was read
			said, err := os.ReadFile(p.log)
			return errors.Join(fmt.Errorf("the worker ended:\n%s", said), err)
		}
	}
}

// stop asks the worker to end, and makes sure.
func (p *worker) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopPatience):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("the worker did not stop within %s", stopPatience)
	}
}

// cpu is the processor time that the worker has used, user and system.
func (p *worker) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the third, the state, on
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ is 100 wherever Go runs on Linux
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// peak is the most memory that was ever resident in the worker, in bytes.
func (p *worker) peak() (int64, error) { return peakOf(p.pid) }

// start starts a run as starter does.
func (w *world) start(ctx context.Context, orchestration, key string) (client.WorkflowRun, error) {
	return w.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.OrchestrationID(orchestration, key), TaskQueue: queue,
		TypedSearchAttributes: workflows.Marks{Orchestration: orchestration, Destination: destination, RunKey: key}.Attributes(),
	}, workflows.TypeOrchestration, workflows.OrchestrationInput{Orchestration: orchestration, RunKey: key})
}

// send delivers once and returns how long it took from the start of the workflow until the success file was there. The
// clocks are one: all of it is on this machine.
func (w *world) send(ctx context.Context, orchestration, key string) (time.Duration, workflows.Completion, error) {
	begun := time.Now()
	var done workflows.Completion
	run, err := w.start(ctx, orchestration, key)
	if err == nil {
		err = run.Get(ctx, &done)
	}
	if err != nil {
		return 0, done, fmt.Errorf("send %s: %w", orchestration, err)
	}
	return done.CompletedAt.Sub(begun), done, nil
}
