package devstack

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func TestEveryToolHasItsModule(t *testing.T) {
	t.Parallel()
	root, err := findRoot()
	require.NoError(t, err)
	for name, tool := range tools() {
		require.FileExists(t, filepath.Join(root, "internal", "devstack", tool.module, "go.mod"), name)
		require.NotEmpty(t, tool.cold, name)
	}
}

func TestAnUnknownToolIsRefused(t *testing.T) {
	t.Parallel()
	_, err := Build(t.Context(), "hammer", nil)
	require.ErrorIs(t, err, ErrUnknownTool)
	require.ErrorContains(t, err, "build hammer")
}

func TestCompileRemovesOldVersionsAndLeavesNoHalfBuiltOne(t *testing.T) {
	t.Parallel()
	source, target := module(t, "package main\n\nfunc main() {}\n"), t.TempDir()
	old, young := filepath.Join(target, "probe-old"), filepath.Join(target, "probe-young")
	require.NoError(t, os.Mkdir(old, 0o755))
	require.NoError(t, os.Mkdir(young, 0o755))
	lastMonth := time.Now().AddDate(0, -1, 0)
	require.NoError(t, os.Chtimes(old, lastMonth, lastMonth))
	require.NoError(t, compile(t.Context(), source, ".", "probe", filepath.Join(target, "probe-new"), &bytes.Buffer{}))
	require.FileExists(t, filepath.Join(target, "probe-new", "probe"))
	require.NoDirExists(t, old)
	require.DirExists(t, young, "somebody may run it")
	require.NoDirExists(t, filepath.Join(target, "probe-new.building"))
}

func TestCompileSaysWhatTheCompilerSays(t *testing.T) {
	t.Parallel()
	err := compile(t.Context(), module(t, "package main\n\nfunc main() { missing() }\n"), ".", "probe", filepath.Join(t.TempDir(), "probe-new"), &bytes.Buffer{})
	require.ErrorContains(t, err, "undefined: missing")
}

func TestTheDigestFollowsTheSources(t *testing.T) {
	t.Parallel()
	source := module(t, "package main\n")
	before, err := digest(source, ".")
	require.NoError(t, err)
	again, err := digest(source, ".")
	require.NoError(t, err)
	require.Equal(t, before, again)
	other, err := digest(source, "./other")
	require.NoError(t, err)
	require.NotEqual(t, before, other)
	require.NoError(t, os.WriteFile(filepath.Join(source, "main.go"), []byte("package main \n"), 0o644))
	after, err := digest(source, ".")
	require.NoError(t, err)
	require.NotEqual(t, before, after)
	_, err = digest(filepath.Join(source, "missing"), ".")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTheRootIsTheFolderOfOurOwnModule(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	inner := filepath.Join(root, "internal", "devstack", "minio")
	require.NoError(t, os.MkdirAll(inner, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(inner, "go.mod"), []byte("module consign/devstack/minio\n"), 0o644))
	require.Empty(t, rootAbove(inner))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module consign\n\ngo 1.26.0\n"), 0o644))
	require.Equal(t, root, rootAbove(inner))
}

func TestALockIsHeldByOneAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	var inside atomic.Int32
	g, ctx := errgroup.WithContext(t.Context())
	for range 4 {
		g.Go(func() error {
			unlock, err := lock(ctx, path)
			if err != nil {
				return err
			}
			defer unlock()
			require.EqualValues(t, 1, inside.Add(1))
			inside.Add(-1)
			return nil
		})
	}
	require.NoError(t, g.Wait())
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path)
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = lock(ctx, path)
	require.ErrorIs(t, err, context.Canceled)
}

func TestATailKeepsTheLastWords(t *testing.T) {
	t.Parallel()
	words := &tail{}
	for range tailSize {
		_, err := words.Write([]byte("begin "))
		require.NoError(t, err)
	}
	_, err := words.Write([]byte("end\n"))
	require.NoError(t, err)
	require.LessOrEqual(t, len(words.String()), tailSize)
	require.Contains(t, words.String(), "begin end")
}

func TestAFreePortIsFree(t *testing.T) {
	t.Parallel()
	port, err := freePort()
	require.NoError(t, err)
	require.GreaterOrEqual(t, port, firstPort)
	require.Less(t, port, lastPort)
}

func TestAServerThatEndsAtOnceIsTriedOnAnotherPort(t *testing.T) {
	t.Parallel()
	var tried []int // one may come twice
	err := onFreePort(t.Context(), func(port int) error {
		tried = append(tried, port)
		return ErrStopped
	})
	require.ErrorIs(t, err, ErrStopped)
	require.Len(t, tried, 3)
}

func module(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module probe\n\ngo 1.26.0\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644))
	return dir
}
