package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"consign/activities"
)

// mark puts the state where operators search for it.
func (r *campaign) mark(ctx workflow.Context, state State) error {
	r.state = state
	return mark(ctx, state, AttributeCampaign, r.in.Campaign, r.in.RunKey, 0)
}

// refresh shows how the deliveries stand. A campaign is parked as soon as one of them is: somebody is needed, even while
// the others go on.
func (r *campaign) refresh(ctx workflow.Context) error {
	state := Running
	for _, d := range r.deliveries {
		if d.state == Parked {
			state = Parked
		}
	}
	if err := r.mark(ctx, state); err != nil {
		return err
	}
	r.show(ctx)
	return nil
}

// progress answers QueryProgress.
func (r *campaign) progress() (Progress, error) {
	p := Progress{
		State: r.state, Failure: r.failure, Deadline: r.deadline, Telling: r.stopTelling != nil,
		Steps: []StepProgress{{Name: stepPlanCampaign, State: r.planning, Attempt: r.attempt}},
	}
	if r.plan == nil {
		p.Step = stepPlanCampaign
	}
	for _, d := range r.deliveries {
		one := GroupProgress{
			Group: d.group, DataTemplate: d.DataTemplate, Destination: d.Destination, WorkflowID: d.id, State: d.state,
			Rows: d.done.Rows, Bytes: d.done.Bytes, Failure: d.failure, NoReplan: d.noReplan,
		}
		if p.Failure == nil && d.state == Parked {
			p.Failure = d.failure
		}
		p.Deliveries = append(p.Deliveries, one)
	}
	return p, nil
}

// show writes the campaign's current details, as run.show does.
func (r *campaign) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, r.details()) }

func (r *campaign) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** `%s`: %s\n\n", plain(r.in.Campaign), r.in.RunKey, r.state)
	switch {
	case r.plan == nil && r.state == Parked:
		r.showProblem(&b, r.failure)
		fmt.Fprintf(&b, "- **Until:** %s; then the campaign fails. Nothing has been sent.\n\n", r.deadline.UTC().Format("2006-01-02 15:04 UTC"))
		b.WriteString("When it is fixed: *More Actions* (top right), *Send a Signal*, `retry`, *Submit*. `abort`, Data `{\"reason\": \"why\"}`, gives it up.\n\n")
	case r.state == Aborted && r.abort != nil:
		fmt.Fprintf(&b, "**Aborted:** %s\n\n", plain(r.aborted("").Message))
	case r.failure != nil:
		r.showProblem(&b, r.failure)
	case r.plan != nil && r.state == Running:
		b.WriteString("How far a group is, and what holds it up: on the page of its own run. `abort` here ends all that are open.\n\n")
	}
	r.showTelling(&b)
	for _, d := range r.deliveries {
		if d.state == Parked {
			r.showParked(&b, d)
		}
	}
	r.showGroups(&b)
	return b.String()
}

// showGroups lists how each delivery stands.
func (r *campaign) showGroups(b *strings.Builder) {
	b.WriteString("| group | data template | state | rows | bytes | run |\n|---|---|---|---:|---:|---|\n")
	left := r.deliveries
	for _, g := range r.groups() {
		if len(g.Runs) == 0 {
			fmt.Fprintf(b, "| %s | none | not delivered | | | |\n", plain(g.Name))
		}
		for _, d := range left[:len(g.Runs)] {
			state := string(d.state)
			if d.state == Running || d.state == Parked || d.state == Failed {
				state = "**" + state + "**"
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | `%s` |\n", plain(g.Name), plain(d.DataTemplate), state, number(d.done.Rows), number(d.done.Bytes), d.id)
		}
		left = left[len(g.Runs):]
	}
}

func (r *campaign) groups() []activities.GroupRuns {
	if r.plan == nil {
		return nil
	}
	return r.plan.Groups
}

func (r *campaign) showProblem(b *strings.Builder, f *activities.Failure) {
	fmt.Fprintf(b, "## %s\n\n%s\n\n- **Whose to fix:** %s\n- **What to do:** %s\n", f.Type, plain(f.Message), f.Attribution.Whose(), plain(f.Advice))
}

// showParked says which group waits for a person, and where it is retried.
func (r *campaign) showParked(b *strings.Builder, d *delivery) {
	fmt.Fprintf(b, "## Parked: group %s to %s\n\n", plain(d.group), plain(d.DataTemplate))
	if f := d.failure; f != nil {
		fmt.Fprintf(b, "%s: %s\n\n- **Whose to fix:** %s\n- **What to do:** %s\n", f.Type, plain(f.Message), f.Attribution.Whose(), plain(f.Advice))
	}
	fmt.Fprintf(b, "- **Retry it** on the page of its own run, `%s` (tab *Relationships*); its *User Metadata* says how. The other groups go on meanwhile.\n\n", d.id)
}
