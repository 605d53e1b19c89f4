package source

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// A csvFile is a CSV file and what the engine finds out about it.
type csvFile struct {
	path      string
	Prompt    string // the statement that reads it so
	Quote     string
	Escape    string
	HasHeader bool
	Columns   []struct{ Name, Type string }
}

// isoDates is what the engine finds out about dates as it reads them anyway. Written out it has the engine read infinity as
// 1900-01-01, and no year before 1 or after 9999.
const isoDates = ", dateformat='%Y-%m-%d'"

// readCSV returns the call that reads the CSV files of a table. Where there is one, what the engine finds out about it is
// written into the call: else it reads the whole file for it again whenever a query is described or run.
func readCSV(ctx context.Context, conn duck.Connection, t Table, paths []string) (string, error) {
	var files []csvFile
	for _, path := range paths {
		f, err := sniff(ctx, conn, t, path)
		if err != nil {
			return "", err
		}
		files = append(files, f)
	}
	asText, text := roundedColumns(ctx, conn, t, files)
	if text != "" {
		return "", fileError(t, text)
	}
	if len(files) == 1 {
		return files[0].call(t, asText), nil
	}
	return csvCall(t, paths, slices.ContainsFunc(files, func(f csvFile) bool { return f.HasHeader }), asText), nil
}

func sniff(ctx context.Context, conn duck.Connection, t Table, path string) (csvFile, error) {
	f := csvFile{path: path}
	var found []string
	call := fmt.Sprintf(strings.Replace(readerOf(t.Files), csvReader, "sniff_csv", 1), quoteText(path))
	if text := run(ctx, conn, "SELECT to_json(s)::VARCHAR FROM "+call+" AS s", &found); text != "" {
		return f, fileError(t, text)
	}
	if err := json.Unmarshal([]byte(strings.Join(found, "")), &f); err != nil {
		return f, fmt.Errorf("table %s: %w: it does not say what it finds out about %s", t.Name, ErrEngine, path)
	}
	return f, nil
}

// call returns the call that reads the file as it was found out, and some columns as text. The engine writes names between
// quotes as they are: one with a quote in it would go on as SQL, and nothing is locked yet, so that the usual call reads a file
// where anything has one.
func (f csvFile) call(t Table, asText []string) string {
	unsafe := f.path + f.Quote + f.Escape
	for _, c := range f.Columns {
		unsafe += c.Name
	}
	if strings.ContainsAny(unsafe, "'\x00") {
		return csvCall(t, []string{f.path}, f.HasHeader, asText)
	}
	call := strings.TrimSuffix(strings.TrimPrefix(f.Prompt, "FROM "), ";")
	for _, c := range f.Columns {
		if slices.Contains(asText, c.Name) {
			call = strings.Replace(call, "'"+c.Name+"': '"+c.Type+"'", "'"+c.Name+"': 'VARCHAR'", 1)
		}
	}
	return strings.Replace(call, isoDates, "", 1)
}

// csvCall returns the call that finds out about files when it reads them, but for the columns that are text.
func csvCall(t Table, paths []string, header bool, asText []string) string {
	call := fmt.Sprintf(readerOf(t.Files), quoteTexts(paths))
	if len(asText) == 0 {
		return call
	}
	var types []string
	for _, name := range asText {
		types = append(types, quoteText(name)+": 'VARCHAR'")
	}
	return fmt.Sprintf("%s, header = %t, types = {%s})", strings.TrimSuffix(call, ")"), header, strings.Join(types, ", "))
}

// columnsLike returns the names of the columns that are of the type in one of the files.
func columnsLike(files []csvFile, kind string) []string {
	var names []string
	for _, f := range files {
		for _, c := range f.Columns {
			if c.Type == kind && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// only returns those of the names that the file has.
func (f csvFile) only(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(f.Columns, func(c struct{ Name, Type string }) bool { return c.Name == name })
	})
}

// rounded is whether a text is a whole number that has other digits as DOUBLE, or none: the engine takes numbers for it that
// do not fit 64 bits, and all of a column in which one has a point. It keeps 15 digits.
const rounded = `length(%[1]s) > 15 AND regexp_full_match(%[1]s, '\s*[-+]?[0-9]+\s*') AND (try_cast(%[1]s AS BIGINT) IS NULL` +
	` OR try_cast(%[1]s AS BIGINT) <> try_cast(try_cast(%[1]s AS DOUBLE) AS HUGEINT))`

// roundedColumns returns the columns whose whole numbers would lose digits: numbers of cards and accounts, ids.
func roundedColumns(ctx context.Context, conn duck.Connection, t Table, files []csvFile) ([]string, string) {
	var all []string
	doubles := columnsLike(files, "DOUBLE")
	for _, f := range files {
		names := f.only(doubles)
		if len(names) == 0 {
			continue
		}
		var cases []string
		for _, name := range names {
			cases = append(cases, fmt.Sprintf("CASE WHEN bool_or("+rounded+") THEN %s ELSE '' END", quoteName(name), quoteText(name)))
		}
		if text := run(ctx, conn, "SELECT unnest(["+strings.Join(cases, ", ")+"]) FROM "+f.call(t, names), &all); text != "" {
			return nil, text
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool { return name == "" }), ""
}
