package config

import (
	"reflect"
	"time"

	"consign/internal/access"
	"consign/internal/render"
	"consign/internal/source"
)

// Schema returns the JSON Schema (2020-12) of a configuration file, made from the types that it is read into, for
// editors that complete and check YAML. It knows keys, kinds and closed lists of values; what depends on other keys,
// on files or on the machine, only Load knows.
func Schema() map[string]any {
	s := schemaOf(field{typ: reflect.TypeFor[Config]()}, "")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Consign configuration"
	return s
}

// schemaOf describes the values that a key at path may have. Lists have the path of their items.
func schemaOf(f field, path string) map[string]any {
	s := ruled(kindOf(f, path), path)
	if text, ok := ofKey(words, path); ok {
		s["description"] = text
	}
	return s
}

func kindOf(f field, path string) map[string]any {
	t := plain(f.typ)
	switch {
	case t == reflect.TypeFor[Secret]():
		return secretSchema(f)
	case t == reflect.TypeFor[SSE]():
		modes := choices("none", "s3", "kms")
		return map[string]any{"anyOf": []any{modes, object(t, path)}}
	case t == reflect.TypeFor[Size]():
		return map[string]any{"type": []any{"string", "integer", "null"}, "pattern": `^\s*([0-9.]+([eE][+-]?[0-9]+)?\s*([KMGT]iB|[kKMGT]B|B)?\s*)?$`, "minimum": 0}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": []any{"string", "null"}, "pattern": `^([+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[+-]?0)?$`}
	case isSection(t):
		return nullable(object(t, path))
	case t.Kind() == reflect.Slice:
		list := map[string]any{"type": "array", "items": schemaOf(field{typ: t.Elem(), inline: f.inline}, path)}
		if isSecret(t) {
			return list
		}
		return nullable(list)
	}
	return scalarSchema(t, path)
}

// nullable lets a value be null or empty, which both say that nothing is set.
func nullable(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"enum": []any{"", nil}}}}
}

func object(t reflect.Type, path string) map[string]any {
	properties := map[string]any{}
	for _, f := range fields(t) {
		properties[f.name] = schemaOf(f, join(path, f.name))
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	needs := required[path]
	if _, named := properties["name"]; named {
		needs = append([]any{"name"}, needs...)
	}
	if len(needs) > 0 {
		s["required"] = needs
	}
	return s
}

func scalarSchema(t reflect.Type, path string) map[string]any {
	if values, closed := ofKey(closedLists(), path); closed {
		return choices(values...)
	}
	switch t.Kind() {
	case reflect.Bool:
		return nullable(map[string]any{"type": "boolean"})
	case reflect.Int, reflect.Int64:
		return nullable(map[string]any{"type": "integer"})
	default:
		return map[string]any{"type": []any{"string", "null"}}
	}
}

func choices(values ...string) map[string]any {
	all := []any{}
	for _, v := range values {
		all = append(all, v)
	}
	return map[string]any{"enum": append(all, "", nil)}
}

// secretSchema is for what is only pointed at.
func secretSchema(f field) map[string]any {
	names := []string{"env", "file"}
	if f.inline {
		names = append(names, "inline")
	}
	properties := map[string]any{}
	for _, name := range names {
		properties[name] = map[string]any{"type": []any{"string", "null"}}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties, "minProperties": 1}
}

// closedLists are the keys that know only some values: see ofKey.
func closedLists() map[string][]string {
	return map[string][]string{
		"credentials.type": {RoleToRole, KeyPair}, "sources.type": {source.TypeDuckDB, source.TypePostgres}, "destinations.plugin": {AmazonS3},
		"overlap": {OverlapWait, OverlapRefuse}, "users.policies": access.Policies(),
		"file_format": render.Formats(), "quote_mode": {"all", "all_non_null", "minimal", "non_numeric", "none"},
		"line_ending": {"lf", "crlf"}, "on_unwritable": {"fail", "write"}, "parquet_compression": {"snappy", "zstd", "none"},
		"on_empty": {"write", "skip", "fail"}, "encoding": {"none", "gzip", "tar", "tgz", "zip"},
		"acl": {"none", "bucket-owner-full-control"}, "on_conflict": {"overwrite", "fail"},
	}
}
