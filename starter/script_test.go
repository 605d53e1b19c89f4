package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consign/internal/devstack"
	"consign/workflows"
)

var updateScripts = flag.Bool("update", false, "write what is said into the scripts, to be looked at")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"starter": main})
}

// TestScripts runs the command line as a terminal session would: each file of testdata/script is one.
//
// Temporal is real, and so are the contract's names and payloads. What answers is a workflow of plays_test.go that does at
// once what its orchestration is called, so that every ending of a run can be looked at.
func TestScripts(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Options{Temporal: true, Log: os.Stderr})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Stop()) })
	bare, err := devstack.StartTemporal(t.Context(), devstack.TemporalOptions{NoUI: true, SearchAttributes: map[string]string{}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bare.Stop()) })
	temporal := connected(t, stack.Temporal)
	startPlays(t, temporal)

	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *updateScripts,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CONSIGN_TEMPORAL_ADDRESS", stack.Temporal.Address)
			e.Setenv("BARE_TEMPORAL", bare.Address)
			return os.CopyFS(filepath.Join(e.WorkDir, "shared"), os.DirFS("testdata/shared"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":    status,
			"scrub":     scrub,
			"waitfor":   waitfor,
			"interrupt": interrupt,
			"reset":     reset(temporal),
			"operator":  operator(temporal),
			"terminate": terminate(temporal),
			"foreign":   foreign(temporal),
			"attribute": searchAttribute(connected(t, bare)),
		},
	})
}

func connected(t *testing.T, server *devstack.Temporal) client.Client {
	t.Helper()
	c, err := server.Client(t.Context())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// status runs a command that must end with the given exit status: status 2 starter send nothing.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var code interface{ ExitCode() int }
	if errors.As(err, &code) {
		got = strconv.Itoa(code.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// waitfor repeats a command until its standard output contains a text: what is listed is known a moment later.
func waitfor(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.After(time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%s never came", args[0])
		case <-tick.C:
		}
	}
}

// interrupt runs a command, presses Ctrl-C when it has said something, and writes what it said to the file "said". It
// must end with status 130.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	during(ts, args, exitInterrupted, func(p *os.Process) error { return p.Signal(os.Interrupt) })
}

// reset runs a command, and when it has said something does to a run what a person does in Temporal's own UI, who lets it
// begin anew: reset WORKFLOW-ID command... It must end with status 0.
func reset(c client.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		during(ts, args[1:], exitDone, func(*os.Process) error {
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
			defer cancel()
			if _, err := c.QueryWorkflow(ctx, args[0], "", workflows.QueryProgress); err != nil { // answered once the first task is over
				return err
			}
			_, err := c.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
				Namespace: client.DefaultNamespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: args[0]}, Reason: "a test",
				WorkflowTaskFinishEventId: 4, RequestId: "reset " + args[0],
			})
			return err
		})
	}
}

// during runs a command, does something when it has said a line, and writes what it said to the file "said". It must end
// with the status.
func during(ts *testscript.TestScript, args []string, status int, do func(*os.Process) error) {
	program, err := exec.LookPath(args[0])
	ts.Check(err)
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"CONSIGN_TEMPORAL_ADDRESS=" + ts.Getenv("CONSIGN_TEMPORAL_ADDRESS")}
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	said := bufio.NewReader(stderr)
	first, err := said.ReadString('\n')
	ts.Check(err)
	ts.Check(do(cmd.Process))
	rest, err := io.ReadAll(said)
	ts.Check(err)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != status {
		ts.Fatalf("ended with %v: %s%s", err, first, rest)
	}
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(first+string(rest)), 0o600))
}

// terminate ends a run as a person does in Temporal's own UI once it stands somewhere: terminate WORKFLOW-ID.
func terminate(c client.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		_, err := c.QueryWorkflow(ctx, args[0], "", workflows.QueryProgress) // answered once the first task is over
		ts.Check(err)
		ts.Check(c.TerminateWorkflow(ctx, args[0], "", "a test"))
	}
}

// operator does to a schedule what a person does in Temporal's own UI: operator pause SCHEDULE-ID WHY.
func operator(c client.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 3 || args[0] != "pause" {
			ts.Fatalf("usage: operator pause SCHEDULE-ID WHY")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		handle := c.ScheduleClient().GetHandle(ctx, args[1])
		ts.Check(handle.Pause(ctx, client.SchedulePauseOptions{Note: args[2]}))
		for paused := false; !paused; { // Temporal answers before it has done so
			is, err := handle.Describe(ctx)
			ts.Check(err)
			paused = is.Schedule.State.Paused
		}
	}
}

// foreign has somebody else's workflow of a type run to its end: foreign TYPE ID.
func foreign(c client.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		theirs := worker.New(c, "theirs", worker.Options{})
		theirs.RegisterWorkflowWithOptions(func(workflow.Context) (string, error) { return "launched", nil }, workflow.RegisterOptions{Name: args[0]})
		ts.Check(theirs.Start())
		defer theirs.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: args[1], TaskQueue: "theirs"}, args[0])
		ts.Check(err)
		ts.Check(run.Get(ctx, nil))
	}
}

// searchAttribute makes a search attribute of a type, or removes it: attribute NAME [TYPE].
func searchAttribute(c client.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		if len(args) == 1 {
			_, err := c.OperatorService().RemoveSearchAttributes(ctx, &operatorservice.RemoveSearchAttributesRequest{Namespace: client.DefaultNamespace, SearchAttributes: args})
			ts.Check(err)
			return
		}
		kind, err := enums.IndexedValueTypeFromString(args[1])
		ts.Check(err)
		_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: client.DefaultNamespace, SearchAttributes: map[string]enums.IndexedValueType{args[0]: kind},
		})
		ts.Check(err)
	}
}

// scrub writes the last standard output to a file, with what is different in every run replaced by a word.
func scrub(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile("stdout")
	for _, r := range []struct {
		pattern *regexp.Regexp
		word    string
	}{
		{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "DIGEST"},
		{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "RUN-ID"},
		{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z| UTC)?`), "TIME"},
		{regexp.MustCompile(`\d+(\.\d)? s\b`), "SECONDS"},
	} {
		text = r.pattern.ReplaceAllString(text, r.word)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
