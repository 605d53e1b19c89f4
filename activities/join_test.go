package activities

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// past is a Temporal that knows one run, and how it has ended.
type past struct {
	client.Client
	client.WorkflowRun
	unknown bool
	parent  string
	began   time.Time
	looks   int // after which it does not answer any more; 0: it always does
	looked  *int
	says    string // what the run has closed with, or
	ended   error
}

func (p past) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if *p.looked++; p.looks > 0 && *p.looked > p.looks {
		return nil, serviceerror.NewUnavailable("away")
	}
	if p.unknown {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, StartTime: timestamppb.New(p.began), ParentExecution: &common.WorkflowExecution{WorkflowId: p.parent},
	}}, nil
}

func (p past) GetWorkflow(context.Context, string, string) client.WorkflowRun { return p }

func (p past) Get(_ context.Context, completion any) error {
	if p.ended == nil {
		*completion.(*json.RawMessage) = json.RawMessage(p.says)
	}
	return p.ended
}

// TestACampaignThatWasResetGoesOnWithItsOwnRuns: to take another's for its own would be to report what it did not send, and
// not to know its own would be to end without what they have delivered.
func TestACampaignThatWasResetGoesOnWithItsOwnRuns(t *testing.T) {
	t.Parallel()
	const completion = `{"status":"completed"}`
	since := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	own := past{parent: "campaign/Sale/k", began: since, says: completion}
	for name, c := range map[string]struct {
		change func(*past)
		asks   bool // and does not wait for the end
		want   Joined
		again  bool // it is tried again
	}{
		"it has delivered":                    {func(*past) {}, false, Joined{true, json.RawMessage(completion)}, false},
		"it is there":                         {func(p *past) { p.looks = 1 }, true, Joined{Own: true}, false},
		"it has failed":                       {func(p *past) { p.ended = RunFailed(&Failure{Type: "Refused"}, json.RawMessage(completion)) }, false, Joined{true, json.RawMessage(completion)}, false},
		"it was aborted":                      {func(p *past) { p.ended = Canceled(json.RawMessage(completion)) }, false, Joined{true, json.RawMessage(completion)}, false},
		"it was terminated":                   {func(p *past) { p.ended = new(temporal.WorkflowExecutionError) }, false, Joined{Own: true}, false},
		"it was never started":                {func(p *past) { p.unknown = true }, false, Joined{}, false},
		"it is another campaign's":            {func(p *past) { p.parent, p.looks = "campaign/Sale/l", 1 }, false, Joined{}, false},
		"it is of an earlier run of that key": {func(p *past) { p.began, p.looks = since.Add(-1), 1 }, false, Joined{}, false},
		"Temporal is away":                    {func(p *past) { p.looks, *p.looked = 1, 1 }, false, Joined{}, true},
		"Temporal goes away during the wait":  {func(p *past) { p.looks = 1 }, false, Joined{}, true},
		"Temporal goes away when all is over": {func(p *past) { p.ended = serviceerror.NewUnavailable("away") }, false, Joined{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := own
			p.looked = new(int)
			c.change(&p)
			env := newEnvironment(New(Options{Client: p, Clock: time.Now}))
			value, err := env.ExecuteActivity((*Steps)(nil).JoinRun, JoinInput{WorkflowID: "send/Sale/a/mail/k", Campaign: "campaign/Sale/k", Since: since, Wait: !c.asks})
			if c.again {
				require.False(t, parks(t, err))
				return
			}
			require.NoError(t, err)
			var got Joined
			require.NoError(t, value.Get(&got))
			require.Equal(t, c.want, got)
		})
	}
}
