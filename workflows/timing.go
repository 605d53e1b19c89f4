package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Timing is how patient the workflow is. Changing it does not disturb runs that are under way: a replay compares which
// steps were asked for, not with which timeouts.
type Timing struct {
	Attempts        int           // tries of a step before the run is parked; 0: 20, about a quarter of an hour of back-off
	InitialInterval time.Duration // before the second try; doubled each time; 0: 1 s
	MaxInterval     time.Duration // between two tries; 0: 1 min
	Heartbeat       time.Duration // a step that is silent for so long is tried again; 0: 30 s, see heartbeatTimeout
}

// The waits that nobody needs to set.
const (
	// heartbeatTimeout is how long a dead or frozen host goes unnoticed. The SDK sends at most every 0.8 of it and gives
	// up a step when Temporal is unreachable for as long, so a shorter one makes short outages cost work. A process that
	// is restarted on the same disk does not wait for it (workspace.Interrupted).
	heartbeatTimeout = 30 * time.Second
	// shortStep bounds one try of a step that only talks to Temporal, STS and S3.
	shortStep = 2 * time.Minute
	// publishStep bounds one try at completing up to 500 uploads, of up to 5 TiB each: S3 may take minutes for one.
	publishStep = 30 * time.Minute
	// longStep bounds one try of a step that moves data. It is a stop for what nobody watches, not an estimate.
	longStep = 24 * time.Hour
	// cleaning bounds how long the end of a run waits for a host that may be gone; its janitor does the rest.
	cleaning = time.Minute
)

func (t Timing) withDefaults() Timing {
	if t.Attempts == 0 {
		t.Attempts = 20
	}
	if t.InitialInterval == 0 {
		t.InitialInterval = time.Second
	}
	if t.MaxInterval == 0 {
		t.MaxInterval = time.Minute
	}
	if t.Heartbeat == 0 {
		t.Heartbeat = heartbeatTimeout
	}
	return t
}

func (t Timing) retries() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{
		InitialInterval:    t.InitialInterval,
		BackoffCoefficient: 2,
		MaximumInterval:    t.MaxInterval,
		MaximumAttempts:    int32(t.Attempts), // 10,000 at most
	}
}

// short is for steps that any worker can do and that are over at once.
func (t Timing) short(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{StartToCloseTimeout: shortStep, HeartbeatTimeout: t.Heartbeat, RetryPolicy: t.retries(), Summary: summary}
}

// describing is for Plan and PlanCampaign, which ask a source for the columns of queries. They wait for their turn to do
// so: of a thousand runs that begin together, the last ones for minutes.
func (t Timing) describing(summary string) workflow.ActivityOptions {
	o := t.short(summary)
	o.StartToCloseTimeout = publishStep
	return o
}

// publish is for Publish and WriteSuccessFile, and for a function, which may take a quarter of an hour.
func (t Timing) publish(summary string) workflow.ActivityOptions {
	o := t.describing(summary)
	o.WaitForCancellation = true
	return o
}

// load waits for a statement of Redshift, which may take a day.
func (t Timing) load(summary string) workflow.ActivityOptions {
	o := t.publish(summary)
	o.StartToCloseTimeout = longStep
	return o
}

// render is for Render, which waits in queue until a host has room, however long that takes.
func (t Timing) render(queue, summary string) workflow.ActivityOptions {
	o := t.load(summary)
	o.TaskQueue = queue
	return o
}

// onHost is for the steps that need the files of one host. A host admits only as many runs as it can work on at once,
// so a step that nobody takes for hostTimeout means that the host is gone, not that it is busy.
func (t Timing) onHost(queue string, hostTimeout time.Duration, summary string) workflow.ActivityOptions {
	o := t.render(queue, summary)
	o.ScheduleToStartTimeout = hostTimeout
	return o
}

// look is for what can be read of a run that ends without a delivery.
func (t Timing) look() workflow.ActivityOptions {
	o := t.short("what can be read already")
	o.ScheduleToCloseTimeout = cleaning
	return o
}

// discard is for the end of a run.
func (t Timing) discard(queue, summary string) workflow.ActivityOptions {
	o := t.short(summary)
	o.TaskQueue, o.ScheduleToStartTimeout = queue, cleaning
	return o
}

// discardUploads is for open uploads, of which thousands may have to be looked for by their keys.
func (t Timing) discardUploads() workflow.ActivityOptions {
	o := t.discard("", "open uploads")
	o.StartToCloseTimeout = publishStep
	return o
}
