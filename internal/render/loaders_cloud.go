package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"consign/internal/table"
)

const (
	cloudAmbiguous = "a string equal to null_string is read as NULL too"
	array          = "it reads one object a line, not an array: set file_format: ndjson"
)

// redshift follows Amazon's description of COPY: CSV doubles quotes and takes no ESCAPE; without CSV there are no quotes
// around line breaks, and ESCAPE takes the character behind a backslash as it is. Parquet takes neither REGION nor a list
// of columns: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
func (r reader) redshift() Loader {
	l := Loader{Name: "Amazon Redshift"}
	var options []string
	switch {
	case r.o.FileFormat == FormatParquet:
		return r.redshiftParquet()
	case r.o.FileFormat == FormatNDJSON:
		options = []string{"FORMAT AS JSON " + sqlText(r.redshiftKeys())}
	case r.o.FileFormat == FormatJSON:
		l.Impossible = array
		return l
	case r.quoted() && !r.doubling():
		l.Impossible = "its CSV knows doubled quotes only, and without CSV a line break within quotes ends the row: leave escape_character out"
		return l
	case r.quoted():
		options = []string{"FORMAT AS CSV", `QUOTE AS '"'`}
		if r.o.NullString == "" {
			l.Notes = append(l.Notes, "in text columns NULL and the empty string are the same to it: set null_string to keep them apart")
		}
	case r.o.EscapeCharacter == `\`:
		options = []string{"ESCAPE"}
	case r.o.EscapeCharacter != "":
		l.Impossible = `its ESCAPE is \ only: set escape_character: \`
		return l
	}
	if r.o.delimited() {
		options = append(options, "DELIMITER "+octalText(r.o.delimiterOf()), "ENCODING UTF8", "DATEFORMAT 'auto'", "TIMEFORMAT 'auto'")
		if r.o.NullString != `\N` { // which is what it takes for NULL by itself
			options = append(options, "NULL AS "+sqlText(r.o.NullString))
		}
		if r.o.Header {
			options = append(options, "IGNOREHEADER 1")
		} else if r.o.BOM {
			l.Notes = append(l.Notes, "without a header, the byte-order mark may be taken for a part of the first value")
		}
	}
	if r.gzip() {
		options = append(options, "GZIP")
	}
	if r.at.Region != "" {
		options = append(options, "REGION "+sqlText(r.at.Region))
	}
	return r.copyFrom(l, r.at.Table+" ("+r.columnList(doubleQuoted)+")", options)
}

func (r reader) redshiftParquet() Loader {
	options := []string{"FORMAT AS PARQUET"}
	if slices.ContainsFunc(r.schema, func(c table.Column) bool { return c.Type.Nested() }) {
		options = append(options, "SERIALIZETOJSON") // lists, structs and maps go into columns of type SUPER
	}
	notes := []string{"the table has the columns of the files in their order, and the cluster is in the bucket's region"}
	return r.copyFrom(Loader{Name: "Amazon Redshift", Notes: notes}, r.at.Table, options)
}

// redshiftKeys says how the keys of objects are found among the columns, whose names Redshift has in lower case.
func (r reader) redshiftKeys() string {
	if names := r.columnList(strings.Clone); strings.ToLower(names) != names {
		return "auto ignorecase"
	}
	return "auto"
}

// copyFrom completes the statement with where the objects are: by their manifest, for a key without one means everything
// that begins with it.
func (r reader) copyFrom(l Loader, into string, options []string) Loader {
	from := r.at.URL
	switch {
	case !r.untouched():
	case r.at.Manifest != "":
		from, options = r.at.Manifest, append(options, "MANIFEST")
	case r.at.Beside && !r.folder():
		l.Notes = append(l.Notes, "COPY loads every object whose key begins so, the success file and the receipt too: with manifest: true it is told this one")
	}
	l.Statement = fmt.Sprintf("COPY %s\nFROM %s\nIAM_ROLE %s\n%s;", into, sqlText(from), cmp.Or(r.at.Role, "default"), strings.Join(options, "\n"))
	return l
}

// Copy returns the statement with which Amazon Redshift loads the objects as they lie in the bucket: the one that
// Loaders shows, for the table, the role and the manifest of the location. schema is that of the files.
func (o Options) Copy(schema table.Schema, at Location) Loader {
	r := reader{o: o.withDefaults(), schema: schema, at: at}
	l := r.redshift()
	switch {
	case at.Encrypted:
		l.Impossible = "it cannot decrypt OpenPGP"
	case r.o.FileFormat == FormatParquet && at.Encoding == "gzip":
		l.Impossible = "it takes no Parquet within gzip: set encoding: none"
	case at.Encoding != "" && at.Encoding != "none" && at.Encoding != "gzip":
		l.Impossible = "it cannot unpack " + at.Encoding + ": set encoding: gzip or none"
	}
	if l.Impossible != "" {
		return Loader{Name: l.Name, Impossible: l.Impossible}
	}
	return l
}

// snowflake tells quoted from bare only for the empty string (EMPTY_FIELD_AS_NULL).
func (r reader) snowflake() Loader {
	l := Loader{Name: "Snowflake"}
	options := []string{"TYPE = CSV"}
	switch {
	case r.o.FileFormat == FormatParquet:
		options = []string{"TYPE = PARQUET", "USE_LOGICAL_TYPE = TRUE", "BINARY_AS_TEXT = FALSE"}
	case !r.o.delimited():
		options = []string{"TYPE = JSON", fmt.Sprintf("STRIP_OUTER_ARRAY = %s", upper(r.o.FileFormat == FormatJSON))}
	default:
		options = append(options, r.snowflakeDialect()...)
		if r.o.NullString != "" {
			l.Notes = append(l.Notes, cloudAmbiguous)
		}
	}
	if r.gzip() {
		options = append(options, "COMPRESSION = GZIP")
	} else if r.o.FileFormat != FormatParquet {
		options = append(options, "COMPRESSION = NONE")
	}
	l.Statement = fmt.Sprintf("CREATE FILE FORMAT %s_format\n  %s;", r.at.Table, strings.Join(options, "\n  "))
	return l
}

func (r reader) snowflakeDialect() []string {
	enclosed, escape, bare := `'"'`, "NONE", "NONE"
	switch {
	case !r.quoted():
		enclosed = "NONE"
		if r.o.EscapeCharacter != "" {
			bare = backslashText(r.o.EscapeCharacter)
		}
	case !r.doubling():
		escape = backslashText(r.o.EscapeCharacter)
	}
	header := 0
	if r.o.Header {
		header = 1
	}
	nulls, empty := "()", true
	if r.o.NullString != "" || r.o.QuoteMode == QuoteAll {
		nulls, empty = "("+backslashText(r.o.NullString)+")", false
	}
	return []string{
		"FIELD_DELIMITER = " + backslashText(r.o.delimiterOf()),
		"RECORD_DELIMITER = " + backslashText(lineEnd(r.o.LineEnding)),
		fmt.Sprintf("SKIP_HEADER = %d", header),
		"FIELD_OPTIONALLY_ENCLOSED_BY = " + enclosed,
		"ESCAPE = " + escape,
		"ESCAPE_UNENCLOSED_FIELD = " + bare,
		"NULL_IF = " + nulls,
		"EMPTY_FIELD_AS_NULL = " + upper(empty),
		"TRIM_SPACE = FALSE",
		"BINARY_FORMAT = BASE64",
		"ENCODING = 'UTF8'",
		"SKIP_BYTE_ORDER_MARK = " + upper(r.o.BOM),
	}
}

func upper(b bool) string { return strings.ToUpper(fmt.Sprint(b)) }

// athena follows the descriptions of its readers: OpenCSVSerDe for quotes, LazySimpleSerDe without.
func (r reader) athena() Loader {
	l := Loader{Name: "Amazon Athena"}
	stringType := func(table.Type) string { return "string" }
	const lines = "a value with a line break is not possible: its readers of text end the row there"
	var form []string
	typeOf := athenaType
	switch {
	case r.o.FileFormat == FormatParquet:
		form = []string{"STORED AS PARQUET"}
	case r.o.FileFormat == FormatNDJSON:
		form = []string{"ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'"}
		typeOf = stringType
	case r.o.FileFormat == FormatJSON:
		l.Impossible = array
		return l
	case r.quoted():
		escape := r.o.EscapeCharacter
		if escape == "" {
			escape = string(quote)
		}
		form = []string{
			"ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'",
			fmt.Sprintf("WITH SERDEPROPERTIES ('separatorChar' = %s, 'quoteChar' = '\"', 'escapeChar' = %s)", backslashText(r.o.delimiterOf()), backslashText(escape)),
		}
		typeOf = stringType
		l.Notes = []string{lines, "every column is a string, and NULL is not told from null_string"}
		if r.doubling() {
			l.Notes = append(l.Notes, `its parser takes \ for an escape all the same: a \ in a value is lost, and one before a quote joins two fields (escape_character: \ mends that)`)
		}
	default:
		fields := "ROW FORMAT DELIMITED FIELDS TERMINATED BY " + backslashText(r.o.delimiterOf())
		if r.o.EscapeCharacter != "" {
			fields += " ESCAPED BY " + backslashText(r.o.EscapeCharacter)
		}
		form = []string{fields, "LINES TERMINATED BY '\\n'", "NULL DEFINED AS " + backslashText(r.o.NullString)}
		typeOf = stringType
		l.Notes = []string{lines}
	}
	l.Notes = append(l.Notes, r.athenaNames()...)
	columns := make([]string, len(r.schema))
	for i, c := range r.schema {
		columns[i] = "  `" + strings.ReplaceAll(c.Name, "`", "``") + "` " + typeOf(c.Type)
	}
	l.Statement = fmt.Sprintf("CREATE EXTERNAL TABLE %s (\n%s\n)\n%s\nLOCATION %s", r.at.Table, strings.Join(columns, ",\n"), strings.Join(form, "\n"), backslashText(folder(r.at.URL)))
	if r.o.delimited() && r.o.Header {
		l.Statement += "\nTBLPROPERTIES ('skip.header.line.count' = '1')"
	}
	l.Statement += ";"
	return l
}

// folder returns the URL up to its last slash: Athena reads folders.
func folder(url string) string { return url[:strings.LastIndexByte(url, '/')+1] }

// athenaNames says what Athena makes of names: of the objects' and of the columns'.
func (r reader) athenaNames() (notes []string) {
	one := r.at.URL
	if r.folder() {
		one = r.at.First
	} else {
		notes = append(notes, "it reads everything in the folder, not this object alone: let nothing else be there")
	}
	if r.gzip() && !strings.HasSuffix(strings.TrimSuffix(one, ".pgp"), ".gz") {
		notes = append(notes, "it knows gzip by a name that ends with .gz, and this one does not")
	}
	if slices.ContainsFunc(r.schema, func(c table.Column) bool { return strings.ContainsFunc(c.Name, unusual) }) {
		notes = append(notes, "its names of columns hold letters, digits and _ alone: choose others in columns (or here, for text, where their order counts)")
	}
	return notes
}

// unusual reports whether a column's name in Athena cannot hold the character.
func unusual(c rune) bool {
	return c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

func athenaType(t table.Type) string {
	switch t.Kind {
	case table.Bool:
		return "boolean"
	case table.Int8:
		return "tinyint"
	case table.Int16, table.Uint8:
		return "smallint"
	case table.Int32, table.Uint16:
		return "int"
	case table.Int64, table.Uint32, table.Time:
		return "bigint"
	case table.Uint64:
		return "decimal(20,0)"
	case table.Float32:
		return "float"
	case table.Float64:
		return "double"
	case table.Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case table.Date:
		return "date"
	case table.Timestamp, table.TimestampTZ:
		return "timestamp"
	case table.Blob, table.UUID:
		return "binary"
	case table.List:
		return "array<" + athenaType(*t.Elem) + ">"
	case table.Map:
		return "map<" + athenaType(*t.Key) + "," + athenaType(*t.Elem) + ">"
	case table.Struct:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = "`" + f.Name + "`:" + athenaType(f.Type)
		}
		return "struct<" + strings.Join(fields, ",") + ">"
	default:
		return "string"
	}
}

// octalText is how Redshift takes control characters.
func octalText(s string) string {
	if s == "\t" {
		return `'\t'`
	}
	if s[0] < ' ' {
		return fmt.Sprintf(`'\%03o'`, s[0])
	}
	return sqlText(s)
}

// backslashText is a string constant where a backslash escapes: Snowflake's and Hive's.
func backslashText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < ' ':
			fmt.Fprintf(&b, `\u%04x`, c)
		case c == '\\' || c == '\'':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return "'" + b.String() + "'"
}
