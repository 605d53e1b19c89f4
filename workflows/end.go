package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// A runFailedError is how a run ends that failed for good.
type runFailedError struct {
	failure *activities.Failure
}

func (f runFailedError) Error() string { return f.failure.Message }

// end brings the run to its close: whatever happened, the workspace is emptied, open uploads are aborted, and everybody
// who waits is told. It works on after a cancellation.
func (r *run) end(ctx workflow.Context, how error) (Completion, error) {
	r.hearCancel(ctx)
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	status := statusOf(how)
	var unparked error // which keeps nobody from cleaning up
	if status != Completed {
		unparked = r.unpark(ctx)
		r.state = status
		r.show(ctx) // that it is parked is over, and a host that is asked to clean up may be silent for long
		r.findVisible(ctx)
		r.findSuccess(ctx)
	}
	done := r.completion(ctx, status)
	told := workflow.NewWaitGroup(ctx)
	told.Add(1)
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer told.Done()
		r.tellOver(ctx, done)
	})
	if status != Completed {
		r.cancelLoads(ctx)
	}
	if status == Completed || r.delivered() { // then nothing is open
		r.discard(ctx, discardFiles)
	} else {
		r.discard(ctx, discardAll)
	}
	told.Wait(ctx)
	done.NotNotified, done.KeptUntil = r.unheard, r.keptUntil
	if err := errors.Join(unparked, r.mark(ctx, status)); err != nil {
		return done, err
	}
	r.show(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return done, err
	}
	return done, r.closing(status, done)
}

// changeUnpark marks runs that are found as parked no more once they are given up. Those before were until everybody was told.
const changeUnpark = "unpark"

// unpark takes a parked run that ends off the list of those that wait for a person: it may be open for as long as a target is
// waited for.
func (r *run) unpark(ctx workflow.Context) error {
	if r.state != Parked || !knows(ctx, changeUnpark) {
		return nil
	}
	return r.mark(ctx, Running)
}

// changeFindVisible marks runs that look for what a Publish has shown that did not tell. Those before did not name it.
const changeFindVisible = "find-visible"

// findVisible looks, before a run ends without a delivery, for what can be read of it all the same. The store may be why the
// run ends, so it is asked for a short while only; that it did not answer is told, too.
func (r *run) findVisible(ctx workflow.Context) {
	if r.attempted(stepPublish) == 0 || r.delivered() || len(r.published) >= len(r.uploads) || !knows(ctx, changeFindVisible) {
		return
	}
	for from := len(r.published); from < len(r.uploads); from += batchObjects {
		batch := r.uploads[from:min(from+batchObjects, len(r.uploads))]
		found, err := execute(ctx, r.timing.look(), steps.FindVisible, activities.VisibleInput{Target: r.target(), Delivery: r.deliveryID(), Objects: batch})
		if err != nil {
			r.notes = append(r.notes, "whether more of it can be read is not known: "+failureOf("FindVisible", err).Message)
			return
		}
		r.saw(found.Objects)
	}
}

// changeFindSuccess marks runs that look for what WriteSuccessFile did not tell.
const changeFindSuccess = "find-success"

// findSuccess looks, likewise, for what WriteSuccessFile has written: a worker that was killed, or an answer that was lost,
// leaves a success file there, and whoever has seen it takes the delivery for complete.
func (r *run) findSuccess(ctx workflow.Context) {
	if r.attempted(stepSuccess) == 0 || r.delivered() {
		return
	}
	objects := r.sides.List()
	if r.plan.SuccessKey != "" {
		objects = append(objects, activities.Empty(r.plan.SuccessKey))
	}
	if len(objects) == 0 || !knows(ctx, changeFindSuccess) {
		return
	}
	found, err := execute(ctx, r.timing.look(), steps.FindVisible, activities.VisibleInput{Target: r.target(), Delivery: r.deliveryID(), Objects: objects})
	if err != nil {
		r.notes = append(r.notes, "whether receipt, manifest and success file are there, as far as they were wanted, is not known: "+failureOf("FindVisible", err).Message)
		return
	}
	for _, o := range found.Objects {
		switch o.Key {
		case r.plan.SuccessKey: // behind the others, of which nobody may know: of an empty result there are no uploads
			r.success = activities.SuccessResult{Key: o.Key, Receipt: r.plan.ReceiptKey, Manifest: r.plan.ManifestKey}
		case r.plan.ReceiptKey:
			r.success.Receipt = o.Key
		case r.plan.ManifestKey:
			r.success.Manifest = o.Key
		}
	}
}

// closing is how the workflow closes. done is the completion of the run, which goes with every ending.
func (d *desk) closing(status State, done any) error {
	switch status {
	case Completed:
		return nil
	case Aborted:
		return activities.Canceled(done)
	default:
		return activities.RunFailed(d.failure, done)
	}
}

func statusOf(how error) State {
	switch {
	case how == nil:
		return Completed
	case errors.Is(how, errAborted):
		return Aborted
	default:
		return Failed
	}
}

// completion says how the run ended, or how it stands.
func (r *run) completion(ctx workflow.Context, status State) Completion {
	c := Completion{
		Orchestration: r.in.Orchestration, RunKey: r.in.RunKey, WorkflowID: r.wfID, RunID: r.id, DeliveryID: r.deliveryID(),
		Status: status, StartedAt: r.start, Failure: r.failure, Objects: []activities.Object{},
		Downstream: r.followed(), Warnings: r.remarks(), SuccessFile: r.success.Key, Receipt: r.success.Receipt, Manifest: r.success.Manifest,
		NoReplan: status == Parked && r.publishing(),
	}
	if status != Parked && status != Running {
		c.CompletedAt = workflow.Now(ctx).UTC()
	}
	if status == Aborted {
		c.Failure = r.aborted()
	}
	if r.in.Redeliver != nil {
		c.RedeliveryOf = r.in.Redeliver.WorkflowID
	}
	if r.plan != nil {
		c.Campaign, c.Group, c.DataTemplate, c.Destination = r.plan.Campaign, r.plan.Group, r.plan.DataTemplate, r.plan.Destination.Name
		c.Warnings = append(append([]string{}, r.plan.Warnings...), c.Warnings...)
	}
	objects := r.published
	if others := activities.Unseen(r.visible, r.published); status != Completed {
		objects = slices.Concat(r.published, others)
	} else if len(others) > 0 {
		c.Warnings = append(c.Warnings, leftovers(others))
	}
	for _, o := range objects {
		c.Rows += o.Rows
		c.Bytes += o.Bytes
	}
	c.ObjectCount = len(objects)
	c.Objects = append(c.Objects, objects[:min(len(objects), MaxListed)]...)
	c.ObjectsTruncated = len(objects) > MaxListed
	return c
}

// leftovers names what a delivery that was begun anew has left visible and not written over.
func leftovers(visible []activities.Object) string {
	const named = 3
	text := fmt.Sprintf("of a delivery that was begun anew there are still %d objects:", len(visible))
	for _, o := range visible[:min(len(visible), named)] {
		text += " s3://" + o.Bucket + "/" + o.Key
	}
	if len(visible) > named {
		text += " ..."
	}
	return text
}

// aborted says why the run was aborted, and that the delivery stays if it was complete by then.
func (r *run) aborted() *activities.Failure {
	note := ""
	switch {
	case r.delivered():
		note = "; " + stays + ", and only what was to follow it was given up"
	case r.success.Key != "":
		note = "; " + stays
	}
	return r.desk.aborted(note)
}

// What discard takes away.
type discardMode int

const (
	discardLease   discardMode = iota // the host's place, and files that a later step has superseded: a parked run
	discardFiles                      // the workspace: a delivery that is complete
	discardUploads                    // open uploads, and the workspace if its host answers: a delivery begun anew
	discardAll                        // both: a run that ends without a delivery
)

// String is what the timeline shows.
func (m discardMode) String() string {
	switch m {
	case discardLease:
		return "give the host's place to other runs"
	case discardFiles:
		return "empty the workspace"
	default:
		return "empty the workspace, abort open uploads"
	}
}

// discard cleans up. Its own failure is no reason to fail the run: the host's janitor, and the bucket's lifecycle rule,
// do what is left.
func (r *run) discard(ctx workflow.Context, mode discardMode) {
	switch {
	case r.attempted(r.maker()) > 0:
		r.discardDelivery(ctx, mode)
	case mode == discardAll && r.attempted(stepRole) > 0 && knows(ctx, changeTrial):
		r.discardUploads(ctx)
	}
	if r.gives(mode) {
		r.giveTurn(ctx)
	}
}

func (r *run) discardDelivery(ctx workflow.Context, mode discardMode) {
	log := workflow.GetLogger(ctx)
	if host := r.rendered.Queue; host != "" {
		input := activities.DiscardInput{
			Folder: r.folder(), Target: r.target(), Names: r.plan.Names,
			Release: mode == discardLease, Encrypted: r.files.Step == encrypted, Abort: mode == discardAll || mode == discardUploads,
		}
		if mode == discardFiles && r.state != Failed && r.state != Aborted { // nothing is kept of those, also if they had delivered
			input.Sent = &r.files
		}
		if claim := r.given(); r.gives(mode) && mode != discardAll { // open uploads are aborted after this, and before the next one's turn
			input.Turn = &claim
		}
		gone, err := execute(ctx, r.timing.discard(host, mode.String()), steps.Discard, input)
		if err != nil {
			log.Warn("host did not clean up; its janitor will", "queue", host, "error", err)
		} else if input.Turn != nil {
			r.gaveTurn()
		}
		r.keptUntil = gone.KeptUntil
	}
	if mode == discardAll || mode == discardUploads {
		r.discardUploads(ctx)
	}
}

// discardUploads aborts what is open in S3, from any host.
func (r *run) discardUploads(ctx workflow.Context) {
	files, options := r.files.Files, r.timing.discardUploads()
	switch {
	case r.attempted(r.maker()) == 0:
		files = 1 // under whose name AssumeRole tries its rights
		options.ScheduleToCloseTimeout = cleaning
	case r.mayHaveSentAhead(ctx):
		files = max(files, 1) // a step that was interrupted does not say
	case r.attempted(stepUpload) == 0:
		return
	}
	open := r.open()
	if len(r.stale) > 0 && knows(ctx, changeStale) {
		open = append(open, r.stale...)
	}
	for from := 0; from == 0 || from < len(open); from += batchObjects {
		input := activities.DiscardInput{
			Folder: r.folder(), Target: r.target(), Names: r.plan.Names,
			Elsewhere: true, Uploads: open[from:min(from+batchObjects, len(open))],
		}
		// The turn is asked for in every round, for histories have it so; what is unknown is looked for once.
		if len(r.uploads) < files && r.turnToCleanUp(ctx) && from == 0 {
			input.Unknown = files
		}
		if _, err := execute(ctx, options, steps.Discard, input); err != nil {
			workflow.GetLogger(ctx).Warn("open uploads were not aborted; the bucket's lifecycle rule will", "error", err)
		}
	}
}

// changeStale marks runs that abort the uploads from which they went back to Upload, too.
const changeStale = "stale-uploads"

// changeTrial marks runs that end before their files are made and look for the upload with which AssumeRole has tried its rights:
// if the store was away, that may be open still.
const changeTrial = "trial-upload"

// changeHeadStart marks runs that know that Render and Archive may have sent something.
const changeHeadStart = "head-start"

// mayHaveSentAhead reports whether something may have been sent before Upload began.
func (r *run) mayHaveSentAhead(ctx workflow.Context) bool {
	return r.plan.OneObject() && r.in.Redeliver == nil && knows(ctx, changeHeadStart)
}

func (r *run) attempted(name string) int {
	for _, s := range r.steps {
		if s.name == name {
			return s.attempt
		}
	}
	return 0
}
