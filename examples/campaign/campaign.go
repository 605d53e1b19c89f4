// Package campaign is an example of a campaign system: a workflow of its own that waits until Consign has delivered, and
// then acts. Nothing of it is part of Consign; what the two share is the contract in consign/workflows.
package campaign

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/workflows"
)

// TaskQueue is where the example's worker takes its work.
const TaskQueue = "campaign-example"

// Launch is what the campaign did.
type Launch struct {
	Campaign string   `json:"campaign"`
	Contacts int64    `json:"contacts"` // rows that were delivered
	Files    []string `json:"files"`
	Delivery string   `json:"delivery"` // the workflow id of Consign's run
}

// ErrNoDelivery is the type of the failure of a campaign whose data never arrived.
const ErrNoDelivery = "NoDelivery"

// SpringSale waits for one delivery and launches the campaign with it. It ends without a launch if the delivery fails,
// is aborted, or does not come within patience.
func SpringSale(ctx workflow.Context, patience time.Duration) (Launch, error) {
	completed := workflow.GetSignalChannel(ctx, workflows.SignalCompleted)
	parked := workflow.GetSignalChannel(ctx, workflows.SignalParked)
	deadline := workflow.NewTimer(ctx, patience)
	workflow.SetCurrentDetails(ctx, "Waits for the call list.")
	for {
		var delivery workflows.Completion
		var late bool
		workflow.NewSelector(ctx).
			AddReceive(completed, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &delivery) }).
			AddReceive(parked, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &delivery) }).
			AddFuture(deadline, func(workflow.Future) { late = true }).
			Select(ctx)
		switch {
		case ctx.Err() != nil:
			return Launch{}, ctx.Err()
		case late:
			return Launch{}, noDelivery("no delivery within %s", patience)
		case delivery.Status == workflows.Parked:
			workflow.SetCurrentDetails(ctx, "Waits for the call list: its delivery is parked, and an operator has been asked.")
		case delivery.Status == workflows.Completed:
			return launch(ctx, delivery), nil
		default:
			return Launch{}, noDelivery("delivery %s: %s", delivery.WorkflowID, delivery.Status)
		}
	}
}

func noDelivery(format string, args ...any) error {
	return temporal.NewApplicationError(fmt.Sprintf(format, args...), ErrNoDelivery)
}

// launch is where a real system would begin to call, print or send.
func launch(ctx workflow.Context, d workflows.Completion) Launch {
	l := Launch{Campaign: "Spring Sale", Contacts: d.Rows, Delivery: d.WorkflowID, Files: []string{}}
	for _, o := range d.Objects {
		l.Files = append(l.Files, "s3://"+o.Bucket+"/"+o.Key)
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("Launched with %d contacts.", l.Contacts))
	return l
}
