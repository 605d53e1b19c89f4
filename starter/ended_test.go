package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"consign/starter/watch"
	"consign/workflows"
)

// An ended is a Temporal in which every run has ended with an error.
type ended struct {
	client.Client
	client.WorkflowRun
	err error
}

func (e ended) GetWorkflow(context.Context, string, string) client.WorkflowRun { return e }

func (e ended) Get(context.Context, any) error { return e.err }

func TestATerminatedRunIsStartedAfreshByItsName(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		sent     sent
		campaign bool
	}{
		"starter send weekly --run-key NEW-KEY":            {sent{Orchestration: "weekly"}, false},
		"starter campaign 'Spring Sale' --run-key NEW-KEY": {sent{Campaign: "Spring Sale"}, true},
	} {
		a := &app{out: new(bytes.Buffer), messages: new(bytes.Buffer), output: "text", clock: time.Now}
		snapshot := watch.Snapshot{WorkflowID: "send/weekly/k", State: workflows.Aborted, IsCampaign: c.campaign}
		err := a.over(t.Context(), ended{err: &temporal.TerminatedError{}}, c.sent, snapshot)
		_, said := explain(t.Context(), err)
		require.Contains(t, said, want)
	}
}

// TestARunThatTookTooLongForTemporalSaysSo: another scheduler may have started it with a timeout.
func TestARunThatTookTooLongForTemporalSaysSo(t *testing.T) {
	t.Parallel()
	late := temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil)
	for _, campaign := range []bool{false, true} {
		a := &app{out: new(bytes.Buffer), messages: new(bytes.Buffer), output: "text", clock: time.Now}
		snapshot := watch.Snapshot{WorkflowID: "send/weekly/k", State: workflows.Failed, IsCampaign: campaign}
		status, said := explain(t.Context(), a.over(t.Context(), ended{err: late}, sent{Orchestration: "weekly", Campaign: "weekly"}, snapshot))
		require.Equal(t, exitFailed, status)
		require.Contains(t, said, "timeout with which it was started")
		require.Contains(t, said, "weekly --run-key NEW-KEY")
	}
}
