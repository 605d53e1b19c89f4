package demo

import (
	"fmt"
	"strings"
)

// fromJSON says as what a nested type stands in a JSON text, and how its value is made of that.
//
// JSON's objects have texts as keys, so that a map with other keys is a list of {"key": ..., "value": ...}.
func fromJSON(kind, value string) (stands, made string) {
	if inner, ok := strings.CutSuffix(kind, "[]"); ok {
		stands, element := fromJSON(inner, "x")
		if element != "x" {
			value = fmt.Sprintf("list_transform(%s, lambda x: %s)", value, element)
		}
		return stands + "[]", value
	}
	if inner, ok := within(kind, "MAP("); ok {
		return mapFromJSON(split(inner), value)
	}
	if inner, ok := within(kind, "STRUCT("); ok {
		return structFromJSON(split(inner), value)
	}
	return kind, value
}

func mapFromJSON(parts []string, value string) (stands, made string) {
	key, item := parts[0], parts[1]
	itemStands, itemMade := fromJSON(item, "e.value")
	entries := value
	if key == "VARCHAR" {
		stands, entries = fmt.Sprintf("MAP(VARCHAR, %s)", itemStands), "map_entries("+value+")"
		if itemMade == "e.value" {
			return stands, value
		}
	} else {
		stands = fmt.Sprintf(`STRUCT("key" %s, "value" %s)[]`, key, itemStands)
	}
	return stands, fmt.Sprintf("map_from_entries(list_transform(%s, lambda e: {'key': e.key, 'value': %s}))", entries, itemMade)
}

func structFromJSON(parts []string, value string) (stands, made string) {
	same := true
	kinds, values := make([]string, len(parts)), make([]string, len(parts))
	for i, part := range parts {
		name, kind := field(part)
		from := value + "." + name
		kind, to := fromJSON(kind, from)
		kinds[i], values[i] = name+" "+kind, name+" := "+to
		same = same && to == from
	}
	stands = "STRUCT(" + strings.Join(kinds, ", ") + ")"
	if same {
		return stands, value
	}
	return stands, fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN struct_pack(%s) END", value, strings.Join(values, ", "))
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
