package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
	"consign/internal/plan"
)

// steps names the activities. It is never called: workflows only need its methods' names and types.
var steps *activities.Steps

// batchObjects is how many objects one Upload or Publish handles: about 200 KB of a payload's 2 MiB.
const batchObjects = 500

// A run is what one Orchestration workflow knows.
type run struct {
	begun
	in          OrchestrationInput
	startedWith temporal.SearchAttributes
	markedAnew  bool   // the destination, by the run itself
	execution   string // the run's id, another one after a reset

	desk
	steps []*step
	next  int      // the first step that is not done
	notes []string // what happened on the way that an operator may want to know

	turn     standing // with the other runs of the orchestration
	turnBy   string   // the execution that took it; empty: not known
	round    int      // times the turn was given back
	called   bool     // by the Turn, since the run last asked
	waitsFor string   // workflow id of the run whose turn it is

	recoveries int // times the run went back by itself
	delivery   int // counts the deliveries begun: a fresh Render begins a new one
	plan       *plan.Plan
	account    activities.AssumeRoleResult
	again      *activities.Again // whose files are sent again; nil: they are rendered
	rendered   activities.RenderResult
	files      activities.FilesResult // of the last step that made files
	renderedAt time.Time
	uploads    []activities.Uploaded
	sides      activities.SideFiles // receipt and manifest, sent and open
	published  []activities.Object
	visible    []activities.Object   // beside these, of a Publish that failed
	shown      []activities.Object   // of this delivery, whatever became of them since
	exposed    bool                  // the run went back to before Publish with some visible
	stale      []activities.Uploaded // uploads to be aborted with a delivery that went back to Upload
	success    activities.SuccessResult
	keptUntil  time.Time    // the files stay on their host
	hostAway   bool         // which keeps the files that are sent again
	core       int          // how many steps the delivery itself has
	after      []*following // what follows it
	unheard    []string     // notify targets that never came
}

// A step is one activity of the run.
type step struct {
	name   string
	target string // of what follows a delivery: the function, or the table
	needed func(*run) bool
	do     func(workflow.Context) error
	// files is what a step does instead that takes the files of the one before, on their host. It returns those that it
	// makes, in its folder.
	files  func(workflow.Context, activities.FilesResult) (activities.FilesResult, error)
	folder string
	early  *early // nil: it has not begun, or when it was its turn

	state       string
	attempt     int
	rows, bytes int64
}

// The states of a step, as Progress has them.
const (
	stepWaiting = "waiting"
	stepRunning = "running"
	stepDone    = "done"
	stepFailed  = "failed"
	stepSkipped = "skipped"
)

func newRun(ctx workflow.Context, in OrchestrationInput, timing Timing) *run {
	r := &run{
		in: in, execution: workflow.GetInfo(ctx).WorkflowExecution.RunID, startedWith: workflow.GetTypedSearchAttributes(ctx), delivery: 1,
		desk: desk{cancelSteps: func() {}},
	}
	r.begun = beginning(ctx, &r.in.RunKey, in.At, timing)
	always := func(*run) bool { return true }
	hasRows := func(r *run) bool { return r.rendered.Files > 0 }
	files := &step{name: r.maker(), needed: always, do: r.render}
	if in.Redeliver != nil {
		files.do = r.reuse
	}
	r.steps = []*step{
		{name: stepPlan, needed: always, do: r.makePlan},
		{name: stepRole, needed: always, do: r.assumeRole},
		files,
		{
			name: stepArchive, folder: "archive", files: r.archive,
			needed: func(r *run) bool { return hasRows(r) && r.plan.Archives() && r.again == nil },
		},
		{
			name: "Encrypt", folder: encrypted, files: r.encrypt,
			needed: func(r *run) bool { return hasRows(r) && r.plan.Encrypts() && r.files.Step != encrypted },
		},
		{name: stepUpload, files: r.upload, needed: hasRows},
		{name: stepPublish, needed: func(r *run) bool { return len(r.uploads) > 0 }, do: r.publish},
		{name: stepSuccess, needed: func(r *run) bool { return r.plan.SuccessKey != "" || r.wantsSides() }, do: r.writeSuccessFile},
	}
	for _, s := range r.steps {
		s.state = stepWaiting
	}
	r.core = len(r.steps)
	return r
}

// The names that are asked for more than once.
const (
	stepPlan    = "Plan"
	stepRole    = "AssumeRole"
	stepArchive = "Archive"
	stepUpload  = "Upload"
	stepPublish = "Publish"
	stepSuccess = "WriteSuccessFile"
	encrypted   = "encrypt" // the Step of files that are encrypted
)

// maker is the step that the run's files come from.
func (r *run) maker() string {
	if r.in.Redeliver != nil {
		return "Reuse"
	}
	return "Render"
}

// deliveryID names the bytes of one delivery: the same on its objects, in its receipt and in its signal.
func (r *run) deliveryID() string { return fmt.Sprintf("%s-%d", r.id, r.delivery) }

func (r *run) begin(ctx workflow.Context, s *step) {
	s.state = stepRunning
	s.attempt++
	r.show(ctx)
}

func (r *run) makePlan(ctx workflow.Context) (err error) {
	err = r.askTurn(ctx, func(ctx workflow.Context) (*activities.Taken, error) {
		claim := r.claim()
		made, err := execute(ctx, r.timing.describing(r.in.Orchestration+" "+r.in.RunKey), steps.Plan, activities.PlanInput{
			Orchestration: r.in.Orchestration, RunKey: r.in.RunKey, Keyless: r.keyless, RequestedBy: r.in.RequestedBy, Group: r.in.Group, Now: r.now, Run: r.id,
			Claim: &claim, Patient: !r.parkedAt.IsZero(), Redeliver: r.in.Redeliver,
		})
		if err == nil {
			r.plan, r.again = made.Plan, made.Again
			r.follow()
		}
		return made.Turn, err
	})
	if err != nil {
		return err
	}
	return r.markDestination(ctx)
}

func (r *run) assumeRole(ctx workflow.Context) (err error) {
	r.account, err = execute(ctx, r.timing.short("credential "+r.plan.Credential.Name+", bucket "+r.plan.Upload.Bucket), steps.AssumeRole,
		activities.AssumeRoleInput{Target: r.target(), TryKey: r.plan.FirstKey(), Again: r.attempted(stepRole) > 1})
	return err
}

// target is what a step needs to reach the bucket. The region is known once AssumeRole has found it.
func (r *run) target() activities.Target {
	t := activities.Target{Run: r.id, Orchestration: r.plan.Orchestration, Credential: r.plan.Credential.Name, Upload: r.plan.Upload, Prefix: r.plan.Prefix}
	if r.account.Region != "" {
		t.Upload.Region = r.account.Region
	}
	return t
}

func (r *run) folder() activities.Folder {
	return activities.Folder{Run: r.id, WorkflowID: r.wfID, Delivery: r.deliveryID()}
}

func (r *run) render(ctx workflow.Context) (err error) {
	summary := "query " + r.plan.Query.Name + " to " + r.plan.Render.FileFormat
	input := activities.RenderInput{
		Folder: r.folder(), Query: r.plan.Query, Render: r.plan.Render, OnEmpty: r.plan.OnEmpty, Alerts: r.plan.Alerts, Encryption: r.plan.Encryption,
		Columns: r.plan.Columns,
	}
	if input.Packed = r.plan.Archives(); input.Packed {
		input.Archive = &r.plan.Archive
	}
	if !r.plan.Alerts.Refuse() { // else nothing leaves the host before they have judged
		input.Target = r.aheadTo()
	}
	if input.Packed || input.Target != nil {
		input.Names = r.plan.Names
	}
	r.rendered, err = execute(ctx, r.timing.render(activities.RenderQueue(workflow.GetInfo(ctx).TaskQueueName), summary), steps.Render, input)
	r.files, r.renderedAt = r.rendered.FilesResult, workflow.Now(ctx).UTC()
	r.count(r.steps[r.next])
	return err
}

func (r *run) hosted(summary string) workflow.ActivityOptions {
	return r.timing.onHost(r.rendered.Queue, time.Duration(r.plan.HostTimeout), summary)
}

func (r *run) archive(ctx workflow.Context, from activities.FilesResult) (activities.FilesResult, error) {
	return execute(ctx, r.hosted(r.plan.Archive.Encoding+" of "+sizeOf(from)), steps.Archive, activities.ArchiveInput{
		Folder: r.folder(), From: from, Archive: r.plan.Archive, Names: r.plan.Names, Encryption: r.plan.Encryption, Target: r.aheadTo(),
	})
}

// aheadTo is where a step may send what it makes while it makes it: a delivery that is one object.
func (r *run) aheadTo() *activities.Target {
	if !r.plan.OneObject() {
		return nil
	}
	to := r.target()
	return &to
}

func (r *run) encrypt(ctx workflow.Context, from activities.FilesResult) (activities.FilesResult, error) {
	return execute(ctx, r.hosted("to "+r.plan.Encryption.Names()), steps.Encrypt, activities.EncryptInput{
		Folder: r.folder(), From: from, Encryption: r.plan.Encryption,
	})
}

func (r *run) upload(ctx workflow.Context, files activities.FilesResult) (activities.FilesResult, error) {
	for from := len(r.uploads); from < files.Files || r.wantsSides() && r.sides.None(); from = len(r.uploads) {
		if r.files.Step == files.Step { // they are not coming any more
			files = r.files
		}
		summary := fmt.Sprintf("%s to s3://%s/%s", sizeOf(files), r.plan.Upload.Bucket, r.plan.Prefix)
		input := activities.UploadInput{
			Folder: r.folder(), Target: r.target(), From: files, Names: r.plan.Names, First: from, Count: batchObjects,
		}
		if r.wantsSides() && from+batchObjects >= files.Files {
			input.Facts = r.facts()
		}
		out, err := execute(ctx, r.hosted(summary), steps.Upload, input)
		if err != nil {
			return activities.FilesResult{}, err
		}
		r.uploads, r.sides = append(r.uploads, out.Objects...), out.Sides
	}
	return activities.FilesResult{}, nil
}

// publish has every object's parts verified before the first is completed.
func (r *run) publish(ctx workflow.Context) error {
	batches := len(r.uploads) > batchObjects
	for from := 0; batches && from < len(r.uploads); from += batchObjects {
		if _, err := r.publishBatch(ctx, from, activities.PublishVerify); err != nil {
			return err
		}
	}
	mode := activities.PublishAll
	if batches {
		mode = activities.PublishComplete
	}
	for from := len(r.published); from < len(r.uploads); from = len(r.published) {
		out, err := r.publishBatch(ctx, from, mode)
		if err != nil {
			return err
		}
		r.visible = activities.Unseen(r.visible, out.Objects)
		r.published = append(r.published, out.Objects...)
	}
	r.count(r.steps[r.next])
	return nil
}

func (r *run) publishBatch(ctx workflow.Context, from int, mode activities.PublishMode) (activities.PublishResult, error) {
	batch, claim := r.uploads[from:min(from+batchObjects, len(r.uploads))], r.claim()
	out, err := execute(ctx, r.timing.publish(fmt.Sprintf("%s object %d of %d", mode, from+len(batch), len(r.uploads))), steps.Publish, activities.PublishInput{
		Target: r.target(), Delivery: r.deliveryID(), Objects: batch, Mode: mode, Sides: r.sides, Success: r.plan.SuccessKey, Turn: &claim,
		Shown: activities.ShownOf(batch, activities.Seen(r.shown, r.published)),
	})
	if err != nil {
		r.saw(activities.Visible(err))
	}
	return out, err
}

// wantsSides reports whether a receipt or a manifest goes with the delivery.
func (r *run) wantsSides() bool { return r.plan.ReceiptKey != "" || r.plan.ManifestKey != "" }

// facts is what the receipt tells beside the files: the same however often it is made.
func (r *run) facts() *activities.Facts {
	return &activities.Facts{Plan: r.plan, WorkflowID: r.wfID, StartedAt: r.start, RenderedAt: r.renderedAt}
}

func (r *run) writeSuccessFile(ctx workflow.Context) (err error) {
	claim := r.claim()
	input := activities.SuccessInput{Target: r.target(), Delivery: r.deliveryID(), Key: r.plan.SuccessKey, Sides: r.sides, Turn: &claim}
	if r.wantsSides() && r.sides.None() {
		input.Facts = r.facts() // no file, so no host has sent them
	}
	r.success, err = execute(ctx, r.timing.publish(cmp.Or(r.plan.SuccessKey, r.plan.ManifestKey, r.plan.ReceiptKey)), steps.WriteSuccessFile, input)
	return err
}

// count notes what a step has brought.
func (r *run) count(s *step) { s.rows, s.bytes = r.files.Rows, r.files.Bytes }

// remarks are what alerts say of the rows, and what happened on the way.
func (r *run) remarks() []string { return slices.Concat(r.rendered.Warnings, r.notes) }

// startOver begins a fresh delivery with fresh files: those of the last one are out of reach. Its uploads are aborted, so
// that its bytes are never mixed with the new ones.
func (r *run) startOver(ctx workflow.Context, why string) {
	r.notes = append(r.notes, why)
	r.expose(ctx)
	r.discard(ctx, discardUploads)
	if ctx.Err() != nil && knows(ctx, changeAbortInTime) {
		return // the end of the run aborts the uploads, of which it must know for that
	}
	r.fresh(r.maker())
}

// saw notes objects that can be read, beside those that are published.
func (r *run) saw(objects []activities.Object) {
	r.visible = activities.Unseen(activities.Seen(r.visible, objects), r.published)
	r.shown = activities.Seen(r.shown, objects)
}

// changeExposed marks runs that remember, when they go back to before Publish, what is visible. Those before forgot it.
const changeExposed = "exposed"

// expose notes what of a delivery is visible that is not published any more: from then on the run keeps its turn, and
// is not planned anew.
func (r *run) expose(ctx workflow.Context) {
	r.visible, r.shown = activities.Seen(r.visible, r.published), activities.Seen(r.shown, r.published)
	if len(r.visible) > 0 && knows(ctx, changeExposed) {
		r.exposed = true
	}
}

// fresh forgets what was done from the named step on, and begins a new delivery.
func (r *run) fresh(from string) {
	r.delivery++
	r.rendered, r.files, r.uploads, r.published = activities.RenderResult{}, activities.FilesResult{}, nil, nil
	if !r.exposed {
		r.visible = nil
	}
	r.sides, r.stale, r.shown = activities.SideFiles{}, nil, nil
	r.backTo(from)
}

// backTo makes the named step the next one.
func (r *run) backTo(from string) {
	for i := len(r.steps) - 1; i >= 0; i-- {
		s := r.steps[i]
		s.state, s.rows, s.bytes = stepWaiting, 0, 0
		if s.name == from {
			r.next = i
			return
		}
	}
}

// sizeOf is for summaries: "20,000 rows, 1,602,044 bytes".
func sizeOf(f activities.FilesResult) string {
	if f.Coming != "" {
		return fmt.Sprintf("%s rows in %s files, as they come", number(f.Rows), number(int64(f.Files)))
	}
	size := fmt.Sprintf("%s rows, %s bytes", cmp.Or(number(f.Rows), "0"), cmp.Or(number(f.Bytes), "0"))
	if f.Files > 1 {
		size += fmt.Sprintf(" in %s files", number(int64(f.Files)))
	}
	return size
}
