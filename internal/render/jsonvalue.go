package render

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"consign/internal/table"
)

// jsonCell returns the function that writes a type's value as JSON. Integers and decimals are numbers with all their
// digits, whatever a reader's own numbers hold; NaN and the infinities, which JSON has no number for, are strings, and so
// is all that is not a number, a truth value or nested. A map with text for keys is an object; any other, which JSON has
// no form for, is a list of {"key":…,"value":…}.
func jsonCell(t table.Type) cell {
	switch t.Kind {
	case table.String, table.Enum:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendJSONString(dst, v.Strings[i])
		}
	case table.JSON:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendJSONText(dst, v.Strings[i])
		}
	case table.Float32:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendJSONFloat(dst, float64(v.F32[i]), 32), ""
		}
	case table.Float64:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			return appendJSONFloat(dst, v.F64[i], 64), ""
		}
	case table.List:
		return jsonList(t)
	case table.Struct:
		return jsonStruct(t)
	case table.Map:
		return jsonMap(t)
	default:
		if t.Kind == table.Bool || t.Kind.Numeric() {
			return plainCell(t)
		}
		return quotedCell(plainCell(t)) // dates, UUIDs, base64 and the like hold nothing that JSON escapes
	}
}

// nullable returns the cell with null for NULL.
func nullable(c cell) cell {
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		if v.Null(i) {
			return append(dst, "null"...), ""
		}
		return c(dst, v, i)
	}
}

func jsonList(t table.Type) cell {
	elem := nullable(jsonCell(*t.Elem))
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		e := v.Entries[i]
		dst = append(dst, '[')
		for n := range int(e.Length) {
			if n > 0 {
				dst = append(dst, ',')
			}
			var why string
			if dst, why = elem(dst, &v.Children[0], int(e.Offset)+n); why != "" {
				return dst, why
			}
		}
		return append(dst, ']'), ""
	}
}

func jsonStruct(t table.Type) cell {
	fields, keys := make([]cell, len(t.Fields)), make([]string, len(t.Fields))
	for i, f := range t.Fields {
		fields[i], keys[i] = nullable(jsonCell(f.Type)), jsonKey(i, f.Name)
	}
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		dst = append(dst, '{')
		for n, field := range fields {
			var why string
			if dst, why = field(append(dst, keys[n]...), &v.Children[n], i); why != "" {
				return dst, why
			}
		}
		return append(dst, '}'), ""
	}
}

func jsonMap(t table.Type) cell {
	key, value := jsonCell(*t.Key), nullable(jsonCell(*t.Elem))
	open, shut, before, between, after := byte('['), byte(']'), `{"key":`, `,"value":`, `}`
	if t.Key.Kind == table.String || t.Key.Kind == table.Enum {
		open, shut, before, between, after = '{', '}', "", ":", ""
	}
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		e := v.Entries[i]
		dst = append(dst, open)
		for n := range int(e.Length) {
			if n > 0 {
				dst = append(dst, ',')
			}
			at := int(e.Offset) + n
			var why string
			if dst, why = key(append(dst, before...), &v.Children[0], at); why != "" {
				return dst, why
			}
			if dst, why = value(append(dst, between...), &v.Children[1], at); why != "" {
				return dst, why
			}
			dst = append(dst, after...)
		}
		return append(dst, shut), ""
	}
}

func appendJSONFloat(dst []byte, f float64, bitSize int) []byte {
	if f != f || math.IsInf(f, 0) {
		return append(appendFloat(append(dst, quote), f, bitSize), quote)
	}
	if f == 0 && math.Signbit(f) {
		return append(dst, "-0.0"...) // readers take -0 for a whole number, which has no sign there
	}
	return appendFloat(dst, f, bitSize)
}

// jsonKey returns the name as the key of an object's member i, with the colon, and the comma after the one before.
func jsonKey(i int, name string) string {
	var key []byte
	if i > 0 {
		key = append(key, ',')
	}
	key, _ = appendJSONString(key, name)
	return string(key) + ":"
}

// appendJSONText embeds a JSON text. Line breaks can stand only between its tokens; they become blanks, for in ndjson a
// line is an object.
func appendJSONText(dst []byte, s string) ([]byte, string) {
	if !utf8.ValidString(s) {
		return dst, whyUTF8
	}
	if !json.Valid([]byte(s)) {
		return dst, whyJSON
	}
	if !strings.ContainsAny(s, "\r\n") {
		return append(dst, s...), ""
	}
	return append(dst, strings.NewReplacer("\r", " ", "\n", " ").Replace(s)...), ""
}

// appendJSONString appends s in quotes. Nothing above ASCII is escaped.
func appendJSONString(dst []byte, s string) ([]byte, string) {
	dst = append(dst, quote)
	var seen uint8
	for i := range len(s) {
		seen |= jsonClass[s[i]]
	}
	if seen&classHigh != 0 && !utf8.ValidString(s) {
		return dst, whyUTF8
	}
	if seen&classEscaped == 0 {
		return append(append(dst, s...), quote), ""
	}
	from := 0
	for i := range len(s) {
		c := s[i]
		if jsonClass[c]&classEscaped == 0 {
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendJSONEscape(dst, c)
		from = i + 1
	}
	return append(append(dst, s[from:]...), quote), ""
}

func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}

const hexDigits = "0123456789abcdef"

// jsonClass says which bytes a JSON string escapes, and which are not ASCII.
var jsonClass = func() (class [256]uint8) {
	for i := range class {
		switch {
		case i < ' ' || i == '"' || i == '\\':
			class[i] = classEscaped
		case i >= utf8.RuneSelf:
			class[i] = classHigh
		}
	}
	return class
}()

func blobCell(dst []byte, v *table.Vector, i int) ([]byte, string) {
	s := v.Strings[i]
	return base64.StdEncoding.AppendEncode(dst, unsafe.Slice(unsafe.StringData(s), len(s))), "" // read only: no copy
}

func appendUUID(dst []byte, u *[16]byte) []byte {
	for i, b := range [...]int{4, 6, 8, 10, 16} {
		from := [...]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, u[from:b])
	}
	return dst
}
