package source

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// clock finds a time of day in a type.
var clock = regexp.MustCompile(`\bTIME\b`)

// A jsonColumn is a column of NDJSON files, as the engine finds it out.
type jsonColumn struct{ name, kind string }

const (
	// jsonTokens takes the texts, with their quotes, and the numbers out of a JSON value.
	jsonTokens = `regexp_extract_all(%s::VARCHAR, '"(?:[^"\\]|\\.)*"|[-+.0-9eE]+')`
	// otherDate holds for a text that may be another date than the engine takes it for: it guesses which number is the day,
	// takes a year of two digits for one of four, and reads infinity and epoch as 1900-01-01.
	otherDate = `regexp_full_match(%s, '"\s*(\d{1,3}-\d{1,2}-\d{1,4}\b.*|[-+]?infinity|epoch)\s*"', 'i')`
	// shortTime holds for a text that is a time without seconds, which may be minutes and seconds, or with a digit too few.
	shortTime = `regexp_full_match(%[1]s, '"\s*\d{1,2}:[\d:.]+\s*"') AND NOT regexp_full_match(%[1]s, '"` + wholeTime + `"')`
	// offsetTime holds for a text that is a time with an offset from UTC.
	offsetTime = `regexp_full_match(%s, '"\s*\d{4}-[-\d]+T[\d:.]+[-+][\d:]*[1-9][\d:]*\s*"')`
)

// madeUp matches the names that the engine makes up for a key that is empty, or that differs from another only in its case.
var madeUp = regexp.MustCompile(`_\d+$|^C\d+$`)

// readJSON returns the call that reads the NDJSON files of a table without changing values; "" if its view, which has the
// columns as the engine finds them out, does not change any. Columns in which it would are read as they stand in the files: as
// text, or as JSON if they are nested.
func readJSON(ctx context.Context, conn duck.Connection, t Table, files []string) (string, error) {
	r, _ := readerOf(t.Files)
	columns, err := jsonColumns(ctx, conn, t)
	if err != nil {
		return "", err
	}
	call := func(columns []jsonColumn) string { return r.call(quoteTexts(files), columnsOption(columns)) }
	changed, err := jsonColumnsWith(ctx, conn, t, columns, call, jsonColumn.odd)
	if err != nil {
		return "", err
	}
	if len(changed) == 0 {
		return "", nil
	}
	moved, err := jsonColumnsWith(ctx, conn, t, columns, call, jsonColumn.moved)
	if err != nil {
		return "", err
	}
	changed = append(changed, moved...)
	var renamed []string
	for i := range columns {
		c := &columns[i]
		if madeUp.MatchString(c.name) && c.kind != "JSON" { // which it may be without a value
			renamed = append(renamed, fmt.Sprintf("count(%s) = 0", quoteName(c.name)))
		}
		switch {
		case !slices.Contains(changed, c.name):
		case strings.ContainsAny(c.kind, "(["):
			c.kind = "JSON"
		default:
			c.kind = "VARCHAR"
		}
	}
	return call(columns), checkKeys(ctx, conn, t, call(columns), renamed)
}

// jsonColumns returns the columns of the table's view, as the engine has found them out. To describe the view would be to read
// the files once more.
func jsonColumns(ctx context.Context, conn duck.Connection, t Table) ([]jsonColumn, error) {
	found, err := t.ask(ctx, conn, "SELECT unnest([column_name, data_type]) FROM (FROM duckdb_columns() WHERE table_name = "+quoteText(t.Name)+" AND NOT internal ORDER BY column_index)")
	if err != nil {
		return nil, err
	}
	var columns []jsonColumn
	for pair := range slices.Chunk(found, 2) {
		columns = append(columns, jsonColumn{pair[0], pair[1]})
	}
	return columns, nil
}

// jsonColumnsWith returns the names of the columns in which the condition holds for any token x.
func jsonColumnsWith(ctx context.Context, conn duck.Connection, t Table, columns []jsonColumn, call func([]jsonColumn) string, condition func(jsonColumn) string) ([]string, error) {
	var asked []jsonColumn
	var cases []string
	for _, c := range columns {
		if holds := condition(c); holds != "" {
			asked = append(asked, jsonColumn{c.name, "JSON"})
			cases = append(cases, fmt.Sprintf("CASE WHEN bool_or(len(list_filter("+jsonTokens+", lambda x: %s)) > 0) THEN %s ELSE '' END", quoteName(c.name), holds, quoteText(c.name)))
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	names, err := t.ask(ctx, conn, "SELECT unnest(["+strings.Join(cases, ", ")+"]) FROM "+call(asked))
	return slices.DeleteFunc(names, func(name string) bool { return name == "" }), err
}

// checkKeys refuses files with a key for which the engine has made up another name, by which it does not find it.
func checkKeys(ctx context.Context, conn duck.Connection, t Table, call string, renamed []string) error {
	if len(renamed) == 0 {
		return nil
	}
	lost, err := t.ask(ctx, conn, "SELECT ("+strings.Join(renamed, " OR ")+")::VARCHAR FROM "+call)
	if err != nil {
		return err
	}
	if slices.Contains(lost, "true") {
		return fmt.Errorf("table %s: %w: a key in %s is empty, or differs from another in nothing but its case; give it a name of its own", t.Name, ErrUnreadable, t.Files)
	}
	return nil
}

// odd returns the condition under which the engine changes a token x of the column's values; "" if it never does.
func (c jsonColumn) odd() string {
	var conditions []string
	if strings.Contains(c.kind, "DOUBLE") {
		conditions = append(conditions, "NOT contains(x, '.') AND "+fmt.Sprintf(rounded, "x"), // with a point, JSON has no other digits either
			fmt.Sprintf(unheld, "x"))
	}
	if strings.Contains(c.kind, "DATE") || strings.Contains(c.kind, "TIMESTAMP") {
		conditions = append(conditions, fmt.Sprintf(otherDate, "x"))
	}
	if clock.MatchString(c.kind) {
		conditions = append(conditions, fmt.Sprintf(shortTime, "x"))
	}
	return strings.Join(conditions, " OR ")
}

// moved returns the condition under which a token x of the column's values becomes another time as soon as the engine is told
// the columns: it then ignores the offset from UTC.
func (c jsonColumn) moved() string {
	if !strings.Contains(c.kind, "TIMESTAMP") {
		return ""
	}
	return fmt.Sprintf(offsetTime, "x")
}

func columnsOption(columns []jsonColumn) string {
	var types []string
	for _, c := range columns {
		types = append(types, quoteText(c.name)+": "+quoteText(c.kind))
	}
	return ", columns = {" + strings.Join(types, ", ") + "}"
}
