package workflows

import (
	"encoding/json"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// end brings the campaign to its close, when all its runs are over. It works on after a cancellation.
func (r *campaign) end(ctx workflow.Context, how error) (CampaignCompletion, error) {
	r.hearCancel(ctx)
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	status := statusOf(how)
	r.state = status
	done := r.completion(ctx, status)
	if r.plan != nil && r.plan.Turn != nil || r.plan == nil && status == Aborted {
		r.giveTurn(ctx) // a plan that was interrupted may have taken it
	}
	if r.plan != nil {
		done.NotNotified = r.tellLast(ctx, r.plan.Notify, time.Duration(r.plan.NotifyTimeout), SignalCampaignCompleted, done, r.show)
	}
	if err := mark(ctx, status, AttributeCampaign, r.in.Campaign, r.in.RunKey, done.Rows); err != nil {
		return done, err
	}
	r.show(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return done, err
	}
	return done, r.closing(status, done)
}

// giveTurn lets the next campaign go that overlaps with none.
func (r *campaign) giveTurn(ctx workflow.Context) {
	if _, err := execute(ctx, r.timing.discard("", r.in.Campaign), steps.GiveTurn, r.claim()); err != nil {
		workflow.GetLogger(ctx).Warn("the turn was not given back; others are refused until this run is closed", "error", err)
	}
}

// completion says how the campaign ended.
func (r *campaign) completion(ctx workflow.Context, status State) CampaignCompletion {
	c := CampaignCompletion{
		Campaign: r.in.Campaign, RunKey: r.in.RunKey, WorkflowID: r.wfID, RunID: r.id, Status: status,
		StartedAt: r.start, CompletedAt: workflow.Now(ctx).UTC(), Failure: r.failure, Groups: []GroupCompletion{},
	}
	if status == Aborted {
		c.Failure = r.aborted("")
	}
	if r.plan == nil {
		return c
	}
	left := r.deliveries
	for _, g := range r.plan.Groups {
		group := GroupCompletion{Name: g.Name, Deliveries: []Completion{}}
		for _, d := range left[:len(g.Runs)] {
			c.Rows += d.done.Rows
			c.Bytes += d.done.Bytes
			c.ObjectCount += d.done.ObjectCount
			c.ObjectsTruncated = c.ObjectsTruncated || d.done.ObjectsTruncated
			group.Deliveries = append(group.Deliveries, d.done)
		}
		left = left[len(g.Runs):]
		c.Groups = append(c.Groups, group)
	}
	return c.fitted(min(maxCompletion, maxTold/max(1, len(r.plan.Notify))))
}

const (
	// maxCompletion is how large a campaign's completion may be: half of a payload's 2 MiB.
	maxCompletion = 1 << 20
	// maxTold is how much all targets together may be told at once: three quarters of what one message to Temporal holds.
	maxTold = 3 << 20
)

// What a completion that is too large leaves of a text.
const shortMessage = 200

// fitted lists fewer objects of each delivery until the completion has room in a payload, and after that less of what
// went wrong: each run's own completion says it in full.
func (c CampaignCompletion) fitted(room int) CampaignCompletion {
	for most := MaxListed; encodedSize(c) > room && most > 0; {
		most /= 2
		c.eachDelivery(func(d *Completion) {
			d.list(most)
			c.ObjectsTruncated = c.ObjectsTruncated || d.ObjectsTruncated
		})
	}
	if encodedSize(c) > room {
		c.eachDelivery(func(d *Completion) {
			d.Warnings = nil
			if f := d.Failure; f != nil {
				short := *f
				short.Message = cut(f.Message, shortMessage)
				d.Failure = &short
			}
		})
	}
	return c
}

// fitted lists fewer objects until so many targets can be told at once.
func (c Completion) fitted(targets int) Completion {
	for most := MaxListed; encodedSize(c) > maxTold/max(1, targets) && most > 0; {
		most /= 2
		c.list(most)
	}
	return c
}

// list leaves at most so many objects.
func (c *Completion) list(most int) {
	if len(c.Objects) > most {
		c.Objects, c.ObjectsTruncated = c.Objects[:most:most], true
	}
}

// cut leaves at most so many bytes of a text, and whole characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}

func (c CampaignCompletion) eachDelivery(do func(*Completion)) {
	for i := range c.Groups {
		for j := range c.Groups[i].Deliveries {
			do(&c.Groups[i].Deliveries[j])
		}
	}
}

func encodedSize(payload any) int {
	text, err := json.Marshal(payload)
	if err != nil {
		return 0 // which the payload's own encoding will say
	}
	return len(text)
}
