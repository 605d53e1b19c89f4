package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/workspace"
)

func TestAHostWithoutRoomSaysSoAndThatItHasSomeAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, err := workspace.Open(workspace.Options{Dir: dir, MaxBytes: 4, Runs: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	spilt := filepath.Join(host.Spill(), "spilt")
	require.NoError(t, os.WriteFile(spilt, []byte("hello"), 0o600))

	var said bytes.Buffer
	a := newAdmission(host, 2, slog.New(slog.NewTextHandler(&said, nil)))
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = a.ReserveSlot(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Equal(t, 1, strings.Count(said.String(), "this host takes no run for now"), "not for each who waits")
	require.Contains(t, said.String(), "5 bytes in use, workspace.max_bytes is 4")
	require.Contains(t, said.String(), "free some disk")

	require.NoError(t, os.Remove(spilt))
	for range 2 {
		_, err = a.ReserveSlot(t.Context(), nil)
		require.NoError(t, err)
	}
	require.Equal(t, 1, strings.Count(said.String(), "this host takes runs"))
}

func TestAHostWhoseWorkspaceIsGoneSaysSo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "workspace")
	host, err := workspace.Open(workspace.Options{Dir: dir, Runs: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	require.NoError(t, os.RemoveAll(dir))

	var said bytes.Buffer
	a := newAdmission(host, 2, slog.New(slog.NewTextHandler(&said, nil)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = a.ReserveSlot(ctx, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Contains(t, said.String(), dir+": the folder that this worker has locked is gone: start the worker again when its disk is there")
}
