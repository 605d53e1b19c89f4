package source

import (
	"fmt"
	"path"
	"strings"

	"consign/internal/problem"
)

const (
	parquetReader = "read_parquet"
	csvReader     = "read_csv"
	jsonReader    = "read_ndjson"
	// csvOptions keep the lines that begin with a #, which the engine takes for comments where it can.
	csvOptions    = ", sample_size = -1, files_to_sniff = -1, comment = ''"
	ndjsonOptions = ", sample_size = -1, maximum_sample_files = 2147483647"
	// byName has the engine find out about each of several files by itself.
	byName = ", union_by_name = true"
)

// A fileReader is the engine's function for files of an extension.
type fileReader struct {
	extension, function, options string
	delimiters                   string // what may divide the values of a line
}

// readers lists the readers by the extension of the files, which may have .gz behind it, but for Parquet. CSV and NDJSON are
// sampled whole, so that a type does not turn out wrong in the middle of a delivery. What divides the values of a .csv is found
// out; of the others the extension says it.
var readers = []fileReader{
	{".parquet", parquetReader, "", ""},
	{".csv", csvReader, csvOptions, ",;\t|"},
	{".tsv", csvReader, csvOptions + `, delim = '\t'`, "\t"},
	{".psv", csvReader, csvOptions + ", delim = '|'", "|"},
	{".ndjson", jsonReader, ndjsonOptions, ""},
	{".jsonl", jsonReader, ndjsonOptions, ""},
}

func validateTables(tables []Table, list *problem.List) {
	seen := map[string]bool{}
	for i, t := range tables {
		_, known := readerOf(t.Files)
		at := fmt.Sprintf("tables[%d]", i)
		if t.Name == "" {
			list.Add(at+".name", "is missing")
		}
		if key := strings.ToLower(t.Name); t.Name != "" && seen[key] {
			list.Add(at+".name", "two tables of one source have this name (SQL does not tell upper from lower case)")
		} else {
			seen[key] = true
		}
		switch {
		case t.Files == "":
			list.Add(at+".files", "is missing")
		case !known:
			list.AddHint(at+".files", "the name must end in .parquet, .csv, .tsv, .psv, .ndjson or .jsonl (the text ones also with .gz)", "the extension of %q says of no known format", path.Base(t.Files))
		case strings.Contains(t.Files, "://"):
			list.Add(at+".files", "must be a path on this machine; the engine has no access to the network")
		}
	}
}

// readerOf returns the reader of files of this name, and whether the extension is known.
func readerOf(files string) (fileReader, bool) {
	name := strings.ToLower(files)
	plain := strings.TrimSuffix(name, ".gz")
	for _, r := range readers {
		if strings.HasSuffix(name, r.extension) || r.extension != ".parquet" && strings.HasSuffix(plain, r.extension) {
			r.options += compression(files)
			return r, true
		}
	}
	return fileReader{}, false
}

// compression is the option for a file whose extension says that it is compressed in capital letters, which the engine does
// not see.
func compression(files string) string {
	if strings.HasSuffix(strings.ToLower(files), ".gz") && !strings.HasSuffix(files, ".gz") {
		return ", compression = 'gzip'"
	}
	return ""
}

// call returns the SQL that reads files, an SQL text or a list of them, with the reader's options and more.
func (r fileReader) call(files, more string) string {
	return r.function + "(" + files + r.options + more + ")"
}

// quoteText returns s as an SQL text literal.
func quoteText(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// quoteName returns s as an SQL identifier.
func quoteName(s string) string {
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// quoteTexts returns an SQL list of text literals.
func quoteTexts(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quoteText(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
