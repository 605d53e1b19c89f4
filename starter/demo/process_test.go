package demo

import (
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
