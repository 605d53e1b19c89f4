package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemporalCallsTheWorkerByItsLabelOrItsMachine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "worker-1 (pid 123)", identity("worker-1", "machine", 123))
	require.Equal(t, "machine (pid 123)", identity("", "machine", 123))
	require.Equal(t, "unknown (pid 123)", identity("", "", 123))
}
