// Package watch follows a run and shows how far it is.
package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"consign/activities"
	"consign/workflows"
)

// Client is what this package needs of a Temporal client.
type Client interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	QueryWorkflow(ctx context.Context, workflowID, runID, queryType string, args ...any) (converter.EncodedValue, error)
	DescribeTaskQueue(ctx context.Context, taskQueue string, kind enums.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error)
	Result(ctx context.Context, workflowID, runID string, into any) error
}

// A Snapshot is how a run stands at one moment.
type Snapshot struct {
	WorkflowID string              `json:"workflow_id"`
	RunID      string              `json:"run_id"`
	Open       bool                `json:"open"`
	State      workflows.State     `json:"state"`
	Queue      string              `json:"task_queue"`
	Started    time.Time           `json:"started_at"`
	Closed     time.Time           `json:"completed_at,omitzero"`
	Progress   *workflows.Progress `json:"progress,omitempty"` // nil: no worker answered
	Working    []Working           `json:"working,omitempty"`
	// TaskTries is how often a worker was asked what comes next since it last knew; 0: it has answered, or nobody asks.
	TaskTries  int32 `json:"workflow_task_tries,omitempty"`
	IsCampaign bool  `json:"-"` // so that its result is a CampaignCompletion

	resetTo string // run id of the run that goes on instead of this one; empty: none does
}

// Working is a step that is being tried now, or waits for its next try.
type Working struct {
	Step        string               `json:"step"`
	State       string               `json:"state"` // waiting | running | stopping | paused
	Attempt     int                  `json:"attempt"`
	Beat        activities.Heartbeat `json:"heartbeat"`
	BeatAt      time.Time            `json:"heartbeat_at,omitzero"`
	Next        time.Time            `json:"next_attempt,omitzero"`
	LastFailure string               `json:"last_failure,omitempty"`
	Worker      string               `json:"worker,omitempty"` // that tries it, or has tried it last
}

// queryWait bounds the wait for a worker's answer: without a worker there is none, and the rest is worth showing.
const queryWait = 3 * time.Second

// Look asks Temporal how a run stands. An empty runID means the latest run of the workflow id.
func Look(ctx context.Context, c Client, workflowID, runID string) (Snapshot, error) {
	answer, err := c.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return Snapshot{}, fmt.Errorf("describe %s: %w", workflowID, err)
	}
	info := answer.GetWorkflowExecutionInfo()
	s := Snapshot{
		WorkflowID: workflowID,
		RunID:      info.GetExecution().GetRunId(),
		Open:       info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING || info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_PAUSED,
		State:      StateOf(info),
		Queue:      info.GetTaskQueue(),
		Started:    info.GetStartTime().AsTime(),
		IsCampaign: info.GetType().GetName() == workflows.TypeCampaign,
		TaskTries:  answer.GetPendingWorkflowTask().GetAttempt(),
		resetTo:    answer.GetWorkflowExtendedInfo().GetResetRunId(),
	}
	if info.GetCloseTime() != nil {
		s.Closed = info.GetCloseTime().AsTime()
	}
	if s.Open { // Temporal also names what a run that is over had not waited for
		s.Working = atWork(answer.GetPendingActivities())
	}
	s.Progress = askProgress(ctx, c, s)
	if s.Open && s.Progress != nil {
		s.State = s.Progress.State
	}
	return s, nil
}

func askProgress(ctx context.Context, c Client, s Snapshot) *workflows.Progress {
	ctx, cancel := context.WithTimeout(ctx, queryWait)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, s.WorkflowID, s.RunID, workflows.QueryProgress)
	if err != nil {
		return nil
	}
	var p workflows.Progress
	if answer.Get(&p) != nil {
		return nil
	}
	return &p
}

// StateOf reads a run's state from what Temporal's visibility has. How the workflow closed says more than the search
// attribute: a run that was terminated could not write it any more.
func StateOf(info *workflowpb.WorkflowExecutionInfo) workflows.State {
	switch info.GetStatus() {
	case enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return workflows.Completed
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		return workflows.Aborted
	case enums.WORKFLOW_EXECUTION_STATUS_FAILED, enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return workflows.Failed
	case enums.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED, enums.WORKFLOW_EXECUTION_STATUS_RUNNING,
		enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, enums.WORKFLOW_EXECUTION_STATUS_PAUSED:
	}
	if Attribute(info, workflows.AttributeState.GetName()) == string(workflows.Parked) {
		return workflows.Parked
	}
	return workflows.Running
}

// Attribute returns the text of a search attribute, and "" if the run does not have it.
func Attribute(info *workflowpb.WorkflowExecutionInfo, name string) string {
	return attribute[string](info, name)
}

// Rows returns the run's ConsignRows, and 0 if it is not known.
func Rows(info *workflowpb.WorkflowExecutionInfo) int64 {
	return attribute[int64](info, workflows.AttributeRows.GetName())
}

// attribute returns the value of a search attribute, and nothing if the run does not have it.
func attribute[T any](info *workflowpb.WorkflowExecutionInfo, name string) T {
	var value, none T
	payload, ok := info.GetSearchAttributes().GetIndexedFields()[name]
	if !ok || converter.GetDefaultDataConverter().FromPayload(payload, &value) != nil {
		return none
	}
	return value
}

// asked says when an activity was asked for: the SDK names it after its event in the history.
func asked(a *workflowpb.PendingActivityInfo) int {
	event, err := strconv.Atoi(a.GetActivityId())
	if err != nil { // of another SDK
		return 0
	}
	return event
}

// foremost is the step to tell of: one that does not go as it should, or else the first.
func (s Snapshot) foremost(now time.Time) Working {
	for _, w := range s.Working {
		if _, urgent := describe(w, &meter{}, now); urgent {
			return w
		}
	}
	return s.Working[0]
}

// atWork are the steps that Temporal names, in no order: several at once if the delivery has several files.
func atWork(pending []*workflowpb.PendingActivityInfo) (list []Working) {
	slices.SortFunc(pending, func(a, b *workflowpb.PendingActivityInfo) int { return cmp.Compare(asked(a), asked(b)) })
	for _, a := range pending {
		list = append(list, working(a))
	}
	return list
}

func working(a *workflowpb.PendingActivityInfo) Working {
	w := Working{
		Step: a.GetActivityType().GetName(), Attempt: int(a.GetAttempt()),
		State: "waiting", LastFailure: lastFailure(a.GetLastFailure()), Worker: a.GetLastWorkerIdentity(),
	}
	switch a.GetState() {
	case enums.PENDING_ACTIVITY_STATE_STARTED:
		w.State = "running"
	case enums.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
		w.State = "stopping"
	default:
	}
	if a.GetPaused() {
		w.State = "paused"
	}
	if a.GetLastHeartbeatTime() != nil && beat(a.GetHeartbeatDetails(), &w.Beat) {
		w.BeatAt = a.GetLastHeartbeatTime().AsTime()
	}
	if next := a.GetNextAttemptScheduleTime(); next != nil && w.State == "waiting" {
		w.Next = next.AsTime()
	}
	return w
}

func beat(details *commonpb.Payloads, into *activities.Heartbeat) bool {
	return details != nil && converter.GetDefaultDataConverter().FromPayloads(details, into) == nil
}

// lastFailure says why the last try failed: the step's own words, or what Temporal noticed.
func lastFailure(f *failurepb.Failure) string {
	if f == nil {
		return ""
	}
	if f.GetTimeoutFailureInfo() != nil {
		return "the worker did not answer any more (" + f.GetMessage() + ")"
	}
	return f.GetMessage()
}

// Ended reads how a closed run ended. The completion is in the workflow's result, or in the details of its error.
func Ended(ctx context.Context, c Client, s Snapshot) (workflows.Completion, error) {
	done := workflows.Completion{WorkflowID: s.WorkflowID, RunID: s.RunID, Status: s.State, StartedAt: s.Started, CompletedAt: s.Closed}
	err := ended(ctx, c, s, &done, &done.Failure)
	done.Status = s.State
	return done, err
}

// CampaignEnded reads how a closed campaign ended, as Ended does of a run.
func CampaignEnded(ctx context.Context, c Client, s Snapshot) (workflows.CampaignCompletion, error) {
	done := workflows.CampaignCompletion{WorkflowID: s.WorkflowID, RunID: s.RunID, Status: s.State, StartedAt: s.Started, CompletedAt: s.Closed}
	err := ended(ctx, c, s, &done, &done.Failure)
	done.Status = s.State
	return done, err
}

// ended reads a closed workflow's completion into done, whose failure is failure.
func ended(ctx context.Context, c Client, s Snapshot, done any, failure **activities.Failure) error {
	err := c.Result(ctx, s.WorkflowID, s.RunID, done)
	if err == nil {
		return nil
	}
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	var late *temporal.TimeoutError
	switch {
	case errors.As(err, &failed):
		if failed.Details(done) != nil || *failure == nil {
			*failure = &activities.Failure{
				Type: failed.Type(), Attribution: activities.Platform, Message: failed.Message(),
				Advice: "Look at the workflow's history in the Temporal UI.",
			}
		}
	case errors.As(err, &canceled):
		_ = canceled.Details(done)
	case errors.As(err, &terminated):
		*failure = s.cutOff("Terminated", "the workflow was terminated", "Use abort rather than terminate.")
	case errors.As(err, &late):
		*failure = s.cutOff("TimedOut", "the workflow took longer than the timeout with which it was started allows", "Start runs without a timeout of the workflow.")
	default:
		return fmt.Errorf("read the result of %s: %w", s.WorkflowID, err)
	}
	return nil
}

// cutOff is the failure of a workflow that Temporal has ended, so that it has not said how. rather is what to do another time.
func (s Snapshot) cutOff(kind, message, rather string) *activities.Failure {
	f := &activities.Failure{
		Type: kind, Attribution: activities.Platform, Message: message + ", so that it could neither clean up nor say what of it can be read",
		Advice: "A worker's janitor removes its files. " + rather,
	}
	if s.IsCampaign {
		f.Message = message + ", so that it could not say what its runs have delivered"
		f.Advice = "What they have delivered stays: starter runs --campaign lists them. " + rather
	}
	return f
}

// Of makes a Temporal client what this package needs.
func Of(c client.Client) Client { return sdkClient{c} }

type sdkClient struct {
	client.Client
}

// Result waits for a closed run's result.
func (c sdkClient) Result(ctx context.Context, workflowID, runID string, into any) error {
	return c.GetWorkflow(ctx, workflowID, runID).Get(ctx, into)
}
