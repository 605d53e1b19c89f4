package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"consign/internal/problem"
)

// overridable are the sections whose single values the environment can set: CONSIGN_TEMPORAL_ADDRESS.
var overridable = []string{"temporal", "workspace", "s3", "worker", "retry"}

// override puts the environment's values over the files'. They pass the same checks.
func (r *reader) override() error {
	w := &walker{report: r.report, offset: map[string]int{}} // paths are relative to where the program runs, as everywhere in a shell
	known := fields(reflect.TypeFor[Config]())
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range overridable {
		f, _ := find(known, name)
		if section := r.variables(w, f.typ, name, "CONSIGN_"+strings.ToUpper(name)); len(section.Content) > 0 {
			root.Content = append(root.Content, textNode(name), section)
		}
	}
	if len(root.Content) == 0 {
		return nil
	}
	return decode(root, r.config)
}

// variables builds the section that the environment sets.
func (r *reader) variables(w *walker, t reflect.Type, path, prefix string) *yaml.Node {
	section := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fields(t) {
		at, variable := join(path, f.name), prefix+"_"+strings.ToUpper(f.name)
		var value *yaml.Node
		if sub := plain(f.typ); isSection(sub) && sub != reflect.TypeFor[Secret]() {
			if value = r.variables(w, sub, at, variable); len(value.Content) == 0 {
				continue
			}
		} else if value = r.variable(w, f, at, variable); value == nil {
			continue
		}
		section.Content = append(section.Content, textNode(f.name), value)
	}
	return section
}

// variable returns what one variable sets; nil if there is nothing that can be decoded.
func (r *reader) variable(w *walker, f field, at, name string) *yaml.Node {
	value, _ := r.environment(name)
	if value == "" {
		return nil
	}
	if plain(f.typ) == reflect.TypeFor[Secret]() {
		r.noSecret(f.name, at, name)
		return nil
	}
	r.sums = append(r.sums, name, value)
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	if plain(f.typ).Kind() == reflect.String {
		node.Tag = "!!str"
	}
	w.variable = "$" + name
	r.where[at] = w.variable
	if !w.value(node, f, at) {
		return nil
	}
	return node
}

// noSecret says that no variable sets a secret by its name, unless the files point to this variable. Temporal's API key is the
// only secret in these sections.
func (r *reader) noSecret(key, at, name string) {
	if r.config.Temporal.APIKey.Env == name {
		return
	}
	r.put(problem.Problem{
		Where: "$" + name, Key: at, Message: "a secret is not set by such a variable",
		Hint: key + ": {env: " + name + "} in " + strings.TrimSuffix(at, "."+key) + " takes it from there",
	})
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
