package demo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNobodyWaitsForAWorkerThatHasDied(t *testing.T) {
	t.Parallel()
	p := &process{exited: make(chan struct{})}
	ctx, stop := p.whileItLives(t.Context())
	defer stop()
	require.NoError(t, ctx.Err())
	close(p.exited)
	<-ctx.Done()
}

func TestAWorkerIsQuotedWhenItHasDied(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "worker.log")
	require.NoError(t, os.WriteFile(log, []byte("level=INFO msg=ready\npanic: no\n"), 0o600))
	p := &process{log: log, exited: make(chan struct{})}
	require.Empty(t, p.lastWords())
	close(p.exited)
	require.Contains(t, p.lastWords(), "panic: no")
}
