package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/config"
	"consign/internal/connect"
	"consign/internal/problem"
	"consign/internal/source"
	"consign/internal/workspace"
	"consign/workflows"
)

const (
	// stopPatience is how long a running step may take to note where it is after the worker was told to stop. Steps end
	// within a part or a batch of rows; this is for a disk or a network that hangs.
	stopPatience = 10 * time.Second
	// dialPatience is how long the first answer of Temporal may take.
	dialPatience = 10 * time.Second
)

// gcPercent is how much the heap may grow before the next collection. Buffers are used again, so that collections are few
// and twice as many cost nothing that can be measured; what is measured is a peak that is lower and nearly the same
// whatever the size of the result.
const gcPercent = 50

// limitMemory leaves the other half of the budget to the query engines, which Go does not see. GOGC goes before.
func limitMemory(budget int64) {
	debug.SetMemoryLimit(budget / 2)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// run starts the worker and returns when it has stopped, with the exit status.
func run(ctx context.Context, path string, messages io.Writer) (_ int, err error) {
	log := slog.New(slog.NewTextHandler(messages, nil))
	read := config.NewReader(path, os.LookupEnv)
	c, problems, err := load(read)
	if err != nil {
		return exitUsage, hint(err)
	}
	for _, p := range slices.Concat(problems.Warnings(), c.Check(time.Now()), c.Misspelt(os.Environ())) {
		log.Warn(p.Error()) // a key that cannot be used stops the runs that need it, and no other
	}
	limitMemory(int64(c.Worker.Memory))
	host, err := workspace.Open(workspace.Options{Dir: c.Workspace.Dir, MaxBytes: int64(c.Workspace.MaxBytes), Runs: c.Worker.Runs})
	if err != nil {
		return exitFailed, hint(err)
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	name := nameOf(c, log)
	temporalClient, err := dial(ctx, c, name, log)
	if err != nil {
		return notBegun(ctx, err, log)
	}
	defer temporalClient.Close()
	if err := checkNamespace(ctx, temporalClient, c, log); err != nil {
		return notBegun(ctx, err, log)
	}
	if err := endInterrupted(ctx, temporalClient, host, log); err != nil {
		return exitFailed, err
	}
	queue := c.Temporal.TaskQueue
	engines := min(c.Worker.Runs, c.Worker.Threads)
	pool := source.NewPool(host.Spill(), 2*engines, time.Now) // those that render, and those that describe
	defer func() { err = errors.Join(err, pool.Close()) }()
	steps := activities.New(activities.Options{
		Config: afresh(read), Host: host, Queue: queue, Client: temporalClient, Worker: name, Clock: time.Now,
		Memory: int64(c.Worker.Memory), Threads: c.Worker.Threads, Engines: engines, Pool: pool,
		Keep: c.Workspace.Keep, KeepPlain: c.Workspace.KeepPlain,
	})
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	workers := newWorkers(temporalClient, c, host, steps, log, func(err error) { giveUp(fmt.Errorf("%w: %w", errGaveUp, err)) })
	if err := startAll(workers); err != nil {
		return exitFailed, fmt.Errorf("start on task queue %s: %w", queue, err)
	}
	var janitors sync.WaitGroup
	janitors.Go(func() { janitor(ctx, temporalClient, steps, log) })
	janitors.Go(func() { watchForTwins(ctx, temporalClient, activities.HostQueue(queue, host.ID()), name, log) })
	log.Info("ready", "temporal", c.Temporal.Address, "namespace", c.Temporal.Namespace, "queue", queue, "host", host.ID(), "workspace", host.Dir())
	<-ctx.Done()
	log.Info("stopping: running steps note where they are")
	stopAll(workers)
	janitors.Wait()
	log.Info("stopped")
	if err := context.Cause(ctx); errors.Is(err, errGaveUp) {
		return exitFailed, fmt.Errorf("%w\n  hint: is the namespace %q there? start the worker again when it is", err, c.Temporal.Namespace)
	}
	return 0, nil
}

// notBegun is how a worker ends that cannot begin: in order, if that is because it was told to stop before it could.
func notBegun(ctx context.Context, err error, log *slog.Logger) (int, error) {
	select {
	case <-ctx.Done():
		log.Info("stopped")
		return 0, nil
	default:
		return exitFailed, err
	}
}

// errGaveUp is why a worker ends by itself: the SDK has stopped asking Temporal for work. Alive, it would do nothing, and
// nobody would start it again.
var errGaveUp = errors.New("for two minutes this worker was refused all work by Temporal")

// load reads the configuration, or says everything that is wrong with it.
func load(read *config.Reader) (*config.Config, problem.List, error) {
	c, problems, err := read.Load()
	if err == nil {
		err = problems.Err()
	}
	return c, problems, err
}

// afresh reads the configuration as it is now, each time.
func afresh(read *config.Reader) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		c, _, err := load(read)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", config.ErrRefused, err)
		}
		return c, nil
	}
}

func hint(err error) error {
	switch {
	case errors.Is(err, config.ErrNoConfig):
		return fmt.Errorf("%w\n  hint: --config, or else $CONSIGN_CONFIG, names a file or a folder, seen from where the worker is started", err)
	case errors.Is(err, workspace.ErrLocked):
		return fmt.Errorf("%w\n  hint: one worker runs per workspace; give this one a workspace.dir of its own, or stop the other", err)
	case errors.Is(err, workspace.ErrForeign):
		return fmt.Errorf("%w\n  hint: give workspace.dir a folder of its own: a worker removes what it does not need there", err)
	case errors.Is(err, workspace.ErrNoSpace):
		return fmt.Errorf("%w\n  hint: free some disk, or set workspace.dir to a larger one", err)
	default:
		return err
	}
}

// newWorkers returns the pollers of the three task queues: workflows and steps that any host can do; renders, taken only
// when there is room; and the steps that need this host's files.
func newWorkers(c client.Client, cfg *config.Config, host *workspace.Host, steps *activities.Steps, log *slog.Logger, ended func(error)) []sdk.Worker {
	queue := cfg.Temporal.TaskQueue
	shared := sdk.New(c, queue, sdk.Options{WorkerStopTimeout: stopPatience, OnFatalError: ended, DisableRegistrationAliasing: true})
	timing := workflows.Timing{Attempts: cfg.Retry.Attempts, InitialInterval: cfg.Retry.InitialInterval, MaxInterval: cfg.Retry.MaxInterval}
	orchestrations := workflows.Orchestrations{Timing: timing}
	shared.RegisterWorkflowWithOptions(orchestrations.Orchestration, workflow.RegisterOptions{Name: workflows.TypeOrchestration})
	shared.RegisterWorkflowWithOptions(orchestrations.ScheduledSend, workflow.RegisterOptions{Name: workflows.TypeScheduledSend})
	shared.RegisterWorkflowWithOptions(workflows.Campaigns{Timing: timing}.Campaign, workflow.RegisterOptions{Name: workflows.TypeCampaign})
	shared.RegisterWorkflowWithOptions(workflows.Turn, workflow.RegisterOptions{Name: activities.TypeTurn})
	shared.RegisterActivity(steps)

	tuner, err := renderTuner(newAdmission(host, cfg.Worker.Runs, log))
	if err != nil {
		panic(err) // constants that do not fit together
	}
	renders := sdk.New(c, activities.RenderQueue(queue), sdk.Options{
		WorkerStopTimeout: stopPatience, OnFatalError: ended, Tuner: tuner, DisableWorkflowWorker: true, DisableRegistrationAliasing: true,
	})
	renders.RegisterActivityWithOptions(steps.Render, activity.RegisterOptions{Name: "Render"})

	// One poller: each open poll of a host that freezes swallows one step until its heartbeat is missed.
	hosted := sdk.New(c, activities.HostQueue(queue, host.ID()), sdk.Options{
		WorkerStopTimeout: stopPatience, OnFatalError: ended, MaxConcurrentActivityTaskPollers: 1, DisableWorkflowWorker: true, DisableRegistrationAliasing: true,
	})
	hosted.RegisterActivity(steps)
	return []sdk.Worker{shared, renders, hosted}
}

func renderTuner(renders *admission) (sdk.WorkerTuner, error) {
	fixed, err := sdk.NewFixedSizeSlotSupplier(1)
	if err != nil {
		return nil, err
	}
	return sdk.NewCompositeTuner(sdk.CompositeTunerOptions{
		WorkflowSlotSupplier: fixed, ActivitySlotSupplier: renders, LocalActivitySlotSupplier: fixed,
		NexusSlotSupplier: fixed, SessionActivitySlotSupplier: fixed,
	})
}

func startAll(workers []sdk.Worker) error {
	for _, w := range workers {
		if err := w.Start(); err != nil {
			return err
		}
	}
	return nil
}

// stopAll stops all pollers at the same time, so that their patience does not add up.
func stopAll(workers []sdk.Worker) {
	var wait sync.WaitGroup
	for _, w := range workers {
		wait.Go(w.Stop)
	}
	wait.Wait()
}

// nameOf is the worker's identity in this process.
func nameOf(c *config.Config, log *slog.Logger) string {
	machine, err := os.Hostname()
	if err != nil && c.Workspace.Host == "" {
		log.Warn("the machine's name is not known: workspace.host can give the worker one", "error", err)
	}
	return identity(c.Workspace.Host, machine, os.Getpid())
}

// identity is what Temporal calls this worker, in its UI and in histories. Two workers on one machine differ by their process.
func identity(label, machine string, process int) string {
	return fmt.Sprintf("%s (pid %d)", cmp.Or(label, machine, "unknown"), process)
}

// dial connects to Temporal under a name, or says that it cannot.
func dial(ctx context.Context, cfg *config.Config, name string, log *slog.Logger) (client.Client, error) {
	options, err := connect.Options(cfg.Temporal, log)
	if err != nil {
		return nil, err
	}
	options.Identity = name
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w\n  hint: is it running there? temporal.address, namespace and tls are in the configuration",
			cfg.Temporal.Address, connect.Reason(ctx, cfg.Temporal, err))
	}
	return c, nil
}

// endInterrupted tells Temporal that the attempts which this disk's last process had under way are dead, so that they
// begin again now and not when their heartbeat is missed.
func endInterrupted(ctx context.Context, c client.Client, host *workspace.Host, log *slog.Logger) error {
	dead, err := host.Interrupted()
	if err != nil {
		return err
	}
	for _, d := range dead {
		err := c.CompleteActivity(ctx, d.Token, nil, activities.Died(d))
		var gone *serviceerror.NotFound
		switch {
		case errors.As(err, &gone): // it was given up or ended meanwhile
		case err != nil:
			log.Warn("an interrupted step waits for its missed heartbeat", "error", err)
		default:
			log.Info("Temporal knows of an interrupted step", "run", d.Run, "step", d.Step, "deaths", d.Deaths)
		}
	}
	return nil
}
