package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"consign/internal/problem"
)

// The limits of `split`.
const (
	maxSplitRows      = 10_000_000
	maxSplitMegabytes = 5_000
)

// Validate returns what is wrong with the options, and what is worth a warning. An open setting is not a problem: a
// destination is checked alone, before templates and orchestrations have decided what it leaves open.
func (o Options) Validate() problem.List {
	var l problem.List
	known(&l, "file_format", o.FileFormat, formats)
	known(&l, "quote_mode", o.QuoteMode, quoteModes)
	known(&l, "line_ending", o.LineEnding, lineEndings)
	known(&l, "on_unwritable", o.OnUnwritable, unwritables)
	known(&l, "parquet_compression", o.ParquetCompression, compressions)
	o.validateDelimiter(&l)
	o.validateEscape(&l)
	o.validateNull(&l)
	o.validateFormat(&l)
	o.validateSplit(&l)
	o.validateColumns(&l)
	if len(l.Errors()) == 0 {
		o.warn(&l)
	}
	return l
}

func known(l *problem.List, key, value string, values []string) {
	if value != "" && !slices.Contains(values, value) {
		l.AddHint(key, "it is one of "+strings.Join(values, ", "), "%q is not known", value)
	}
}

func (o Options) validateDelimiter(l *problem.List) {
	const key = "delimiter"
	if o.FileFormat != FormatCustom && o.FileFormat != "" {
		if o.Delimiter != "" && slices.Contains(formats, o.FileFormat) {
			l.AddHint(key, "remove it, or set file_format: custom", "file_format %s does not take one", o.FileFormat)
		}
		return
	}
	if o.Delimiter == "" {
		if o.FileFormat == FormatCustom {
			l.AddHint(key, `set one character, such as ";"`, "file_format custom needs one")
		}
		return
	}
	if why := badMark(o.Delimiter); why != "" {
		l.AddHint(key, `set one character, such as ";" or "\t"`, "%s", why)
		return
	}
	switch o.Delimiter[0] {
	case '"', '\'':
		l.Add(key, "a quote cannot be the delimiter")
	case '\\':
		l.Add(key, `a \ cannot be the delimiter: loaders take it for an escape`)
	}
}

func (o Options) validateEscape(l *problem.List) {
	const key = "escape_character"
	if o.EscapeCharacter == "" {
		return
	}
	if why := badMark(o.EscapeCharacter); why != "" {
		l.AddHint(key, `set \ or ", or leave it out`, "%s", why)
		return
	}
	switch c := o.EscapeCharacter; {
	case c == o.delimiterOf():
		l.Add(key, "it is the delimiter too, and a reader could not tell which is meant")
	case c == " " || c == "\t":
		l.AddHint(key, `set \ or ", or leave it out`, "white space cannot be the escape")
	}
}

// badMark says why s cannot be a delimiter or an escape.
func badMark(s string) string {
	c := s[0]
	switch {
	case utf8.RuneCountInString(s) > 1:
		return fmt.Sprintf("it must be one character, not %d", utf8.RuneCountInString(s))
	case c >= utf8.RuneSelf:
		return "it must be an ASCII character: Redshift and PostgreSQL take one byte"
	case c == '\r' || c == '\n':
		return "a line break cannot be one: it ends the row"
	case c == 0:
		return "NUL cannot be one: readers end the text there"
	case c >= '0' && c <= '9':
		return "a digit cannot be one: numbers hold it"
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return "a letter cannot be one: values hold it, and loaders read it with an escape in front as a control character"
	}
	return ""
}

func (o Options) validateNull(l *problem.List) {
	const key = "null_string"
	if o.NullString == "" {
		return
	}
	if o.NullString == `\N` && o.EscapeCharacter == `\` {
		if o.QuoteMode == QuoteAll {
			l.AddHint(key, "use quote_mode: all_non_null", `quote_mode all puts it in quotes, where a reader with the escape \ reads N`)
		}
		return
	}
	for _, bad := range []struct{ mark, name string }{
		{o.delimiterOf(), "the delimiter"},
		{o.EscapeCharacter, "the escape"},
		{string(quote), "a quote"},
		{"\r", "a line break"},
		{"\n", "a line break"},
		{"\x00", "a NUL character"},
		{string(bom), "a byte-order mark"},
	} {
		if bad.mark != "" && strings.Contains(o.NullString, bad.mark) {
			l.AddHint(key, `use a word that no column holds, such as NULL, or \N with escape_character: \`, "it must not hold %s", bad.name)
			return
		}
	}
	switch {
	case !utf8.ValidString(o.NullString):
		l.Add(key, "it is not valid UTF-8")
	case o.NullString == endOfData:
		l.Add(key, `\. on a line of its own ends the data for PostgreSQL`)
	}
}

// validateFormat refuses settings that the format has no use for: they would be ignored, and somebody relies on them.
func (o Options) validateFormat(l *problem.List) {
	if o.FileFormat == "" || !slices.Contains(formats, o.FileFormat) {
		return
	}
	if o.FileFormat != FormatParquet && o.ParquetCompression != "" {
		l.AddHint("parquet_compression", "remove it; encoding: gzip compresses text", "file_format %s is not Parquet", o.FileFormat)
	}
	if o.delimited() {
		return
	}
	isText := o.FileFormat != FormatParquet
	for _, s := range []struct {
		key string
		set bool
	}{
		{"quote_mode", o.QuoteMode != ""},
		{"escape_character", o.EscapeCharacter != ""},
		{"null_string", o.NullString != ""},
		{"formula_guard", o.FormulaGuard},
		{"line_ending", o.LineEnding != "" && !isText},
		{"on_unwritable", o.OnUnwritable == UnwritableWrite},
	} {
		if s.set {
			l.AddHint(s.key, "remove it, or choose csv, tsv, psv or custom", "file_format %s does not have it", o.FileFormat)
		}
	}
	if o.BOM {
		l.AddHint("bom", "remove it", "file_format %s must not begin with a byte-order mark", o.FileFormat)
	}
}

func (o Options) validateSplit(l *problem.List) {
	within := func(key string, n, most int64) {
		if n < 0 || n > most {
			l.Add(key, "%d is not between 1 and %d", n, most)
		}
	}
	within("split.rows", o.SplitRows, maxSplitRows)
	within("split.megabytes", o.SplitMegabytes, maxSplitMegabytes)
	if o.SplitRows != 0 && o.SplitMegabytes != 0 {
		l.AddHint("split", "keep one of them", "both rows and megabytes are set")
	}
}

func (o Options) validateColumns(l *problem.List) {
	seen := map[string]bool{}
	if o.RowNumber != "" {
		seen[o.RowNumber] = true
		if why := badText(o.RowNumber); why != "" {
			l.Add("row_number.column", "%s", why)
		}
	}
	for i, c := range o.Columns {
		key := fmt.Sprintf("columns[%d]", i)
		switch {
		case c.From != "" && c.Value != nil:
			l.AddHint(key, "keep one of them", "it has both from and value")
		case c.From == "" && c.Value == nil:
			l.AddHint(key, "write {from: customer_id, to: CustomerID}, or {to: source, value: web}", "it has neither from nor value")
		case c.name() == "":
			l.AddHint(key+".to", "a constant needs a name", "it is missing")
		case seen[c.name()]:
			l.Add(key, "a column called %q is there already", c.name())
		}
		if why := badText(c.name()); why != "" {
			l.Add(key+".to", "%s", why)
		}
		if c.Value != nil && badText(*c.Value) != "" {
			l.Add(key+".value", "%s", badText(*c.Value))
		}
		seen[c.name()] = true
	}
}

// warn says what the settings cannot do, though they are what was asked for.
func (o Options) warn(l *problem.List) {
	if o.QuoteMode == QuoteNone {
		if o.EscapeCharacter == "" {
			what := "a row with such a value fails the run (on_unwritable: write sends it as it is)"
			if o.OnUnwritable == UnwritableWrite {
				what = "such a value is sent as it is and breaks its row"
			}
			l.Warn("quote_mode", "none without escape_character has no way to write a delimiter or line break within a value: %s", what)
		}
		if o.NullString == "" {
			l.Warn("null_string", "with quote_mode none and no marker, an empty string and NULL are the same to a reader")
		}
	}
	if o.QuoteMode == QuoteAll {
		l.Warn("quote_mode", "all quotes NULL too: NULL and a string equal to null_string are the same to a reader (all_non_null keeps them apart)")
	}
	if o.BOM && !o.Header && o.delimited() {
		l.Warn("bom", "without a header the byte-order mark stands before the first value, and readers that do not know it take it for a part of that")
	}
}
