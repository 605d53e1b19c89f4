package config

import "maps"

// rules are what a schema can see of a value beyond its kind: see ofKey. A text may always be empty, which says that it is
// not set.
var rules = map[string]map[string]any{
	"credentials.name": aName, "sources.name": aName, "queries.name": aName, "segments.name": aName, "destinations.name": aName,
	"data_templates.name": aName, "orchestrations.name": aName, "campaigns.name": aName, "campaigns.groups.name": aName, "users.name": aName,
	"cron":         {"pattern": `^\s*([0-9A-Za-z*,/-]+\s+){4}[0-9A-Za-z*,/-]+\s*$|^$`},
	"bucket_owner": {"pattern": `^([0-9]{12})?$`}, "external_id": {"pattern": `^([\w+=,.@:/-]{2,})?$`}, "delimiter": {"maxLength": 1}, "escape_character": {"maxLength": 1},
	"prefix": {"pattern": `^([^/*?][^*?]*)?$`}, "compression_level": between(1, 9), "split.rows": between(0, 10_000_000),
	"warn_below": between(0, nil), "fail_below": between(0, nil), "warn_above": between(0, nil), "fail_above": between(0, nil),
	"worker.threads": between(1, maxThreads), "worker.runs": between(1, maxRuns), "retry.attempts": between(1, maxAttempts), "s3.concurrency": between(1, nil),
	"campaigns.groups": {"minItems": 1}, "users.policies": {"minItems": 1, "uniqueItems": true}, "pii": {"uniqueItems": true},
}

var aName = map[string]any{"pattern": named.String(), "minLength": 1}

func between(least int, most any) map[string]any {
	rule := map[string]any{"minimum": least}
	if most != nil {
		rule["maximum"] = most
	}
	return rule
}

// required are the keys that an item or a section must have, by its path; what has a name must have that.
var required = map[string][]any{
	"credentials": {"type"}, "sources": {"type"}, "sources.tables": {"files"}, "queries": {"source"}, "segments": {"source"},
	"destinations": {"plugin", "credential"}, "data_templates": {"destination"}, "orchestrations": {"query", "data_template"}, "campaigns": {"groups"},
	"users": {"policies"}, "orchestrations.notify": {"workflow_id"}, "campaigns.notify": {"workflow_id"},
	"orchestrations.schedule": {"cron"}, "campaigns.schedule": {"cron"},
}

// ruled adds the rules of a key to the schema of its value.
func ruled(s map[string]any, path string) map[string]any {
	rule, ok := ofKey(rules, path)
	if !ok {
		return s
	}
	// Numbers and lists may be empty too: the rule is about the value that is not.
	if choices, ok := s["anyOf"].([]any); ok {
		value := maps.Clone(choices[0].(map[string]any))
		maps.Copy(value, rule)
		return map[string]any{"anyOf": append([]any{value}, choices[1:]...)}
	}
	s = maps.Clone(s)
	maps.Copy(s, rule)
	return s
}
