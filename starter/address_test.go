package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARunIsAWorkflowIDOrAnOrchestrationAndItsKey(t *testing.T) {
	t.Parallel()
	for run, want := range map[string]string{
		"weekly/2026-11-23":      "send/weekly/2026-11-23",
		"send/weekly/2026-11-23": "send/weekly/2026-11-23",
		"send/monday":            "send/send/monday", // an orchestration may be called send
		"campaign/Spring Sale/1": "campaign/Spring Sale/1",
		"Spring Sale/a/mail/1":   "send/Spring Sale/a/mail/1", // of a campaign's group
		"send/Spring Sale/a/m/1": "send/Spring Sale/a/m/1",
	} {
		id, err := newApp().workflowID(run)
		require.NoError(t, err)
		require.Equal(t, want, id)
	}
	for _, run := range []string{"", "weekly", "weekly/", "/k", "send//k"} {
		_, err := newApp().workflowID(run)
		require.Error(t, err, run)
	}
}

func TestARunIsWrittenAsShortAsItIsRead(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"send/weekly/k": "weekly/k", "campaign/a/b": "campaign/a/b", "send/x": "send/x", "other": "other",
		"send/Spring Sale/a/mail/k": "Spring Sale/a/mail/k", "send/a/b/c": "send/a/b/c",
	} {
		require.Equal(t, want, shortRun(id))
	}
}

func TestCommandsAreWrittenForTheShell(t *testing.T) {
	t.Parallel()
	a := &app{configPath: "my folder"}
	require.Equal(t, `starter --config 'my folder' show 'Spring Sale/2026-11-23T06:00:00Z'`, a.command("show", "Spring Sale/2026-11-23T06:00:00Z"))
	require.Equal(t, `'it'\''s'`, quoted("it's"))
	require.Equal(t, `''`, quoted(""))
	require.Equal(t, `'$HOME'`, quoted("$HOME"))
}
