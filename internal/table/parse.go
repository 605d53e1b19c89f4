package table

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseType reads a type as Type.String writes it: plans keep the columns of their files in this form.
func ParseType(text string) (Type, error) {
	t, rest, err := parseType(text)
	if err == nil && rest != "" {
		err = fmt.Errorf("%q is left over", rest)
	}
	if err != nil {
		return Type{}, fmt.Errorf("type %s: %w", text, err)
	}
	return t, nil
}

// parseType reads the type that text begins with, and returns what comes after it.
func parseType(text string) (Type, string, error) {
	t, rest, err := parseOne(text)
	for err == nil && strings.HasPrefix(rest, "[]") {
		elem := t
		t, rest = Type{Kind: List, Elem: &elem}, rest[2:]
	}
	return t, rest, err
}

func parseOne(text string) (Type, string, error) {
	if rest, ok := strings.CutPrefix(text, "STRUCT("); ok {
		return parseStruct(rest)
	}
	if rest, ok := strings.CutPrefix(text, "MAP("); ok {
		return parseMap(rest)
	}
	if rest, ok := strings.CutPrefix(text, "DECIMAL("); ok {
		return parseDecimal(rest)
	}
	end := strings.IndexAny(text, "[],)")
	if end < 0 {
		end = len(text)
	}
	name, rest := text[:end], text[end:]
	if unit := slices.Index([]string{"", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}, name); unit > 0 {
		return Type{Kind: Timestamp, Unit: Unit(unit)}, rest, nil // up to 3
	}
	kind := slices.Index(kindNames[:], name)
	if kind <= int(Invalid) || kind >= int(List) || Kind(kind) == Decimal { // an index of a short list
		return Type{}, "", fmt.Errorf("%q is not a type", name)
	}
	return Type{Kind: Kind(kind)}, rest, nil // an index of a short list
}

func parseStruct(rest string) (Type, string, error) {
	t := Type{Kind: Struct}
	for {
		name, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return Type{}, "", fmt.Errorf("%q does not begin with a name: %w", rest, err)
		}
		rest = strings.TrimPrefix(rest[len(name):], " ")
		field := Field{}
		if field.Name, err = strconv.Unquote(name); err != nil {
			return Type{}, "", err
		}
		if field.Type, rest, err = parseType(rest); err != nil {
			return Type{}, "", err
		}
		t.Fields = append(t.Fields, field)
		more, ok := strings.CutPrefix(rest, ", ")
		if !ok {
			rest, err = closed(rest)
			return t, rest, err
		}
		rest = more
	}
}

func parseMap(rest string) (Type, string, error) {
	key, rest, err := parseType(rest)
	if err != nil {
		return Type{}, "", err
	}
	value, rest, err := parseType(strings.TrimPrefix(rest, ", "))
	if err != nil {
		return Type{}, "", err
	}
	rest, err = closed(rest)
	return Type{Kind: Map, Key: &key, Elem: &value}, rest, err
}

func parseDecimal(rest string) (Type, string, error) {
	digits, after, _ := strings.Cut(rest, ")")
	precision, scale, _ := strings.Cut(digits, ",")
	p, err := strconv.ParseUint(precision, 10, 8)
	if err != nil {
		return Type{}, "", err
	}
	s, err := strconv.ParseUint(scale, 10, 8)
	return Type{Kind: Decimal, Precision: uint8(p), Scale: uint8(s)}, after, err
}

func closed(text string) (string, error) {
	rest, ok := strings.CutPrefix(text, ")")
	if !ok {
		return "", fmt.Errorf("%q does not begin with a closing parenthesis", text)
	}
	return rest, nil
}
