package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// Campaigns is the Campaign workflow with its timing. Register its method under TypeCampaign.
type Campaigns struct {
	Timing Timing
}

// Campaign delivers every group of a campaign, each to every one of its data templates by an Orchestration workflow of
// its own, and tells whoever waits for it when all of them are over.
//
// It returns the CampaignCompletion if every delivery is complete. It closes as Failed if one of them is not, or if the
// campaign was refused, and as Canceled if it was aborted; both carry the CampaignCompletion in the error's details.
func (c Campaigns) Campaign(ctx workflow.Context, in CampaignInput) (CampaignCompletion, error) {
	r := newCampaign(ctx, in, c.Timing.withDefaults())
	if err := r.listen(ctx, r); err != nil {
		return CampaignCompletion{}, err
	}
	r.listenForGroups(ctx)
	if err := r.mark(ctx, Running); err != nil {
		return CampaignCompletion{}, err
	}
	return r.end(ctx, r.untilOver(ctx))
}

// stepPlanCampaign is the one step that is the campaign's own.
const stepPlanCampaign = "PlanCampaign"

// A campaign is what one Campaign workflow knows.
type campaign struct {
	begun
	desk
	in CampaignInput

	planning   string // state of the step
	attempt    int
	plan       *activities.PlanCampaignResult
	deliveries []*delivery
	said       map[string]Completion // by each run last, also before the campaign knew it, as after a reset
	changes    int                   // counts what has happened, for the loop to notice
}

func newCampaign(ctx workflow.Context, in CampaignInput, timing Timing) *campaign {
	r := &campaign{in: in, planning: stepWaiting, said: map[string]Completion{}, desk: desk{cancelSteps: func() {}}}
	r.begun = beginning(ctx, &r.in.RunKey, in.At, timing)
	return r
}

// untilOver plans the campaign, delivers its groups, and returns nil if all of them are delivered, errAborted, or the
// failure.
func (r *campaign) untilOver(ctx workflow.Context) error {
	for r.plan == nil {
		planning, cancel := workflow.WithCancel(ctx)
		r.cancelSteps = cancel
		failed := r.makePlan(planning)
		cancel()
		switch {
		case failed == nil:
			continue // also if it is being aborted: deliver knows what has begun
		case r.aborting(ctx):
			return errAborted
		case failed.Type == activities.TypeRefused || failed.Type == activities.TypeOverlap:
			return r.fail(failed)
		}
		if err := r.park(ctx, failed); err != nil {
			return err
		}
	}
	return r.deliver(ctx)
}

func (r *campaign) claim() activities.Claim {
	return activities.Claim{Orchestration: activities.CampaignTurn(r.in.Campaign), WorkflowID: r.wfID}
}

// makePlan has the whole campaign checked before the first of its runs is started.
func (r *campaign) makePlan(ctx workflow.Context) *activities.Failure {
	r.planning = stepRunning
	r.attempt++
	r.show(ctx)
	made, err := execute(ctx, r.timing.describing(r.in.Campaign+" "+r.in.RunKey), steps.PlanCampaign, activities.PlanCampaignInput{
		Campaign: r.in.Campaign, RunKey: r.in.RunKey, Keyless: r.keyless, RequestedBy: r.in.RequestedBy, Now: r.now, Run: r.id, Claim: r.claim(),
	})
	if err != nil {
		r.planning = stepFailed
		return failureOf(stepPlanCampaign, err)
	}
	r.planning, r.plan = stepDone, &made
	for _, g := range made.Groups {
		for _, run := range g.Runs {
			r.deliveries = append(r.deliveries, &delivery{
				GroupRun: run, group: g.Name, state: Waiting, id: OrchestrationID(run.Orchestration, r.in.RunKey),
			})
		}
	}
	return nil
}

// park waits for a person who mends what the plan has found. Nothing has been sent.
func (r *campaign) park(ctx workflow.Context, failed *activities.Failure) error {
	r.sitDown(ctx, failed, defaultParkTimeout)
	if err := r.mark(ctx, Parked); err != nil {
		return err
	}
	r.show(ctx)
	if err := r.awaitDecision(ctx, defaultParkTimeout); err != nil {
		return err
	}
	r.standUp()
	return r.mark(ctx, Running)
}

// deliver runs the deliveries, and returns when all of them are over: also after an abort, so that every run has cleaned
// up when the campaign says how it ended.
func (r *campaign) deliver(ctx workflow.Context) error {
	r.cancelSteps = func() {} // the loop looks
	working, done := workflow.NewDisconnectedContext(ctx)
	defer done()
	for {
		aborting := r.aborting(ctx)
		if aborting {
			r.abortDeliveries(working)
		} else {
			r.startDeliveries(working)
		}
		if err := r.refresh(working); err != nil {
			return err
		}
		if !slices.ContainsFunc(r.deliveries, (*delivery).open) {
			break
		}
		seen := r.changes
		err := workflow.Await(working, func() bool {
			return r.changes != seen || !aborting && (r.abort != nil || ctx.Err() != nil)
		})
		if err != nil {
			return err
		}
	}
	return r.outcome(ctx)
}

// outcome is how a campaign ends whose runs are all over. An abort that came when every delivery was complete was too late.
func (r *campaign) outcome(ctx workflow.Context) error {
	lacking := slices.ContainsFunc(r.deliveries, func(d *delivery) bool { return d.state != Completed })
	if r.aborting(ctx) && (lacking || !knows(ctx, changeAbortInTime)) {
		return errAborted
	}
	r.tooLate = r.abort != nil
	return r.verdict()
}

// verdict says whether every delivery is complete.
func (r *campaign) verdict() error {
	var first *activities.Failure
	var lacking []string
	for _, d := range r.deliveries {
		if d.state == Completed {
			continue
		}
		why := string(d.state)
		if d.failure != nil {
			why += ", " + d.failure.Type
		}
		lacking = append(lacking, fmt.Sprintf("group %s to %s (%s)", d.group, d.DataTemplate, why))
		if first == nil && d.failure != nil {
			first = d.failure
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	f := &activities.Failure{
		Type: "Incomplete", Attribution: activities.Platform,
		Message: fmt.Sprintf("%d of %d deliveries did not complete: %s", len(lacking), len(r.deliveries), listed(lacking)),
		Advice:  "What was delivered stays. Each delivery of the completion says what became of it; start the campaign with a new run key to send all groups again.",
	}
	if first != nil {
		f.Attribution = first.Attribution
	}
	return r.fail(f)
}

// named is how many things a sentence names.
const named = 5

func listed(things []string) string {
	text := strings.Join(things[:min(len(things), named)], ", ")
	if more := len(things) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// mayRetry answers why a campaign cannot be retried.
func (r *campaign) mayRetry(_ workflow.Context, _ RetryRequest) error {
	if r.plan == nil && r.waits() {
		return nil
	}
	if r.plan == nil {
		return r.notWaiting()
	}
	var parked []string
	for _, d := range r.deliveries {
		if d.state == Parked {
			parked = append(parked, d.id)
		}
	}
	return activities.RetryTheGroup(parked[:min(len(parked), named)])
}
