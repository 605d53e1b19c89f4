package source

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// checkLines refuses a CSV file in which a line has another number of values than the others. The engine looks for a delimiter
// that divides all lines alike: it leaves out the lines above those, or takes every line for a single value. Lines of one value
// above the others are a title, and may be left out, if an empty line follows them. Otherwise they may be rows of one column,
// in which a value has a delimiter in it.
func checkLines(ctx context.Context, conn duck.Connection, t Table, f csvFile) error {
	above, err := dividedAbove(ctx, conn, t, f)
	if err != nil {
		return err
	}
	r, _ := readerOf(t.Files)
	if above == "" && (len(f.Columns) != 1 || !strings.ContainsAny(f.Columns[0].Name, r.delimiters)) {
		return checkTitle(ctx, conn, t, f)
	}
	if above != "" {
		f.SkipRows = 0
	}
	odd, err := oddLine(ctx, conn, t, f)
	switch {
	case err != nil:
		return err
	case odd != "":
		return oddError(t, f.path, odd, "the first")
	case above != "":
		return oddError(t, f.path, above, "those below it")
	}
	return checkTitle(ctx, conn, t, f)
}

// checkTitle refuses lines that are left out without an empty one below them, and an empty one below the first line that is not
// left out: that may be a title of as many values as the rows have, and nothing tells it from names where all columns are text.
func checkTitle(ctx context.Context, conn duck.Connection, t Table, f csvFile) error {
	if f.SkipRows > 0 {
		last, err := linesFrom(ctx, conn, t, f.path, f.SkipRows-1, 1)
		if err != nil {
			return err
		}
		if strings.Join(last, "") != "" {
			return fmt.Errorf("table %s: %w: line %d of %s has another number of values than those above it; leave a line empty below a title, and put quotes around a value with a delimiter in it",
				t.Name, ErrUnreadable, f.SkipRows+1, f.path)
		}
	}
	if len(f.Columns) == 1 || slices.ContainsFunc(f.names(), func(name string) bool { return !f.hasText(name) }) {
		return nil
	}
	header := 1 + strings.Count(oneBreak.Replace(strings.Join(f.names(), "")), "\n") // lines that the names take
	below, err := linesFrom(ctx, conn, t, f.path, f.SkipRows+header, emptyLines)
	if err == nil && strings.Join(below, "") != "" && below[0] == "" {
		err = fmt.Errorf("table %s: %w: line %d of %s is empty, and that above it may be a title or the names of the columns; leave it out below names, and a title with it",
			t.Name, ErrUnreadable, f.SkipRows+header+1, f.path)
	}
	return err
}

// oneBreak writes every line break in one way.
var oneBreak = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// emptyLines is more than there are below a title.
const emptyLines = 10

// linesFrom returns some lines of a file, without white space at their ends.
func linesFrom(ctx context.Context, conn duck.Connection, t Table, path string, skip, most int) ([]string, error) {
	return t.ask(ctx, conn, fmt.Sprintf("SELECT coalesce(trim(line), '') FROM %s LIMIT %d OFFSET %d", linesOf(path), most, skip))
}

func oddError(t Table, path, line, others string) error {
	return fmt.Errorf("table %s: %w: line %s of %s has another number of values than %s; give it as many, and put quotes around a value with a delimiter in it", t.Name, ErrUnreadable, line, path, others)
}

// dividedAbove returns the number of the first line with several values among those that are left out; "" if there is none.
// Delimiters between quotes do not count.
func dividedAbove(ctx context.Context, conn duck.Connection, t Table, f csvFile) (string, error) {
	if f.SkipRows == 0 {
		return "", nil
	}
	found, err := t.ask(ctx, conn, fmt.Sprintf("SELECT coalesce(min(n)::VARCHAR, '') FROM (SELECT row_number() OVER () AS n, line FROM %s LIMIT %d) WHERE contains(regexp_replace(line, '\"[^\"]*\"', '', 'g'), %s)",
		linesOf(f.path), f.SkipRows, quoteText(f.Delimiter)))
	return strings.Join(found, ""), err
}

// linesOf is the call that reads the lines of a file, undivided. They may end in different ways, for values between quotes may
// hold the other line break, and any control character.
func linesOf(path string) string {
	return "read_csv(" + quoteText(path) + compression(path) + ", auto_detect = false, header = false, delim = chr(1) || chr(2) || chr(3), quote = '', escape = '', strict_mode = false, columns = {'line': 'VARCHAR'})"
}

// oddNumber matches what the engine says of a line that has too few values, or too many. The values follow it.
var oddNumber = regexp.MustCompile(`^CSV Error on Line: (\d+)\n(?s:.*)Expected Number of Columns: `)

// oddLine returns the number of the first line that has another number of values than the file's first, by any delimiter that
// divides the first; "" if there is none.
func oddLine(ctx context.Context, conn duck.Connection, t Table, f csvFile) (string, error) {
	first, err := t.ask(ctx, conn, fmt.Sprintf("SELECT coalesce(line, '') FROM %s LIMIT 1 OFFSET %d", linesOf(f.path), f.SkipRows))
	if err != nil || len(first) == 0 {
		return "", err
	}
	r, _ := readerOf(t.Files)
	for _, delimiter := range r.delimiters {
		record := csv.NewReader(strings.NewReader(first[0]))
		record.Comma, record.LazyQuotes = delimiter, true
		values, err := record.Read()
		if err != nil || len(values) < 2 {
			continue
		}
		var columns []string
		for i := range values {
			columns = append(columns, fmt.Sprintf("'%d': 'VARCHAR'", i))
		}
		text := run(ctx, conn, fmt.Sprintf(`SELECT count(COLUMNS(*)) FROM read_csv(%s, auto_detect = false, header = true, skip = %d, delim = %s, quote = '"', escape = '"', columns = {%s})`,
			quoteText(f.path)+compression(f.path), f.SkipRows, quoteText(string(delimiter)), strings.Join(columns, ", ")), nil)
		if odd := oddNumber.FindStringSubmatch(parseEngineError(text).Message); odd != nil {
			return odd[1], nil
		}
	}
	return "", nil
}

// beginsWith reports whether a file, once unpacked, begins with a text. What cannot be read is left to the engine to complain about.
func beginsWith(path, text string) bool {
	file := unpacked(path)
	if file == nil {
		return false
	}
	defer func() { _ = file.Close() }() // it was only read
	begin := make([]byte, len(text))
	_, err := io.ReadFull(file, begin)
	return err == nil && string(begin) == text
}
