package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
)

// TestARunIsStartedAsOneKeyIsOneRun: what starts runs by itself must give the same name and key in the id and in the input,
// or one key is delivered twice.
func TestARunIsStartedAsOneKeyIsOneRun(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		start
		says string
	}{
		"as starter does":                 {start{id: "send/weekly/k", key: "k", now: now}, ""},
		"without a key":                   {start{id: "anything", key: "2026-11-23T06:00:00Z", keyless: true, now: now}, ""},
		"files that are sent again":       {start{id: "send/weekly/k~2", key: "k~2", again: "send/weekly/k", now: now}, ""},
		"those of a run without a key":    {start{id: "anything~3", key: "2026-11-23T06:00:00Z~3", again: "anything~2", now: now}, ""},
		"files again under another key":   {start{id: "send/weekly/k", key: "l", again: "send/weekly/first", now: now}, "is send/weekly/l"},
		"an id that says another key":     {start{id: "send/weekly/k2", key: "k", now: now}, "its workflow id is send/weekly/k2, and that of this name and run_key is send/weekly/k"},
		"an id of its own":                {start{id: "nightly", key: "k", now: now}, "is send/weekly/k"},
		"a key that leads somewhere else": {start{id: "send/weekly/a/../../b c", key: "a/../../b c", now: now}, `run_key "a/../../b c": a run key has`},
		"a key of a redelivery":           {start{id: "send/weekly/k~2", key: "k~2", now: now}, `run_key "k~2": a run key has`},
		"a time that nobody has set":      {start{id: "send/weekly/k", key: "k"}, "at is 0001-01-01T00:00:00Z, which is no time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.want = RunID("weekly", c.key)
			err := c.check()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrStart)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestACampaignOfAnotherIDIsRefused(t *testing.T) {
	t.Parallel()
	_, err := planCampaign(t, PlanCampaignInput{Campaign: "Spring Sale", RequestedBy: Requester{Name: "omar"}, Claim: Claim{WorkflowID: "sale"}})
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, TypeRefused, failed.Type())
	require.True(t, failed.NonRetryable())
	require.Contains(t, failed.Message(), "its workflow id is sale, and that of this name and run_key is campaign/Spring Sale/k")
}

// TestWhatAWorkerDoesNotKnowYetIsAskedForAgain: of two workers, one may have the file already that names it.
func TestWhatAWorkerDoesNotKnowYetIsAskedForAgain(t *testing.T) {
	t.Parallel()
	steps := New(Options{Clock: time.Now, Config: emptyConfig})
	env := newEnvironment(steps)
	_, err := env.ExecuteActivity(steps.Plan, PlanInput{Orchestration: "weekly", RunKey: "k"})
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "ConfigurationRefused", failed.Type())
	require.False(t, failed.NonRetryable())
	require.Contains(t, failed.Message(), `orchestration "weekly": not in the configuration`)
}
