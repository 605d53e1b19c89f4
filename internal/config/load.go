package config

import (
	"errors"
	"reflect"
	"strings"

	"consign/internal/problem"
)

// ErrRefused is wrapped where a configuration as a whole is refused.
var ErrRefused = errors.New("the configuration is refused")

// Load reads the configuration at path: a YAML file, or a folder of them. Without a path it looks for $CONSIGN_CONFIG,
// ./consign.yaml and ./consign/. The list holds every problem at once, warnings too, except those that may only follow from a
// value that cannot be read. If one of them is a reason to refuse, there is no configuration. The error is about files that
// cannot be read at all.
//
// Load looks only at what was written: a machine that does nothing but start runs needs none of the secrets. Check looks at
// secrets and keys too.
func Load(path string, environment func(string) (string, bool)) (*Config, problem.List, error) {
	c, list, err := load(path, environment)
	if err != nil || list.Err() != nil {
		return nil, list, err
	}
	return c, list, nil
}

// LoadTemporal reads only the section temporal of the configuration that Load would read. What is wrong with a list or with
// another section becomes a warning. What may be about temporal stays a reason to refuse: an unknown section, say, may be
// temporal misspelt, unless temporal is written too.
func LoadTemporal(path string, environment func(string) (string, bool)) (Temporal, problem.List, error) {
	c, list, err := load(path, environment)
	if err != nil {
		return Temporal{}, nil, err
	}
	list = list.Errors()
	known := fields(reflect.TypeFor[Config]())
	for i, p := range list {
		section := p.Key
		if end := strings.IndexAny(section, ".["); end >= 0 {
			section = section[:end]
		}
		_, other := find(known, section)
		list[i].Warning = section != "temporal" && (other || section != "" && c.places.written("temporal"))
	}
	if list.Err() != nil {
		return Temporal{}, list, nil
	}
	return c.Temporal, list, nil
}

// load reads and checks a configuration, and returns what of it could be decoded.
func load(path string, environment func(string) (string, bool)) (*Config, problem.List, error) {
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
	return c, check.list, nil
}
