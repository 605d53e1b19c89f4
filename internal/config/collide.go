package config

import (
	"regexp"
	"strings"

	"consign/internal/naming"
)

// fixed matches the variables that are the same in every run of one orchestration or group.
var fixed = regexp.MustCompile(`\{\{\s*(orchestration_name|query_name|campaign_name|group_name)\s*\}\}`)

// A delivery is something that renders keys.
type delivery struct {
	path, label string
	effective   Effective
	campaign    bool
	values      map[string]string // of the fixed variables
}

// collisions refuses deliveries that would overwrite each other: the same template of a key in the same bucket. Names
// that differ only in `now` or in filters cannot be known before they are rendered.
func (k *checker) collisions() {
	taken := map[string]delivery{}
	for _, d := range k.c.deliveries() {
		key, ok := d.key()
		if !ok {
			continue
		}
		if first, twice := taken[key]; twice {
			k.add(d.path, "use {{orchestration_name}}, or {{campaign_name}} and {{group_name}}, in the filename, or another prefix",
				"delivers under the same names as %s (%s)", first.label, k.of(first.path))
			continue
		}
		taken[key] = d
	}
}

// SameNames returns what else of the configuration delivers under the names that an orchestration would have by another
// data template; or a campaign's group, if there is a campaign. It is empty if nothing does, as far as that is known
// before names are rendered.
func (c *Config) SameNames(template, orchestration, campaign, group string) string {
	var own delivery
	if of, err := c.Campaign(campaign); err == nil {
		if g := byName(of.Groups, group, func(x *Group) string { return x.Name }); g != nil {
			own = c.ofGroup(campaign, g, template)
		}
	} else if o, err := c.Orchestration(orchestration); err == nil {
		own = c.ofOrchestration(o, template)
	}
	key, ok := own.key()
	if !ok {
		return ""
	}
	for _, d := range c.deliveries() {
		if other, ok := d.key(); ok && other == key && d.label != own.label {
			return d.label
		}
	}
	return ""
}

func (c *Config) deliveries() []delivery {
	var all []delivery
	add := func(path string, d delivery) {
		if d.path = path; d.effective.Settings.Bucket != nil {
			all = append(all, d)
		}
	}
	for i := range c.Orchestrations {
		add(item("orchestrations", i), c.ofOrchestration(&c.Orchestrations[i], c.Orchestrations[i].DataTemplate))
	}
	for i := range c.Campaigns {
		for j := range c.Campaigns[i].Groups {
			g := &c.Campaigns[i].Groups[j]
			for n, template := range g.DataTemplates {
				path := item(item(item("campaigns", i)+".groups", j)+".data_templates", n)
				add(path, c.ofGroup(c.Campaigns[i].Name, g, template))
			}
		}
	}
	return all
}

// ofOrchestration is what an orchestration delivers by a template; nowhere, if there is no such template.
func (c *Config) ofOrchestration(o *Orchestration, template string) delivery {
	return delivery{
		label: "orchestration " + o.Name, effective: c.effective(template, o),
		values: map[string]string{"orchestration_name": o.Name, "query_name": o.Query},
	}
}

// ofGroup is the same of a campaign's group.
func (c *Config) ofGroup(campaign string, g *Group, template string) delivery {
	return delivery{
		label: "campaign " + campaign + ", group " + g.Name, effective: c.effective(template, nil), campaign: true,
		values: map[string]string{"campaign_name": campaign, "group_name": g.Name, "query_name": g.Audience()},
	}
}

// key is where the delivery goes, with all that is known of its names.
func (d delivery) key() (string, bool) {
	s := d.effective.Settings
	n := s.Naming(d.campaign)
	if s.Bucket == nil || strings.Contains(n.Filename, "run_id") {
		return "", false
	}
	name := n.Filename
	if n.Parts != "" && !n.Archive {
		name = naming.Join(name, n.Parts)
	}
	if len(s.Keys()) > 0 {
		name += ".pgp"
	}
	name = fixed.ReplaceAllStringFunc(name, func(expression string) string {
		return strings.ReplaceAll(d.values[fixed.FindStringSubmatch(expression)[1]], " ", "_")
	})
	return strings.Join([]string{value(s.Endpoint), *s.Bucket, naming.Join(value(s.Prefix), name)}, "\n"), true
}
