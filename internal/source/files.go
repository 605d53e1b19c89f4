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
	// csvOptions have no line left out for a # at its beginning, which the engine takes for a comment where it can.
	csvOptions = ", sample_size = -1, files_to_sniff = -1, comment = ''"
)

// readers are the engine's functions by the extension of the files, also with .gz behind it. CSV and NDJSON are
// sampled whole, so that a type does not turn out wrong in the middle of a delivery. What divides the values of a CSV file is
// found out; of the others the extension says it.
var readers = []struct{ extension, function, options string }{
	{".parquet", parquetReader, ""},
	{".csv", csvReader, csvOptions},
	{".tsv", csvReader, csvOptions + `, delim = '\t'`},
	{".psv", csvReader, csvOptions + ", delim = '|'"},
	{".ndjson", jsonReader, ", sample_size = -1, maximum_sample_files = 2147483647"},
	{".jsonl", jsonReader, ", sample_size = -1, maximum_sample_files = 2147483647"},
}

func validateTables(tables []Table, list *problem.List) {
	seen := map[string]bool{}
	for i, t := range tables {
		at := fmt.Sprintf("tables[%s]", t.Name)
		if t.Name == "" {
			at = fmt.Sprintf("tables[%d]", i)
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
		case readerOf(t.Files) == "":
			list.AddHint(at+".files", "the name must end in .parquet, .csv, .tsv, .psv, .ndjson or .jsonl (the text ones also with .gz)", "the extension of %q says of no known format", path.Base(t.Files))
		case strings.Contains(t.Files, "://"):
			list.Add(at+".files", "must be a path on this machine; the engine has no access to the network")
		}
	}
}

// readerOf returns the engine's call that reads files of this name, with %s for the list of files; "" if the extension
// is unknown.
func readerOf(files string) string {
	name := strings.ToLower(files)
	plain := strings.TrimSuffix(name, ".gz")
	for _, r := range readers {
		if strings.HasSuffix(name, r.extension) || r.extension != ".parquet" && strings.HasSuffix(plain, r.extension) {
			return r.function + "(%s" + r.options + ")"
		}
	}
	return ""
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
