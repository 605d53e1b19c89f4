package activities

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
)

// JoinInput names a run that a campaign may have started before somebody reset it.
type JoinInput struct {
	WorkflowID string    `json:"workflow_id"`
	Campaign   string    `json:"campaign"` // the workflow id of the campaign's run
	Since      time.Time `json:"since"`    // when the campaign's run began
	Wait       bool      `json:"wait,omitempty"`
}

// Joined is whose the run is and, if that was waited for, how it has ended.
type Joined struct {
	Own        bool            `json:"own"`
	Completion json.RawMessage `json:"completion,omitempty"` // none: it was terminated
}

// JoinRun sees whether a run is the campaign's own, and waits until it is over. A campaign that was reset to before it had
// started its runs cannot start them once more: they go on, or have delivered.
func (s *Steps) JoinRun(ctx context.Context, in JoinInput) (_ Joined, err error) {
	defer s.fail(ctx, "JoinRun", &err)
	ctx, end := watched(ctx, "JoinRun")
	defer end()
	found, err := s.options.Client.DescribeWorkflowExecution(ctx, in.WorkflowID, "")
	if unknown(err) {
		return Joined{}, nil
	}
	if err != nil {
		return Joined{}, err
	}
	info := found.GetWorkflowExecutionInfo()
	joined := Joined{Own: info.GetParentExecution().GetWorkflowId() == in.Campaign && !info.GetStartTime().AsTime().Before(in.Since)}
	if !joined.Own || !in.Wait {
		return joined, nil
	}
	if _, err := s.Over(ctx, OverInput{WorkflowID: in.WorkflowID, Wait: true}); err != nil {
		return Joined{}, errors.Join(err, s.endOrphan(ctx, in))
	}
	joined.Completion, err = s.ended(ctx, in.WorkflowID)
	return joined, err
}

// endOrphan cancels a run whose campaign was terminated while it waited for it. Temporal does so with the runs that this very
// execution of the campaign has started.
func (s *Steps) endOrphan(ctx context.Context, in JoinInput) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), overPoll)
	defer cancel()
	if over, err := Closed(ctx, s.options.Client, in.Campaign); err != nil || !over {
		return err
	}
	return s.options.Client.CancelWorkflow(ctx, in.WorkflowID, "")
}

// ended reads the completion that every run closes with, however it ends by itself.
func (s *Steps) ended(ctx context.Context, workflowID string) (completion json.RawMessage, err error) {
	err = s.options.Client.GetWorkflow(ctx, workflowID, "").Get(ctx, &completion)
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var closed *temporal.WorkflowExecutionError
	switch {
	case errors.As(err, &failed) && failed.HasDetails():
		return completion, failed.Details(&completion)
	case errors.As(err, &canceled) && canceled.HasDetails():
		return completion, canceled.Details(&completion)
	case errors.As(err, &closed):
		return nil, nil
	default:
		return completion, err
	}
}
