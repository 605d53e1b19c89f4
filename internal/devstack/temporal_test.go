package devstack_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/internal/devstack"
)

const queue = "devstack"

// greet waits for a name by signal: a workflow that has something to lose in a restart.
func greet(ctx workflow.Context) (string, error) {
	var name string
	workflow.GetSignalChannel(ctx, "name").Receive(ctx, &name)
	return "hello " + name, nil
}

func TestARestartedServerGoesOnWithItsRuns(t *testing.T) {
	t.Parallel()
	s := startTemporal(t, devstack.TemporalOptions{DB: filepath.Join(t.TempDir(), "temporal.db")})
	where, pid := s.Address, s.PID()
	c := dial(t, s)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "greeting", TaskQueue: queue}, greet)
	require.NoError(t, err)

	s.Kill()
	require.Zero(t, s.PID())
	for range 2 { // when it is down, and when it runs
		require.NoError(t, s.Restart(t.Context()))
	}
	require.Equal(t, where, s.Address)
	require.NotEqual(t, pid, s.PID())

	work(t, c)
	require.NoError(t, c.SignalWorkflow(t.Context(), "greeting", run.GetRunID(), "name", "again"))
	var answer string
	require.NoError(t, run.Get(t.Context(), &answer))
	require.Equal(t, "hello again", answer)
}

func TestAFrozenServerGoesOn(t *testing.T) {
	t.Parallel()
	s := startTemporal(t, devstack.TemporalOptions{NoUI: true})
	require.Empty(t, s.UIAddress)
	require.NoError(t, s.Signal(syscall.SIGSTOP))
	require.NoError(t, s.Signal(syscall.SIGCONT))
	c := dial(t, s)
	work(t, c)
	run, err := c.SignalWithStartWorkflow(t.Context(), "greeting", "name", "you", client.StartWorkflowOptions{TaskQueue: queue}, greet)
	require.NoError(t, err)
	var answer string
	require.NoError(t, run.Get(t.Context(), &answer))
	require.Equal(t, "hello you", answer)

	require.NoError(t, s.Signal(syscall.SIGSTOP))
	begin := time.Now()
	require.NoError(t, s.Stop(), "a frozen server is ended too")
	require.Less(t, time.Since(begin), 20*time.Second)
	require.Error(t, s.Signal(syscall.SIGCONT), "nobody is there")
}

// step is an activity of no work.
func step(context.Context) error { return nil }

// walk takes one step after the other, as a delivery does.
func walk(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range 100 {
		if err := workflow.ExecuteActivity(ctx, step).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func TestARunByItselfIsNotMadeToWait(t *testing.T) {
	t.Parallel()
	c := dial(t, startTemporal(t, devstack.TemporalOptions{NoUI: true}))
	work(t, c)
	const limit = 7 * time.Second
	least := time.Hour
	for try := 0; try < 3 && least >= limit; try++ { // other tests may take the processors away for a while
		begin := time.Now()
		run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: queue}, walk)
		require.NoError(t, err)
		require.NoError(t, run.Get(t.Context(), nil))
		least = min(least, time.Since(begin))
	}
	require.Less(t, least, limit, "by the server's default, 200 tasks are handed out in 9 at the least")
}

func TestTheSDKsTestSuiteStartsIt(t *testing.T) {
	t.Parallel()
	path, err := devstack.Build(t.Context(), "temporal", nil)
	require.NoError(t, err)
	s, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath: path, DBFilename: filepath.Join(t.TempDir(), "temporal.db"), LogLevel: "never", LogFormat: "json",
		ClientOptions: &client.Options{Namespace: "other"},
		ExtraArgs: []string{
			"--namespace", "second", "--search-attribute", "Kind=Keyword", "--dynamic-config-value", "limit.maxIDLength=255",
			"--sqlite-pragma", "synchronous=normal",
		},
	})
	require.NoError(t, err)
	require.NoError(t, s.Stop())
}

func TestAWrongFlagIsSaid(t *testing.T) {
	t.Parallel()
	_, err := devstack.StartTemporal(t.Context(), devstack.TemporalOptions{SearchAttributes: map[string]string{"Rows": "Number"}})
	require.ErrorIs(t, err, devstack.ErrStopped)
	require.ErrorContains(t, err, "Number")
}

func startTemporal(t *testing.T, o devstack.TemporalOptions) *devstack.Temporal {
	t.Helper()
	s, err := devstack.StartTemporal(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func work(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, queue, worker.Options{DisableEagerActivities: true}) // each step goes by way of the server
	w.RegisterWorkflow(greet)
	w.RegisterWorkflow(walk)
	w.RegisterActivity(step)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}
