package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const quote = '"'

// endOfData is what PostgreSQL takes for the end of the data where it stands on a line of its own.
const endOfData = `\.`

// nullWord is what MySQL and MariaDB take for NULL where it stands bare among fields that may be quoted, whatever
// null_string is.
const nullWord = "NULL"

// What a byte means to a dialect. A scan joins the classes of all bytes of a value.
const (
	classSpecial uint8 = 1 << iota // ends or opens something: a value that holds it is quoted, or escaped
	classEscaped                   // gets an escape in front within quotes
	classSpace                     // white space, which matters at the ends of a value
	classHigh                      // part of a character above ASCII
	classNUL
)

// Why a value cannot be written.
const (
	whyUTF8      = "it is not valid UTF-8"
	whyNUL       = "it holds a NUL character, which PostgreSQL, Redshift and others refuse or end the value at"
	whyDelimiter = "it holds the delimiter or a line break, and quote_mode none without escape_character has no way to write these"
	whyMarker    = "it is the same as null_string, and quote_mode none has no way to tell the two apart"
	whyEnd       = `it is a lone \. on a line of its own, which PostgreSQL takes for the end of the data`
	whyEmpty     = "it is empty and makes an empty line, which DuckDB and others leave out"
	whyBOM       = "it begins the file with a byte-order mark, which readers remove"
	whyJSON      = "it is not valid JSON"
)

// A dialect is one way to write delimited text, worked out from the Options. It is not changed after that.
type dialect struct {
	delimiter byte
	mode      string
	escape    byte // what stands in front of a quote within quotes; in quote_mode none: in front of what is special, 0: nothing
	null      string
	guard     bool
	alone     bool // there is one column: an empty value makes an empty line, which DuckDB and others leave out
	anyway    bool // on_unwritable: write
	marked    bool // the file begins with a byte-order mark
	class     [256]uint8
	sieve     sieve // for what is common: it catches at least what has a class, but for spaces within
}

// delimiterOf returns the delimiter of a format; empty if it is not decided yet.
func (o Options) delimiterOf() string {
	switch o.FileFormat {
	case FormatCSV:
		return ","
	case FormatTSV:
		return "\t"
	case FormatPSV:
		return "|"
	default:
		return o.Delimiter
	}
}

func newDialect(o Options) *dialect {
	d := &dialect{
		delimiter: o.delimiterOf()[0], mode: o.QuoteMode, null: o.NullString,
		guard: o.FormulaGuard, anyway: o.OnUnwritable == UnwritableWrite, marked: o.BOM,
	}
	special := string(d.delimiter) + "\r\n"
	switch {
	case o.EscapeCharacter != "":
		d.escape = o.EscapeCharacter[0]
		special += string(d.escape) + string(quote)
	case d.mode != QuoteNone:
		d.escape = quote
		special += string(quote)
	}
	for i := range len(special) {
		d.class[special[i]] |= classSpecial
	}
	d.class[quote] |= classEscaped
	d.class[d.escape] |= classEscaped
	for _, c := range "\t\n\v\f\r " {
		d.class[c] |= classSpace
	}
	for i := utf8.RuneSelf; i < 256; i++ {
		d.class[i] |= classHigh
	}
	d.class[0] |= classNUL
	d.sieve = newSieve(d.delimiter, d.escape)
	return d
}

// appendText appends a value that may hold anything, quoted if force or the dialect asks for it. If it cannot be written
// so that it reads back, appendText returns the reason.
func (d *dialect) appendText(dst []byte, s string, force bool) ([]byte, string) {
	var seen uint8
	for i := range len(s) {
		seen |= d.class[s[i]]
	}
	if seen&(classHigh|classNUL) != 0 && !d.anyway {
		if why := badText(s); why != "" {
			return dst, why
		}
	}
	switch {
	case d.mode == QuoteNone:
		return d.appendBare(dst, s, seen)
	case !force && seen&classSpecial == 0 && !d.ambiguous(s, seen):
		return append(dst, s...), ""
	default:
		return d.appendQuoted(dst, s, seen), ""
	}
}

// ambiguous reports whether a value without special characters would not read back as itself if it were bare.
func (d *dialect) ambiguous(s string, seen uint8) bool {
	if d.reserved(s) {
		return true
	}
	if s == "" {
		return d.alone
	}
	if (d.class[s[0]]|d.class[s[len(s)-1]])&classSpace != 0 {
		return true
	}
	return seen&classHigh != 0 && wideSpaceAtEnds(s)
}

// reserved reports whether a value is a word that readers take for something else where it stands bare.
func (d *dialect) reserved(s string) bool { return s == d.null || s == endOfData || s == nullWord }

// wideSpaceAtEnds reports whether the first or last character is white space outside ASCII, or a byte-order mark.
func wideSpaceAtEnds(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsSpace(first) || unicode.IsSpace(last) || first == bom
}

const bom = '\uFEFF'

func (d *dialect) appendQuoted(dst []byte, s string, seen uint8) []byte {
	dst = append(dst, quote)
	if seen&classEscaped == 0 {
		dst = append(dst, s...)
	} else {
		dst = d.appendEscaped(dst, s, classEscaped)
	}
	return append(dst, quote)
}

// appendEscaped appends s with the escape in front of every byte of the class.
func (d *dialect) appendEscaped(dst []byte, s string, class uint8) []byte {
	from := 0
	for i := range len(s) {
		if d.class[s[i]]&class != 0 {
			dst = append(dst, s[from:i]...)
			dst = append(dst, d.escape)
			from = i
		}
	}
	return append(dst, s[from:]...)
}

// appendBare appends a value in quote_mode none.
func (d *dialect) appendBare(dst []byte, s string, seen uint8) ([]byte, string) {
	switch {
	case seen&classSpecial == 0:
		if s == d.null && s != "" && !d.anyway {
			return dst, whyMarker
		}
		return append(dst, s...), ""
	case d.escape != 0:
		return d.appendEscaped(dst, s, classSpecial), ""
	case d.anyway:
		return append(dst, s...), ""
	default:
		return dst, whyDelimiter
	}
}

// badText says why s is not text that every reader takes; empty if it is.
func badText(s string) string {
	if !utf8.ValidString(s) {
		return whyUTF8
	}
	if strings.IndexByte(s, 0) >= 0 {
		return whyNUL
	}
	return ""
}

// formula reports whether a spreadsheet would compute s.
func formula(s string) bool {
	return s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0
}

// lineEnd returns the bytes of a line_ending.
func lineEnd(name string) string {
	if name == LineCRLF {
		return "\r\n"
	}
	return "\n"
}
