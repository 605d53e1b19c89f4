package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/workflows"
)

// marked notes the values that the run gives to a search attribute by itself.
func (d *delivery) marked(name temporal.SearchAttributeKeyKeyword) *[]string {
	var values []string
	d.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		marks, _ := args.Get(0).(temporal.SearchAttributes)
		if value, ok := marks.GetKeyword(name); ok {
			values = append(values, value)
		}
	}).Return(nil)
	return &values
}

func TestARunSaysWhereItLeadsUnlessItWasStartedSo(t *testing.T) {
	const orchestration, key = "vips-weekly", "2026-11-23"
	for name, test := range map[string]struct {
		started  workflows.Marks
		campaign string // of the plan
		added    []string
	}{
		"with everything": {started: workflows.Marks{Orchestration: orchestration, Destination: "acme", RunKey: key}},
		"with nothing":    {added: []string{"acme"}},
		"as if elsewhere": {started: workflows.Marks{Orchestration: orchestration, Destination: "globex", RunKey: key}, added: []string{"acme"}},
		"without its campaign": {
			started: workflows.Marks{Orchestration: orchestration, Destination: "acme", RunKey: key}, campaign: "autumn", added: []string{"acme"},
		},
		"with its campaign": {started: workflows.Marks{Orchestration: orchestration, Campaign: "autumn", Destination: "acme", RunKey: key}, campaign: "autumn"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDelivery(t)
			d.plan.Campaign = test.campaign
			require.NoError(t, d.SetTypedSearchAttributesOnStart(test.started.Attributes()))
			added := d.marked(workflows.AttributeDestination)
			_, err := d.run()
			require.NoError(t, err)
			require.Equal(t, test.added, *added)
		})
	}
}

// TestARunThatIsPlannedAnewSaysWhereItLeadsNow looks at one that leads elsewhere and back again.
func TestARunThatIsPlannedAnewSaysWhereItLeadsNow(t *testing.T) {
	d := newDelivery(t)
	d.broken["Upload"] = []error{permanently("NoSuchBucket"), permanently("NoSuchBucket")}
	for at, destination := range map[time.Duration]string{time.Hour: "globex", 2 * time.Hour: "acme"} {
		d.RegisterDelayedCallback(func() {
			moved := *d.plan
			moved.Destination.Name = destination
			d.plan = &moved
			d.SignalWorkflow(workflows.RetryName, workflows.RetryRequest{Replan: true})
		}, at)
	}
	require.NoError(t, d.SetTypedSearchAttributesOnStart(workflows.Marks{Orchestration: "vips-weekly", Destination: "acme", RunKey: "2026-11-23"}.Attributes()))
	added := d.marked(workflows.AttributeDestination)
	_, err := d.run()
	require.NoError(t, err)
	require.Equal(t, []string{"globex", "acme"}, *added)
}
