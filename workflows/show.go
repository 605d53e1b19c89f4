package workflows

import (
	"fmt"
	"strings"
	"unicode"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// mark puts the state where operators search for it.
func (r *run) mark(ctx workflow.Context, state State) error {
	r.state = state
	return mark(ctx, state, AttributeOrchestration, r.in.Orchestration, r.in.RunKey, r.files.Rows)
}

// mark puts a run's state, and its name and key unless whoever started it has done so, where operators search for them.
func mark(ctx workflow.Context, state State, name temporal.SearchAttributeKeyKeyword, value, runKey string, rows int64) error {
	updates := []temporal.SearchAttributeUpdate{AttributeState.ValueSet(string(state))}
	known := workflow.GetTypedSearchAttributes(ctx)
	if _, ok := known.GetKeyword(name); !ok {
		updates = append(updates, name.ValueSet(value), AttributeRunKey.ValueSet(runKey))
	}
	if state == Completed {
		updates = append(updates, AttributeRows.ValueSet(rows))
	}
	if now, ok := known.GetKeyword(AttributeState); ok && now == string(state) && len(updates) == 1 {
		return nil // whoever started the run has said so already
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// markDestination puts where the plan leads beside the state, unless whoever started the run has done so. Once a run has put
// it there itself, each plan does, for the one before may have led elsewhere.
func (r *run) markDestination(ctx workflow.Context) error {
	destination, campaign := r.plan.Destination.Name, r.plan.Campaign
	if !r.markedAnew && has(r.startedWith, AttributeDestination, destination) && has(r.startedWith, AttributeCampaign, campaign) {
		return nil
	}
	r.markedAnew = true
	updates := []temporal.SearchAttributeUpdate{AttributeDestination.ValueSet(destination)}
	if campaign != "" {
		updates = append(updates, AttributeCampaign.ValueSet(campaign))
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// has reports whether an attribute has the value; an empty one is that of an attribute which is not there.
func has(attributes temporal.SearchAttributes, key temporal.SearchAttributeKeyKeyword, value string) bool {
	found, _ := attributes.GetKeyword(key)
	return found == value
}

// progress answers QueryProgress.
func (r *run) progress() (Progress, error) {
	p := Progress{State: r.state, WaitsFor: r.waitsFor, Failure: r.failure, Deadline: r.deadline, NoReplan: r.state == Parked && r.publishing(), Telling: r.stopTelling != nil}
	if r.plan != nil {
		p.Destination = r.plan.Destination.Name
	}
	if r.next < len(r.steps) {
		p.Step = r.steps[r.next].name
	}
	for _, s := range r.steps {
		p.Steps = append(p.Steps, StepProgress{Name: s.name, Target: s.target, State: s.state, Attempt: s.attempt, Rows: s.rows, Bytes: s.bytes})
	}
	return p, nil
}

// show writes the run's current details, which the Temporal UI shows as Markdown on the tab "User Metadata" of the
// workflow's page. It costs no history.
func (r *run) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, r.details()) }

func (r *run) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** `%s`: %s\n\n", plain(r.in.Orchestration), r.in.RunKey, r.state)
	switch {
	case r.state == Parked && r.failure != nil:
		r.showParked(&b)
	case r.state == Aborted && r.abort != nil: // advice on how to go on is of no use any more
		fmt.Fprintf(&b, "**Aborted:** %s\n\n", plain(r.aborted().Message))
	case r.failure != nil:
		fmt.Fprintf(&b, "**%s** (%s): %s\n\n%s\n\n", r.failure.Type, r.failure.Attribution, plain(r.failure.Message), plain(r.failure.Advice))
	case r.stopTelling != nil: // shown below
	case r.waitsFor != "":
		fmt.Fprintf(&b, "**Waits for** `%s`: it is that run's turn.\n\n", r.waitsFor)
	case r.state == Running:
		b.WriteString("How far the running step is, and why it is tried again if it is: *Pending Activities*.\n\n")
		if r.next < len(r.steps) && r.steps[r.next].name == "Render" {
			b.WriteString("A Render that is only *Scheduled* there waits for a worker with room: `worker.runs`; `workspace.max_bytes` or the disk, as the worker's log says then.\n\n")
		}
	}
	r.showTelling(&b)
	if r.plan != nil {
		fmt.Fprintf(&b, "Query %s as %s to `s3://%s/%s`\n\n", plain(r.plan.Query.Name), r.plan.Render.FileFormat, r.plan.Upload.Bucket, r.plan.FirstKey())
	}
	b.WriteString("| step | state | rows | bytes |\n|---|---|---:|---:|\n")
	for _, s := range r.steps {
		state := s.state
		if state == stepFailed || state == stepRunning {
			state = "**" + state + "**"
		}
		name := s.name
		if s.target != "" {
			name += " " + plain(s.target)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, state, number(s.rows), number(s.bytes))
	}
	r.showObjects(&b)
	for _, note := range r.remarks() {
		fmt.Fprintf(&b, "\n- %s", plain(note))
	}
	return b.String()
}

// showTelling says, of a run that only has its targets to tell, who they are. One that is not there is waited for, and nothing
// else on the page would say so.
func (d *desk) showTelling(b *strings.Builder) {
	if d.stopTelling == nil || len(d.targets) == 0 {
		return
	}
	b.WriteString("All else is done, and the targets of `notify` are told:")
	for _, target := range d.targets {
		b.WriteString(" " + plain(target.WorkflowID))
	}
	b.WriteString(". One that does not run is waited for until `notify_timeout`; `abort` ends that wait and nothing else.\n\n")
}

// shownObjects is how many objects the details list: more belong in the receipt.
const shownObjects = 10

func (r *run) showObjects(b *strings.Builder) {
	for _, o := range r.published[:min(len(r.published), shownObjects)] {
		fmt.Fprintf(b, "\n- `s3://%s/%s` %s rows, %s bytes", o.Bucket, o.Key, number(o.Rows), number(o.Bytes))
	}
	if more := len(r.published) - shownObjects; more > 0 {
		fmt.Fprintf(b, "\n- and %s more", number(int64(more)))
	}
}

// showParked says what is wrong, and which buttons of the UI put it right, by the names that they have there.
func (r *run) showParked(b *strings.Builder) {
	f := r.failure
	fmt.Fprintf(b, "## Parked: %s\n\n%s\n\n", f.Type, plain(f.Message))
	fmt.Fprintf(b, "- **Step:** %s\n- **Whose to fix:** %s\n- **What to do:** %s\n", f.Step, f.Attribution.Whose(), plain(f.Advice))
	if f.Worker != "" {
		fmt.Fprintf(b, "- **Worker:** %s\n", plain(f.Worker))
	}
	fmt.Fprintf(b, "- **Until:** %s; then the run fails and cleans up. The bucket's own lifecycle rule for unfinished uploads may be shorter.\n\n",
		r.deadline.UTC().Format("2006-01-02 15:04 UTC"))
	b.WriteString("When it is fixed: *More Actions* (top right), *Send a Signal*, choose `retry` or `abort`, *Submit*.\n\n")
	fmt.Fprintf(b, "- `retry`, Data empty: goes on at %s; what was done before stays done\n", f.Step)
	switch {
	case r.delivered():
		b.WriteString("- not with replan any more: the delivery is complete\n")
	case r.publishing():
		b.WriteString("- not with replan any more: some objects may be visible already\n")
	default:
		b.WriteString("- `retry`, Data `{\"replan\": true}`: begins afresh with the configuration as it is by then\n")
	}
	gives := "gives up, cleans up and tells whoever waits"
	if r.delivered() {
		gives = "gives up what was to follow and tells whoever waits; " + stays
	}
	b.WriteString("- `abort`, Data `{\"reason\": \"why\"}`: " + gives + "; *Request Cancellation* does so without a reason\n\n")
	b.WriteString("*Send an Update* does the same, and says at once if it cannot be done. Not *Terminate*: nobody who waits would be told.\n\n")
}

func whose(a activities.Attribution) string {
	switch a {
	case activities.Customer:
		return "customer"
	case activities.Configuration:
		return "configuration's author"
	default:
		return "platform's people"
	}
}

// plain keeps text that is not ours, such as the words of a database, from being read as Markdown, or from right to left
// because it says so.
func plain(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case unicode.Is(unicode.Bidi_Control, c):
			fmt.Fprintf(&b, `\\u%04x`, c)
			continue
		case c == '\n':
			b.WriteByte('\\') // with the line's end: a break, not another paragraph
		case strings.ContainsRune("\\`*_<[|#~&", c):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// number writes n with a comma every three digits; nothing for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
