package timetable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"consign/internal/config"
	"consign/internal/devstack"
	"consign/workflows"
)

// temporal is a real server, for all tests: which times a schedule has, it alone says.
var temporal client.Client

func TestMain(m *testing.M) {
	code, err := inServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "timetable tests:", err)
		code = 1
	}
	os.Exit(code)
}

func inServer(m *testing.M) (int, error) {
	server, err := devstack.StartTemporal(context.Background(), devstack.TemporalOptions{NoUI: true, Log: os.Stderr})
	if err != nil {
		return 1, err
	}
	defer func() { _ = server.Stop() }()
	if temporal, err = server.Client(context.Background()); err != nil {
		return 1, err
	}
	defer temporal.Close()
	return m.Run(), nil
}

func entry(name, cron, zone string) Entry {
	return Entry{workflows.ScheduledInput{Orchestration: name}, &config.Schedule{Cron: cron, TimeZone: zone, CatchUp: 24 * time.Hour}}
}

// apply makes Temporal's schedules equal to the entries, and returns what that took.
func apply(t *testing.T, queue string, entries ...Entry) *Timetable {
	t.Helper()
	table, err := Look(t.Context(), temporal.ScheduleClient(), entries, queue)
	require.NoError(t, err)
	for _, c := range table.Changes {
		require.NoError(t, table.Apply(t.Context(), c))
		if c.Do == Create {
			deleteAfter(t, c.Schedule)
		}
	}
	return table
}

// create makes a schedule that is not ours.
func create(t *testing.T, o client.ScheduleOptions) {
	t.Helper()
	o.Paused, o.Action = true, &client.ScheduleWorkflowAction{Workflow: "Theirs", TaskQueue: "nowhere"}
	_, err := temporal.ScheduleClient().Create(t.Context(), o)
	require.NoError(t, err)
	deleteAfter(t, o.ID)
}

// deleteAfter deletes a schedule when the test is over, so that the test can be run again.
func deleteAfter(t *testing.T, id string) {
	t.Helper()
	t.Cleanup(func() {
		err := temporal.ScheduleClient().GetHandle(context.Background(), id).Delete(context.Background())
		var gone *serviceerror.NotFound
		if !errors.As(err, &gone) {
			require.NoError(t, err)
		}
	})
}

func describe(t *testing.T, e Entry) *client.ScheduleDescription {
	t.Helper()
	is, err := handle(t, e).Describe(t.Context())
	require.NoError(t, err)
	return is
}

func handle(t *testing.T, e Entry) client.ScheduleHandle {
	t.Helper()
	return temporal.ScheduleClient().GetHandle(t.Context(), e.id())
}

// eventually waits until the server lists what it knows.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, time.Minute, 50*time.Millisecond)
}
