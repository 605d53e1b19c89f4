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

	"consign/activities"
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
		"starter redeliver weekly/j --to archive":          {sent{Orchestration: "weekly", RedeliveryOf: "send/weekly/j", to: []string{"--to", "archive"}}, false},
	} {
		a := &app{out: new(bytes.Buffer), messages: new(bytes.Buffer), output: "text", clock: time.Now}
		snapshot := watch.Snapshot{WorkflowID: "send/weekly/k", State: workflows.Aborted, IsCampaign: c.campaign}
		err := a.over(t.Context(), ended{err: &temporal.TerminatedError{}}, c.sent, snapshot)
		_, said := explain(t.Context(), err)
		require.Contains(t, said, want)
	}
}

// TestFilesThatAreNotSentAgainAreStillThere: who asked for them would get others from the source, and from a campaign all groups.
func TestFilesThatAreNotSentAgainAreStillThere(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{
		"Aborted":                   "to start afresh: starter redeliver sale/b/mail/k",
		activities.TypeFilesNotKept: "to start afresh: starter campaign sale --run-key NEW-KEY",
	} {
		a := &app{out: new(bytes.Buffer), messages: new(bytes.Buffer), output: "text", clock: time.Now}
		done := workflows.Completion{Orchestration: "sale/b/mail", Campaign: "sale", Failure: &activities.Failure{Type: kind}}
		s := sent{WorkflowID: "send/sale/b/mail/k~2", Orchestration: "sale/b/mail", RedeliveryOf: "send/sale/b/mail/k"}
		err := a.over(t.Context(), ended{err: temporal.NewCanceledError(done)}, s, watch.Snapshot{WorkflowID: s.WorkflowID, State: workflows.Aborted})
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
