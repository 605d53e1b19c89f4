package config

import (
	"slices"

	"consign/internal/problem"
)

// Since returns, as warnings, what was changed since an earlier version of the configuration and breaks what a bucket's
// owner has set up for it: their trust policy names the external ID, and their account has the role. A change that is
// agreed upon is no mistake, so nothing is refused.
func (c *Config) Since(earlier *Config) problem.List {
	var list problem.List
	for i, now := range c.Credentials {
		at := slices.IndexFunc(earlier.Credentials, func(old Credential) bool { return old.Name == now.Name })
		if at < 0 {
			continue
		}
		old, path := earlier.Credentials[at], item("credentials", i)
		changed := func(key, message string) {
			list = append(list, problem.Problem{
				Where: c.places.of(path + key), Key: c.places.key(path + key), Message: message, Warning: true,
				Hint: "agree on it with the bucket's owner first: starter policy DESTINATION prints what their role has to say",
			})
		}
		if old.ExternalID != now.ExternalID && old.ExternalID != "" {
			changed(".external_id", "was changed: the customer's trust policy names the earlier one, and lets nobody in with this one until it is changed too")
		}
		if old.RoleARN != now.RoleARN && old.RoleARN != "" {
			changed(".role_arn", "was changed: the rights that the customer has given are the earlier role's")
		}
	}
	return list
}
