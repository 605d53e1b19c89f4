package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// A csvFile is a CSV file and what the engine finds out about it.
type csvFile struct {
	path      string
	Prompt    string // the statement that reads it so
	Delimiter string
	Quote     string
	Escape    string
	SkipRows  int // above the header
	HasHeader bool
	Columns   []struct{ Name, Type string }
	// How dates and timestamps are written; "" as SQL writes them, or that there are none.
	DateFormat, TimestampFormat string
	options                     string   // more of them, with which it was found out
	row                         *csvFile // the same file, where its only line is taken for names and may be a row
}

// quotes keeps the engine from taking apostrophes for quotes. Where it could, it did: it left them out of values, and read
// everything from one that begins a name ('t Hart) to one that ends another as a single value, with the rows between.
const quotes = `, quote = '"'`

// doubled keeps the engine from taking apostrophes for what stands before a quote within a value: to make a number of "1'000", it
// left the apostrophe out.
const doubled = `, escape = '"'`

// headed has the first line be one of names.
const headed = ", header = true"

// isoDates is what the engine says of dates that it reads without being told how. If it is told so, it reads infinity as
// 1900-01-01, and no year before 1 or after 9999.
const isoDates = ", dateformat='%Y-%m-%d'"

// createCSVView makes the view of a table's CSV files. Files of which the engine, as it reads them together, does not find the
// columns that each has alone are refused: whole files would be NULL. Those that it takes from the names of folders (country=DE)
// are in no file.
func createCSVView(ctx context.Context, conn duck.Connection, t Table, paths []string) error {
	call, names, err := readCSV(ctx, conn, t, paths)
	if err != nil {
		return err
	}
	if err := t.view(ctx, conn, call); err != nil {
		return err
	}
	found, err := t.ask(ctx, conn, "SELECT column_name FROM duckdb_columns() WHERE table_name = "+quoteText(t.Name)+" AND NOT internal ORDER BY column_index")
	found = slices.DeleteFunc(found, func(name string) bool {
		return strings.Contains(paths[0], "/"+name+"=") && !slices.Contains(names, name)
	})
	if err == nil && !slices.Equal(found, names) {
		err = fmt.Errorf("table %s: %w: some of %s have values between quotes, and others values that begin with a quote and do not end with one; put quotes around every value with a quote in it, and write that twice",
			t.Name, ErrUnreadable, t.Files)
	}
	return err
}

// readCSV returns the call that reads the CSV files of a table, and the names of its columns. What the engine finds out about one file, or of several alike, is
// written into the call: otherwise it would read them whole for it whenever a query is described or run, and while it reads one of
// several, the next.
func readCSV(ctx context.Context, conn duck.Connection, t Table, paths []string) (call string, names []string, err error) {
	var files []csvFile
	for _, path := range paths {
		if ctx.Err() != nil { // a statement does not see that it is interrupted before it begins
			return "", nil, ctx.Err()
		}
		f, err := sniff(ctx, conn, t, path)
		if err != nil {
			return "", nil, err
		}
		files = append(files, f)
	}
	if full := slices.DeleteFunc(slices.Clone(files), csvFile.empty); len(full) > 0 {
		files = full
	}
	if err := namesOfOthers(ctx, conn, t, files); err != nil {
		return "", nil, err
	}
	if err := sameColumns(t, files); err != nil {
		return "", nil, err
	}
	asText, err := changedColumns(ctx, conn, t, files)
	if err != nil {
		return "", nil, err
	}
	ambiguous, err := ambiguousColumns(ctx, conn, t, files)
	if err != nil {
		return "", nil, err
	}
	asText = append(asText, without(ambiguous, asText)...)
	if err := quoteAlike(ctx, conn, t, files); err != nil {
		return "", nil, err
	}
	numbersAlike(files)
	if call = commonCall(files, asText); call == "" {
		call = csvCall(t, files, asText)
	}
	return call, files[0].names(), nil
}

func sniff(ctx context.Context, conn duck.Connection, t Table, path string) (csvFile, error) {
	f, err := findOut(ctx, conn, t, csvFile{path: path})
	if err == nil && f.Quote == "'" {
		f, err = findOut(ctx, conn, t, csvFile{path: path, options: quotes})
	}
	if err == nil && f.Escape == "'" {
		f, err = findOut(ctx, conn, t, csvFile{path: path, options: quotes + doubled})
	}
	if err == nil && beginsWith(path, byteOrderMark+`"`) {
		f, err = quotedBehindMark(ctx, conn, t, f)
	}
	if err == nil {
		f, err = namesAboveNumbers(ctx, conn, t, f)
	}
	if err != nil {
		return f, err
	}
	return f, checkLines(ctx, conn, t, f)
}

// quotedBehindMark finds out about a file that begins with a byte order mark and a quote, which the engine takes for a part of the
// value where it finds out what the quote is. Told what it is, it finds no columns if there is a delimiter within that value, and
// takes what is behind a line break in it for a row.
func quotedBehindMark(ctx context.Context, conn duck.Connection, t Table, f csvFile) (csvFile, error) {
	var err error
	if f.Quote != `"` {
		f, err = findOut(ctx, conn, t, csvFile{path: f.path, options: quotes})
	}
	name := append(f.names(), "")[0]
	if ctx.Err() == nil && (errors.Is(err, ErrUnreadable) || err == nil && strings.ContainsAny(name, "\r\n")) {
		err = fmt.Errorf("table %s: %w: %s begins with a byte order mark, and with a value between quotes behind which no columns can be found; write it without the mark", t.Name, ErrUnreadable, f.path)
	}
	return f, err
}

// namesAboveNumbers has the first line be one of names where it has none for a column that numbers the rows from 0, as pandas
// writes it, or nothing, and all other columns are texts: the engine takes it for a row then.
func namesAboveNumbers(ctx context.Context, conn duck.Connection, t Table, f csvFile) (csvFile, error) {
	if f.HasHeader || len(f.Columns) < 2 || f.Columns[0].Type != "BIGINT" && f.Columns[0].Type != "VARCHAR" {
		return f, nil
	}
	for _, c := range f.Columns[1:] {
		if c.Type != "VARCHAR" {
			return f, nil
		}
	}
	begin, err := t.ask(ctx, conn, "SELECT coalesce("+quoteName(f.Columns[0].Name)+"::VARCHAR, '') FROM "+f.call(t, nil)+" LIMIT 3")
	if err != nil || len(begin) == 0 || !slices.Equal(begin, []string{"", "0", "1"}[:len(begin)]) {
		return f, err
	}
	named, err := findOut(ctx, conn, t, csvFile{path: f.path, options: f.options + headed})
	if len(begin) == 1 {
		named.row = &f
	}
	return named, err
}

// namesOfOthers has the first line of a file be one of names where it has those of another file. The engine takes it for a row
// where pandas has written an index, and nothing but texts or no row at all. The only line of a file is a row after all where
// another file has rows and no names.
func namesOfOthers(ctx context.Context, conn duck.Connection, t Table, files []csvFile) error {
	i := slices.IndexFunc(files, func(f csvFile) bool { return f.HasHeader })
	for j, f := range files {
		if i < 0 || f.HasHeader || len(f.Columns) != len(files[i].Columns) {
			continue
		}
		named, err := findOut(ctx, conn, t, csvFile{path: f.path, options: f.options + headed})
		if err != nil {
			return err
		}
		if len(without(named.names(), files[i].names())) == 0 {
			files[j] = named
		}
	}
	if slices.ContainsFunc(files, func(f csvFile) bool { return !f.HasHeader }) {
		for j, f := range files {
			if f.row != nil {
				files[j] = *f.row
			}
		}
	}
	return nil
}

// findOut returns the file with what the engine finds out about it.
func findOut(ctx context.Context, conn duck.Connection, t Table, f csvFile) (csvFile, error) {
	r, _ := readerOf(t.Files)
	r.function = "sniff_csv" // takes the same options
	found, err := t.ask(ctx, conn, "SELECT to_json(s)::VARCHAR FROM "+r.call(quoteText(f.path), f.options)+" AS s")
	if err != nil {
		if odd, _ := oddLine(ctx, conn, t, f); odd != "" {
			return f, oddError(t, f.path, odd, "the first")
		}
		return f, err
	}
	if err := json.Unmarshal([]byte(strings.Join(found, "")), &f); err != nil {
		return f, fmt.Errorf("table %s: %w: it does not say what it finds out about %s", t.Name, ErrEngine, f.path)
	}
	return f, nil
}

// sameColumns refuses files that have other columns than the first: a column that somebody has forgotten would be NULL, or be
// left out. The engine matches columns by their names, in any order.
func sameColumns(t Table, files []csvFile) error {
	first := files[0].names()
	for _, f := range files[1:] {
		names := f.names()
		lacking, more := without(first, names), without(names, first)
		say, column := "has no column %q, which %s has", lacking
		switch {
		case len(lacking) == len(first): // what it begins with may be a row: it is not repeated
			return fmt.Errorf("table %s: %w: %s has none of the columns of %s; give every file of a table the same columns, and a line with their names", t.Name, ErrUnreadable, f.path, files[0].path)
		case len(lacking) == 0 && len(more) == 0:
			continue
		case len(lacking) == 0:
			say, column = "has a column %q, which %s has not", more
		}
		return fmt.Errorf("table %s: %w: %s "+say+"; give every file of a table the same columns, in any order", t.Name, ErrUnreadable, f.path, column[0], files[0].path)
	}
	return nil
}

func (f csvFile) names() []string {
	var names []string
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	return names
}

// without returns those of the names that are not among the others.
func without(names, others []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
}

// empty reports whether there is nothing in the file, not even the columns of the others. In a file whose lines are one text
// each, the engine finds a header.
func (f csvFile) empty() bool {
	return !f.HasHeader && len(f.Columns) == 1 && f.Columns[0].Name == "column0" && f.Columns[0].Type == "VARCHAR"
}

// quoteAlike has files in which no quote stands be read with that of the others. Otherwise a table would not be read by one call
// wherever all values of one file can do without.
func quoteAlike(ctx context.Context, conn duck.Connection, t Table, files []csvFile) error {
	quoted := func(f csvFile) bool { return f.Quote == `"` }
	if !slices.ContainsFunc(files, quoted) {
		return nil
	}
	for i := range files {
		f := &files[i]
		if quoted(*f) {
			continue
		}
		stray, err := t.ask(ctx, conn, `SELECT coalesce(bool_or(contains(line, '"')), false)::VARCHAR FROM `+linesOf(f.path))
		if err != nil {
			return err
		}
		if slices.Contains(stray, "false") {
			f.Prompt, f.Quote = strings.Replace(f.Prompt, "quote=''", `quote='"'`, 1), `"`
		}
	}
	return nil
}

// numbersAlike has whole numbers be read as what they become beside those with a point in the same column of another file.
func numbersAlike(files []csvFile) {
	pointed := columnsLike(files, "DOUBLE", func(csvFile) bool { return true })
	for i := range files {
		f := &files[i]
		for j, c := range f.Columns {
			if c.Type == "BIGINT" && slices.Contains(pointed, c.Name) {
				f.Prompt = strings.Replace(f.Prompt, "'"+c.Name+"': 'BIGINT'", "'"+c.Name+"': 'DOUBLE'", 1)
				f.Columns[j].Type = "DOUBLE"
			}
		}
	}
}

// call returns the call that reads the file as the engine found it out, but some columns as text. The engine does not escape
// the names that it writes between quotes: one with a quote in it would go on as SQL, and nothing is locked yet. If there is
// one, the usual call reads the file.
func (f csvFile) call(t Table, asText []string) string {
	if call := commonCall([]csvFile{f}, asText); call != "" {
		return call
	}
	return csvCall(t, []csvFile{f}, asText)
}

// commonCall returns the call that reads all files as the engine found out each of them; "" if that is not the same for all, or
// cannot be written down.
func commonCall(files []csvFile, asText []string) string {
	var paths []string
	common := ""
	twice := slices.ContainsFunc(files, func(f csvFile) bool { return f.Quote == `"` && f.Escape == `"` })
	for i, f := range files {
		options := f.foundOptions(asText)
		if twice && f.Quote == `"` { // which is doubled in another file; in this one it is in no value
			options = strings.Replace(options, `quote='"', escape=''`, `quote='"', escape='"'`, 1)
		}
		if i > 0 && options != common {
			return ""
		}
		common = options
		paths = append(paths, f.path)
	}
	if common == "" {
		return ""
	}
	return csvReader + "(" + quoteTexts(paths) + common
}

// foundOptions returns how the call goes on behind the file's name; "" if it cannot be written down.
func (f csvFile) foundOptions(asText []string) string {
	options, ok := strings.CutPrefix(f.Prompt, "FROM "+csvReader+"("+quoteText(f.path))
	if !ok || strings.ContainsAny(f.path+f.Quote+f.Escape+strings.Join(f.names(), ""), "'\x00") {
		return ""
	}
	for _, c := range f.Columns {
		if slices.Contains(asText, c.Name) {
			options = strings.Replace(options, "'"+c.Name+"': '"+c.Type+"'", "'"+c.Name+"': 'VARCHAR'", 1)
		}
	}
	return strings.TrimSuffix(strings.Replace(options, isoDates, "", 1), ";")
}

// formatOption has the engine take the first file's format of dates for all: which number is the day, one file may tell and
// another not.
func formatOption(name, format string) string {
	if !unlikeSQL(format) {
		return ""
	}
	return ", " + name + " = " + quoteText(format)
}

// csvCall returns the call that finds out about the files as it reads them, except for the columns that are text.
func csvCall(t Table, files []csvFile, asText []string) string {
	var paths []string
	more := ", quote = ''"
	for _, f := range files {
		paths = append(paths, f.path)
		if f.Quote == `"` || strings.HasPrefix(f.options, quotes) {
			more = quotes // what one of them needs is right for all
		}
	}
	if more == quotes && !slices.ContainsFunc(files, func(f csvFile) bool { return f.Escape == `\` }) {
		more += doubled
	}
	if len(files) > 1 {
		more += byName // or it may read all as the first, with its quotes, and as many lines left out as are above its names
		more += formatOption("dateformat", files[0].DateFormat) + formatOption("timestampformat", files[0].TimestampFormat)
	}
	r, _ := readerOf(t.Files)
	if len(asText) == 0 {
		if slices.ContainsFunc(files, func(f csvFile) bool { return strings.HasSuffix(f.options, headed) }) { // then all have the names
			more += headed
		}
		return r.call(quoteTexts(paths), more)
	}
	var types []string
	for _, name := range asText {
		types = append(types, quoteText(name)+": 'VARCHAR'")
	}
	return r.call(quoteTexts(paths), fmt.Sprintf("%s, header = %t, types = {%s}", more, files[0].HasHeader, strings.Join(types, ", ")))
}

// only returns those of the names that the file has.
func (f csvFile) only(names []string) []string {
	return without(names, without(names, f.names()))
}
