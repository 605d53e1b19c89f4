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
	for _, d := range k.deliveries() {
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

func (k *checker) deliveries() []delivery {
	var all []delivery
	for i := range k.c.Orchestrations {
		o := &k.c.Orchestrations[i]
		if e, ok := k.c.effective(o.DataTemplate, o); ok {
			all = append(all, delivery{
				item("orchestrations", i), "orchestration " + o.Name, e, false,
				map[string]string{"orchestration_name": o.Name, "query_name": o.Query},
			})
		}
	}
	for i := range k.c.Campaigns {
		c := &k.c.Campaigns[i]
		for j, g := range c.Groups {
			for n, name := range g.DataTemplates {
				if e, ok := k.c.effective(name, nil); ok {
					path := item(item(item("campaigns", i)+".groups", j)+".data_templates", n)
					all = append(all, delivery{
						path, "campaign " + c.Name + ", group " + g.Name, e, true,
						map[string]string{"campaign_name": c.Name, "group_name": g.Name, "query_name": g.Audience()},
					})
				}
			}
		}
	}
	return all
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
