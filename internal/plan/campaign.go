package plan

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"consign/internal/config"
	"consign/internal/table"
)

// The signal that a notify target of a campaign gets if it names none.
const campaignCompleted = "campaign-completed"

// A Campaign is what the runs of a campaign will do, all of them together.
type Campaign struct {
	Campaign      string    `json:"campaign"`
	RunKey        string    `json:"run_key,omitempty"`
	Now           time.Time `json:"now"` // of every group's run
	RequestedBy   string    `json:"requested_by"`
	Groups        []Group   `json:"groups"`
	Notify        []Notify  `json:"notify,omitempty"`
	NotifyTimeout Duration  `json:"notify_timeout"`
	ParkTimeout   Duration  `json:"park_timeout"`
	Overlap       string    `json:"overlap"`
	ConfigDigest  string    `json:"config_digest"`
}

// A Group is one treatment of a campaign.
type Group struct {
	Name       string  `json:"name"`
	Query      string  `json:"query"`      // or segment
	Deliveries []*Plan `json:"deliveries"` // one to each data template; none: the group is not delivered
}

// GroupName is what the run is called that delivers a group through one of its data templates. Names hold no slash, so no
// orchestration can be called so, and no other group's run.
func GroupName(campaign, group, template string) string {
	return campaign + "/" + group + "/" + template
}

// Requests lists the runs of a campaign: every group to each of its data templates. Of the request it takes the
// campaign, and what all runs have in common.
func Requests(c *config.Config, r Request) ([]Request, error) {
	campaign, err := c.Campaign(r.Campaign)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfiguration, err)
	}
	var all []Request
	for _, g := range campaign.Groups {
		for _, template := range g.DataTemplates {
			one := r
			one.Orchestration, one.Group, one.DataTemplate = GroupName(r.Campaign, g.Name, template), g.Name, template
			one.RunID = fmt.Sprintf("%s-%d", r.RunID, len(all)+1) // each run gets an id of its own
			all = append(all, one)
		}
	}
	return all, nil
}

// MakeCampaign resolves everything that the runs of a campaign will do, and refuses the whole campaign if one of them
// cannot be planned, may not be started, or would write what another writes. The schemas are those of the groups'
// queries, by name.
func MakeCampaign(c *config.Config, r Request, schemas map[string]table.Schema) (*Campaign, error) {
	requests, err := Requests(c, r)
	if err != nil {
		return nil, err
	}
	campaign, err := c.Campaign(r.Campaign)
	if err != nil {
		return nil, err
	}
	p := &Campaign{
		Campaign: campaign.Name, RunKey: r.RunKey, Now: r.Now.UTC(), RequestedBy: r.RequestedBy, Overlap: campaign.Overlap,
		Notify: notify(campaign.Notify, campaignCompleted), NotifyTimeout: Duration(campaign.NotifyTimeout), ParkTimeout: Duration(campaign.ParkTimeout),
		ConfigDigest: c.Digest(),
	}
	objects := taken{}
	for _, g := range campaign.Groups {
		group := Group{Name: g.Name, Query: g.Audience(), Deliveries: []*Plan{}}
		for range g.DataTemplates {
			one, err := Make(c, requests[0], schemas[g.Audience()])
			if err != nil {
				return nil, fmt.Errorf("group %s to %s: %w", g.Name, requests[0].DataTemplate, err)
			}
			if err := one.claimAll(objects); err != nil {
				return nil, fmt.Errorf("%w: campaign %s: %w", ErrConfiguration, campaign.Name, err)
			}
			p.RequestedBy = one.RequestedBy
			group.Deliveries, requests = append(group.Deliveries, one), requests[1:]
		}
		p.Groups = append(p.Groups, group)
	}
	return p, nil
}

// claimAll takes the objects of a group's run, which no other run of the campaign may write.
func (p *Plan) claimAll(objects taken) error {
	keys, err := p.keys()
	if err != nil {
		return err
	}
	for _, k := range keys {
		object := "s3://" + p.Upload.Bucket + "/" + k.key
		if p.Upload.Endpoint != "" {
			object += " at " + p.Upload.Endpoint
		}
		if err := objects.claim(fmt.Sprintf("%s of group %s to %s", k.what, p.Group, p.DataTemplate), object); err != nil {
			return err
		}
	}
	return nil
}

// Print writes the campaign's plan for people: the groups, and then what each of their runs will do.
func (p *Campaign) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("campaign", "%s", p.Campaign)
	if p.RunKey != "" {
		line("run key", "%s", p.RunKey)
	}
	line("now", "%s", p.Now.Format(time.RFC3339))
	for _, n := range p.Notify {
		line("notifies", "%s by %s, for up to %s", n.WorkflowID, n.Signal, p.NotifyTimeout)
	}
	line("if another runs", "%s", p.Overlap)
	_ = t.Flush() // see printRun
	section(w, "groups", func(t io.Writer) {
		for _, g := range p.Groups {
			if len(g.Deliveries) == 0 {
				fmt.Fprintf(t, "  %s\t%s\tnot delivered: no data template\n", g.Name, g.Query)
			}
			for _, d := range g.Deliveries {
				fmt.Fprintf(t, "  %s\t%s\tto s3://%s/%s\n", g.Name, g.Query, d.Upload.Bucket, d.FirstKey())
			}
		}
	})
	for _, g := range p.Groups {
		for _, d := range g.Deliveries {
			fmt.Fprintf(w, "\n---- group %s to %s ----\n", g.Name, d.DataTemplate)
			d.Print(w)
		}
	}
}
