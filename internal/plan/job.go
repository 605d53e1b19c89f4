package plan

import (
	"fmt"
	"slices"

	"consign/internal/config"
)

// A job is what of the configuration a request means.
type job struct {
	name          string
	query         *config.Query
	template      *config.DataTemplate
	destination   *config.Destination
	credential    *config.Credential
	orchestration *config.Orchestration // nil for a campaign
	campaign      *config.Campaign
}

// find looks up everything that a request names.
func find(c *config.Config, r Request) (*job, error) {
	j := &job{name: r.Orchestration}
	var query, template string
	var err error
	if r.Campaign == "" {
		if j.orchestration, err = c.Orchestration(r.Orchestration); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfiguration, err)
		}
		query, template = j.orchestration.Query, j.orchestration.DataTemplate
	} else if query, template, err = j.group(c, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfiguration, err)
	}
	if r.To != "" {
		template = r.To
	}
	if err := j.resolve(c, query, template); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfiguration, j.name, err)
	}
	if j.campaign != nil && !j.template.AvailableToCampaigns { // of a group's own, the configuration was refused for it
		return nil, fmt.Errorf("%w: %s: data template %q is not available to campaigns (available_to_campaigns)", ErrConfiguration, j.name, template)
	}
	return j, nil
}

// group looks up a campaign's group and one of its data templates.
func (j *job) group(c *config.Config, r Request) (query, template string, err error) {
	if j.campaign, err = c.Campaign(r.Campaign); err != nil {
		return "", "", err
	}
	if j.name == "" {
		j.name = GroupName(r.Campaign, r.Group, r.DataTemplate)
	}
	at := slices.IndexFunc(j.campaign.Groups, func(g config.Group) bool { return g.Name == r.Group })
	if at < 0 {
		return "", "", fmt.Errorf("campaign %q: group %q: %w", r.Campaign, r.Group, config.ErrNotFound)
	}
	g := j.campaign.Groups[at]
	if !slices.Contains(g.DataTemplates, r.DataTemplate) {
		return "", "", fmt.Errorf("campaign %q: group %q: data template %q: %w", r.Campaign, r.Group, r.DataTemplate, config.ErrNotFound)
	}
	return g.Audience(), r.DataTemplate, nil
}

func (j *job) resolve(c *config.Config, query, template string) (err error) {
	if j.query, err = c.Query(query); err != nil {
		return err
	}
	if j.template, err = c.DataTemplate(template); err != nil {
		return err
	}
	if j.destination, err = c.Destination(j.template.Destination); err != nil {
		return err
	}
	j.credential, err = c.Credential(j.destination.Credential)
	return err
}
