package render

import (
	"fmt"
	"strings"

	"consign/internal/table"
)

// A Location is where a reader finds the files, and what lies between it and their rows.
type Location struct {
	URL       string // of an object, or of the folder that holds several, with a slash at its end: s3://bucket/prefix/
	First     string // URL of the first of several objects
	Manifest  string // URL of the manifest that names the objects; empty: there is none
	Beside    bool   // a success file or receipt has a key that begins with the object's
	Encoding  string // of archive: none, gzip, tar, tgz, zip; empty: none
	Encrypted bool
	Table     string // to load into, as SQL; empty: a name to replace
	Region    string // of the bucket; may be empty
	Role      string // as which Redshift reads the bucket, as SQL; empty: its default
}

// A Loader is how one reader is told about the files.
type Loader struct {
	Name       string   `json:"name"`
	Statement  string   `json:"statement,omitempty"`
	Notes      []string `json:"notes,omitempty"`      // what to do first, and what this reader cannot see
	Impossible string   `json:"impossible,omitempty"` // why there is no statement
}

// Loaders returns how the usual readers load the files: from the same options that the files are written from, so that
// the two cannot disagree. schema is that of the files (Options.Schema). A reader that cannot take the files says why.
func (o Options) Loaders(schema table.Schema, at Location) []Loader {
	if at.Table == "" {
		at.Table = "delivered"
	}
	r := reader{o: o.withDefaults(), schema: schema, at: at}
	loaders := []Loader{r.redshift(), r.snowflake(), r.athena(), r.duckdb(), r.postgres()}
	for i := range loaders {
		l := &loaders[i]
		if l.Impossible == "" {
			l.Notes = append(r.before(), l.Notes...)
		} else {
			l.Statement, l.Notes = "", nil
		}
	}
	return loaders
}

// A reader is what the statements are made of.
type reader struct {
	o      Options
	schema table.Schema
	at     Location
}

// doubling reports whether a quote within quotes is doubled.
func (r reader) doubling() bool {
	return r.o.EscapeCharacter == "" || r.o.EscapeCharacter == string(quote)
}

func (r reader) quoted() bool { return r.o.QuoteMode != QuoteNone }

func (r reader) gzip() bool { return r.o.FileFormat != FormatParquet && r.at.Encoding == "gzip" }

// folder reports whether there are several objects, in a folder.
func (r reader) folder() bool { return strings.HasSuffix(r.at.URL, "/") }

// untouched reports whether readers take the objects as they are in the bucket.
func (r reader) untouched() bool {
	return !r.at.Encrypted && (r.at.Encoding == "" || r.at.Encoding == "none" || r.gzip())
}

// before says what has to be done before any reader can begin.
func (r reader) before() []string {
	var notes []string
	if r.at.Encrypted {
		notes = append(notes, "decrypt the files first")
	}
	switch r.at.Encoding {
	case "", "none":
	case "gzip":
		if r.o.FileFormat == FormatParquet {
			notes = append(notes, "unpack the files first: no reader takes Parquet within gzip")
		}
	default:
		notes = append(notes, "unpack the "+r.at.Encoding+" archive first")
	}
	return notes
}

// duckdb reads every dialect; the test of the round trip does so with this very statement.
func (r reader) duckdb() Loader {
	l := Loader{Name: "DuckDB"}
	path := sqlText(r.at.URL)
	if r.folder() {
		path = sqlText(r.at.URL + "**") // the parts may be in folders of their own
	}
	switch {
	case r.o.FileFormat == FormatParquet:
		l.Statement = fmt.Sprintf("SELECT * FROM read_parquet(%s);", path)
		return l
	case !r.o.delimited():
		options := path + ", format = '" + map[string]string{FormatJSON: "array", FormatNDJSON: "newline_delimited"}[r.o.FileFormat] + "'"
		if r.gzip() {
			options += ", compression = 'gzip'" // or the name would have to say it
		}
		l.Statement = fmt.Sprintf("SELECT * FROM read_json(%s, columns = {%s});", options, r.duckdbColumns())
		l.Notes = append(l.Notes, "read_json takes a number with a point through DOUBLE: of more than fifteen digits it loses the last, or refuses the row; the file has them")
		return l
	}
	if r.o.EscapeCharacter == `\` && r.o.NullString == `\N` {
		l.Impossible = `read_csv does not know NULL by a nullstr that holds the escape character: set another null_string`
		return l
	}
	options := []string{
		path, "auto_detect = false", fmt.Sprintf("header = %t", r.o.Header), "delim = " + escapeText(r.o.delimiterOf()),
		"new_line = " + map[string]string{LineLF: `'\n'`, LineCRLF: `'\r\n'`}[r.o.LineEnding],
		"nullstr = " + sqlText(r.o.NullString),
		fmt.Sprintf("allow_quoted_nulls = %t", r.o.QuoteMode == QuoteAll),
	}
	mark := `"`
	if !r.quoted() {
		mark = ""
	}
	escape := r.o.EscapeCharacter
	if escape == "" {
		escape = mark
	}
	options = append(options, "quote = "+sqlText(mark), "escape = "+sqlText(escape))
	if !r.quoted() && escape != "" {
		options = append(options, "strict_mode = false") // or it knows escapes within quotes only
	}
	if r.gzip() {
		options = append(options, "compression = 'gzip'")
	}
	l.Statement = fmt.Sprintf("SELECT %s FROM read_csv(%s, columns = {%s});", r.duckdbValues(), strings.Join(options, ", "), r.duckdbColumns())
	return l
}

func (r reader) duckdbColumns() string {
	columns := make([]string, len(r.schema))
	for i, c := range r.schema {
		typ := duckdbType(c.Type)
		if r.escaped(c.Type) {
			typ = "VARCHAR"
		}
		columns[i] = sqlText(c.Name) + ": " + sqlText(typ)
	}
	return strings.Join(columns, ", ")
}

// duckdbValues casts what had to be read as text.
func (r reader) duckdbValues() string {
	var casts []string
	for _, c := range r.schema {
		if r.escaped(c.Type) {
			name := doubleQuoted(c.Name)
			casts = append(casts, fmt.Sprintf("CAST(%s AS %s) AS %s", name, duckdbType(c.Type), name))
		}
	}
	if casts == nil {
		return "*"
	}
	return "* REPLACE (" + strings.Join(casts, ", ") + ")"
}

// escaped reports whether values of a type may have escapes in them and are not text: read_csv takes an escape away from
// text alone.
func (r reader) escaped(t table.Type) bool {
	escapes := r.o.EscapeCharacter
	if !r.o.delimited() || escapes == "" || duckdbType(t) == "VARCHAR" || duckdbType(t) == "JSON" {
		return false
	}
	if !r.quoted() {
		escapes += r.o.delimiterOf()
	}
	return strings.ContainsAny(alphabet(t.Kind), escapes)
}

// duckdbType returns the type that reads a column back. A blob stays base64, an enum text.
func duckdbType(t table.Type) string {
	switch {
	case t.Kind == table.Blob || t.Kind == table.Enum:
		return "VARCHAR"
	case t.Nested():
		return "JSON"
	default:
		return t.String()
	}
}

// postgres reads csv with any escape, and its own text format, which is quote_mode none with the escape \.
func (r reader) postgres() Loader {
	l := Loader{Name: "PostgreSQL"}
	if !r.o.delimited() {
		l.Impossible = "COPY reads delimited text only"
		return l
	}
	if r.o.BOM && !r.o.Header {
		l.Impossible = "without a header, COPY takes the byte-order mark for a part of the first value"
		return l
	}
	options := []string{"FORMAT csv"}
	switch {
	case r.quoted():
		options = append(options, `QUOTE '"'`)
		if !r.doubling() {
			options = append(options, "ESCAPE "+escapeText(r.o.EscapeCharacter))
		}
		if r.o.QuoteMode == QuoteAll {
			options = append(options, "FORCE_NULL ("+r.columnList(doubleQuoted)+")")
		}
	case r.o.EscapeCharacter == `\`:
		options = []string{"FORMAT text"}
		if r.o.delimiterOf() == "." {
			l.Impossible = "COPY's text format does not take a full stop as delimiter"
			return l
		}
		if r.o.Header {
			l.Notes = append(l.Notes, "COPY leaves the header of its text format out since PostgreSQL 15")
		}
	case r.o.EscapeCharacter != "":
		l.Impossible = `COPY reads escapes without quotes only with escape_character \`
		return l
	default:
		options = append(options, "QUOTE "+escapeText(r.unused()))
		l.Notes = append(l.Notes, "COPY needs a quote character: the statement names a control character that no value may hold")
	}
	options = append(options, "DELIMITER "+escapeText(r.o.delimiterOf()), "NULL "+escapeText(r.o.NullString),
		fmt.Sprintf("HEADER %t", r.o.Header), "ENCODING 'UTF8'")
	if strings.Contains(r.at.URL, "://") {
		l.Notes = append(l.Notes, "COPY reads files of the server: bring it there, or use FROM STDIN with psql's \\copy")
	}
	file := r.at.URL
	if r.folder() {
		file = r.at.First
		l.Notes = append(l.Notes, "COPY reads one file: this is the first, and each of the others needs its own statement")
	}
	from := sqlText(file)
	if r.gzip() {
		from = "PROGRAM " + sqlText("gunzip -c "+shellText(file))
	}
	l.Statement = fmt.Sprintf("COPY %s (%s) FROM %s WITH (%s);", r.at.Table, r.columnList(doubleQuoted), from, strings.Join(options, ", "))
	return l
}

// unused returns a control character that is not the delimiter.
func (r reader) unused() string {
	if r.o.delimiterOf() == "\x01" {
		return "\x02"
	}
	return "\x01"
}

func (r reader) columnList(as func(string) string) string {
	list := make([]string, len(r.schema))
	for i, c := range r.schema {
		list[i] = as(c.Name)
	}
	return strings.Join(list, ", ")
}

func doubleQuoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// sqlText returns s as a string constant of standard SQL.
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// escapeText returns s as a string constant, with escapes where it holds control characters: PostgreSQL and DuckDB read E'…'.
func escapeText(s string) string {
	plain := strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) < 0
	if plain {
		return sqlText(s)
	}
	var b strings.Builder
	b.WriteString("E'")
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			fmt.Fprintf(&b, `\x%02x`, c)
		case c == '\\' || c == '\'':
			b.WriteByte(c)
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}

// shellText returns s as one word of a POSIX shell.
func shellText(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
