package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// A delivery is one run of a campaign, as the campaign knows it.
type delivery struct {
	activities.GroupRun
	group string
	id    string // of its workflow
	state State

	child       workflow.ChildWorkflowFuture // nil: not asked for yet
	started     bool
	aborted     bool // it was told to abort
	failure     *activities.Failure
	noReplan    bool
	stopTelling workflow.CancelFunc // ends the telling that it is parked
	done        Completion          // once it is over
}

// open reports whether the run is not over.
func (d *delivery) open() bool { return d.state == Waiting || d.state == Running || d.state == Parked }

// startDeliveries starts as many runs as may be at work at once. One that is parked takes nobody's place, and when it
// is retried it goes on at once.
func (r *campaign) startDeliveries(ctx workflow.Context) {
	working := 0
	for _, d := range r.deliveries {
		if d.state == Running {
			working++
		}
	}
	for _, d := range r.deliveries {
		if d.state == Waiting && working < max(r.plan.Parallel, 1) {
			working++
			r.startDelivery(ctx, d)
		}
	}
}

func (r *campaign) startDelivery(ctx workflow.Context, d *delivery) {
	d.state = Running
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: d.id,
		// The same campaign, key, group and data template is the same run, whoever has started it.
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		// A campaign waits for its runs. Should somebody terminate it, they end as well, and clean up.
		ParentClosePolicy:   enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		WaitForCancellation: true,
		TypedSearchAttributes: Marks{
			Orchestration: d.Orchestration, Campaign: r.in.Campaign, Destination: d.Destination, RunKey: r.in.RunKey,
		}.Attributes(),
		StaticSummary: "group " + d.group + " to " + d.DataTemplate,
	})
	d.child = workflow.ExecuteChildWorkflow(ctx, TypeOrchestration, OrchestrationInput{
		Orchestration: d.Orchestration, RunKey: r.in.RunKey, RequestedBy: r.in.RequestedBy, At: &r.now,
		Group: &activities.GroupPart{Campaign: r.in.Campaign, Group: d.group, DataTemplate: d.DataTemplate},
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		var done Completion
		err := d.child.GetChildWorkflowExecution().Get(ctx, nil)
		if err == nil {
			d.started = true
			r.changes++
			err = d.child.Get(ctx, &done)
		}
		var exists *temporal.ChildWorkflowExecutionAlreadyStartedError
		if errors.As(err, &exists) && knows(ctx, changeJoin) {
			done, err = r.join(ctx, d, err)
		}
		r.over(ctx, d, done, err)
	})
}

// changeJoin marks campaigns that wait, after a reset, for the runs that they had started before. Those before said that
// the runs were somebody else's and had failed.
const changeJoin = "join-runs"

// changeHeardOnce marks campaigns that, after a reset, tell once what a run says while they are finding out that it is there
// already. Those before told it twice.
const changeHeardOnce = "heard-once"

// join waits for a run that the campaign had started before it was reset. otherwise is returned of one that it had not.
func (r *campaign) join(ctx workflow.Context, d *delivery, otherwise error) (Completion, error) {
	in := activities.JoinInput{WorkflowID: d.id, Campaign: r.wfID, Since: r.start}
	found, err := joinRun(ctx, r.timing.short(d.id), in)
	switch {
	case err != nil:
		return Completion{}, err
	case !found.Own:
		return Completion{}, otherwise
	}
	d.started, in.Wait = true, true
	if said, ok := r.said[d.id]; ok && (said.Status != d.state || !knows(ctx, changeHeardOnce)) {
		r.heard(ctx, d, said)
	}
	r.changes++
	found, err = joinRun(ctx, untilEnd(d.id), in)
	if err == nil && found.Completion == nil {
		err = &temporal.TerminatedError{}
	}
	if err != nil {
		return Completion{}, err
	}
	return *found.Completion, nil
}

// joined is an activities.Joined that is read to its end.
type joined struct {
	Own        bool        `json:"own"`
	Completion *Completion `json:"completion"`
}

func joinRun(ctx workflow.Context, options workflow.ActivityOptions, in activities.JoinInput) (found joined, err error) {
	err = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), steps.JoinRun, in).Get(ctx, &found)
	return found, err
}

// signal signals the run by its id: Temporal takes it for the child of the execution that has started it, which may not be this
// one of the campaign any more.
func (d *delivery) signal(ctx workflow.Context, name string, payload any) workflow.Future {
	return workflow.SignalExternalWorkflow(ctx, d.id, "", name, payload)
}

// over notes how a run ended.
func (r *campaign) over(ctx workflow.Context, d *delivery, done Completion, err error) {
	if err != nil {
		done = r.unfinished(ctx, d, err)
	}
	d.done, d.state, d.failure = done, done.Status, done.Failure
	d.hush()
	r.changes++
}

// unfinished reads the completion of a run that did not complete from its error.
func (r *campaign) unfinished(ctx workflow.Context, d *delivery, err error) Completion {
	c := Completion{
		Orchestration: d.Orchestration, Campaign: r.in.Campaign, Group: d.group, DataTemplate: d.DataTemplate, RunKey: r.in.RunKey,
		WorkflowID: d.id, Destination: d.Destination, Objects: []activities.Object{}, StartedAt: r.start, CompletedAt: workflow.Now(ctx).UTC(),
	}
	var failed *temporal.ApplicationError
	var canceled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	var exists *temporal.ChildWorkflowExecutionAlreadyStartedError
	told := Completion{}
	switch {
	case errors.As(err, &failed) && failed.HasDetails() && failed.Details(&told) == nil && told.Status == Failed,
		errors.As(err, &canceled) && canceled.HasDetails() && canceled.Details(&told) == nil && told.Status == Aborted:
		return told
	case errors.As(err, &canceled):
		c.Status, c.Failure = Aborted, &activities.Failure{Type: "Aborted", Attribution: activities.Platform, Message: "the run was cancelled before it began"}
	case errors.As(err, &terminated):
		c.Status, c.Failure = Aborted, &activities.Failure{
			Type: "Terminated", Attribution: activities.Platform, Message: "the workflow was terminated, so that it could not clean up",
			Advice: "A worker's janitor removes its files. Use abort rather than terminate.",
		}
	case errors.As(err, &exists):
		c.Status, c.Failure = Failed, &activities.Failure{
			Type: "AlreadyStarted", Attribution: activities.Platform, Message: "start " + d.id + ": there has been a run of this id, which was not started by this campaign",
			Advice: "Look at that run; start the campaign with a new run key.",
		}
	default:
		c.Status, c.Failure = Failed, &activities.Failure{
			Type: "Unknown", Attribution: activities.Platform, Message: err.Error(), Advice: "Look at the run's history in the Temporal UI.",
		}
	}
	return c
}

// changeAbortWaiting marks campaigns that, when they are aborted after a reset, look for the runs that they have not asked for
// again. Those before said that these had not begun.
const changeAbortWaiting = "abort-waiting-runs"

// wasReset reports whether an earlier execution may have started runs. It is noted, for who replays a history knows one run's
// id alone.
func wasReset(ctx workflow.Context) (reset bool) {
	info := workflow.GetInfo(ctx)
	noted := workflow.SideEffect(ctx, func(workflow.Context) any { return info.WorkflowExecution.RunID != info.OriginalRunID })
	return noted.Get(&reset) == nil && reset
}

// abortDeliveries ends what is open: what has not begun does not begin, and every run is told to abort, with the reason.
func (r *campaign) abortDeliveries(ctx workflow.Context) {
	request := AbortRequest{Reason: "the campaign was aborted: " + r.abort.Reason}
	reset := slices.ContainsFunc(r.deliveries, func(d *delivery) bool { return d.state == Waiting }) && knows(ctx, changeAbortWaiting) && wasReset(ctx)
	for _, d := range r.deliveries {
		switch {
		case d.state == Waiting && reset:
			d.state = Running
			workflow.Go(ctx, func(ctx workflow.Context) {
				done, err := r.join(ctx, d, temporal.NewCanceledError())
				r.over(ctx, d, done, err)
			})
		case d.state == Waiting:
			r.over(ctx, d, r.unfinished(ctx, d, temporal.NewCanceledError()), nil)
		case d.open() && d.started && !d.aborted:
			d.aborted = true
			workflow.Go(ctx, func(ctx workflow.Context) {
				if err := d.signal(ctx, AbortName, request).Get(ctx, nil); err != nil {
					workflow.GetLogger(ctx).Warn("a run was not told to abort: it is over", "workflow", d.id, "error", err)
				}
			})
		}
	}
}

// listenForGroups notes which runs are parked, and tells whoever waits for the campaign, so that nobody waits in the dark.
func (r *campaign) listenForGroups(ctx workflow.Context) {
	told := workflow.GetSignalChannelWithOptions(ctx, signalGroup, workflow.SignalChannelOptions{
		Description: "A run of the campaign is parked, or goes on. Sent by runs, not by people.",
	})
	receive(ctx, told, func(ctx workflow.Context, c Completion) {
		r.said[c.WorkflowID] = c
		for _, d := range r.deliveries {
			if d.id == c.WorkflowID {
				r.heard(ctx, d, c)
			}
		}
	})
}

// heard notes what a run has said.
func (r *campaign) heard(ctx workflow.Context, d *delivery, c Completion) {
	known := func(s State) bool { return s == Running || s == Parked }
	if !known(d.state) || !known(c.Status) {
		return
	}
	d.state, d.failure, d.noReplan = c.Status, c.Failure, c.NoReplan
	d.hush()
	if c.Status == Parked {
		telling, stop := workflow.WithCancel(ctx)
		d.stopTelling = stop
		workflow.Go(telling, func(ctx workflow.Context) {
			tell(ctx, r.plan.Notify, time.Duration(r.plan.NotifyTimeout), SignalParked, c.fitted(len(r.plan.Notify)), asLong)
		})
	}
	r.changes++
}

// hush ends the telling that the run is parked.
func (d *delivery) hush() {
	if d.stopTelling != nil {
		d.stopTelling()
		d.stopTelling = nil
	}
}
