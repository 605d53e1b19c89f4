package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"consign/internal/problem"
)

// Origin is where an effective setting comes from.
type Origin struct {
	Level string // "destination acme", "data template weekly", "orchestration vips-weekly", "default"
	Where string // file and line; empty for a default

	path string
}

// String returns "destination acme (consign.yaml:12)".
func (o Origin) String() string {
	if o.Where == "" {
		return o.Level
	}
	return o.Level + " (" + o.Where + ")"
}

// Effective is what destination, data template and orchestration say together. What a higher level has set is final;
// what all leave open has its default.
type Effective struct {
	Settings Settings
	Origins  map[string]Origin // by setting; a setting without a value has none
	Columns  []Column          // of the data template

	columnsPath string
	bad         map[string]string // settings that were written in a way that could not be read: where
	conflicts   []conflict
}

// A conflict is a setting that a lower level sets again.
type conflict struct {
	name         string
	first, again Origin
}

// ByDefault is the level of a setting that nobody has written.
const ByDefault = "default"

// Effective returns what the levels say together. The template and the orchestration may be nil.
func (c *Config) Effective(d *Destination, t *DataTemplate, o *Orchestration) Effective {
	e := Effective{Origins: map[string]Origin{}, bad: map[string]string{}}
	e.inherit(c.places, &d.Settings, "destination "+d.Name, pathOf("destinations", c.Destinations, d))
	if t != nil {
		at := pathOf("data_templates", c.DataTemplates, t)
		e.inherit(c.places, &t.Settings, "data template "+t.Name, at)
		e.Columns, e.columnsPath = t.Columns, at+".columns"
	}
	if o != nil {
		e.inherit(c.places, &o.Settings, "orchestration "+o.Name, pathOf("orchestrations", c.Orchestrations, o))
	}
	e.complete()
	return e
}

// pathOf finds an item of a list by its address.
func pathOf[T any](list string, items []T, one *T) string {
	for i := range items {
		if &items[i] == one {
			return item(list, i)
		}
	}
	return list
}

// inherit takes over what a level sets and no higher one has set.
func (e *Effective) inherit(p places, s *Settings, level, at string) {
	from, to := reflect.ValueOf(s).Elem(), reflect.ValueOf(&e.Settings).Elem()
	at += ".settings"
	for i, f := range fields(from.Type()) {
		e.missed(p, f.name, at)
		if from.Field(i).IsNil() {
			continue
		}
		path := at + "." + f.name
		origin := Origin{Level: level, Where: p.of(path), path: path}
		if first, set := e.Origins[f.name]; set {
			e.conflicts = append(e.conflicts, conflict{f.name, first, origin})
			continue
		}
		to.Field(i).Set(from.Field(i))
		e.Origins[f.name] = origin
	}
}

// missed remembers where a setting was written that could not be read, in whole or in part, or the settings of a level as a whole.
func (e *Effective) missed(p places, name, at string) {
	if len(p.bad) == 0 { // as a rule, and a thousand orchestrations have many settings to look for
		return
	}
	if p.bad[at] {
		e.bad[name] = at
	}
	if path := at + "." + name; p.unread(path) {
		e.bad[name] = path
	}
}

// complete sets the defaults of what all levels leave open, as far as they mean anything for the file's format.
func (e *Effective) complete() {
	var d Settings
	d.PathStyle, d.SSE, d.ACL = new(false), &SSE{Mode: "none"}, new("none")
	d.StorageClass, d.OnConflict = new("STANDARD"), new("overwrite")
	d.Encoding, d.OnEmpty = new("none"), new("write")
	d.SuccessFile, d.Manifest, d.Receipt = new(false), new(false), new(false)
	switch s := e.Settings; {
	case s.delimited():
		d.QuoteMode, d.Header, d.LineEnding, d.BOM = new("minimal"), new(true), new("lf"), new(false)
		d.FormulaGuard, d.OnUnwritable = new(false), new("fail")
	case value(s.FileFormat) == "parquet":
		d.ParquetCompression = new("snappy")
	}
	switch value(e.Settings.Encoding) {
	case "gzip", "tgz", "zip":
		d.CompressionLevel = new(6)
	}
	from, to := reflect.ValueOf(d), reflect.ValueOf(&e.Settings).Elem()
	for i, f := range fields(from.Type()) {
		if to.Field(i).IsNil() && !from.Field(i).IsNil() {
			to.Field(i).Set(from.Field(i))
			e.Origins[f.name] = Origin{Level: ByDefault}
		}
	}
}

// path is where a setting was written; at, if it was not.
func (e *Effective) path(name, at string) string {
	return cmp.Or(e.Origins[name].path, e.bad[name], at+".settings."+name)
}

// set reports whether somebody has written the setting.
func (e *Effective) set(name string) bool { return e.Origins[name].path != "" }

// misread reports whether one of the settings was written but could not be read: what seems wrong for want of it may be right.
func (e *Effective) misread(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return e.bad[name] != "" })
}

// keysTwice reports whether the public keys are set in both ways, of which one would be forgotten.
func (e *Effective) keysTwice() bool { return e.set("pgp_public_key") && e.set("pgp_public_keys") }

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var nothing T
		return nothing
	}
	return *p
}

// A Setting is one effective setting as people read it.
type Setting struct {
	Name, Value string
	Origin      Origin
}

// List returns the settings that have a value, in the order of the documents. Public keys are named, not shown.
func (e *Effective) List() []Setting {
	var list []Setting
	v := reflect.ValueOf(e.Settings)
	for i, f := range fields(v.Type()) {
		if origin, ok := e.Origins[f.name]; ok {
			list = append(list, Setting{f.name, printed(v.Field(i).Interface()), origin})
		}
	}
	return list
}

func printed(v any) string {
	switch v := v.(type) {
	case *string:
		return *v
	case *SSE:
		if v.KMSKeyID != "" {
			return "KMS key " + v.KMSKeyID
		}
		return v.Mode
	case *RowNumber:
		return v.Column
	case *Split:
		if v.Rows > 0 {
			return fmt.Sprintf("%d rows", v.Rows)
		}
		return fmt.Sprintf("%d megabytes", v.Megabytes)
	case *Secret:
		return v.String()
	case []Secret:
		return joined(v, Secret.String)
	case []Tag:
		return joined(v, func(t Tag) string { return t.Name + "=" + t.Value })
	default:
		return fmt.Sprint(reflect.ValueOf(v).Elem().Interface())
	}
}

func joined[T any](list []T, text func(T) string) string {
	words := make([]string, len(list))
	for i, one := range list {
		words[i] = text(one)
	}
	return strings.Join(words, ", ")
}

// Conflicts says which settings a lower level sets again. Levels that the configuration itself puts together have none,
// for that is checked when it is read; others, such as another template for files that are sent again, may.
func (e *Effective) Conflicts() problem.List {
	var list problem.List
	for _, c := range e.conflicts {
		list.Add(c.name, "is set by %s and again by %s", c.first, c.again)
	}
	if e.keysTwice() {
		list.Add("pgp_public_keys", "is set by %s, and pgp_public_key by %s", e.Origins["pgp_public_keys"], e.Origins["pgp_public_key"])
	}
	return list
}
