package config

import (
	"errors"

	"consign/internal/problem"
)

// ErrRefused is wrapped where a configuration as a whole is refused.
var ErrRefused = errors.New("the configuration is refused")

// Load reads the configuration at path: a YAML file, or a folder of them. Without a path it looks for
// $CONSIGN_CONFIG, ./consign.yaml and ./consign/. The list holds every problem at once, warnings too; there is no
// configuration if one of them is a reason to refuse. The error is about files that cannot be read at all.
//
// Load looks at what was written, and at nothing else: a machine that only starts runs needs none of the secrets.
// Check looks at secrets and keys too.
func Load(path string, environment func(string) (string, bool)) (*Config, problem.List, error) {
	paths, err := locate(path, environment)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{report: &report{places: newPlaces()}, environment: environment, config: &Config{}}
	if err := r.read(paths); err != nil {
		return nil, nil, err
	}
	c := r.config
	c.places = r.places
	check := &checker{report: r.report, c: c}
	check.all()
	c.digest = r.sum()
	sortByPlace(check.list)
	if check.list.Err() != nil {
		return nil, check.list, nil
	}
	return c, check.list, nil
}
