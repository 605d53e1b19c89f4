package config

import (
	"regexp"
	"slices"
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
	objects, beside := map[string]delivery{}, map[string]delivery{}
	for _, d := range k.c.deliveries() {
		const who = "use {{orchestration_name}}, or {{campaign_name}} and {{group_name}}, in "
		keys := d.keys()
		switch {
		case k.taken(objects, d, keys.objects, who+"the filename, or another prefix", "delivers under the same names as %s (%s)"):
		case k.taken(beside, d, keys.beside, who+"the filename's folder, after which they are called, or another prefix",
			"would write over the success file, manifest or receipt of %s (%s)"):
		}
	}
}

// taken notes that a delivery writes under the keys, or reports, once, which one before it does.
func (k *checker) taken(by map[string]delivery, d delivery, keys []string, hint, format string) bool {
	for _, key := range keys {
		if first, twice := by[key]; twice {
			k.add(d.path, hint, format, first.label, k.of(first.path))
			return true
		}
		by[key] = d
	}
	return false
}

// SameNames returns what else in the configuration delivers under the names that an orchestration, or a campaign's group if a
// campaign is given, would have by another data template. It is empty if nothing does, as far as names are known before they
// are rendered.
func (c *Config) SameNames(template, orchestration, campaign, group string) string {
	var own delivery
	if of, err := c.Campaign(campaign); err == nil {
		if g := byName(of.Groups, group, func(x *Group) string { return x.Name }); g != nil {
			own = c.ofGroup(campaign, g, template)
		}
	} else if o, err := c.Orchestration(orchestration); err == nil {
		own = c.ofOrchestration(o, template)
	}
	if own.effective.Settings.Bucket == nil {
		return ""
	}
	keys := own.keys()
	for _, d := range c.deliveries() {
		if d.label != own.label && keys.meet(d.keys()) {
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

// ofGroup is what a campaign's group delivers by a template.
func (c *Config) ofGroup(campaign string, g *Group, template string) delivery {
	return delivery{
		label: "campaign " + campaign + ", group " + g.Name, effective: c.effective(template, nil), campaign: true,
		values: map[string]string{"campaign_name": campaign, "group_name": g.Name, "query_name": g.Audience()},
	}
}

// keys is where a delivery goes, with all that is known of its names before they are rendered.
type keys struct {
	objects []string
	beside  []string // success file, manifest and receipt
}

func (k keys) meet(o keys) bool {
	among := func(list []string) func(string) bool {
		return func(key string) bool { return slices.Contains(list, key) }
	}
	return slices.ContainsFunc(k.objects, among(o.objects)) || slices.ContainsFunc(k.beside, among(o.beside))
}

// keys returns none of those that have the run's id in them: they are another run's never.
func (d delivery) keys() keys {
	s := d.effective.Settings
	n := s.Naming(d.campaign)
	at := func(name string) string {
		name = fixed.ReplaceAllStringFunc(name, func(expression string) string {
			return strings.ReplaceAll(d.values[fixed.FindStringSubmatch(expression)[1]], " ", "_")
		})
		return strings.Join([]string{strings.TrimRight(value(s.Endpoint), "/"), *s.Bucket, naming.Join(value(s.Prefix), name)}, "\n")
	}
	name, stem := s.objects(n)
	var all keys
	if !uses(name, "run_id") {
		all.objects = []string{at(name)}
	}
	for _, extension := range s.beside() {
		if !uses(stem, "run_id") {
			all.beside = append(all.beside, at(stem+extension))
		}
	}
	return all
}
