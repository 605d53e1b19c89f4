package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"consign/internal/config"
	"consign/starter/watch"
	"consign/workflows"
)

// updateWait is how long an update may take until it is left as a signal instead: an update is not kept when no worker
// is there to take it, a signal is.
const updateWait = 8 * time.Second

// operated is the result of retry and abort.
type operated struct {
	Run        string `json:"run"`
	WorkflowID string `json:"workflow_id"`
	Asked      string `json:"asked"`    // retry | replan | abort
	Accepted   bool   `json:"accepted"` // false: left as a signal, because no worker answered
}

// operate sends an update to a run, and leaves it as a signal if nobody takes it. said is told of the run's answer.
func (a *app) operate(ctx context.Context, run, asked, name string, payload any, said func(workflows.Progress) string) error {
	id, err := a.workflowID(run)
	if err != nil {
		return err
	}
	t, err := a.temporal()
	if err != nil {
		return err
	}
	connection, err := a.dial(ctx, t)
	if err != nil {
		return doing(asked+" "+run, err)
	}
	defer connection.Close()
	done := operated{Run: shortRun(id), WorkflowID: id, Asked: asked, Accepted: true}
	progress, err := update(ctx, connection, id, name, payload)
	what := said(progress)
	var no *temporal.ApplicationError
	switch {
	case err == nil:
	case errors.As(err, &no):
		return wrong(fmt.Errorf("%s %s: %s", asked, done.Run, no.Message()), a.command("show", done.Run)+" says how it stands")
	case errors.Is(err, errNoWorker) && ctx.Err() == nil:
		if err := leave(ctx, connection, id, name, payload); err != nil {
			return doing(asked+" "+run, a.notTaken(ctx, t, connection, done, err))
		}
		done.Accepted = false
		what = "no worker answered; Temporal keeps the request for the next worker that comes"
	default:
		return doing(asked+" "+run, a.notTaken(ctx, t, connection, done, err))
	}
	return a.result(done, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", done.Run, what) })
}

// notTaken explains why Temporal did not take a request. That it does not find the run also means that the run is over.
func (a *app) notTaken(ctx context.Context, t config.Temporal, connection client.Client, o operated, err error) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	described, lookErr := connection.DescribeWorkflowExecution(ctx, o.WorkflowID, "")
	info := described.GetWorkflowExecutionInfo()
	if lookErr != nil || info.GetCloseTime() == nil {
		return a.asked(t, o.WorkflowID, err)
	}
	return wrong(fmt.Errorf("it is %s, and %s is for a run that is under way", watch.StateOf(info), o.Asked), a.command("show", o.Run)+" says how it ended")
}

var errNoWorker = errors.New("no worker took the request")

// update sends an update and waits for its answer; not for long, if it was accepted: a replan may have to wait for a host
// that does not answer, and is on its way.
func update(ctx context.Context, connection client.Client, id, name string, payload any) (p workflows.Progress, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, updateWait, errNoWorker)
	defer cancel()
	handle, err := connection.UpdateWorkflow(limited, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: name, Args: []any{payload}, WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	accepted := err == nil
	if accepted {
		err = handle.Get(limited, &p)
	}
	var unanswered *client.WorkflowUpdateServiceTimeoutOrCanceledError // the server's clock may be the faster one
	switch late := err != nil && ctx.Err() == nil && (limited.Err() != nil || errors.As(err, &unanswered)); {
	case late && accepted:
		return p, nil
	case late:
		return p, errNoWorker
	}
	return p, err
}

func leave(ctx context.Context, connection client.Client, id, name string, payload any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	return connection.SignalWorkflow(ctx, id, "", name, payload)
}
