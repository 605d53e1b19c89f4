package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/table"
)

// PlanInput says what to plan.
type PlanInput struct {
	Orchestration string     `json:"orchestration"`
	RunKey        string     `json:"run_key"`
	Keyless       bool       `json:"keyless,omitempty"` // the run was started without a key: RunKey is its time
	RequestedBy   Requester  `json:"requested_by,omitzero"`
	Group         *GroupPart `json:"group,omitempty"`
	Now           time.Time  `json:"now"`
	Run           string     `json:"run"`
	// Claim is what the run asks its turn with; without one it asks nobody. Patient means that it waits even if overlap
	// is refuse: it is not a second run that somebody started, but one that an operator has retried.
	Claim   *Claim `json:"claim,omitempty"`
	Patient bool   `json:"patient,omitempty"`
	// Redeliver asks for a run that sends the files of an earlier one again.
	Redeliver *Redelivery `json:"redeliver,omitempty"`
}

// PlanResult is the plan, and whether it is the run's turn to carry it out.
type PlanResult struct {
	*plan.Plan
	Turn  *Taken `json:"turn,omitempty"`
	Again *Again `json:"again,omitempty"` // of a run that sends kept files
}

// errUnknown: what is to be sent is not in the configuration. Another worker may have a newer file, and whoever writes this one may
// just have emptied it.
var errUnknown = errors.New("this worker does not know what is to be sent")

// unlisted tells what a run begins with and the configuration does not have from what a later step misses.
func unlisted(err *error) {
	if errors.Is(*err, config.ErrNotFound) && !errors.Is(*err, plan.ErrRefused) { // a requester is refused
		*err = fmt.Errorf("%w: %w", errUnknown, *err)
	}
}

// Plan reads the configuration afresh, asks the source for the query's columns without running it, and resolves
// everything that the run will do. It touches nothing. It then takes the run's turn, which saves a step of its own.
func (s *Steps) Plan(ctx context.Context, in PlanInput) (_ PlanResult, err error) {
	defer s.fail(ctx, "Plan", &err)
	defer unlisted(&err)
	ctx, end := watched(ctx, "Plan")
	defer end()
	if in.Claim != nil && !in.Patient { // a run that has parked since was good, or is of a release that took all
		begun := start{id: in.Claim.WorkflowID, want: RunID(in.Orchestration, in.RunKey), key: in.RunKey, keyless: in.Keyless, now: in.Now}
		if in.Redeliver != nil {
			begun.again = in.Redeliver.WorkflowID
		}
		if err := begun.check(); err != nil {
			return PlanResult{}, err
		}
	}
	p, again, err := s.plan(ctx, in)
	if err != nil || in.Claim == nil {
		return PlanResult{Plan: p, Again: again}, err
	}
	delivers := p.Orchestration
	if g := in.Group; g != nil {
		delivers = plan.GroupName(g.Campaign, g.Group, g.DataTemplate)
	}
	if delivers != in.Claim.Orchestration { // it would take its turn beside those that deliver the same
		return PlanResult{}, fmt.Errorf("%w: its orchestration is %s, and what it is to deliver is that of %s", ErrStart, in.Claim.Orchestration, delivers)
	}
	// A campaign has been refused as a whole, or not at all: its runs wait.
	refuse := p.Overlap == config.OverlapRefuse && !in.Patient && in.Group == nil
	taken, err := s.takeToBegin(ctx, TakeInput{Claim: *in.Claim, Refuse: refuse})
	return PlanResult{Plan: p, Turn: taken, Again: again}, err
}

func (s *Steps) plan(ctx context.Context, in PlanInput) (*plan.Plan, *Again, error) {
	if in.Redeliver != nil {
		return s.planAgain(ctx, in)
	}
	c, err := s.options.Config()
	if err != nil {
		return nil, nil, err
	}
	request := plan.Request{Orchestration: in.Orchestration, RunKey: in.RunKey, RunID: in.Run, Now: in.Now, RequestedBy: in.RequestedBy.Name, Today: s.options.Clock()}
	if in.Group != nil {
		request.Campaign, request.Group, request.DataTemplate = in.Group.Campaign, in.Group.Group, in.Group.DataTemplate
	}
	p, err := resolve(ctx, c, request, s.describeInPlace)
	return p, nil, err
}

// describeInPlace waits for a place to describe a query in: a thousand runs that begin at once must not start a thousand
// engines, and a large campaign lets other runs in between its queries.
func (s *Steps) describeInPlace(ctx context.Context, c *config.Config, query *config.Query) (table.Schema, error) {
	leave, err := enter(ctx, s.describe)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.engines.describe(ctx, c, query)
}

// enter waits for one of the places, which the caller leaves.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// describer asks a query's source for its columns: see engines.describe.
type describer func(context.Context, *config.Config, *config.Query) (table.Schema, error)

func resolve(ctx context.Context, c *config.Config, request plan.Request, ask describer) (*plan.Plan, error) {
	query, err := plan.QueryOf(c, request)
	if err != nil {
		return nil, err
	}
	schema, err := ask(ctx, c, query)
	if err != nil {
		return nil, err
	}
	return plan.Make(c, request, schema)
}

// Resolve makes the plan of a request: it describes the query at its source and hands all to plan.Make. `starter plan`
// calls it too, so that what is shown is what is done.
func Resolve(ctx context.Context, c *config.Config, request plan.Request, memory int64, threads int) (_ *plan.Plan, err error) {
	e, end, err := enginesForNow(request.Today, memory, threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return resolve(ctx, c, request, e.describe)
}
