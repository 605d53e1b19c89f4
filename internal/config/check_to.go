package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"consign/internal/access"
)

func (k *checker) destinations() {
	for i := range k.c.Destinations {
		d, at := &k.c.Destinations[i], item("destinations", i)
		k.oneOf(at+".plugin", d.Plugin, AmazonS3)
		k.refers(at+".credential", d.Credential, "credential", "credentials")
		k.settings(k.c.Effective(d, nil, nil), at, false)
	}
}

func (k *checker) templates() {
	for i := range k.c.DataTemplates {
		t, at := &k.c.DataTemplates[i], item("data_templates", i)
		known := k.refers(at+".destination", t.Destination, "destination", "destinations")
		k.columns(t.Columns, at+".columns")
		if !known {
			continue
		}
		d := k.c.destination(t.Destination)
		e := k.c.Effective(d, t, nil)
		k.conflicts(e)
		k.settings(e, at, t.AvailableToCampaigns)
		if t.AvailableToCampaigns {
			k.forCampaigns(e, at)
		}
		if t.AllowBusinessUsers && !d.AllowBusinessUsers {
			k.warn(at+".allow_business_users", "has no effect: the destination %s does not allow it", d.Name)
		}
		if t.AllowLimitedPII && !d.AllowLimitedPII {
			k.warn(at+".allow_limited_pii", "has no effect: the destination %s does not allow it", d.Name)
		}
	}
}

// columns checks what constants ask for. The columns themselves are render's.
func (k *checker) columns(columns []Column, at string) {
	for i, c := range columns {
		if _, err := Expand(value(c.Value), nil); err != nil {
			k.add(item(at, i)+".value", "use "+strings.Join(constantVariables, ", ")+", or no braces", "%s", err)
		}
	}
}

func (k *checker) orchestrations() {
	for i := range k.c.Orchestrations {
		o, at := &k.c.Orchestrations[i], item("orchestrations", i)
		k.refers(at+".query", o.Query, "query or segment", "queries", "segments")
		known := k.refers(at+".data_template", o.DataTemplate, "data template", "data_templates")
		k.running(at, o.Overlap, o.ParkTimeout, o.NotifyTimeout, o.Schedule, o.Notify)
		k.downstream(o.Downstream, at+".downstream")
		if !known {
			continue
		}
		t := k.c.template(o.DataTemplate)
		if d := k.c.destination(t.Destination); d != nil {
			e := k.c.Effective(d, t, o)
			k.conflicts(e)
			k.settings(e, at, true)
			k.forOrchestration(e, at)
			k.followed(e, o, at)
		}
	}
}

const (
	// maxNotify keeps what is told to all targets together within one message to Temporal.
	maxNotify = 20
	// MaxWorkflowID is how long a workflow id may be in a Temporal that keeps it in an SQL database: limit.maxIDLength is set to
	// that for them, see deploy/temporal. A run that is to tell a longer one, or a campaign that is to start it, would be stuck
	// at that, and nobody could abort it.
	MaxWorkflowID = 255
)

// running checks what orchestrations and campaigns have in common.
func (k *checker) running(at, overlap string, parkTimeout, notifyTimeout time.Duration, schedule *Schedule, notify []Notify) {
	k.oneOf(at+".overlap", overlap, OverlapWait, OverlapRefuse)
	within(k, at+".park_timeout", parkTimeout, 0, maxTimeout)
	within(k, at+".notify_timeout", notifyTimeout, 0, maxTimeout)
	if schedule != nil {
		k.schedule(schedule, at+".schedule")
	}
	if len(notify) > maxNotify {
		k.add(at+".notify", "let one workflow tell the others", "up to %d workflows are told, and not %d", maxNotify, len(notify))
	}
	for i, n := range notify {
		path := item(at+".notify", i)
		switch {
		case n.WorkflowID == "":
			k.missing(path+".workflow_id", "the id of the workflow that waits for the completion")
		case len(n.WorkflowID) > MaxWorkflowID:
			k.add(path+".workflow_id", "", "an id has up to %d characters", MaxWorkflowID)
		case slices.Contains(notify[:i], n):
			k.add(path, "", "%s is told twice", n.WorkflowID)
		}
	}
}

func (k *checker) campaigns() {
	for i := range k.c.Campaigns {
		c, at := &k.c.Campaigns[i], item("campaigns", i)
		k.running(at, c.Overlap, c.ParkTimeout, c.NotifyTimeout, c.Schedule, c.Notify)
		if len(c.Groups) == 0 {
			k.missing(at+".groups", "a campaign has at least one group")
		}
		names := make([]string, len(c.Groups))
		for j := range c.Groups {
			names[j] = c.Groups[j].Name
			k.group(&c.Groups[j], item(at+".groups", j))
		}
		k.unique(at+".groups", names, map[string]string{})
		k.delivers(c, at)
	}
}

// maxDeliveries is how many runs one campaign may have. Their completions are in the campaign's history, which Temporal
// bounds (50 MiB), and in one signal.
const maxDeliveries = 200

func (k *checker) delivers(c *Campaign, at string) {
	n := 0
	for _, g := range c.Groups {
		n += len(g.DataTemplates)
	}
	switch {
	case n > maxDeliveries:
		k.add(at+".groups", "make two campaigns of it", "%d deliveries: a campaign has %d at most", n, maxDeliveries)
	case n == 0 && len(c.Groups) > 0:
		k.warn(at+".groups", "deliver nothing: no group has data_templates")
	}
}

func (k *checker) group(g *Group, at string) {
	switch {
	case k.unread(at + ".query"):
	case g.Query != "" && g.Segment != "":
		k.add(at+".segment", "keep one of them", "a group has either a query or a segment, not both")
	case g.Query != "":
		k.refers(at+".query", g.Query, "query", "queries", "segments")
	case g.Segment != "":
		k.refers(at+".segment", g.Segment, "segment", "segments")
	default:
		k.missing(at+".segment", "name a segment: or a query:")
	}
	for j, name := range g.DataTemplates {
		path := item(at+".data_templates", j)
		if !k.refers(path, name, "data template", "data_templates") {
			continue
		}
		if t := k.c.template(name); !t.AvailableToCampaigns && !k.unread(pathOf("data_templates", k.c.DataTemplates, t)+".available_to_campaigns") {
			k.add(path, fmt.Sprintf("set available_to_campaigns: true on %s", name), "%q is not available to campaigns", name)
		}
		if slices.Contains(g.DataTemplates[:j], name) {
			k.add(path, "", "%q is listed twice", name)
		}
	}
}

func (k *checker) users() {
	for i, u := range k.c.Users {
		at := item("users", i)
		if u.Name == access.Unspecified || u.Name == access.Schedule {
			k.add(at+".name", "choose another", "%q is what runs are recorded as that no user asked for", u.Name)
		}
		if len(u.Policies) == 0 {
			k.missing(at+".policies", suggest("", access.Policies()))
		}
		for j, p := range u.Policies {
			path := item(at+".policies", j)
			if slices.Contains(u.Policies[:j], p) {
				k.add(path, "", "%q is listed twice", p)
			} else {
				k.oneOf(path, p, access.Policies()...)
			}
		}
	}
}
