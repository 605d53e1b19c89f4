package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// mark puts the state where operators search for it.
func (r *run) mark(ctx workflow.Context, state State) error {
	r.state = state
	updates := []temporal.SearchAttributeUpdate{AttributeState.ValueSet(string(state))}
	known := workflow.GetTypedSearchAttributes(ctx)
	if _, ok := known.GetKeyword(AttributeOrchestration); !ok {
		updates = append(updates, AttributeOrchestration.ValueSet(r.in.Orchestration), AttributeRunKey.ValueSet(r.in.RunKey))
	}
	if state == Completed {
		updates = append(updates, AttributeRows.ValueSet(r.files.Rows))
	}
	if now, ok := known.GetKeyword(AttributeState); ok && now == string(state) && len(updates) == 1 {
		return nil // whoever started the run has said so already
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

func (r *run) markDestination(ctx workflow.Context) error {
	updates := []temporal.SearchAttributeUpdate{AttributeDestination.ValueSet(r.plan.Destination.Name)}
	if r.plan.Campaign != "" {
		updates = append(updates, AttributeCampaign.ValueSet(r.plan.Campaign))
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// progress answers QueryProgress.
func (r *run) progress() (Progress, error) {
	p := Progress{State: r.state, WaitsFor: r.waitsFor, Failure: r.failure, Deadline: r.deadline}
	if r.plan != nil {
		p.Destination = r.plan.Destination.Name
	}
	if r.next < len(r.steps) {
		p.Step = r.steps[r.next].name
	}
	for _, s := range r.steps {
		p.Steps = append(p.Steps, StepProgress{Name: s.name, State: s.state, Attempt: s.attempt, Rows: s.rows, Bytes: s.bytes})
	}
	return p, nil
}

// show writes the run's current details, which the Temporal UI shows as Markdown on the workflow's page. It costs no
// history.
func (r *run) show(ctx workflow.Context) {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** `%s`: %s\n\n", r.in.Orchestration, r.in.RunKey, r.state)
	if r.plan != nil {
		fmt.Fprintf(&b, "%s as %s to `s3://%s/%s`\n\n", r.plan.Query.Name, r.plan.Render.FileFormat, r.plan.Upload.Bucket, r.plan.FirstKey())
	}
	if r.waitsFor != "" {
		fmt.Fprintf(&b, "**Waits for** `%s`: it is that run's turn.\n\n", r.waitsFor)
	}
	if r.state == Parked && r.failure != nil {
		r.showParked(&b)
	} else if r.failure != nil {
		fmt.Fprintf(&b, "**%s** (%s): %s\n\n%s\n\n", r.failure.Type, r.failure.Attribution, r.failure.Message, r.failure.Advice)
	}
	b.WriteString("| step | state | rows | bytes |\n|---|---|---:|---:|\n")
	for _, s := range r.steps {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.name, s.state, number(s.rows), number(s.bytes))
	}
	for _, o := range r.published[:min(len(r.published), 10)] {
		fmt.Fprintf(&b, "\n- `s3://%s/%s` %s rows, %s bytes", o.Bucket, o.Key, number(o.Rows), number(o.Bytes))
	}
	for _, note := range r.notes {
		fmt.Fprintf(&b, "\n- %s", note)
	}
	workflow.SetCurrentDetails(ctx, b.String())
}

func (r *run) showParked(b *strings.Builder) {
	f := r.failure
	fmt.Fprintf(b, "## Waits for a person: %s\n\n", f.Type)
	fmt.Fprintf(b, "- **What:** %s, at step %s\n- **Whose to fix:** %s\n- **What to do:** %s\n", f.Message, f.Step, f.Attribution, f.Advice)
	fmt.Fprintf(b, "- **Until:** %s; then the run fails and cleans up. The bucket's own lifecycle rule for unfinished uploads may be shorter.\n\n", r.deadline.UTC().Format(time.RFC3339))
	b.WriteString("When it is mended: *Send a Signal* (or *Update*) `retry` with `{}` to go on where it stopped, `retry` with `{\"replan\": true}` ")
	b.WriteString("to begin afresh with the configuration as it is now, or `abort` to give up.\n\n")
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
