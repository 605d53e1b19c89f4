package main

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"consign/activities"
	"consign/internal/awsrole"
	"consign/internal/config"
	"consign/internal/naming"
	"consign/internal/upload"
	"consign/starter/grant"
)

// A place is one way in which a destination is delivered to: what it leaves open, data templates and orchestrations
// decide, perhaps in several ways.
type place struct {
	levels string // who decides: "destination acme", "data template weekly"
	target activities.Target
	keys   []config.Key
}

// tryName is the name under which an upload is tried. No object of this name ever comes to be.
const tryName = "consign-test"

// places returns the ways in which a destination is delivered to, each once.
func places(c *config.Config, d *config.Destination) ([]place, error) {
	bare := newPlace(c, d, "destination "+d.Name, c.Effective(d, nil, nil))
	var all []place
	add := func(p place) {
		if p.same(bare) {
			p.levels = bare.levels // nothing is decided below it
		}
		if p.target.Upload.Bucket != "" && !slices.ContainsFunc(all, p.same) {
			all = append(all, p)
		}
	}
	for i := range c.DataTemplates {
		if t := &c.DataTemplates[i]; t.Destination == d.Name {
			for _, p := range placesBy(c, d, t) {
				add(p)
			}
		}
	}
	if len(all) == 0 {
		add(bare) // only then: a destination may leave its prefix to its templates, and nobody delivers beside it
	}
	if len(all) == 0 {
		return nil, wrong(fmt.Errorf("no bucket is set for the destination %q", d.Name), "set bucket in its settings, or in those of one of its data templates")
	}
	return all, nil
}

// placesBy returns the ways in which a destination is delivered to by one of its data templates.
func placesBy(c *config.Config, d *config.Destination, t *config.DataTemplate) []place {
	var all []place
	if alone(c, t.Name) {
		all = append(all, newPlace(c, d, "data template "+t.Name, c.Effective(d, t, nil)))
	}
	for i := range c.Orchestrations {
		if o := &c.Orchestrations[i]; o.DataTemplate == t.Name {
			all = append(all, newPlace(c, d, "orchestration "+o.Name, c.Effective(d, t, o)))
		}
	}
	return all
}

// alone reports whether something is delivered by a template as it is: by a campaign's group, or, so that there is a place
// to ask for, because no orchestration uses it yet. What orchestrations set themselves is their place, and not the template's.
func alone(c *config.Config, template string) bool {
	for _, campaign := range c.Campaigns {
		for _, g := range campaign.Groups {
			if slices.Contains(g.DataTemplates, template) {
				return true
			}
		}
	}
	return !slices.ContainsFunc(c.Orchestrations, func(o config.Orchestration) bool { return o.DataTemplate == template })
}

func newPlace(c *config.Config, d *config.Destination, levels string, e config.Effective) place {
	prefix := ""
	if e.Settings.Prefix != nil {
		prefix = strings.TrimRight(*e.Settings.Prefix, "/")
	}
	return place{levels: levels, keys: c.Keys(e), target: activities.Target{
		Run: "test", Orchestration: d.Name, Credential: d.Credential, Prefix: prefix, Upload: e.Settings.Upload(c.S3),
	}}
}

// same reports whether another place is tried by the same requests.
func (p place) same(o place) bool {
	return reflect.DeepEqual(p.target, o.target) && slices.EqualFunc(p.keys, o.keys, func(a, b config.Key) bool { return a.Path == b.Path })
}

func (p place) url() string {
	return "s3://" + naming.Join(p.target.Upload.Bucket, p.target.Prefix)
}

// minDays is the least that an open upload should be left alone.
const minDays = 14

// needs is what the destination's owner has to grant. principal is our own ARN, empty if it is not known.
func needs(c *config.Config, d *config.Destination, all []place, principal string) (grant.Needs, error) {
	credential, err := c.Credential(d.Credential)
	if err != nil {
		return grant.Needs{}, err
	}
	n := grant.Needs{
		Destination: d.Name, RoleARN: credential.RoleARN, ExternalID: credential.ExternalID, Principal: principal, Days: minDays,
	}
	if base, err := c.Credential(credential.Base); err == nil && principal == "" {
		n.Principal = base.RoleARN // a role in between is the one that is trusted
	}
	for _, p := range all {
		o := p.target.Upload
		n.Places = append(n.Places, grant.Place{
			Bucket: o.Bucket, Region: o.Region, Prefix: p.target.Prefix, KMSKeyID: o.KMSKeyID, ACL: acl(o), Tags: len(o.Tags) > 0,
		})
	}
	// A parked run may wait for so long with its uploads open, and goes on for a while then.
	n.Days = max(n.Days, 2*int(longestPark(c, d)/(24*time.Hour)))
	return n, nil
}

// longestPark is how long a run that delivers to the destination may wait for a person.
func longestPark(c *config.Config, d *config.Destination) time.Duration {
	var longest time.Duration
	through := func(template string, park time.Duration) {
		if t, err := c.DataTemplate(template); err == nil && t.Destination == d.Name {
			longest = max(longest, park)
		}
	}
	for _, o := range c.Orchestrations {
		through(o.DataTemplate, o.ParkTimeout)
	}
	for _, campaign := range c.Campaigns {
		for _, g := range campaign.Groups {
			for _, template := range g.DataTemplates {
				through(template, campaign.ParkTimeout)
			}
		}
	}
	return longest
}

func acl(o upload.Options) bool { return o.ACL != "" && o.ACL != "none" }

// roleOf turns the ARN of a role's session into the role's, which is what a trust policy names. A path, if the role
// has one, is not in a session's ARN.
func roleOf(arn string) string {
	head, rest, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return arn
	}
	name, _, _ := strings.Cut(rest, "/")
	return strings.Replace(head, ":sts:", ":iam:", 1) + ":role/" + name
}

// baseOf is how we are known before the role is assumed, at the STS that is asked for it.
func baseOf(o awsrole.Options) awsrole.Options {
	base := o
	if o.Base != nil {
		base = *o.Base
	} else {
		base.RoleARN, base.ExternalID, base.Policy = "", "", ""
	}
	if base.RoleARN == "" {
		base.STSEndpoint, base.Region = o.STSEndpoint, cmp.Or(o.Region, awsrole.PartitionRegion(o.RoleARN))
	}
	return base
}

// destination looks a destination up by its name.
func destination(c *config.Config, name string) (*config.Destination, error) {
	if err := known("destination", name, destinations(c)); err != nil {
		return nil, err
	}
	return c.Destination(name)
}
