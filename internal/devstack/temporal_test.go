package devstack_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
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

// The server's visibility has fewer indexes than Temporal's schema, and another driver than its plugin's: all kinds are found
// by them nevertheless.
func TestRunsAreFoundByAttributesOfEachKind(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 23, 6, 0, 0, 123_000_000, time.UTC)
	kinds := map[string]string{
		"Name": "Keyword", "Count": "Int", "Ratio": "Double", "Sent": "Bool", "Began": "Datetime", "Tags": "KeywordList", "Note": "Text",
	}
	c := dial(t, startTemporal(t, devstack.TemporalOptions{NoUI: true, SearchAttributes: kinds}))
	of := func(name string, count int64, ratio float64, sent bool, began time.Time, tags []string, note string) temporal.SearchAttributes {
		return temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword("Name").ValueSet(name), temporal.NewSearchAttributeKeyInt64("Count").ValueSet(count),
			temporal.NewSearchAttributeKeyFloat64("Ratio").ValueSet(ratio), temporal.NewSearchAttributeKeyBool("Sent").ValueSet(sent),
			temporal.NewSearchAttributeKeyTime("Began").ValueSet(began), temporal.NewSearchAttributeKeyKeywordList("Tags").ValueSet(tags),
			temporal.NewSearchAttributeKeyString("Note").ValueSet(note),
		)
	}
	for id, attributes := range map[string]temporal.SearchAttributes{
		"one": of("spring", 1<<40, 0.25, true, began, []string{"a", "b"}, "customers to lake"),
		"two": of("autumn", 2, 0.5, false, began.Add(time.Millisecond), []string{"c"}, "segments to mail"),
	} {
		_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue, TypedSearchAttributes: attributes}, greet)
		require.NoError(t, err)
	}
	find := func(query string) (found []string) {
		answer, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		require.NoError(t, err, query)
		for _, e := range answer.GetExecutions() {
			found = append(found, e.GetExecution().GetWorkflowId())
			require.WithinDuration(t, time.Now(), e.GetStartTime().AsTime(), time.Hour)
		}
		return found
	}
	require.Eventually(t, func() bool { return len(find("")) == 2 }, time.Minute, 10*time.Millisecond, "the visibility is written a moment later")
	for _, query := range []string{
		"Name = 'spring'", "Count = 1099511627776", "Count > 2", "Ratio < 0.3", "Sent = true", "Began <= '2026-11-23T06:00:00.123Z'",
		"Tags = 'b'", "Note = 'lake'", "WorkflowId = 'one'", "WorkflowId STARTS_WITH 'on' AND ExecutionStatus = 'Running'",
		"WorkflowType = 'greet' AND NOT Tags IN ('c', 'd')", "StartTime > '2026-01-01T00:00:00Z' AND Name != 'autumn' AND CloseTime IS NULL",
	} {
		require.Equal(t, []string{"one"}, find(query), query)
	}
	require.NoError(t, c.TerminateWorkflow(t.Context(), "one", "", ""))
	require.Eventually(t, func() bool { return len(find("ExecutionStatus = 'Terminated' AND CloseTime IS NOT NULL")) == 1 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"two"}, find("ExecutionStatus = 'Running'"))
	require.Equal(t, []string{"one"}, find("Note = 'lake' AND Tags = 'a'"), "when it is over, too")
	work(t, c)
	require.Eventually(t, func() bool { return len(find("BuildIds = 'unversioned'")) == 1 }, time.Minute, 10*time.Millisecond, "the server's own list")
}
