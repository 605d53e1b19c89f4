package config

import (
	"errors"
	"fmt"

	"consign/internal/awsrole"
	"consign/internal/secret"
	"consign/internal/source"
)

// ErrNotFound is wrapped when something is asked for that the configuration does not have.
var ErrNotFound = errors.New("not in the configuration")

// present stands for a secret where it matters only that there is one.
var present = secret.New("present")

// byName finds a named thing of a list; nil if there is none. What has no name, or one that cannot be read, is not found.
func byName[T any](list []T, name string, nameOf func(*T) string) *T {
	for i := range list {
		if name != "" && nameOf(&list[i]) == name {
			return &list[i]
		}
	}
	return nil
}

func (c *Config) credential(name string) *Credential {
	return byName(c.Credentials, name, func(x *Credential) string { return x.Name })
}

func (c *Config) destination(name string) *Destination {
	return byName(c.Destinations, name, func(x *Destination) string { return x.Name })
}

func (c *Config) template(name string) *DataTemplate {
	return byName(c.DataTemplates, name, func(x *DataTemplate) string { return x.Name })
}

// effective returns what a template says together with its destination and perhaps an orchestration; nothing, if there is
// no such template or destination.
func (c *Config) effective(template string, o *Orchestration) Effective {
	t := c.template(template)
	if t == nil {
		return Effective{}
	}
	d := c.destination(t.Destination)
	if d == nil {
		return Effective{}
	}
	return c.Effective(d, t, o)
}

func missing(what, name string) error {
	return fmt.Errorf("%s %q: %w", what, name, ErrNotFound)
}

// sought returns what was found, or the error that there is none.
func sought[T any](what, name string, found *T) (*T, error) {
	if found == nil {
		return nil, missing(what, name)
	}
	return found, nil
}

// Credential returns the credential called name.
func (c *Config) Credential(name string) (*Credential, error) {
	return sought("credential", name, c.credential(name))
}

// Destination returns the destination called name.
func (c *Config) Destination(name string) (*Destination, error) {
	return sought("destination", name, c.destination(name))
}

// DataTemplate returns the data template called name.
func (c *Config) DataTemplate(name string) (*DataTemplate, error) {
	return sought("data template", name, c.template(name))
}

// Orchestration returns the orchestration called name.
func (c *Config) Orchestration(name string) (*Orchestration, error) {
	return sought("orchestration", name, byName(c.Orchestrations, name, func(x *Orchestration) string { return x.Name }))
}

// Campaign returns the campaign called name.
func (c *Config) Campaign(name string) (*Campaign, error) {
	return sought("campaign", name, byName(c.Campaigns, name, func(x *Campaign) string { return x.Name }))
}

// User returns the user called name.
func (c *Config) User(name string) (*User, error) {
	return sought("user", name, byName(c.Users, name, func(x *User) string { return x.Name }))
}

// Query returns the query or segment called name.
func (c *Config) Query(name string) (*Query, error) {
	for _, list := range [][]Query{c.Queries, c.Segments} {
		if found := byName(list, name, func(x *Query) string { return x.Name }); found != nil {
			return found, nil
		}
	}
	return nil, missing("query", name)
}

// SourceOptions returns how to open a source, with its secrets.
func (c *Config) SourceOptions(name string) (source.Options, error) {
	s := byName(c.Sources, name, func(x *Source) string { return x.Name })
	if s == nil {
		return source.Options{}, missing("source", name)
	}
	o := s.options()
	dsn, err := s.DSN.Read()
	if err != nil {
		return o, fmt.Errorf("source %s: %w", name, err)
	}
	o.DSN = dsn
	return o, nil
}

// Role returns how to become a credential, with its secrets. The run's session name and policy are the caller's.
func (c *Config) Role(name string) (awsrole.Options, error) {
	credential, err := c.Credential(name)
	if err != nil {
		return awsrole.Options{}, err
	}
	o := awsrole.Options{Region: credential.Region, STSEndpoint: credential.STSEndpoint, RoleARN: credential.RoleARN, ExternalID: credential.ExternalID}
	for _, s := range []struct {
		from Secret
		to   *secret.Text
	}{{credential.AccessKeyID, &o.AccessKeyID}, {credential.SecretAccessKey, &o.SecretAccessKey}, {credential.SessionToken, &o.SessionToken}} {
		if *s.to, err = s.from.Read(); err != nil {
			return awsrole.Options{}, fmt.Errorf("credential %s: %w", name, err)
		}
	}
	if credential.Base != "" {
		base, err := c.Role(credential.Base)
		if err != nil {
			return awsrole.Options{}, err
		}
		o.Base = &base
	}
	return o, nil
}

// VerifiesExternalID reports whether the credential's role must be tried without its external ID, which must fail.
// Stores with an STS of their own ignore external IDs, so there it has to be asked for.
func (c *Config) VerifiesExternalID(name string) (bool, error) {
	credential, err := c.Credential(name)
	switch {
	case err != nil || credential.ExternalID == "":
		return false, err
	case credential.VerifyExternalID != nil:
		return *credential.VerifyExternalID, nil
	default:
		return credential.STSEndpoint == "", nil
	}
}
