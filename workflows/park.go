package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// mayRetry answers why a run cannot be retried.
func (r *run) mayRetry(_ workflow.Context, request RetryRequest) error {
	if !r.waits() {
		return r.notWaiting()
	}
	if request.Replan && r.publishing() {
		return activities.TooLateToReplan()
	}
	return nil
}

// publishing reports whether an object of this delivery may already be visible.
func (r *run) publishing() bool {
	if r.delivered() || r.exposed || len(r.published) > 0 {
		return true
	}
	s := r.steps[r.next]
	return s.name == stepPublish && s.attempt > 0 || s.name == stepSuccess
}

// park waits for a person: nil when the run is to go on, errAborted, or the failure if nobody came in time. The host is
// free for other runs meanwhile; what was done stays done.
func (r *run) park(ctx workflow.Context, failed *activities.Failure) error {
	patience := defaultParkTimeout
	if r.plan != nil {
		patience = time.Duration(r.plan.ParkTimeout)
	}
	r.sitDown(ctx, failed, patience)
	if err := r.mark(ctx, Parked); err != nil {
		return err
	}
	r.show(ctx)
	r.tellCampaign(ctx)
	telling, stopTelling := workflow.WithCancel(ctx)
	defer stopTelling()
	workflow.Go(telling, r.tellParked)
	r.discard(ctx, discardLease)
	if err := r.awaitDecision(ctx, patience); err != nil {
		return err
	}
	if r.decision.Replan {
		r.discard(ctx, discardAll)
		if r.aborting(ctx) && knows(ctx, changeAbortInTime) {
			return errAborted
		}
		r.account = activities.AssumeRoleResult{} // of another bucket, perhaps
		r.fresh(stepPlan)
	}
	if r.recoveries > 0 && knows(ctx, changeRecoverAgain) {
		r.recoveries = 0
	}
	if !r.decision.Replan && r.overwritten(failed) && knows(ctx, changeOverwritten) {
		r.leaveUploads()
		r.uploads, r.sides = nil, activities.SideFiles{}
		r.backTo(stepUpload)
	}
	r.standUp()
	if err := r.mark(ctx, Running); err != nil {
		return err
	}
	r.tellCampaign(ctx)
	return nil
}

// changeRecoverAgain marks runs that help themselves again after a person has looked. Those before did so three times in
// all, and nothing but an abort helped one whose upload was lost after that.
const changeRecoverAgain = "recover-again"

// changeOverwritten marks runs that send again, when a person says so, what somebody has overwritten. Those before asked
// for the same uploads again and again.
const changeOverwritten = "send-overwritten-again"

// overwritten reports whether a run is parked because its uploads are gone and another object lies under a key, of which
// nobody can tell whether ours had lain there. A person who retries has looked.
func (r *run) overwritten(failed *activities.Failure) bool {
	return failed.Type == activities.TypeObjectOverwritten && r.steps[r.next].name == stepPublish && len(r.published)+len(r.visible) == 0
}

// tellCampaign tells the campaign that the run belongs to, if any, that it waits for a person or does so no more.
func (r *run) tellCampaign(ctx workflow.Context) {
	campaign := workflow.GetInfo(ctx).ParentWorkflowExecution
	if campaign == nil || r.in.Group == nil {
		return
	}
	err := workflow.SignalExternalWorkflow(ctx, campaign.ID, "", signalGroup, r.completion(ctx, r.state)).Get(ctx, nil)
	if err != nil {
		workflow.GetLogger(ctx).Warn("the campaign was not told; it is over, or somebody has terminated it", "error", err)
	}
}
