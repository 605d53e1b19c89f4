package config

import (
	"reflect"
	"strings"
)

// A field is one key that a mapping may have.
type field struct {
	name   string
	typ    reflect.Type
	path   bool // a path, relative to the file
	empty  bool // an empty string is a value of its own
	inline bool // a secret that may be written in place: a public key
}

// fields returns the keys of a struct's mapping, in the order of the struct.
func fields(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("mapstructure")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		options := strings.Split(f.Tag.Get("config"), ",")
		one := field{name: name, typ: f.Type}
		for _, o := range options {
			one.path = one.path || o == "path"
			one.empty = one.empty || o == "empty"
			one.inline = one.inline || o == "inline"
		}
		list = append(list, one)
	}
	return list
}

func find(list []field, name string) (field, bool) {
	for _, f := range list {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func fieldNames(list []field) []string {
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.name
	}
	return names
}

// isSection reports whether values of t are mappings of their own.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct
}

// plain removes a pointer: nil only says that nothing was written.
func plain(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}
