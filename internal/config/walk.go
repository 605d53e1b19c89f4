package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"consign/internal/problem"
)

// A walker compares a YAML document with the types that it is decoded into. It finds what viper hides (keys twice or in
// two cases, numbers where text is meant) and what decoding would report without a line, notes where everything was
// written, and takes out what cannot be decoded, so that the rest can still be checked.
type walker struct {
	*report
	file     string         // as problems name it
	folder   string         // of the file, for relative paths
	offset   map[string]int // items of each list that earlier files hold
	variable string         // instead of a file: the variable of the environment, with its $
}

func (w *walker) place(n *yaml.Node) string {
	if w.file == "" {
		return w.variable
	}
	return w.file + ":" + strconv.Itoa(n.Line)
}

// wrong reports a problem at a node, and that path was written all the same.
func (w *walker) wrong(n *yaml.Node, path, hint, format string, args ...any) bool {
	if _, known := w.where[path]; !known {
		w.where[path] = w.place(n)
	}
	w.say(problem.Problem{Key: path, Hint: hint, Message: fmt.Sprintf(format, args...)})
	w.spoil(path)
	return false
}

// value checks the value at path and reports whether it can be decoded into f.
func (w *walker) value(n *yaml.Node, f field, path string) bool {
	t := plain(f.typ)
	switch {
	case n.Kind == yaml.AliasNode:
		return w.wrong(n, path, "write it out: every setting then has a place of its own", "YAML aliases are not read")
	case t == reflect.TypeFor[Secret]():
		return w.secret(n, f, path)
	case t == reflect.TypeFor[SSE]() && n.Kind == yaml.ScalarNode:
		*n = *mapping(n, "mode")
		return w.section(n, t, path)
	case isSection(t):
		return w.section(n, t, path)
	case t.Kind() == reflect.Slice:
		return w.items(n, f, path)
	case n.Kind != yaml.ScalarNode:
		return w.wrong(n, path, unquoted(n, t), "a %s is written where %s is meant", kindName(n), typeName(t))
	default:
		return w.scalar(n, f, path)
	}
}

// unquoted is the hint for text that YAML takes for something else: {{query_name}} is two mappings.
func unquoted(n *yaml.Node, t reflect.Type) string {
	if t.Kind() != reflect.String || n.Style&yaml.FlowStyle == 0 {
		return ""
	}
	return "put text that begins with { or [ in quotes"
}

func mapping(scalar *yaml.Node, key string) *yaml.Node {
	value := *scalar
	return &yaml.Node{Kind: yaml.MappingNode, Line: scalar.Line, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: scalar.Line}, &value,
	}}
}

// section checks a mapping and takes out of it what cannot be decoded. Of one with a merge key, any key that is not written may
// be among those that it stands for.
func (w *walker) section(n *yaml.Node, t reflect.Type, path string) bool {
	if n.Kind != yaml.MappingNode {
		return w.wrong(n, path, "", "a %s is written where keys and values are meant", kindName(n))
	}
	known := fields(t)
	seen := map[string]*yaml.Node{}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, key.Value)
		w.where[at] = w.place(key)
		if first, twice := seen[strings.ToLower(key.Value)]; twice {
			w.add(at, "keep one of them", "is written twice, first as %s in line %d", first.Value, first.Line)
			continue
		}
		seen[strings.ToLower(key.Value)] = key
		f, ok := find(known, key.Value)
		switch {
		case !ok:
			w.unknown(key, t, path)
		case isNothing(value, f) && isSecret(f.typ):
			// Of a key that a template has not filled in, or whose lines are comments now, the files would go out plain.
			w.wrong(value, at, howSecret(f)+"; or leave the key out", "nothing is written where a secret is meant")
		case isNothing(value, f):
			delete(w.where, at)
		case w.value(value, f, at):
			kept = append(kept, key, value)
		}
	}
	n.Content = kept
	if _, merged := seen[mergeKey]; merged {
		w.merged(path, known, seen)
	}
	return true
}

// merged notes that the keys which are not written at path cannot be read.
func (w *walker) merged(path string, known []field, written map[string]*yaml.Node) {
	for _, f := range known {
		if written[f.name] == nil {
			w.spoil(join(path, f.name))
		}
	}
}

// mergeKey puts the keys of another mapping in its place.
const mergeKey = "<<"

// isNothing reports whether a value says no more than no value: null or the empty string.
func isNothing(n *yaml.Node, f field) bool {
	if n.Kind != yaml.ScalarNode || n.Value != "" && n.ShortTag() != "!!null" {
		return false
	}
	return !f.empty || n.ShortTag() == "!!null"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// unknown reports a key that means nothing at its place.
func (w *walker) unknown(key *yaml.Node, t reflect.Type, path string) {
	at := join(path, key.Value)
	names := fieldNames(fields(t))
	hint := suggest(key.Value, names)
	if near, ok := strings.CutPrefix(hint, didYouMean); ok {
		w.spoil(join(path, strings.TrimSuffix(near, "?")))
	}
	if _, ok := find(fields(t), "settings"); ok {
		if _, ok := find(fields(reflect.TypeFor[Settings]()), key.Value); ok {
			hint = "write it under settings:"
		}
	}
	if key.Value == mergeKey {
		hint = "write the keys out: every setting then has a place of its own"
	}
	w.wrong(key, at, hint, "unknown key")
}

// items checks a list and takes out of it what cannot be decoded.
func (w *walker) items(n *yaml.Node, f field, path string) bool {
	if n.Kind != yaml.SequenceNode {
		return w.wrong(n, path, "begin each item with a hyphen, or put all of them in [ ]", "a %s is written where a list is meant", kindName(n))
	}
	each := field{typ: f.typ.Elem(), inline: f.inline}
	next := w.offset[path]
	var kept []*yaml.Node
	for _, value := range n.Content {
		at := item(path, next)
		w.where[at] = w.place(value)
		if name := nameOf(value); name != "" {
			w.names[at] = name
		}
		if isNothing(value, each) {
			w.wrong(value, at, "", "the item is empty")
		} else if w.value(value, each, at) {
			kept = append(kept, value)
			next++
		}
	}
	n.Content = kept
	if _, joined := w.offset[path]; joined {
		w.offset[path] = next
	}
	return true
}

// nameOf returns the name of a named thing.
func nameOf(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

// isSecret reports whether a type is a secret, or a list of them.
func isSecret(t reflect.Type) bool {
	t = plain(t)
	return t == reflect.TypeFor[Secret]() || t == reflect.TypeFor[[]Secret]()
}

// howSecret is the hint for a secret that is written otherwise.
func howSecret(f field) string {
	if f.inline {
		return `write {file: path}, {env: NAME} or {inline: "-----BEGIN PGP PUBLIC KEY BLOCK----- ..."}`
	}
	return "write {env: NAME} or {file: path}"
}

// secret checks that a secret is only pointed at. It never repeats what was written.
func (w *walker) secret(n *yaml.Node, f field, path string) bool {
	how := howSecret(f)
	if n.Kind != yaml.MappingNode {
		return w.wrong(n, path, how, "a secret is never written as a value")
	}
	if !w.section(n, reflect.TypeFor[Secret](), path) {
		return false
	}
	if len(n.Content) != 2 {
		w.add(path, how, "exactly one of env, file and inline says where the secret is")
		w.spoil(path)
		return false
	}
	if n.Content[0].Value == "inline" && !f.inline {
		return w.wrong(n, path, how, "only a public key may be written in place")
	}
	return true
}

// scalar checks a single value, and writes it as viper is to read it.
func (w *walker) scalar(n *yaml.Node, f field, path string) bool {
	tag := n.ShortTag()
	switch t := plain(f.typ); {
	case t == reflect.TypeFor[Size]():
		return w.size(n, path)
	case t == reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(n.Value); err != nil || tag != "!!str" {
			return w.wrong(n, path, "write a number with a unit: 90s, 10m, 168h", "%q is not a duration", n.Value)
		}
	case t.Kind() == reflect.String:
		return w.text(n, f, path)
	case t.Kind() == reflect.Bool:
		if tag != "!!bool" {
			return w.wrong(n, path, "write true or false, without quotes", "%q is not true or false", n.Value)
		}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		number, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil || tag != "!!int" {
			return w.wrong(n, path, "write digits only, without quotes", "%q is not a whole number", n.Value)
		}
		n.Value = strconv.FormatInt(number, 10) // YAML reads 0100 as 64
	}
	return true
}

// text checks a value that is meant as text. A number would lose its leading zeros, a date its form.
func (w *walker) text(n *yaml.Node, f field, path string) bool {
	if tag := n.ShortTag(); tag != "!!str" {
		what := map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!timestamp": "a date"}[tag]
		return w.wrong(n, path, fmt.Sprintf("put it in quotes: %q", n.Value), "YAML reads %s as %s, and text is meant", n.Value, what)
	}
	if f.path && (n.Value == "~" || strings.HasPrefix(n.Value, "~/")) {
		return w.wrong(n, path, "write the folder out: only a shell knows what ~ is", "%q would be a folder of that name", "~")
	}
	if f.path && n.Value != "" && !filepath.IsAbs(n.Value) {
		n.Value = filepath.Join(w.folder, n.Value)
	}
	return true
}

func (w *walker) size(n *yaml.Node, path string) bool {
	size, err := ParseSize(n.Value)
	if err != nil {
		return w.wrong(n, path, "write a number with a unit: 16MiB, 200GB", "%q is not a size", n.Value)
	}
	n.Value, n.Tag, n.Style = strconv.FormatInt(int64(size), 10), "!!int", 0
	return true
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	default:
		return "single value"
	}
}

func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a number"
	default:
		return "text"
	}
}
