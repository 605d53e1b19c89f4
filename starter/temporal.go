package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"consign/internal/config"
	"consign/internal/connect"
)

// dialWait bounds the wait for Temporal's first answer: a person sits there, and a scheduler has a retry of its own.
const dialWait = 5 * time.Second

// answerWait bounds a single question.
const answerWait = 15 * time.Second

// dial connects to the configured Temporal.
func (a *app) dial(ctx context.Context, t config.Temporal) (client.Client, error) {
	options, err := connect.Options(t, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, wrong(err, "")
	}
	options.ConnectionOptions.GetSystemInfoTimeout = dialWait
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	connection, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, a.unreachable(t, connect.Reason(ctx, t, plain(err)))
	}
	return connection, nil
}

func (a *app) unreachable(t config.Temporal, err error) error {
	var denied *serviceerror.PermissionDenied
	where := fmt.Sprintf("Temporal at %s", t.Address)
	if errors.As(err, &denied) {
		return failed(fmt.Errorf("%s does not let us in: %w", where, err), "see temporal.api_key and temporal.tls in the configuration")
	}
	return failed(fmt.Errorf("%s cannot be reached: %w", where, err),
		"is it running? temporal.address (or CONSIGN_TEMPORAL_ADDRESS) says where it is looked for, and temporal.tls how")
}

// plain leaves out what the SDK and gRPC put around the reason.
func plain(err error) error {
	var unavailable *serviceerror.Unavailable
	if errors.As(err, &unavailable) {
		return unavailable
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", dialWait)
	}
	return err
}

// asked explains an error of a question about a run.
func (a *app) asked(t config.Temporal, id string, err error) error {
	var missing *serviceerror.NotFound
	var namespace *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &namespace):
		return wrong(fmt.Errorf("there is no namespace %q in Temporal", t.Namespace), "temporal operator namespace create --namespace "+t.Namespace+" --retention 30d")
	case errors.As(err, &missing):
		return wrong(fmt.Errorf("there is no run %s", shortRun(id)), a.listsRuns()+"; Temporal forgets a run when the namespace's retention is over")
	default:
		return err
	}
}
