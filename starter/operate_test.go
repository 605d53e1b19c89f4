package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"

	"consign/workflows"
)

// Temporal is a stand-in: that its clock ends the wait a moment before ours cannot be had on request.
func TestARequestThatNoWorkerTakesIsLeftWhicheverClockIsFaster(t *testing.T) {
	t.Parallel()
	for _, at := range []struct{ err, want error }{
		{client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded), errNoWorker},
		{errors.New("no such run"), nil},
	} {
		temporal := &mocks.Client{}
		temporal.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, at.err)
		_, err := update(t.Context(), temporal, "send/o/k", workflows.AbortName, nil)
		if at.want == nil {
			require.Equal(t, at.err, err)
			continue
		}
		require.ErrorIs(t, err, at.want)
	}
}

// Temporal is a stand-in: a host that does not answer for longer than this takes a minute to have.
func TestARequestThatIsOnItsWayIsNotLeftAgain(t *testing.T) {
	t.Parallel()
	late := client.NewWorkflowUpdateServiceTimeoutOrCanceledError(context.DeadlineExceeded)
	handle := &mocks.WorkflowUpdateHandle{}
	handle.On("Get", mock.Anything, mock.Anything).Return(late)
	temporal := &mocks.Client{}
	temporal.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(handle, nil)
	_, err := update(t.Context(), temporal, "send/o/k", workflows.RetryName, nil)
	require.NoError(t, err)
}
