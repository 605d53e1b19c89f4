package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// kept answers QueryKept: what a run that sends this one's files again has to know, and which host has the files.
func (r *run) kept() (activities.Kept, error) {
	k := activities.Kept{State: string(r.state), Host: r.rendered.Host}
	if r.state == Completed {
		k.Plan, k.Folder, k.Files, k.RenderedAt, k.Until, k.Queue = r.plan, r.folder(), r.files, r.renderedAt, r.keptUntil, r.rendered.Queue
	}
	return k, nil
}

// A hostAwayError is why a run cannot have files that their host keeps: the host does not answer, and may yet.
type hostAwayError struct{ failure activities.Failure }

func (h hostAwayError) Error() string { return h.failure.Message }

// reuse takes over the files of the run that is sent again, on the host that keeps them.
func (r *run) reuse(ctx workflow.Context) (err error) {
	k := r.again
	patience := time.Duration(r.plan.HostTimeout)
	options := r.timing.onHost(k.Queue, patience, sizeOf(k.Files)+" of "+k.Folder.WorkflowID)
	r.rendered, err = execute(ctx, options, steps.Reuse, activities.ReuseInput{Folder: r.folder(), Kept: k.Folder, From: k.Reuse, Encryption: r.plan.Encryption})
	if r.hostAway = hostLost(err); r.hostAway {
		return hostAwayError{activities.Failure{
			Type: activities.TypeFilesNotKept, Attribution: activities.Platform,
			Message: fmt.Sprintf("the files of %s are on host %s, which did not answer for %s", k.Folder.WorkflowID, k.Host, patience),
			Advice:  "Start that host's worker on its old disk and retry. If the disk is gone, abort, and send anew, by starter send with another run key.",
		}}
	}
	r.files, r.renderedAt = r.rendered.FilesResult, k.RenderedAt
	r.count(r.steps[r.next])
	return err
}

// nothingToSend reports whether a failure means that the run has no files and will never have: it fails, for no retry
// helps. A run whose files' host may come back, or of which something may be visible, is left to a person.
func (r *run) nothingToSend(f *activities.Failure) bool {
	return f.Type == activities.TypeFilesNotKept && !r.hostAway && r.attempted(stepPublish) == 0
}

// anew says how the run helps itself when its files are lost.
func (r *run) anew() string {
	if r.in.Redeliver != nil {
		return "taken again from what is kept"
	}
	return "rendered again"
}
