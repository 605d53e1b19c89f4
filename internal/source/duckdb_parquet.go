package source

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"
)

// createParquetView makes the view of a table's Parquet files. Of files that differ in their columns the engine takes those of
// the first for all: it rounds what does not fit, and leaves out what the first does not have. Reading them by name, into columns
// that hold the values of all, takes memory for the footer of every file, so it is done only where they differ.
func createParquetView(ctx context.Context, conn duck.Connection, t Table, files []string) error {
	r, _ := readerOf(t.Files)
	alike, err := alikeParquet(ctx, conn, t, files)
	if err != nil {
		return err
	}
	if len(alike) < 2 {
		return t.view(ctx, conn, r.call(quoteTexts(files), ""))
	}
	if err := t.view(ctx, conn, r.call(quoteTexts(files), byName)); err != nil {
		return err
	}
	together, err := columnTypes(ctx, conn, t, quoteName(t.Name))
	for _, group := range alike {
		if err == nil {
			err = keepsValues(ctx, conn, t, group, together)
		}
	}
	return err
}

// A parquetGroup is Parquet files with the same columns.
type parquetGroup struct {
	Files []string
	Names []string // of columns, and of what is nested in them
	Wide  string   // a column with a DECIMAL of more than 38 digits, if there is one
}

// alikeParquet parts Parquet files by their columns and the types of these. It refuses a DECIMAL of more than 38 digits, which
// the engine reads as a DOUBLE: it rounds the values, or makes others of them altogether.
func alikeParquet(ctx context.Context, conn duck.Connection, t Table, files []string) ([]parquetGroup, error) {
	groups, err := t.ask(ctx, conn, "SELECT to_json({'files': list(file_name ORDER BY file_name), 'names': any_value(names), 'wide': any_value(wide)})::VARCHAR FROM"+
		" (SELECT file_name, list((name, duckdb_type, num_children, repetition_type = 'REPEATED') ORDER BY column_id)[2:] AS columns, list(DISTINCT name) AS names,"+
		" any_value(name) FILTER (WHERE duckdb_type = 'DOUBLE' AND type LIKE '%BYTE_ARRAY') AS wide"+
		" FROM parquet_schema("+quoteTexts(files)+") GROUP BY file_name) GROUP BY columns ORDER BY min(file_name)")
	if err != nil {
		return nil, err
	}
	alike := make([]parquetGroup, len(groups))
	for i, text := range groups {
		g := &alike[i]
		if err := json.Unmarshal([]byte(text), g); err != nil {
			return nil, fmt.Errorf("table %s: %w: it does not say which files are alike", t.Name, ErrEngine)
		}
		if g.Wide != "" {
			return nil, fmt.Errorf("table %s: %w: column %q of %s is a DECIMAL of more than 38 digits; write it as text, or with fewer", t.Name, ErrUnreadable, g.Wide, g.Files[0])
		}
	}
	return alike, nil
}

type columnType struct{ Name, Type string }

// columnTypes returns the columns of what FROM takes.
func columnTypes(ctx context.Context, conn duck.Connection, t Table, from string) ([]columnType, error) {
	texts, err := t.ask(ctx, conn, "SELECT to_json({'name': column_name, 'type': column_type})::VARCHAR FROM (DESCRIBE SELECT * FROM "+from+")")
	columns := make([]columnType, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &columns[i]); err != nil {
			return nil, fmt.Errorf("table %s: %w: it does not say what the columns are", t.Name, ErrEngine)
		}
	}
	return columns, err
}

// keepsValues refuses files that are alike if the types which the engine has found for all files of the table change one of
// their values: whole numbers beside a DOUBLE lose digits, and decimals beside others of 38 digits those behind the point. So it
// does with a name that the engine has made, of one that another column has in other letters: in another file it may be of
// the other column.
func keepsValues(ctx context.Context, conn duck.Connection, t Table, group parquetGroup, together []columnType) error {
	r, _ := readerOf(t.Files)
	first := group.Files[0]
	own, err := columnTypes(ctx, conn, t, r.call(quoteText(first), ""))
	if err != nil {
		return err
	}
	for place, c := range own {
		i, made := group.among(together, place, c.Name)
		if made {
			return fmt.Errorf("table %s: %w: %s has two columns whose names are the same but for upper and lower case, and other files have other columns; give all names that differ, or make tables of files that are alike (of one the engine makes %q)",
				t.Name, ErrUnreadable, first, c.Name)
		}
		if i < 0 {
			continue
		}
		to := together[i].Type
		condition := c.changed(conn, to)
		if condition == "" {
			continue
		}
		changed, err := t.ask(ctx, conn, "SELECT 'yes' FROM "+r.call(quoteTexts(group.Files), "")+" WHERE "+condition+" LIMIT 1")
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			return fmt.Errorf("table %s: %w: column %q is %s in %s and others in other files, and no type holds the values of all: %s would change some; make tables of files of one type, and join them in the query with UNION ALL and the cast that you want",
				t.Name, ErrUnreadable, c.Name, c.Type, first, to)
		}
	}
	return nil
}

// among returns the place of a column of the files among those of all files, -1 if it is not there, and whether the engine has made
// its name of another column's. A column without a name it calls by its place, and finds in all files wherever it is.
func (g parquetGroup) among(all []columnType, place int, name string) (i int, made bool) {
	switch {
	case slices.Contains(g.Names, name) || strings.Contains(g.Files[0], "/"+name+"="):
	case slices.Contains(g.Names, "") && name == unnamed(place):
		for i, c := range all {
			if c.Name == unnamed(i) {
				return i, false
			}
		}
	default:
		made = true
	}
	return slices.IndexFunc(all, func(c columnType) bool { return strings.EqualFold(c.Name, name) }), made
}

func unnamed(place int) string { return fmt.Sprintf("C%d", place) }
