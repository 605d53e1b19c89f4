package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"consign/internal/defect"
)

// What the runs of an orchestration and its Turn workflow say to each other. The Turn sees to it that one of them
// delivers at a time; it exists only while one does.
const (
	TypeTurn   = "Turn"
	UpdateTake = "take" // payload TakeInput, answered with a Taken
	SignalGive = "give" // payload Claim: the run does not need its turn any more, or does not want it
	SignalTurn = "turn" // from the Turn to a run that waits: take again. No payload.
)

// TurnID is the workflow id of an orchestration's Turn.
func TurnID(orchestration string) string { return "turn/" + orchestration }

// A Claim is a run's wish to deliver.
type Claim struct {
	Orchestration string `json:"orchestration"`
	WorkflowID    string `json:"workflow_id"`
	// Round counts how often the run has given its turn back, so that a give which arrives late takes nothing away from
	// the round after it.
	Round int `json:"round,omitempty"`
	// Execution is the run's id in Temporal, which a reset changes: rounds count anew then. Earlier releases did not tell it,
	// and nor does who takes a turn away from all.
	Execution string `json:"execution,omitempty"`
	// Before is the execution that took the turn, if the run has been reset since: whatever it had claimed, this one has now.
	Before string `json:"before,omitempty"`
	// Inherits is said by a run that gives its turn back and has not heard that the claim under its workflow id is its own:
	// it may be that of another execution, of which this one's history does not tell.
	Inherits bool `json:"inherits,omitempty"`
}

// Ends reports whether a give of c ends a claim that was made.
func (c Claim) Ends(made Claim) bool {
	if c.Before != "" && made.WorkflowID == c.WorkflowID && made.Execution == c.Before {
		return true
	}
	return made.WorkflowID == c.WorkflowID && (c.Execution == "" || made.Execution == "" || made.Execution == c.Execution) && made.Round <= c.Round
}

// After is the claim of a run that has made another before: the later round of the same execution, or the new one's.
func (c Claim) After(made Claim) Claim {
	if c.Execution == made.Execution {
		c.Round = max(c.Round, made.Round)
	}
	return c
}

// TakeInput asks for the turn.
type TakeInput struct {
	Claim
	Refuse bool `json:"refuse,omitempty"` // now or not at all: the run does not wait
}

// Taken is whose turn it is.
type Taken struct {
	Granted bool   `json:"granted"`
	Holder  string `json:"holder,omitempty"` // workflow id of the run that delivers
	Ahead   int    `json:"ahead,omitempty"`  // runs before this one
	// Execution is that of the claim which was answered. A run that was reset replays the answer, and knows by it that it has
	// the turn from before.
	Execution string `json:"execution,omitempty"`
}

// TurnState is what a Turn workflow starts with: nothing at first, where it was after it continued as new.
type TurnState struct {
	Orchestration string  `json:"orchestration"`
	Holder        *Claim  `json:"holder,omitempty"`
	Told          bool    `json:"told,omitempty"`   // the holder knows that it is its turn
	Called        bool    `json:"called,omitempty"` // the holder has been parked and called: it keeps its turn
	Waiting       []Claim `json:"waiting,omitempty"`
}

// ErrOverlap means that another run of the orchestration, or of the campaign, delivers, and that overlap is refuse.
var ErrOverlap = errors.New("another run is under way")

// ErrNotItsTurn means that a run which somebody has reset is to wait for another one.
var ErrNotItsTurn = errors.New("another run of the orchestration delivers")

// ErrTurnSilent means that nobody answers for a Turn: it is on a task queue on which no worker is any more.
var ErrTurnSilent = errors.New("nobody says whose turn it is")

// TakeTurn asks for the run's turn; it is asked again by a run that was parked and gave it back.
func (s *Steps) TakeTurn(ctx context.Context, in TakeInput) (_ Taken, err error) {
	defer s.fail(ctx, "TakeTurn", &err)
	ctx, end := watched(ctx, "TakeTurn") // the Turn may need this very worker to answer
	defer end()
	return s.take(ctx, in)
}

// GiveTurn gives the run's turn back, or its place among those who wait. Not having it is success.
func (s *Steps) GiveTurn(ctx context.Context, in Claim) (_ Taken, err error) {
	defer s.fail(ctx, "GiveTurn", &err)
	ctx, end := watched(ctx, "GiveTurn") // the Turn may need this very worker to answer
	defer end()
	return Taken{}, s.give(ctx, in)
}

// takeTries is how often a take is repeated at once: a Turn that ends while it is asked does not answer, and the next
// take starts it again.
const takeTries = 3

// turnAnswers is how long a Turn takes to answer, unless its worker has a thousand others.
const turnAnswers = 30 * time.Second

func (s *Steps) take(ctx context.Context, in TakeInput) (Taken, error) {
	var errs error
	for range takeTries {
		taken, err := s.takeOnce(ctx, in)
		if err == nil {
			return taken, nil
		}
		errs = err
		if !unknown(err) {
			break
		}
	}
	return Taken{}, fmt.Errorf("take the turn of %s: %w", in.Orchestration, errs)
}

// takeToBegin takes the turn of a run or campaign that begins, and is refused where it may not wait.
func (s *Steps) takeToBegin(ctx context.Context, in TakeInput) (*Taken, error) {
	taken, err := s.take(ctx, in)
	if err == nil && in.Refuse && !taken.Granted {
		err = fmt.Errorf("%w: %s, and overlap is refuse", ErrOverlap, taken.Holder)
	}
	return &taken, err
}

// takeOnce starts the Turn if there is none, and asks it: in one request, so that it cannot end in between. It may be long
// before a busy worker lets the Turn answer; one of another task queue may have no worker at all.
func (s *Steps) takeOnce(ctx context.Context, in TakeInput) (Taken, error) {
	c, id := s.options.Client, TurnID(in.Orchestration)
	asking, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	look := time.AfterFunc(turnAnswers, func() {
		if err := defect.Guarded(func() error { return s.elsewhere(asking, id) })(); err != nil {
			giveUp(err)
		}
	})
	defer look.Stop()
	start := c.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: id, TaskQueue: s.options.Queue, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary: "whose turn it is to deliver " + in.Orchestration,
	}, TypeTurn, TurnState{Orchestration: in.Orchestration})
	asked, err := c.UpdateWithStartWorkflow(asking, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: UpdateTake, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	var taken Taken
	if err == nil {
		err = asked.Get(asking, &taken)
	}
	if cause := context.Cause(asking); err != nil && cause != nil && ctx.Err() == nil {
		err = cause
	}
	taken.Execution = in.Execution
	return taken, err
}

// elsewhere refuses to wait longer for a Turn that is on another task queue than ours. Whether it is cannot always be asked;
// then the wait goes on.
func (s *Steps) elsewhere(ctx context.Context, turn string) error {
	described, err := s.options.Client.DescribeWorkflowExecution(ctx, turn, "")
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if queue := described.GetExecutionConfig().GetTaskQueue().GetName(); queue != s.options.Queue {
		return fmt.Errorf("%w: %s is on the task queue %s and has not answered for %s", ErrTurnSilent, turn, queue, turnAnswers)
	}
	return nil
}

// retake asks for the turn again that a run took before it was reset: by now it may be another run's.
func (s *Steps) retake(ctx context.Context, claim *Claim) error {
	if claim == nil || claim.Before == "" {
		return nil
	}
	taken, err := s.take(ctx, TakeInput{Claim: *claim})
	if err == nil && !taken.Granted {
		err = fmt.Errorf("%w: the run was reset, and meanwhile %s has its turn", ErrNotItsTurn, taken.Holder)
	}
	return err
}

// inherit makes the claim under a run's workflow id the run's own, so that it can be given back: one that was reset twice, or
// that begins anew after somebody has terminated it, knows nothing of the executions between. Those have no say any more, even
// if a step of theirs goes on.
func (s *Steps) inherit(ctx context.Context, claim Claim) error {
	if unclaimed, err := Closed(ctx, s.options.Client, TurnID(claim.Orchestration)); err != nil || unclaimed {
		return err
	}
	now, err := s.options.Client.DescribeWorkflowExecution(ctx, claim.WorkflowID, "")
	if err != nil || now.GetWorkflowExecutionInfo().GetExecution().GetRunId() != claim.Execution {
		return err
	}
	_, err = s.take(ctx, TakeInput{Claim: claim, Refuse: true})
	return err
}

func (s *Steps) give(ctx context.Context, claim Claim) error {
	if claim.Inherits {
		if err := s.inherit(ctx, claim); err != nil {
			return fmt.Errorf("give the turn of %s back: %w", claim.Orchestration, err)
		}
	}
	err := s.options.Client.SignalWorkflow(ctx, TurnID(claim.Orchestration), "", SignalGive, claim)
	if err != nil && !unknown(err) {
		return fmt.Errorf("give the turn of %s back: %w", claim.Orchestration, err)
	}
	return nil
}

// OverInput names the run that an orchestration's other runs wait for.
type OverInput struct {
	WorkflowID string `json:"workflow_id"`
	Wait       bool   `json:"wait,omitempty"`   // until it is over
	Called     bool   `json:"called,omitempty"` // it has been called, and is not called again
}

// OverResult says whether the run is over.
type OverResult struct {
	Over   bool `json:"over"`
	Called bool `json:"called,omitempty"`
}

// overPoll is how long one look at a run waits for its end before the step tells that it is alive: half of the heartbeat
// timeout that the Turn gives it.
const overPoll = 5 * time.Second

// Over looks whether a run is closed, however it came to it, or waits for that. One that is parked is called, once, for each
// call stands in its history: it may have the turn without knowing, and then it gives it back.
func (s *Steps) Over(ctx context.Context, in OverInput) (_ OverResult, err error) {
	defer s.fail(ctx, "Over", &err)
	ctx, cancel := stoppable(ctx)
	defer cancel()
	for called := in.Called; ; {
		run, err := look(ctx, s.options.Client, in.WorkflowID)
		if err == nil && run.parked && !called {
			called = true
			err = s.options.Client.SignalWorkflow(ctx, in.WorkflowID, "", SignalTurn, nil)
		}
		if err != nil || run.closed || !in.Wait {
			return OverResult{Over: run.closed, Called: called}, err
		}
		activity.RecordHeartbeat(ctx)
		s.waitFor(ctx, in.WorkflowID)
		if ctx.Err() != nil {
			return OverResult{}, context.Cause(ctx)
		}
	}
}

// waitFor returns when the run is closed, and after overPoll at the latest. Closed says which.
func (s *Steps) waitFor(ctx context.Context, workflowID string) {
	ctx, cancel := context.WithTimeout(ctx, overPoll)
	defer cancel()
	if err := s.options.Client.GetWorkflow(ctx, workflowID, "").Get(ctx, nil); err != nil && ctx.Err() == nil {
		activity.GetLogger(ctx).Debug("a run is over, or Temporal does not say", "workflow", workflowID, "error", err)
	}
}

// unknown reports whether Temporal knows no such workflow, or none that is open.
func unknown(err error) bool {
	var none *serviceerror.NotFound
	return errors.As(err, &none)
}

// Closed reports whether a workflow is closed or forgotten. Its latest run decides: a reset goes on where another run
// was.
func Closed(ctx context.Context, c client.Client, workflowID string) (bool, error) {
	run, err := look(ctx, c, workflowID)
	return run.closed, err
}

// A sight is what Temporal tells of a workflow that has not been asked.
type sight struct {
	closed bool // or forgotten
	parked bool
}

// look looks at the latest run of a workflow.
func look(ctx context.Context, c client.Client, workflowID string) (sight, error) {
	described, err := c.DescribeWorkflowExecution(ctx, workflowID, "")
	if unknown(err) {
		return sight{closed: true}, nil
	}
	if err != nil {
		return sight{}, err
	}
	info := described.GetWorkflowExecutionInfo()
	status, state := info.GetStatus(), ""
	_ = converter.GetDefaultDataConverter().FromPayload(info.GetSearchAttributes().GetIndexedFields()["ConsignState"], &state) // another workflow has none
	running := status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING || status == enums.WORKFLOW_EXECUTION_STATUS_PAUSED
	return sight{closed: !running, parked: running && state == "parked"}, nil
}
