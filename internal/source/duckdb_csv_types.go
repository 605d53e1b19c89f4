package source

import (
	"context"
	"fmt"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// columnsLike returns the names of the columns that are of the type in at least one of the files for which ask is true.
func columnsLike(files []csvFile, kind string, ask func(csvFile) bool) []string {
	var names []string
	for _, f := range files {
		for _, c := range f.Columns {
			if c.Type == kind && ask(f) && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// rounded holds for a text that is a number with other digits as a DOUBLE: a whole number, or one with a point and more digits
// than a program writes of a DOUBLE. To the engine, numbers that do not fit 64 bits are of that type, and so are all numbers of
// a column in which one has a point. It keeps 15 digits.
const rounded = `length(%[1]s) > 15 AND (regexp_full_match(%[1]s, '\s*[-+]?[0-9]+(\.0*)?\s*') AND (try_cast(%[1]s AS BIGINT) IS NULL` +
	` OR try_cast(%[1]s AS BIGINT) <> try_cast(try_cast(%[1]s AS DOUBLE) AS HUGEINT))` +
	` OR regexp_full_match(%[1]s, '\s*[-+]?[0-9]*\.[0-9]+\s*') AND length(trim(replace(trim(%[1]s, '-+ '), '.', ''), '0')) > 17)`

const (
	// unheld holds for a text that is a number too large for DOUBLE, and infinite there, or too small, and 0.
	unheld = `regexp_matches(%[1]s, '^[^"eE]*[1-9].*[eE]') AND try_cast(%[1]s AS DOUBLE) IN (0, 'Infinity', '-Infinity')`
	// likeName holds for a text that is a number but may be a name: programs that write a DOUBLE with an exponent put a point, a
	// sign or a small e into it (2.0E10, 2E+10, 2e10), and write nan, NaN or NAN.
	likeName = `regexp_full_match(%[1]s, '\s*([0-9]+E[0-9]+|Nan)\s*')`
	// otherNumber holds for a text that is another number as DOUBLE, or may be none.
	otherNumber = `CASE WHEN regexp_matches(%[1]s, '[eEN]') THEN ` + unheld + ` OR ` + likeName + ` ELSE ` + rounded + ` END`
)

// hexadecimal holds for a text that is a whole number in another notation, 0x1F or 0b11, and an identifier if anything. Hardly a
// number begins with 0, a sign or a blank: of the others nothing more is asked, which would take as long as to read them.
const hexadecimal = `CASE WHEN %[1]s LIKE '0_%%' OR %[1]s < '0' THEN regexp_matches(%[1]s, '[xXbB]') ELSE false END`

// otherWord holds for a text that is another word than true or false: the engine takes t, f, yes and no for these too. They may
// be somebody's gender, or Norway.
const otherWord = `lower(%[1]s) NOT IN ('true', 'false')`

const (
	// wholeTime matches a time with its seconds.
	wholeTime = `\s*\d{1,2}:\d{2}:\d{2}(\.\d*)?\s*`
	// otherTime holds for a text that is a time without seconds: the engine takes 3:45 for hours and minutes, and it may be
	// minutes and seconds.
	otherTime = `NOT regexp_full_match(%[1]s, '` + wholeTime + `')`
)

const (
	// noInstant holds for a text that is no time with its offset from UTC. The engine takes one without for a time of UTC, or of
	// the zone that a value before it names, and makes NULL of what it cannot read.
	noInstant = `NOT regexp_full_match(%[1]s, '\s*(\d{4,}[-/]\d{1,2}[-/]\d{1,2}( \(BC\))?[ T]\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?\s*(Z|UTC|[-+][:\d]+)|[-+]?infinity|epoch)\s*', 'i')` +
		` OR %[1]s IS NOT NULL AND try_cast(%[1]s AS TIMESTAMPTZ) IS NULL`
)

// A guess is a type that the engine may find out wrongly, with two aggregates of a column's texts.
type guess struct {
	kind  string
	wrong string // whether a text would become another
	right string // whether a text, in any file, is what the type is for
}

// anyText holds for a column that has one.
const anyText = "count(%[1]s) > 0"

// guesses returns them for a table whose first file is f: its formats of dates are taken for all files.
func guesses(f csvFile) []guess {
	return []guess{
		{"DOUBLE", "bool_or(" + otherNumber + ")", anyText},
		{"BOOLEAN", "bool_or(" + otherWord + ")", anyText},
		{"TIME", "bool_or(" + otherTime + ")", anyText},
		{"TIMESTAMP WITH TIME ZONE", "bool_or(" + noInstant + ")", anyText},
		// Of a column of nothing but days, if another column has taken the only format of dates, the engine makes timestamps.
		{"TIMESTAMP", "bool_or(" + otherDay(f.TimestampFormat) + ")", "bool_or(contains(%[1]s, ':'))"},
		{"DATE", "bool_or(" + otherDay(f.DateFormat) + ")", "min(substr(%[1]s, 2)) < ':'"}, // behind the first: -inf begins as a date may, and letters are above
		{"BIGINT", "bool_or(" + hexadecimal + ")", anyText},
	}
}

// otherDay returns the condition under which a text is another day, by the format that the engine found out, than it says: that
// takes 24 for the year 24, and infinity and epoch, unless it is SQL's, for 1900-01-01. Which number of a text is the day,
// ambiguousColumns finds out.
func otherDay(format string) string {
	likeFormat := func(shape string) string { return `NOT regexp_matches(%[1]s, '^\s*` + shape + `')` }
	switch {
	case format == "", format == "%Y-%m-%d": // what most texts say is said first, at a quarter of the price
		return `CASE WHEN %[1]s >= '0' AND %[1]s LIKE '____-%%' THEN false ELSE ` + likeFormat(`(\d{4}|[-+]?[ieIE])`) + ` END`
	case strings.HasPrefix(format, "%Y"):
		return likeFormat(`\d{4}`)
	case strings.HasPrefix(format, "%y"):
		return likeFormat(`\d{1,2}\D`)
	case strings.Contains(format, "%Y"):
		return likeFormat(`\d{1,2}\D\d{1,2}\D\d{4}`)
	default:
		return likeFormat(`\d{1,2}\D\d{1,2}\D\d{1,2}(\D|$)`)
	}
}

// changedColumns returns the columns of which a text would be delivered as another: cards, accounts and amounts would lose
// digits, letters and words would become truth values, and minutes hours.
func changedColumns(ctx context.Context, conn duck.Connection, t Table, files []csvFile) ([]string, error) {
	wrong, right := aggregates(files)
	var asked, found []string
	for _, f := range files {
		names := slices.DeleteFunc(f.names(), func(name string) bool { return wrong[name] == "" })
		if len(names) == 0 {
			continue
		}
		var cases []string
		for _, name := range names {
			cases = append(cases, "CASE WHEN "+wrong[name]+" THEN 'wrong' WHEN "+right[name]+" THEN 'right' ELSE '' END")
		}
		said, err := t.ask(ctx, conn, "SELECT unnest(["+strings.Join(cases, ", ")+"]) FROM "+f.call(t, names))
		if err != nil {
			return nil, err
		}
		asked, found = append(asked, names...), append(found, said...)
	}
	said := func(what string) (names []string) {
		for i, name := range asked {
			if found[i] == what {
				names = append(names, name)
			}
		}
		return names
	}
	changed := slices.Concat(said("wrong"), without(asked, said("right")), mixedColumns(files))
	slices.Sort(changed)
	return slices.Compact(changed), nil
}

// mixedColumns returns those that are of several types in the files, but for numbers with a point and without. The engine reads
// days as timestamps where another file has these.
func mixedColumns(files []csvFile) (names []string) {
	kinds := map[string]string{}
	number := func(kind string) bool { return kind == "BIGINT" || kind == "DOUBLE" }
	for _, f := range files {
		for _, c := range f.Columns {
			switch was := kinds[c.Name]; {
			case c.Type == "VARCHAR": // of no value, perhaps; where there is a text, all are
			case was == "" || number(was) && number(c.Type):
				kinds[c.Name] = c.Type
			case was != c.Type:
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// aggregates returns what to ask of each column of which the engine may find out the type wrongly. One that is of another type in
// another file may become any of them.
func aggregates(files []csvFile) (wrong, right map[string]string) {
	wrong, right = map[string]string{}, map[string]string{}
	for _, g := range guesses(files[0]) {
		for _, name := range columnsLike(files, g.kind, func(csvFile) bool { return true }) {
			or := ""
			if wrong[name] != "" {
				or = " OR "
			}
			wrong[name] += or + fmt.Sprintf(g.wrong, quoteName(name))
			right[name] += or + fmt.Sprintf(g.right, quoteName(name))
		}
	}
	return wrong, right
}

// The orders in which the engine knows the day, the month and the year of a date.
const (
	dayFirst = iota
	monthFirst
	yearFirst
)

// orderOf returns the order in a format that the engine found out.
func orderOf(format string) int {
	switch {
	case strings.HasPrefix(format, "%d"):
		return dayFirst
	case strings.HasPrefix(format, "%m"):
		return monthFirst
	default:
		return yearFirst
	}
}

// dates says of the first three numbers of all dates whether they fit each of the orders, and whether any of them is another
// day if its first two numbers, or its first and its third, change places.
type dates struct {
	fit                 [3]bool
	otherDay, otherYear bool
}

const dateFacts = `coalesce(bool_and(p[1] BETWEEN 1 AND 31 AND p[2] <= 12), true), coalesce(bool_and(p[1] <= 12 AND p[2] <= 31), true),` +
	` coalesce(bool_and(p[2] <= 12 AND p[3] BETWEEN 1 AND 31), true), coalesce(bool_or(p[1] <> p[2]), false), coalesce(bool_or(p[1] <> p[3]), false)`

// ambiguousColumns returns the columns whose dates are not written as in SQL, if they may mean other days than the engine takes
// them for: it prefers the year first if that has two digits, then the day. All of these columns together say how they are
// meant.
func ambiguousColumns(ctx context.Context, conn duck.Connection, t Table, files []csvFile) (names []string, err error) {
	days := columnsLike(files, "DATE", func(f csvFile) bool { return unlikeSQL(f.DateFormat) })
	moments := columnsLike(files, "TIMESTAMP", func(f csvFile) bool { return unlikeSQL(f.TimestampFormat) })
	d, err := lookAtDates(ctx, conn, t, files, slices.Concat(days, moments))
	if err != nil {
		return nil, err
	}
	if d.ambiguous(files[0].DateFormat) { // that of the first is taken for all
		names = append(names, days...)
	}
	if d.ambiguous(files[0].TimestampFormat) {
		names = append(names, moments...)
	}
	return names, nil
}

// ambiguous reports whether the dates do not fit the format, or fit another order as well and are other days then.
func (d dates) ambiguous(format string) bool {
	return !d.fit[orderOf(format)] || d.fit[dayFirst] && (d.fit[monthFirst] && d.otherDay || d.fit[yearFirst] && d.otherYear)
}

// unlikeSQL reports whether dates of the format begin with another number than the year's four digits.
func unlikeSQL(format string) bool { return format != "" && !strings.HasPrefix(format, "%Y") }

func (f csvFile) hasText(column string) bool {
	return slices.Contains(f.Columns, struct{ Name, Type string }{column, "VARCHAR"})
}

// lookAtDates reads what the columns hold. That is cheap, for many rows have few different days.
func lookAtDates(ctx context.Context, conn duck.Connection, t Table, files []csvFile, all []string) (dates, error) {
	d := dates{fit: [3]bool{true, true, true}}
	for _, f := range files {
		names := slices.DeleteFunc(f.only(all), f.hasText) // what is text in one file is text in all
		if len(names) == 0 {
			continue
		}
		var columns []string
		for _, name := range names {
			columns = append(columns, quoteName(name))
		}
		facts, err := t.ask(ctx, conn, "SELECT unnest(["+dateFacts+"]::VARCHAR[]) FROM (SELECT list_transform(string_split_regex(v, '[^0-9]+'), lambda x: try_cast(x AS BIGINT)) AS p"+
			" FROM (SELECT DISTINCT left(trim(v), 10) AS v FROM (SELECT unnest(["+strings.Join(columns, ", ")+"]) AS v FROM "+f.call(t, names)+")))")
		if err != nil {
			return d, err
		}
		for order := range d.fit {
			d.fit[order] = d.fit[order] && facts[order] == "true"
		}
		d.otherDay, d.otherYear = d.otherDay || facts[3] == "true", d.otherYear || facts[4] == "true"
	}
	return d, nil
}
