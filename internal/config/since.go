package config

import (
	"cmp"
	"slices"
	"strings"

	"consign/internal/problem"
)

// Since returns, as warnings, the changes since an earlier version of the configuration that break what a bucket's owner has
// set up for it: their trust policy names the external ID and the principal, and their account has the role. A change may be
// agreed upon, so nothing is refused.
//
// A credential that keeps its name is reported once. A destination is reported if it gets another credential, unless both lead
// to the same.
func (c *Config) Since(earlier *Config) problem.List {
	return append(c.credentialsSince(earlier), c.destinationsSince(earlier)...)
}

func (c *Config) credentialsSince(earlier *Config) problem.List {
	var list problem.List
	for i, now := range c.Credentials {
		for _, b := range earlier.agreement(now.Name).broken(c.agreement(now.Name)) {
			if b.key != "role_arn" || !c.between(now.Name) {
				list = append(list, c.changed(item("credentials", i)+"."+b.key, b.message))
			}
		}
	}
	return list
}

func (c *Config) destinationsSince(earlier *Config) problem.List {
	var list problem.List
	for i, now := range c.Destinations {
		old := earlier.destination(now.Name)
		if old == nil || old.Credential == now.Credential {
			continue
		}
		var all []string
		for _, b := range earlier.agreement(old.Credential).broken(c.agreement(now.Credential)) {
			all = append(all, "another "+b.key+": "+b.message)
		}
		if len(all) > 0 {
			list = append(list, c.changed(item("destinations", i)+".credential", strings.Join(all, "; ")))
		}
	}
	return list
}

func (c *Config) changed(path, message string) problem.Problem {
	return problem.Problem{
		Where: c.places.of(path), Key: c.places.key(path), Message: "was changed: " + message, Warning: true,
		Hint: "agree on it with the bucket's owner first: starter policy DESTINATION prints what their role has to say",
	}
}

// between reports whether a credential's role only stands between us and the roles of bucket owners. Then it is ours, and the
// credentials whose base it is tell who has to know of another one.
func (c *Config) between(name string) bool {
	return slices.ContainsFunc(c.Credentials, func(x Credential) bool { return x.Base == name }) &&
		!slices.ContainsFunc(c.Destinations, func(d Destination) bool { return d.Credential == name })
}

// An agreement is what the owner of a bucket has set up for a credential: nothing, for one that is not there.
type agreement struct{ role, externalID, principal string }

func (c *Config) agreement(name string) agreement {
	credential := c.credential(name)
	if credential == nil {
		return agreement{}
	}
	a := agreement{role: credential.RoleARN, externalID: credential.ExternalID}
	if base := c.credential(credential.Base); base != nil {
		a.principal = cmp.Or(base.RoleARN, "the keys of "+base.Name) // whose they are, only Amazon knows
	}
	return a
}

// A breach is a change that locks us out until the bucket's owner knows of it.
type breach struct {
	key     string // of the credential
	message string
}

// broken returns what of an agreement does not hold any more. What was not there before, nobody has relied on.
func (a agreement) broken(now agreement) []breach {
	var all []breach
	if a.externalID != "" && a.externalID != now.externalID {
		all = append(all, breach{"external_id", "the customer's trust policy names the earlier one, and lets nobody in with this one until it is changed too"})
	}
	if a.role != "" && a.role != now.role {
		all = append(all, breach{"role_arn", "the rights that the customer has given are the earlier role's"})
	}
	if a.role != "" && now.role != "" && a.principal != now.principal {
		all = append(all, breach{"base", "the customer's trust policy names the principal that it led to earlier, and lets no other in until it is changed too"})
	}
	return all
}
