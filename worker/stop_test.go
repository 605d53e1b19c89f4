package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAWorkerThatIsStoppedBeforeTemporalAnswersEndsInOrder: whoever stops it must not take that for a failure.
func TestAWorkerThatIsStoppedBeforeTemporalAnswersEndsInOrder(t *testing.T) {
	t.Parallel()
	mute, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, mute.Close()) }()
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		conn, err := mute.Accept()
		stop()
		if err == nil {
			_, _ = io.Copy(io.Discard, conn) // until the worker hangs up
		}
	}()
	dir := t.TempDir()
	path := filepath.Join(dir, "consign.yaml")
	text := fmt.Sprintf("temporal: {address: %q}\nworkspace: {dir: %q}\n", mute.Addr(), filepath.Join(dir, "workspace"))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	code, err := run(ctx, path, io.Discard)
	require.NoError(t, err)
	require.Zero(t, code)
}

// TestAWorkerThatIsStoppedWhileItLooksAtItsNamespaceEndsInOrder: Temporal has answered by then, and is slow.
func TestAWorkerThatIsStoppedWhileItLooksAtItsNamespaceEndsInOrder(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	code, err := run(ctx, (&forgetful{mute: stop}).serve(t), t.Output())
	require.NoError(t, err)
	require.Zero(t, code)
}
