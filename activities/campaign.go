package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/table"
)

// PlanCampaignInput says which campaign to plan.
type PlanCampaignInput struct {
	Campaign    string    `json:"campaign"`
	RunKey      string    `json:"run_key"`
	Keyless     bool      `json:"keyless,omitempty"` // as of a run
	RequestedBy Requester `json:"requested_by,omitzero"`
	Now         time.Time `json:"now"`
	Run         string    `json:"run"`
	Claim       Claim     `json:"claim"` // what the campaign asks its turn with if overlap is refuse
}

// PlanCampaignResult is what the Campaign workflow needs to know. The runs make their own plans, which say the rest.
type PlanCampaignResult struct {
	Groups        []GroupRuns   `json:"groups"`
	Notify        []plan.Notify `json:"notify,omitempty"`
	NotifyTimeout plan.Duration `json:"notify_timeout"`
	Parallel      int           `json:"parallel"` // runs at work at once
	ConfigDigest  string        `json:"config_digest"`
	Turn          *Taken        `json:"turn,omitempty"` // nil: none was asked for
}

// GroupRuns is a group and the runs that deliver it: none if it has no data template.
type GroupRuns struct {
	Name string     `json:"name"`
	Runs []GroupRun `json:"runs,omitempty"`
}

// A GroupRun delivers one group through one of its data templates.
type GroupRun struct {
	Orchestration string `json:"orchestration"` // the run's own name
	DataTemplate  string `json:"data_template"`
	Destination   string `json:"destination"`
}

// campaignParallel is how many runs of a campaign are at work at once: enough to keep several hosts busy, and few enough
// to leave other runs their share of them. Each host admits worker.runs of them.
const campaignParallel = 8

// PlanCampaign resolves what all runs of a campaign will do, and refuses the campaign whole if one of them cannot be
// planned, may not be started by the requester, or would write what another writes. It touches nothing.
//
// Two campaigns' runs of one group take turns by themselves. Where overlap is refuse, the campaign takes a turn for all
// of it, so that a second one fails before it has sent anything.
func (s *Steps) PlanCampaign(ctx context.Context, in PlanCampaignInput) (_ PlanCampaignResult, err error) {
	defer s.fail(ctx, "PlanCampaign", &err)
	defer unlisted(&err)
	ctx, end := watched(ctx, "PlanCampaign")
	defer end()
	begun := start{id: in.Claim.WorkflowID, want: CampaignRunID(in.Campaign, in.RunKey), key: in.RunKey, keyless: in.Keyless, now: in.Now}
	if err := begun.check(); err != nil {
		return PlanCampaignResult{}, err
	}
	c, err := s.options.Config()
	if err != nil {
		return PlanCampaignResult{}, err
	}
	p, err := resolveCampaign(ctx, c, plan.Request{
		Campaign: in.Campaign, RunKey: in.RunKey, RunID: in.Run, Now: in.Now, RequestedBy: in.RequestedBy.Name, Today: s.options.Clock(),
	}, s.describeInPlace)
	if err != nil {
		return PlanCampaignResult{}, err
	}
	result := PlanCampaignResult{
		Groups: runsOf(p), Notify: p.Notify, NotifyTimeout: p.NotifyTimeout, Parallel: campaignParallel, ConfigDigest: p.ConfigDigest,
	}
	if p.Overlap != config.OverlapRefuse {
		return result, nil
	}
	result.Turn, err = s.takeToBegin(ctx, TakeInput{Claim: in.Claim, Refuse: true})
	return result, err
}

func runsOf(p *plan.Campaign) []GroupRuns {
	var groups []GroupRuns
	for _, g := range p.Groups {
		runs := GroupRuns{Name: g.Name}
		for _, d := range g.Deliveries {
			runs.Runs = append(runs.Runs, GroupRun{Orchestration: d.Orchestration, DataTemplate: d.DataTemplate, Destination: d.Destination.Name})
		}
		groups = append(groups, runs)
	}
	return groups
}

// ResolveCampaign makes the plan of a campaign: it describes each query once and hands all to plan.MakeCampaign. `starter
// plan --campaign` calls it too, so that what is shown is what is done.
func ResolveCampaign(ctx context.Context, c *config.Config, request plan.Request, memory int64, threads int) (_ *plan.Campaign, err error) {
	e, end, err := enginesForNow(request.Today, memory, threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	return resolveCampaign(ctx, c, request, e.describe)
}

func resolveCampaign(ctx context.Context, c *config.Config, request plan.Request, ask describer) (*plan.Campaign, error) {
	requests, err := plan.Requests(c, request)
	if err != nil {
		return nil, err
	}
	schemas := map[string]table.Schema{}
	for _, r := range requests {
		if id := RunID(r.Orchestration, r.RunKey); len(id) > config.MaxWorkflowID {
			return nil, fmt.Errorf("%w: the run of group %s would be called %s, which has %d characters, and Temporal on PostgreSQL takes %d: start the campaign anew with a shorter run key, or shorten the names",
				plan.ErrConfiguration, r.Group, id, len(id), config.MaxWorkflowID)
		}
		query, err := plan.QueryOf(c, r)
		if err != nil {
			return nil, err
		}
		if _, known := schemas[query.Name]; known {
			continue
		}
		if schemas[query.Name], err = ask(ctx, c, query); err != nil {
			return nil, err
		}
	}
	return plan.MakeCampaign(c, request, schemas)
}
