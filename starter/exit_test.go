package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
)

// The listener is a Temporal that takes the connection and says nothing, as one does that is just starting.
func TestWhoeverInterruptsADialIsToldSo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"send", "delivers"}, {"redeliver", "delivers/k"}, {"runs"}, {"setup"}, {"schedule", "apply"}} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ctx, interrupt := context.WithCancel(t.Context())
		go func() {
			if connection, err := listener.Accept(); err == nil {
				defer func() { _ = connection.Close() }()
				interrupt()
				<-t.Context().Done()
			}
		}()
		var out, messages bytes.Buffer
		status := run(ctx, append([]string{"--config", "testdata/shared/consign.yaml"}, args...), strings.NewReader(""), &out, &messages, func(name string) (string, bool) {
			return map[string]string{"CONSIGN_TEMPORAL_ADDRESS": listener.Addr().String()}[name], true
		})
		require.Equal(t, exitInterrupted, status, messages.String())
		require.Equal(t, "starter: interrupted\n", messages.String(), args)
		require.Empty(t, out.String())
		require.NoError(t, listener.Close())
		interrupt()
	}
}

func TestAResultThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"external-id", "validate", "plan delivers", "-o json plan delivers", "policy acme --format cli"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		var messages bytes.Buffer
		args := append([]string{"--config", "testdata/shared/consign.yaml"}, strings.Fields(command)...)
		status := run(t.Context(), args, strings.NewReader(""), full, &messages, func(string) (string, bool) { return "", false })
		require.Equal(t, exitFailed, status, command)
		require.Contains(t, messages.String(), "starter: write /dev/full: no space left on device", command)
		require.NoError(t, full.Close())
	}
}

func TestOnlyWhatTheInterruptionHasEndedIsInterrupted(t *testing.T) {
	t.Parallel()
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"a question to Temporal":        {interrupted, failed(fmt.Errorf("ask: %w", serviceerror.NewCanceled("context canceled")), "is a worker there?"), exitInterrupted},
		"a question to the STS":         {interrupted, failed(fmt.Errorf("ask: %w", context.Canceled), ""), exitInterrupted},
		"a run that failed at the time": {interrupted, failed(errors.New("upload: access denied"), ""), exitFailed},
		"what is wrong anyway":          {interrupted, wrong(fmt.Errorf("no such run: %w", context.Canceled), ""), exitWrong},
		"a question that others ended":  {t.Context(), failed(fmt.Errorf("ask: %w", context.Canceled), ""), exitFailed},
	} {
		status, _ := explain(c.ctx, c.err)
		require.Equal(t, c.want, status, name)
	}
}
