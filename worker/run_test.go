package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemporalCallsTheWorkerByItsLabelOrItsMachine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "worker-1 (pid 123)", identity("worker-1", "machine", 123))
	require.Equal(t, "machine (pid 123)", identity("", "machine", 123))
	require.Equal(t, "unknown (pid 123)", identity("", "", 123))
}

func TestWrongUsageSaysWhatIsRight(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"no such file or directory\n  hint: --config, or else $CONSIGN_CONFIG, names a file or a folder": {"--config", "nowhere.yaml"},
		"unknown command \"run\" for \"worker\"\n  hint: it takes flags alone; worker --help lists them": {"run"},
		"unknown flag: --confg\n  hint: it takes flags alone; worker --help lists them":                  {"--confg", "consign.yaml"},
	} {
		var messages bytes.Buffer
		require.Equal(t, exitUsage, start(t.Context(), args, &messages))
		require.Contains(t, messages.String(), says)
	}
}
