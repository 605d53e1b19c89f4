package config

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// overridable are the sections whose single values the environment can set: CONSIGN_TEMPORAL_ADDRESS.
var overridable = []string{"temporal", "workspace", "s3", "worker", "retry"}

// override puts the environment's values over the files'. They pass the same checks.
func (r *reader) override() error {
	w := &walker{report: r.report, folder: "", offset: map[string]int{}}
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
		switch sub := plain(f.typ); {
		case sub == reflect.TypeFor[Secret]():
		case isSection(sub):
			if inner := r.variables(w, sub, at, variable); len(inner.Content) > 0 {
				section.Content = append(section.Content, textNode(f.name), inner)
			}
		default:
			value, _ := r.environment(variable)
			if value == "" {
				continue
			}
			r.sums = append(r.sums, variable, value)
			node := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
			if sub.Kind() == reflect.String {
				node.Tag = "!!str"
			}
			w.where = "$" + variable
			r.places.where[at] = w.where
			f.path = false // relative to where the program runs, as everywhere in a shell
			if w.value(node, f, at) {
				section.Content = append(section.Content, textNode(f.name), node)
			}
		}
	}
	return section
}

func textNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}
