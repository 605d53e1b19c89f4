package campaign

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"consign/workflows"
)

// A Treatment is a group of the campaign and what was sent of it.
type Treatment struct {
	Group    string   `json:"group"`
	Contacts int64    `json:"contacts"`
	Files    []string `json:"files"` // none: a control group, which is not written to
}

// Experiment waits until Consign has delivered every group of a campaign, and launches all of them at the same moment: an
// experiment of which one treatment is missing proves nothing. It ends without a launch if a group fails, if the campaign
// is aborted, or if it does not come within patience.
func Experiment(ctx workflow.Context, patience time.Duration) ([]Treatment, error) {
	completed := workflow.GetSignalChannel(ctx, workflows.SignalCampaignCompleted)
	parked := workflow.GetSignalChannel(ctx, workflows.SignalParked)
	deadline := workflow.NewTimer(ctx, patience)
	workflow.SetCurrentDetails(ctx, "Waits for its groups.")
	for {
		var done workflows.CampaignCompletion
		var late bool
		workflow.NewSelector(ctx).
			AddReceive(completed, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &done) }).
			AddReceive(parked, func(c workflow.ReceiveChannel, _ bool) {
				var delivery workflows.Completion
				c.Receive(ctx, &delivery)
				workflow.SetCurrentDetails(ctx, "Waits for group "+delivery.Group+", which is parked: an operator has been asked.")
			}).
			AddFuture(deadline, func(workflow.Future) { late = true }).
			Select(ctx)
		switch done.Status {
		case workflows.Completed:
			return treatments(ctx, done), nil
		case workflows.Failed, workflows.Aborted:
			return nil, noDelivery("campaign %s: %s, without %s", done.WorkflowID, done.Status, strings.Join(missing(done), ", "))
		default: // it was a group that is parked, or nothing
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if late {
			return nil, noDelivery("not all groups within %s", patience)
		}
	}
}

// treatments is where a real system would begin to write to people.
func treatments(ctx workflow.Context, done workflows.CampaignCompletion) []Treatment {
	var all []Treatment
	for _, g := range done.Groups {
		t := Treatment{Group: g.Name, Files: []string{}}
		for _, d := range g.Deliveries {
			t.Contacts += d.Rows
			for _, o := range d.Objects {
				t.Files = append(t.Files, "s3://"+o.Bucket+"/"+o.Key)
			}
		}
		all = append(all, t)
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("Launched with %d groups.", len(all)))
	return all
}

// missing lists the groups of which a delivery is not complete.
func missing(done workflows.CampaignCompletion) []string {
	var groups []string
	for _, g := range done.Groups {
		for _, d := range g.Deliveries {
			if d.Status != workflows.Completed {
				groups = append(groups, g.Name)
				break
			}
		}
	}
	return groups
}
