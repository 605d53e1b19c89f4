package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/plan"
)

// A following is one thing that follows the delivery, and what is known of it.
type following struct {
	plan.Downstream
	step *step
	id   string // the same however often it is tried, also after a reset

	round     int       // loads that have ended without loading anything
	since     time.Time // since when this round's load may have been submitted
	statement string    // that was submitted, and is not known to have failed
	loaded    activities.CopyResult
	invoked   activities.LambdaResult
}

// follow appends the steps that the plan has after the delivery's own. A plan that is made anew replaces them.
func (r *run) follow() {
	r.steps, r.after = r.steps[:r.core], nil
	for i, d := range r.plan.Downstream {
		f := &following{Downstream: d, id: fmt.Sprintf("%s/%d", r.deliveryID(), i+1)}
		f.step = &step{name: d.Step, target: d.Target, state: stepWaiting, needed: func(*run) bool { return true }}
		f.step.do = func(ctx workflow.Context) error { return r.invoke(ctx, f) }
		if d.Step == plan.CopyToRedshift {
			f.step.needed = func(r *run) bool { return len(r.published) > 0 } // of no objects there is nothing to load
			f.step.do = func(ctx workflow.Context) error { return r.copyInto(ctx, f) }
		}
		r.steps, r.after = append(r.steps, f.step), append(r.after, f)
	}
}

// delivered reports whether the delivery itself is complete, and only what follows it is not.
func (r *run) delivered() bool { return r.next >= r.core && len(r.after) > 0 }

// stays is said of a failure after the delivery.
const stays = "the delivery itself is complete and stays as it is"

// deliveredRows is how many rows there are in the objects.
func (r *run) deliveredRows() (rows int64) {
	for _, o := range r.published {
		rows += o.Rows
	}
	return rows
}

func (r *run) invoke(ctx workflow.Context, f *following) (err error) {
	t := r.target()
	f.invoked, err = execute(ctx, r.timing.publish(f.Target+" with the receipt"), steps.InvokeLambda, activities.LambdaInput{
		Target: t, Delivery: r.deliveryID(), ID: f.id, Downstream: f.Downstream,
		Event: activities.LambdaEvent{
			DeliveryID: r.deliveryID(), Orchestration: r.in.Orchestration, RunKey: r.in.RunKey, WorkflowID: r.wfID, Destination: r.plan.Destination.Name,
			Bucket: t.Upload.Bucket, Region: t.Upload.Region, Rows: r.deliveredRows(), Objects: len(r.published),
			SuccessFile: r.success.Key, ManifestKey: r.success.Manifest, ReceiptKey: r.success.Receipt,
		},
	})
	return err
}

// copyInto submits the load and waits for it, in two calls of one step: what was submitted stands in the history before
// anybody waits for it, and is waited for by whoever comes next.
func (r *run) copyInto(ctx workflow.Context, f *following) error {
	if f.since.IsZero() {
		f.since = workflow.Now(ctx).UTC()
	}
	input := activities.CopyInput{
		Target: r.target(), Plan: r.plan, Downstream: f.Downstream, ID: f.id, Round: f.round, Since: f.since, Rows: r.deliveredRows(), Statement: f.statement,
	}
	if f.statement == "" {
		submitted, err := execute(ctx, r.timing.publish("submit the load into "+f.Target), steps.CopyToRedshift, input)
		if err != nil {
			f.ended(err)
			return err
		}
		f.statement = submitted.Statement
		input.Statement = f.statement
	}
	loaded, err := execute(ctx, r.timing.load(fmt.Sprintf("%s rows into %s", cmp.Or(number(input.Rows), "0"), f.Target)), steps.CopyToRedshift, input)
	if err != nil {
		f.ended(err)
		return err
	}
	f.loaded, f.step.rows = loaded, loaded.Rows
	return nil
}

// cancelLoads asks Redshift to stop a load that nobody waits for any more: its wait was cancelled, had failed, or had not
// begun when the run was aborted, or no answer came to its submission. It may come too late.
func (r *run) cancelLoads(ctx workflow.Context) {
	for _, f := range r.after {
		if f.since.IsZero() || f.step.state == stepDone || !cancels(ctx, f) {
			continue
		}
		input := activities.CopyInput{
			Target: r.target(), Plan: r.plan, Downstream: f.Downstream, ID: f.id, Round: f.round, Since: f.since, Statement: f.statement,
		}
		if _, err := execute(ctx, r.timing.discard("", "cancel the load into "+f.Target), steps.CancelLoad, input); err != nil {
			workflow.GetLogger(ctx).Warn("a load may go on at Redshift", "load", f.id, "statement", f.statement, "error", err)
		}
	}
}

// changeCancelLoad marks runs that cancel their loads when they end without them: with 1 those whose statement is known,
// with 2 also those that may have been submitted.
const changeCancelLoad = "cancel-load"

func cancels(ctx workflow.Context, f *following) bool {
	version := workflow.GetVersion(ctx, changeCancelLoad, workflow.DefaultVersion, 2)
	return version > 1 || version == 1 && f.statement != ""
}

// ended notes that a statement is over and has loaded nothing, or that nobody knows: the next try submits another one.
func (f *following) ended(err error) {
	switch typeOf(err) {
	case activities.TypeLoadFailed, activities.TypeLoadUncertain:
		f.round, f.since, f.statement = f.round+1, time.Time{}, ""
	}
}

// ledgerKnows reports whether a load that nobody remembers may be asked for again: the ledger stops a second one.
func (r *run) ledgerKnows(kind string) bool {
	return kind == activities.TypeLoadUncertain && r.delivered() && r.after[r.next-r.core].Redshift.Ledger != ""
}

// followed says how far what follows the delivery is.
func (r *run) followed() []DownstreamResult {
	var list []DownstreamResult
	for _, f := range r.after {
		list = append(list, DownstreamResult{
			Step: f.Step, Target: f.Target, State: f.step.state, Rows: f.loaded.Rows, Again: f.loaded.Again, Query: f.loaded.Query,
			Statement: cmp.Or(f.loaded.Statement, f.statement), Version: f.invoked.Version, Request: f.invoked.Request,
		})
	}
	return list
}
