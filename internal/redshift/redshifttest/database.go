package redshifttest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A database is what transactions change: rows by table, and the ledger. It knows the statements that a load is made of
// and no others, and is strict about them.
type database struct {
	tables map[string]int64 // rows, by schema.table
	ledger map[string]entry // by load
	read   func(Copy) (int64, error)
	last   int64 // rows of the last COPY in the session
	locked bool
}

// An entry is what the ledger has of a load.
type entry struct {
	into string
	rows int64
}

var (
	qualified = `"[A-Za-z0-9_$]+"(?:\."[A-Za-z0-9_$]+")?`
	constant  = `'((?:[^']|'')*)'`
	isLoad    = ` WHERE load_id = ` + constant + ` OR \(load_id LIKE ` + constant + ` AND LOWER\(loaded_into\) = ` + constant + `\)`

	lock   = regexp.MustCompile(`^LOCK ` + qualified + `$`)
	look   = regexp.MustCompile(`^SELECT loaded_rows(, loaded_into)? FROM ` + qualified + isLoad + `$`)
	once   = regexp.MustCompile(`^SELECT 1 / CASE WHEN count\(\*\) = 0 THEN 1 ELSE 0 END FROM ` + qualified + isLoad + `$`)
	counts = regexp.MustCompile(`^SELECT pg_last_copy_count\(\)$`)
	same   = regexp.MustCompile(`^SELECT 1 / CASE WHEN pg_last_copy_count\(\) = ([0-9]+) THEN 1 ELSE 0 END$`)
	note   = regexp.MustCompile(`^INSERT INTO ` + qualified + ` \(load_id, loaded_into, loaded_rows, loaded_at\) VALUES \(` + constant + `, ` + constant + `, ([0-9]+), GETDATE\(\)\)$`)
)

var errDivision = errors.New("ERROR: division by zero")

// a result is the rows of a statement, each of numbers and texts.
type result [][]any

// run does one statement.
func (d *database) run(sql string) (result, error) {
	if strings.HasPrefix(sql, "COPY ") {
		return nil, d.copy(sql)
	}
	if m := once.FindStringSubmatch(sql); m != nil {
		if len(d.entered(m[1:])) > 0 {
			return nil, errDivision
		}
		return result{{int64(1)}}, nil
	}
	if m := look.FindStringSubmatch(sql); m != nil {
		return d.look(m[1] != "", m[2:]), nil
	}
	if m := same.FindStringSubmatch(sql); m != nil {
		if m[1] != strconv.FormatInt(d.last, 10) {
			return nil, errDivision
		}
		return result{{int64(1)}}, nil
	}
	if m := note.FindStringSubmatch(sql); m != nil {
		if !d.locked {
			return nil, errors.New("ERROR: 1023: Serializable isolation violation on table")
		}
		rows, err := strconv.ParseInt(m[3], 10, 64)
		d.ledger[m[1]] = entry{m[2], rows}
		return nil, err
	}
	switch {
	case lock.MatchString(sql):
		d.locked = true
		return nil, nil
	case counts.MatchString(sql):
		return result{{d.last}}, nil
	}
	return nil, fmt.Errorf("ERROR: syntax error at or near %.40q", sql)
}

// entered is what the ledger has of a load: by its id, by what the ids of its run's loads are like, and by its table.
func (d *database) entered(of []string) []entry {
	var found []entry
	for _, id := range slices.Sorted(maps.Keys(d.ledger)) {
		one := d.ledger[id]
		if id == of[0] || strings.HasPrefix(id, strings.TrimSuffix(of[1], "%")) && strings.ToLower(one.into) == of[2] {
			found = append(found, one)
		}
	}
	return found
}

// look returns the rows of what the ledger has of a load, and where they are if that is asked for too.
func (d *database) look(where bool, of []string) (rows result) {
	for _, found := range d.entered(of) {
		if where {
			rows = append(rows, []any{found.rows, found.into})
		} else {
			rows = append(rows, []any{found.rows})
		}
	}
	return rows
}

func (d *database) copy(sql string) error {
	c, err := ParseCopy(sql)
	if err != nil {
		return fmt.Errorf("ERROR: %w", err)
	}
	if d.last, err = d.read(c); err != nil {
		return err
	}
	d.tables[strings.Join(c.Table, ".")] += d.last
	return nil
}

// begin returns a copy for a transaction.
func (d *database) begin() *database {
	return &database{tables: maps.Clone(d.tables), ledger: maps.Clone(d.ledger), read: d.read}
}
