package render

import (
	"strings"
	"unsafe"

	"consign/internal/table"
)

// cell returns the function that writes a column's values in the dialect. What the type and the dialect decide is
// decided here once, not for each value.
func (d *dialect) cell(t table.Type) cell {
	force := d.mode == QuoteAll || d.mode == QuoteAllNonNull || d.mode == QuoteNonNumeric && !t.Kind.Numeric()
	if t.Kind == table.String || t.Kind == table.Enum || t.Kind == table.JSON {
		return d.textCell(force)
	}
	plain := plainCell(t)
	switch {
	case d.mayClash(t):
		return d.checkedCell(plain, force, d.guard && t.Kind == table.Blob)
	case force:
		return quotedCell(plain)
	default:
		return plain
	}
}

func (d *dialect) textCell(force bool) cell {
	switch {
	case d.guard:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			s := v.Strings[i]
			if formula(s) {
				s = "'" + s
			}
			return d.appendText(dst, s, force)
		}
	case force:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			s := v.Strings[i]
			start := len(dst)
			if dst, plain := d.sieve.appendPlain(append(dst, quote), s); plain {
				return append(dst, quote), ""
			}
			return d.appendText(dst[:start], s, true)
		}
	default:
		return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
			s := v.Strings[i]
			if !d.reserved(s) {
				if dst, plain := d.sieve.appendPlain(dst, s); plain {
					return dst, ""
				}
			}
			return d.appendText(dst, s, false)
		}
	}
}

// quotedCell puts quotes around text in which nothing needs an escape.
func quotedCell(plain cell) cell {
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		dst, why := plain(append(dst, quote), v, i)
		return append(dst, quote), why
	}
}

// checkedCell writes the plain text and then treats it as a string: for nested values, and for dialects whose delimiter,
// escape or NULL marker the type's own text may hold.
func (d *dialect) checkedCell(plain cell, force, guard bool) cell {
	return func(dst []byte, v *table.Vector, i int) ([]byte, string) {
		start := len(dst)
		if guard {
			dst = append(dst, '\'')
		}
		dst, why := plain(dst, v, i)
		if why != "" {
			return dst, why
		}
		s := view(dst[start:])
		if guard && !formula(s[1:]) {
			s = s[1:]
		}
		end := len(dst)
		if dst, why = d.appendText(dst, s, force); why != "" {
			return dst, why
		}
		return dst[:start+copy(dst[start:], dst[end:])], ""
	}
}

// view returns b as a string without a copy. It is valid until b is written to: until the next append at most.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

const digits = "0123456789"

// alphabet returns every byte that the text of a type may hold; empty if that may be any.
func alphabet(k table.Kind) string {
	switch k {
	case table.Bool:
		return "truefals"
	case table.Int8, table.Int16, table.Int32, table.Int64, table.HugeInt:
		return digits + "-"
	case table.Uint8, table.Uint16, table.Uint32, table.Uint64, table.UHugeInt:
		return digits
	case table.Decimal:
		return digits + "-."
	case table.Float32, table.Float64:
		return digits + "-+.eNaInfinity"
	case table.UUID:
		return digits + "abcdef-"
	case table.Time:
		return digits + ":."
	case table.Date, table.Timestamp, table.TimestampTZ:
		return digits + "-+:. (BC)infinity"
	case table.Interval:
		return digits + "-:. yearsmonthsdays"
	default:
		return ""
	}
}

// mayClash reports whether the text of a type may hold the delimiter or the escape, or be the NULL marker.
func (d *dialect) mayClash(t table.Type) bool {
	letters := alphabet(t.Kind)
	if letters == "" { // base64 and JSON
		return true
	}
	if strings.IndexByte(letters, d.delimiter) >= 0 || strings.IndexByte(letters, d.escape) >= 0 {
		return true
	}
	return d.null != "" && strings.Trim(d.null, letters) == ""
}
