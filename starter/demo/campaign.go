package demo

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"consign/examples/campaign"
	"consign/starter/watch"
)

// campaignID is the workflow that the example configuration notifies.
const campaignID = "spring-sale"

// campaignPatience is how long the campaign waits for its data: longer than anybody watches a demo.
const campaignPatience = time.Hour

// A waiting is the campaign that waits for its delivery.
type waiting struct {
	run client.WorkflowRun
}

// startCampaign starts the example campaign system: a workflow of its own, with a worker of its own.
func (w *world) startCampaign(ctx context.Context, n narrator) (*waiting, error) {
	c, err := w.stack.Temporal.Client(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the campaign: %w", err)
	}
	w.later(func() error { c.Close(); return nil })
	system := worker.New(c, campaign.TaskQueue, worker.Options{})
	system.RegisterWorkflow(campaign.SpringSale)
	if err := system.Start(); err != nil {
		return nil, fmt.Errorf("start the campaign: %w", err)
	}
	w.later(func() error { system.Stop(); return nil })
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: campaignID, TaskQueue: campaign.TaskQueue, StaticSummary: "waits for the call list, then calls",
	}, campaign.SpringSale, campaignPatience)
	if err != nil {
		return nil, fmt.Errorf("start the campaign: %w", err)
	}
	n.line("A campaign, %s, that waits for its call list: examples/campaign, another system's workflow.", campaignID)
	return &waiting{run}, nil
}

// tell waits for the campaign's end and says what it did.
func (c *waiting) tell(ctx context.Context, n narrator) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // the signal went out before the delivery's run was over
	defer cancel()
	var launch campaign.Launch
	if err := c.run.Get(ctx, &launch); err != nil {
		return fmt.Errorf("campaign %s: %w", campaignID, err)
	}
	n.title("What the campaign did")
	n.line("It was told by the signal orchestration-completed of %s, and has launched", launch.Delivery)
	n.line("with %s.", watch.Count(launch.Contacts, "contact"))
	return nil
}
