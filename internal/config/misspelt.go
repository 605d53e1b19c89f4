package config

import (
	"reflect"
	"slices"
	"strings"

	"consign/internal/problem"
)

// Misspelt returns, as warnings, the variables of the environment, as os.Environ has them, that look like settings and
// are none. They are no reason to refuse: a cluster may put variables there that are named after a service called
// consign.
func (c *Config) Misspelt(environ []string) problem.List {
	known := append(variables(reflect.TypeFor[Config](), "CONSIGN", overridable), "CONSIGN_CONFIG", "CONSIGN_PASSPHRASE")
	c.secrets(func(_ string, s *Secret) { known = append(known, s.Env) })
	var list problem.List
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "CONSIGN_") || slices.Contains(known, name) {
			continue
		}
		hint := suggest(name, known)
		if strings.HasPrefix(hint, didYouMean) && near(name, hint) {
			list = append(list, problem.Problem{Where: "$" + name, Message: "no setting is called so", Hint: hint, Warning: true})
		}
	}
	return list
}

// near reports whether a suggestion differs so little that it was meant. To be similar is not enough here, for all of these
// names begin alike.
func near(name, hint string) bool {
	const typos = 2
	return distance(name, strings.TrimSuffix(strings.TrimPrefix(hint, didYouMean), "?")) <= typos
}

// variables are the names of those that override reads.
func variables(t reflect.Type, prefix string, only []string) []string {
	var names []string
	for _, f := range fields(t) {
		if only != nil && !slices.Contains(only, f.name) {
			continue
		}
		name := prefix + "_" + strings.ToUpper(f.name)
		if sub := plain(f.typ); isSection(sub) && sub != reflect.TypeFor[Secret]() {
			names = append(names, variables(sub, name, nil)...)
		} else {
			names = append(names, name)
		}
	}
	return names
}
