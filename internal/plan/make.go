package plan

import (
	"errors"
	"fmt"
	"time"

	"consign/internal/access"
	"consign/internal/config"
	"consign/internal/table"
)

// ErrRefused is wrapped by the error about a requester who may not start the run. Nothing but another requester, or
// another configuration, changes that.
var ErrRefused = errors.New("refused")

// ErrConfiguration is wrapped by the errors about a run that cannot be planned with the configuration as it is. What a
// stage has found is wrapped too.
var ErrConfiguration = errors.New("the run cannot be planned")

// Request says which run to plan.
type Request struct {
	Orchestration string // or, of a campaign's group, the run's own name
	Campaign      string
	Group         string
	DataTemplate  string // of the group, which may have several
	RunKey        string
	RunID         string
	Now           time.Time
	RequestedBy   string // the name of a user; empty: nobody in particular
	// Today is when the run is planned: a run that a schedule makes up for, or that somebody starts for an earlier day, has a
	// Now long ago. Keys must be good at the later of the two.
	Today time.Time
	// To sends files that are there already by another data template than the run's own: see Again.
	To string
}

// QueryOf finds the query that the run of the request will ask.
func QueryOf(c *config.Config, r Request) (*config.Query, error) {
	j, err := find(c, r)
	if err != nil {
		return nil, err
	}
	return j.query, nil
}

// Make resolves everything that the run will do. The schema is the query's, as its source has described it.
//
// What it reads besides is the recipients' public keys, which may be files.
func Make(c *config.Config, r Request, schema table.Schema) (*Plan, error) {
	j, err := find(c, r)
	if err != nil {
		return nil, err
	}
	p, err := begin(c, r, j)
	if err != nil {
		return nil, err
	}
	if err := p.resolve(c, r, j, schema); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfiguration, j.name, err)
	}
	return p, nil
}

// begin decides whether the run may be, and resolves what has nothing to do with its files.
func begin(c *config.Config, r Request, j *job) (p *Plan, err error) {
	r.Now = r.Now.UTC()
	p = &Plan{
		Orchestration: j.name, Campaign: r.Campaign, Group: r.Group, DataTemplate: j.template.Name,
		RunKey: r.RunKey, RunID: r.RunID, Now: r.Now, ConfigDigest: c.Digest(),
		Query:       Query{Name: j.query.Name, Segment: j.query.Segment, Source: j.query.Source, Digest: Digest(j.query.SQL)},
		Destination: Destination{Name: j.destination.Name, Plugin: j.destination.Plugin},
		Credential:  Credential{Name: j.credential.Name, Type: j.credential.Type, RoleARN: j.credential.RoleARN},
		Alerts:      Alerts(j.query.Alerts),
		HostTimeout: Duration(c.Workspace.HostTimeout),
	}
	if p.Access, err = decide(c, r, j); err != nil {
		return nil, err
	}
	p.RequestedBy = p.Access.User
	p.running(j)
	return p, nil
}

// decide asks whether the requester may start the run.
func decide(c *config.Config, r Request, j *job) (access.Decision, error) {
	requester := access.Requester{User: r.RequestedBy, Policies: []string{access.Operator}}
	switch r.RequestedBy {
	case access.Schedule:
	case "", access.Unspecified:
		requester.User = access.Unspecified
		if len(c.Users) > 0 {
			return access.Decision{}, fmt.Errorf("%w: users are configured, so a run must say who asks for it (--as NAME)", ErrRefused)
		}
	default:
		user, err := c.User(r.RequestedBy)
		if err != nil {
			return access.Decision{}, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		requester.Policies = user.Policies
	}
	decision := access.Decide(requester, access.Delivery{
		Campaign:     r.Campaign != "",
		Destination:  access.Flags{Name: j.destination.Name, BusinessUsers: j.destination.AllowBusinessUsers, LimitedPII: j.destination.AllowLimitedPII},
		DataTemplate: access.Flags{Name: j.template.Name, BusinessUsers: j.template.AllowBusinessUsers, LimitedPII: j.template.AllowLimitedPII},
	})
	if err := decision.Err(); err != nil {
		return decision, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return decision, nil
}

// encryption resolves to whom the files are encrypted; nil if they are not. Every key is looked at again: it may have
// expired, or been replaced, since the configuration was read.
func encryption(c *config.Config, e config.Effective, now time.Time) (*Encryption, []string, error) {
	keys := c.Keys(e)
	if len(keys) == 0 {
		return nil, nil, nil
	}
	var warnings []string
	wanted := deref(e.Settings.PGPAEAD)
	out := &Encryption{AEAD: wanted}
	for _, key := range keys {
		r, err := key.Recipient(now)
		if err != nil {
			return nil, nil, err
		}
		if r.ExpiresSoon(now) {
			warnings = append(warnings, fmt.Sprintf("%s: the key %s expires on %s: ask the customer to extend it and to send it again",
				key.Path, r.Fingerprint(), r.Expires().UTC().Format(time.DateOnly)))
		}
		if wanted && !r.SupportsAEAD() {
			out.AEAD = false
			warnings = append(warnings, fmt.Sprintf("%s: the key %s does not say that it can read AEAD: pgp_aead has no effect", key.Path, r.Fingerprint()))
		}
		out.Recipients = append(out.Recipients, Recipient{Key: key.Path, Fingerprint: r.Fingerprint(), EncryptsTo: r.EncryptsTo(), Expires: r.Expires()})
	}
	return out, warnings, nil
}
