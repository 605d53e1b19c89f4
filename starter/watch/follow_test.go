package watch

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	"consign/activities"
	"consign/workflows"
)

// A script is a Temporal that gives one answer after the other, and then the last one for ever.
type script struct {
	answers []answer
	looks   int
	pollers int
	result  func(into any) error
}

type answer struct {
	info     *workflowpb.WorkflowExecutionInfo
	pending  []*workflowpb.PendingActivityInfo
	progress *workflows.Progress
	tries    int32 // of a workflow task
	err      error
}

func (s *script) now() answer { return s.answers[min(s.looks, len(s.answers))-1] }

func (s *script) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	s.looks++
	answer := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: s.now().info, PendingActivities: s.now().pending}
	if s.now().tries > 0 {
		answer.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{Attempt: s.now().tries}
	}
	return answer, s.now().err
}

func (s *script) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	if s.now().progress == nil {
		return nil, errors.New("no poller")
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(s.now().progress)
	return encoded{payloads}, err
}

func (s *script) DescribeTaskQueue(context.Context, string, enums.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	return &workflowservice.DescribeTaskQueueResponse{Pollers: make([]*taskqueuepb.PollerInfo, s.pollers)}, nil
}

func (s *script) Result(_ context.Context, _, _ string, into any) error { return s.result(into) }

type encoded struct{ payloads *commonpb.Payloads }

func (e encoded) HasValue() bool { return true }
func (e encoded) Get(into any) error {
	return converter.GetDefaultDataConverter().FromPayloads(e.payloads, into)
}

func status(s enums.WorkflowExecutionStatus) *workflowpb.WorkflowExecutionInfo {
	return &workflowpb.WorkflowExecutionInfo{
		Status: s, StartTime: timestamppb.New(noon), TaskQueue: "consign", Execution: &commonpb.WorkflowExecution{WorkflowId: "send/a/1", RunId: "r"},
	}
}

var (
	open      = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	completed = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
)

// follow follows the script's run with a clock that goes on by step at each look.
func follow(ctx context.Context, s *script, step time.Duration) (Snapshot, string, error) {
	var out bytes.Buffer
	f := Follower{Client: s, View: NewLines(&out), Every: time.Millisecond, Clock: func() time.Time { return noon.Add(time.Duration(s.looks) * step) }}
	snapshot, err := f.Until(ctx, "send/a/1", "r")
	return snapshot, out.String(), err
}

func TestFollowingEndsWithTheRun(t *testing.T) {
	t.Parallel()
	snapshot, _, err := follow(t.Context(), &script{answers: []answer{
		{info: status(open), progress: &workflows.Progress{State: workflows.Running}},
		{info: status(open)}, // the worker restarts
		{info: status(completed), pending: []*workflowpb.PendingActivityInfo{{}}},
	}}, time.Second)
	require.NoError(t, err)
	require.Equal(t, workflows.Completed, snapshot.State)
	require.False(t, snapshot.Open)
	require.Empty(t, snapshot.Working, "it waits for nothing, whatever it has left")
}

func TestFollowingEndsWhenTheRunIsParked(t *testing.T) {
	t.Parallel()
	failure := &activities.Failure{Step: "Upload", Type: "AccessDenied"}
	snapshot, _, err := follow(t.Context(), &script{answers: []answer{
		{info: status(open), progress: &workflows.Progress{State: workflows.Running}},
		{info: status(open), progress: &workflows.Progress{State: workflows.Parked, Failure: failure}},
	}}, time.Second)
	require.NoError(t, err)
	require.Equal(t, workflows.Parked, snapshot.State)
	require.Equal(t, failure, snapshot.Progress.Failure)
}

func TestAParkedRunIsSeenWithoutAWorkerToo(t *testing.T) {
	t.Parallel()
	info := status(open)
	payload, err := converter.GetDefaultDataConverter().ToPayload("parked")
	require.NoError(t, err)
	info.SearchAttributes = &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"ConsignState": payload}}
	snapshot, _, err := follow(t.Context(), &script{answers: []answer{{info: info}}}, time.Second)
	require.NoError(t, err)
	require.Equal(t, workflows.Parked, snapshot.State)
}

func TestAMissingWorkerIsPointedOutOnce(t *testing.T) {
	t.Parallel()
	never := answer{info: status(open)}
	_, said, err := follow(t.Context(), &script{answers: []answer{never, never, never, never, never, never, {info: status(completed)}}}, time.Second)
	require.NoError(t, err)
	require.Equal(t, "no worker takes work from the task queue \"consign\": the run waits until one is started\n", said)
}

func TestAWorkerThatIsOnlyBusyIsNotMissing(t *testing.T) {
	t.Parallel()
	never := answer{info: status(open)}
	_, said, err := follow(t.Context(), &script{pollers: 1, answers: []answer{never, never, never, never, never, never, {info: status(completed)}}}, time.Second)
	require.NoError(t, err)
	require.Empty(t, said)
}

// TestAWorkerThatWasThereIsGivenTimeToComeBack: a Temporal that was restarted knows of none until each asks again.
func TestAWorkerThatWasThereIsGivenTimeToComeBack(t *testing.T) {
	t.Parallel()
	const missing = "no worker takes work from the task queue \"consign\": the run waits until one is started\n"
	never := answer{info: status(open)}
	for name, tc := range map[string]struct {
		before answer
		says   string
	}{
		"Temporal was restarted": {answer{err: serviceerror.NewUnavailable("connection refused")}, "Temporal does not answer; trying again\n"},
		"a worker has answered":  {answer{info: status(open), progress: &workflows.Progress{State: workflows.Running}}, ""},
	} {
		answers := []answer{tc.before, never, never, never, never, never, {info: status(completed)}}
		_, said, err := follow(t.Context(), &script{answers: answers}, 5*time.Second)
		require.NoError(t, err, name)
		require.Equal(t, tc.says, said, name)
		_, said, err = follow(t.Context(), &script{answers: answers}, 10*time.Second)
		require.NoError(t, err, name)
		require.Equal(t, tc.says+missing, said, name)
	}
}

func TestAShortSilenceOfTemporalIsWaitedFor(t *testing.T) {
	t.Parallel()
	silent := answer{err: serviceerror.NewUnavailable("connection refused")}
	_, said, err := follow(t.Context(), &script{answers: []answer{silent, silent, silent, {info: status(completed)}}}, time.Second)
	require.NoError(t, err)
	require.Equal(t, "Temporal does not answer; trying again\n", said)
}

func TestALongSilenceOfTemporalIsGivenUp(t *testing.T) {
	t.Parallel()
	_, _, err := follow(t.Context(), &script{answers: []answer{{err: serviceerror.NewUnavailable("connection refused")}}}, 20*time.Second)
	require.ErrorContains(t, err, "no answer for 1 min")
	var unavailable *serviceerror.Unavailable
	require.ErrorAs(t, err, &unavailable)
}

func TestARunThatIsNotThereIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := &script{answers: []answer{{err: serviceerror.NewNotFound("no such run")}}}
	_, _, err := follow(t.Context(), s, time.Second)
	var missing *serviceerror.NotFound
	require.ErrorAs(t, err, &missing)
	require.Equal(t, 1, s.looks)
}

func TestFollowingEndsWithTheReasonOfItsContext(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	_, _, err := follow(ctx, &script{answers: []answer{{info: status(open)}}}, time.Second)
	require.ErrorIs(t, err, reason)
}

func TestHowAWorkflowClosedSaysTheState(t *testing.T) {
	t.Parallel()
	for given, want := range map[enums.WorkflowExecutionStatus]workflows.State{
		enums.WORKFLOW_EXECUTION_STATUS_RUNNING:    workflows.Running,
		enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:  workflows.Completed,
		enums.WORKFLOW_EXECUTION_STATUS_FAILED:     workflows.Failed,
		enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:  workflows.Failed,
		enums.WORKFLOW_EXECUTION_STATUS_CANCELED:   workflows.Aborted,
		enums.WORKFLOW_EXECUTION_STATUS_TERMINATED: workflows.Aborted,
	} {
		require.Equal(t, want, StateOf(status(given)), given)
	}
}

func TestAPendingActivityIsReadWhole(t *testing.T) {
	t.Parallel()
	details, err := converter.GetDefaultDataConverter().ToPayloads(activities.Heartbeat{Step: "Upload", Bytes: 7, Total: 9})
	require.NoError(t, err)
	require.Equal(t, Working{
		Step: "Upload", State: "waiting", Attempt: 3, Beat: activities.Heartbeat{Step: "Upload", Bytes: 7, Total: 9}, BeatAt: at(1),
		Next: at(8), LastFailure: "S3 cannot be reached", Worker: "acme-1 (pid 7)",
	}, working(&workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: "Upload"}, State: enums.PENDING_ACTIVITY_STATE_SCHEDULED, Attempt: 3,
		HeartbeatDetails: details, LastHeartbeatTime: timestamppb.New(at(1)), NextAttemptScheduleTime: timestamppb.New(at(8)),
		LastFailure: &failurepb.Failure{Message: "S3 cannot be reached"}, LastWorkerIdentity: "acme-1 (pid 7)",
	}))
	require.Equal(t, "paused", working(&workflowpb.PendingActivityInfo{Paused: true}).State)
	require.Equal(t, "running", working(&workflowpb.PendingActivityInfo{State: enums.PENDING_ACTIVITY_STATE_STARTED}).State)
	require.Equal(t, "stopping", working(&workflowpb.PendingActivityInfo{State: enums.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED}).State)
	require.Contains(t, lastFailure(&failurepb.Failure{Message: "activity Heartbeat timeout", FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{}}}), "did not answer")
}

func TestStepsAtWorkAreInTheOrderInWhichTheyWereAskedFor(t *testing.T) {
	t.Parallel()
	pending := func(id, step string) *workflowpb.PendingActivityInfo {
		return &workflowpb.PendingActivityInfo{ActivityId: id, ActivityType: &commonpb.ActivityType{Name: step}}
	}
	s, err := Look(t.Context(), &script{answers: []answer{{info: status(open), pending: []*workflowpb.PendingActivityInfo{
		pending("101", "Upload"), pending("99", "Archive"), pending("100", "Encrypt"),
	}}}}, "send/a/1", "r")
	require.NoError(t, err)
	require.Equal(t, []string{"Archive", "Encrypt", "Upload"}, []string{s.Working[0].Step, s.Working[1].Step, s.Working[2].Step})
}

func TestHowARunEndedIsReadFromResultOrError(t *testing.T) {
	t.Parallel()
	failure := &activities.Failure{Type: "Refused", Message: "no"}
	for name, c := range map[string]struct {
		state  workflows.State
		result func(any) error
		want   workflows.Completion
	}{
		"a delivery is the result": {workflows.Completed, func(into any) error {
			*into.(*workflows.Completion) = workflows.Completion{Status: workflows.Completed, Rows: 5}
			return nil
		}, workflows.Completion{Status: workflows.Completed, Rows: 5}},
		"an abort is in the details of its error": {
			workflows.Aborted,
			func(any) error { return temporal.NewCanceledError(workflows.Completion{Failure: failure, RunID: "r"}) },
			workflows.Completion{Status: workflows.Aborted, Failure: failure, RunID: "r"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done, err := Ended(t.Context(), &script{result: c.result}, Snapshot{WorkflowID: "send/a/1", RunID: "r", State: c.state})
			require.NoError(t, err)
			require.Equal(t, c.want.Status, done.Status)
			require.Equal(t, c.want.Failure, done.Failure)
			require.Equal(t, c.want.Rows, done.Rows)
		})
	}
}

func TestAnUnknownEndIsAnError(t *testing.T) {
	t.Parallel()
	_, err := Ended(t.Context(), &script{result: func(any) error { return errors.New("codec") }}, Snapshot{WorkflowID: "send/a/1"})
	require.ErrorContains(t, err, "read the result of send/a/1")
}

func TestARunWhoseWorkflowTaskFailsIsNotTakenForOneWithoutAWorker(t *testing.T) {
	t.Parallel()
	for _, tries := range []int32{0, 3} {
		s, err := Look(t.Context(), &script{answers: []answer{{info: status(enums.WORKFLOW_EXECUTION_STATUS_RUNNING), tries: tries}}}, "send/a/1", "")
		require.NoError(t, err)
		require.Equal(t, tries, s.TaskTries)
	}
}

// TestALookThatComesTooLateIsNoSilence: how often looks are taken divides many a timeout, so that the last one begins as it ends.
func TestALookThatComesTooLateIsNoSilence(t *testing.T) {
	t.Parallel()
	reason := errors.New("gave up")
	ends := time.Now().Add(200 * time.Millisecond)
	ctx, cancel := context.WithDeadlineCause(t.Context(), ends, reason)
	defer cancel()
	var out bytes.Buffer
	s := &script{answers: []answer{{err: serviceerror.NewDeadlineExceeded("context deadline exceeded")}}}
	f := Follower{Client: s, View: NewLines(&out), Every: time.Hour, Clock: func() time.Time { return ends }}
	_, err := f.Until(ctx, "send/a/1", "r")
	require.ErrorIs(t, err, reason)
	require.Empty(t, out.String())
}
