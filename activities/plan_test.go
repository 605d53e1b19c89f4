package activities

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
)

// taking is a Temporal that notes how its Turn is asked.
type taking struct {
	between
	asked []TakeInput
}

func (t *taking) UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	t.asked = append(t.asked, o.UpdateOptions.Args[0].(TakeInput))
	return t.between.UpdateWithStartWorkflow(ctx, o)
}

// A run takes its turn when it is planned. Who delivers the same takes the same one, whatever it was started as.
func TestARunThatIsPlannedTakesItsTurn(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	run := func(orchestration, key string) PlanInput {
		return PlanInput{
			Orchestration: orchestration, RunKey: key, Run: "r", Now: now, RequestedBy: Requester{Name: "omar"},
			Claim: &Claim{Orchestration: orchestration, WorkflowID: RunID(orchestration, key), Round: 1},
		}
	}
	group := run("Spring Sale/a/post", "k")
	group.Group = &GroupPart{Campaign: "Spring Sale", Group: "a", DataTemplate: "post"}
	for name, c := range map[string]struct {
		in      PlanInput
		change  func(*PlanInput)
		busy    bool // another run has the turn
		refuses bool // it asks for its turn now or not at all
		kind    string
		says    string
	}{
		"it is free":                     {in: run("patient", "k")},
		"another has it":                 {in: run("patient", "k"), busy: true},
		"with overlap refuse":            {in: run("weekly", "k"), refuses: true},
		"with overlap refuse, another":   {in: run("weekly", "k"), refuses: true, busy: true, kind: TypeOverlap, says: "another run is under way: send/other, and overlap is refuse"},
		"that was retried":               {in: run("weekly", "k"), change: func(in *PlanInput) { in.Patient = true }, busy: true},
		"that was retried and is of old": {in: run("weekly", "k"), change: func(in *PlanInput) { in.Patient, in.Claim.WorkflowID = true, "nightly" }, busy: true},
		"of a group":                     {in: group, busy: true},
		"without a key":                  {in: run("patient", "2026-11-23T06:00:00Z"), change: func(in *PlanInput) { in.Keyless, in.Claim.WorkflowID = true, "anything" }},
		"an id that says another key": {
			in: run("patient", "k"), change: func(in *PlanInput) { in.Claim.WorkflowID = "send/patient/l" }, kind: TypeRefused, says: "its workflow id is send/patient/l",
		},
		"the turn of another orchestration": {
			in: run("patient", "k"), change: func(in *PlanInput) { in.Claim.Orchestration = "weekly" }, kind: TypeRefused, says: "its orchestration is weekly, and what it is to deliver is that of patient",
		},
		"the turn of another group": {
			in: group, change: func(in *PlanInput) { g := *in.Group; g.DataTemplate = "mail"; in.Group = &g }, kind: TypeRefused,
			says: "its orchestration is Spring Sale/a/post, and what it is to deliver is that of Spring Sale/a/mail",
		},
		"somebody who may not": {
			in: run("patient", "k"), change: func(in *PlanInput) { in.RequestedBy = Requester{Name: "ann"} }, kind: TypeRefused, says: `refused`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte("id\n1\n"), 0o600))
			text := strings.Replace(sale, "  - name: Spring Sale\n", "  - name: Spring Sale\n    overlap: refuse\n", 1) + `
queries: [{name: everybody, source: files, sql: SELECT * FROM people}]
orchestrations:
  - {name: weekly, query: everybody, data_template: mail, overlap: refuse}
  - {name: patient, query: everybody, data_template: mail}
`
			require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(text), 0o600))
			p := newPacker(t, dir)
			temporal := &taking{between: between{taken: Taken{Granted: !c.busy}}}
			if c.busy {
				temporal.taken.Holder = "send/other"
			}
			p.steps.options.Client = temporal
			claim := *c.in.Claim
			if c.in.Claim = &claim; c.change != nil {
				c.change(&c.in)
			}
			value, err := p.env.ExecuteActivity(p.steps.Plan, c.in)
			require.Empty(t, p.steps.describe, "others wait for its place")
			if c.kind != TypeRefused {
				require.Equal(t, []TakeInput{{Claim: *c.in.Claim, Refuse: c.refuses}}, temporal.asked)
			}
			if c.kind != "" {
				require.Equal(t, c.kind, typeOf(t, err))
				require.True(t, parks(t, err))
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			var got PlanResult
			require.NoError(t, value.Get(&got))
			require.Equal(t, &Taken{Granted: !c.busy, Holder: temporal.taken.Holder}, got.Turn)
			require.Equal(t, c.in.RunKey, got.RunKey)
			require.Equal(t, "omar", got.RequestedBy)
			require.True(t, now.Equal(got.Now))
			if g := c.in.Group; g != nil {
				require.Equal(t, g.DataTemplate, got.DataTemplate)
			}
		})
	}
}
