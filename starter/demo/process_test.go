package demo

import (
	"context"
	"io"
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

func TestNothingMoreIsSentByAWorkerThatHasDied(t *testing.T) {
	t.Parallel()
	w := testWorld(t)
	w.worker = &process{log: w.path("worker.log"), exited: make(chan struct{})}
	close(w.worker.exited)
	var asked []string
	s := script{narrator: narrator{out: io.Discard}, world: w, Options: Options{
		Starter: func(_ context.Context, _ map[string]string, args ...string) ([]byte, int) {
			asked = append(asked, args[2])
			return nil, 0
		},
	}}
	_, err := s.threeWays(t.Context(), nil, "a", "a.csv")
	require.ErrorIs(t, err, ErrNotDelivered)
	require.Equal(t, []string{"plan", "send"}, asked)
}
