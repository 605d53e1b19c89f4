package demo

import (
	"fmt"
	"regexp"
	"strings"
)

// isNested reports whether a type's values stand in CSV as JSON.
func isNested(kind string) bool {
	return strings.HasSuffix(kind, "]") || strings.HasPrefix(kind, "STRUCT(") || strings.HasPrefix(kind, "MAP(")
}

// long matches the decimals with more digits than the engine's reader of JSON keeps, which are a DOUBLE's.
var long = regexp.MustCompile(`^DECIMAL\((1[6-9]|[23]\d),`)

// stands says as what a type stands in a JSON text.
//
// JSON's objects have texts as keys, so that a map with other keys is a list of {"key": ..., "value": ...}. It knows no
// bytes, which are written in Base64.
func stands(kind string) string {
	if inner, ok := strings.CutSuffix(kind, "[]"); ok {
		return stands(inner) + "[]"
	}
	if inner, ok := within(kind, "MAP("); ok {
		parts := split(inner)
		if parts[0] == "VARCHAR" {
			return fmt.Sprintf("MAP(VARCHAR, %s)", stands(parts[1]))
		}
		return fmt.Sprintf(`STRUCT("key" %s, "value" %s)[]`, stands(parts[0]), stands(parts[1]))
	}
	if inner, ok := within(kind, "STRUCT("); ok {
		parts := split(inner)
		for i, part := range parts {
			name, kind := field(part)
			parts[i] = name + " " + stands(kind)
		}
		return "STRUCT(" + strings.Join(parts, ", ") + ")"
	}
	switch {
	case kind == "BLOB":
		return "VARCHAR"
	case long.MatchString(kind):
		return "DOUBLE"
	default:
		return kind
	}
}

// A side of the comparison makes nested values anew, so that those of both sides are the same if nothing was lost.
type side struct {
	leaf    func(kind, value string) string // makes a value that is not nested
	entries func(key, value string) string  // lists the entries of a map that has such keys
}

// fromJSON makes what has arrived of what it stands as in a JSON text.
var fromJSON = side{
	leaf: func(kind, value string) string {
		switch kind {
		case "BLOB":
			return "from_base64(" + value + ")"
		case "JSON":
			return sameJSON(value)
		default:
			return value
		}
	},
	entries: func(key, value string) string {
		if key == "VARCHAR" {
			return "map_entries(" + value + ")"
		}
		return value
	},
}

// asSent makes of what was sent what can be told of it in a JSON text.
var asSent = side{
	leaf: func(kind, value string) string {
		switch {
		case kind == "JSON":
			return sameJSON(value)
		case long.MatchString(kind):
			return value + "::VARCHAR::DOUBLE"
		default:
			return value
		}
	},
	entries: func(_, value string) string { return "map_entries(" + value + ")" },
}

// sameJSON is the same for the same JSON, however it is written. Within JSON nothing tells its own null from SQL's.
func sameJSON(value string) string { return "nullif(json(" + value + "), 'null')" }

// made says how a value of a type is made anew.
func (s side) made(kind, value string) string {
	if inner, ok := strings.CutSuffix(kind, "[]"); ok {
		element := s.made(inner, "x")
		if element == "x" {
			return value
		}
		return fmt.Sprintf("list_transform(%s, lambda x: %s)", value, element)
	}
	if inner, ok := within(kind, "MAP("); ok {
		return s.madeMap(split(inner), value)
	}
	if inner, ok := within(kind, "STRUCT("); ok {
		return s.madeStruct(split(inner), value)
	}
	return s.leaf(kind, value)
}

func (s side) madeMap(parts []string, value string) string {
	entries, key, item := s.entries(parts[0], value), s.made(parts[0], "e.key"), s.made(parts[1], "e.value")
	if entries != value && key == "e.key" && item == "e.value" {
		return value // it is a map as it has to be
	}
	return fmt.Sprintf("map_from_entries(list_transform(%s, lambda e: {'key': %s, 'value': %s}))", entries, key, item)
}

func (s side) madeStruct(parts []string, value string) string {
	same := true
	values := make([]string, len(parts))
	for i, part := range parts {
		name, kind := field(part)
		from := value + "." + name
		to := s.made(kind, from)
		values[i] = name + " := " + to
		same = same && to == from
	}
	if same {
		return value
	}
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN struct_pack(%s) END", value, strings.Join(values, ", "))
}

// within returns what stands between the brackets of a type.
func within(kind, head string) (string, bool) {
	if !strings.HasPrefix(kind, head) || !strings.HasSuffix(kind, ")") {
		return "", false
	}
	return kind[len(head) : len(kind)-1], true
}

// split cuts a list of types at its commas, but not at those within brackets or quotes.
func split(list string) []string {
	var parts []string
	depth, begin, quoted := 0, 0, false
	for i, c := range list {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(list[begin:i]))
			begin = i + 1
		}
	}
	return append(parts, strings.TrimSpace(list[begin:]))
}

// field cuts a struct's field into its name, as SQL writes it, and its type.
func field(part string) (name, kind string) {
	quoted := false
	for i, c := range part {
		if c == '"' {
			quoted = !quoted
		}
		if c == ' ' && !quoted {
			return part[:i], part[i+1:]
		}
	}
	return part, ""
}
