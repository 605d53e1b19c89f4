package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"modernc.org/sqlite/lib"
)

func open(t *testing.T, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	do(t, db, "CREATE TABLE runs (id INTEGER PRIMARY KEY, name TEXT, began TIMESTAMP)")
	do(t, db, "CREATE INDEX by_name ON runs (name)")
	return db
}

func do(t *testing.T, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatal(statement, err)
	}
}

func name(t *testing.T, db *sql.DB, id int) (name string) {
	t.Helper()
	if err := db.QueryRow("SELECT name FROM runs WHERE id = ?", id).Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

const insert = "INSERT INTO runs (id, name) VALUES (?, ?)"

func TestAStatementIsUsedAgain(t *testing.T) {
	db := open(t, "file:again?mode=memory")
	for id, want := range []string{"none", "first", "second"} {
		do(t, db, insert, id, want)
		if got := name(t, db, id); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	do(t, db, "DROP INDEX by_name") // by which statements are parsed anew
	do(t, db, insert, 3, "third")
	if got := name(t, db, 3); got != "third" {
		t.Errorf("%q after the schema has changed", got)
	}
}

// Within a transaction all goes through one connection, also what asks while rows are still being read.
func TestAStatementIsAskedAgainWhileItsRowsAreRead(t *testing.T) {
	db := open(t, "file:nested?mode=memory")
	do(t, db, insert, 1, "first")
	do(t, db, insert, 2, "second")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	const all = "SELECT id FROM runs WHERE id > ? ORDER BY id"
	outer, err := tx.Query(all, 0)
	if err != nil {
		t.Fatal(err)
	}
	var seen []int
	for outer.Next() {
		inner, err := tx.Query(all, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []*sql.Rows{inner, outer} {
			var id int
			if rows == inner && !rows.Next() {
				t.Fatal("no rows")
			}
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, id)
		}
		if err := inner.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(outer.Err(), outer.Close()); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 4 || seen[0] != 2 || seen[1] != 1 || seen[2] != 2 || seen[3] != 2 {
		t.Error("both were read as one:", seen)
	}
}

func TestADuplicateIsKnown(t *testing.T) {
	db := open(t, "file:duplicate?mode=memory")
	do(t, db, insert, 1, "first")
	for range 2 { // the statement is as good as before
		_, err := db.Exec(insert, 1, "again")
		var known *Error
		if !errors.As(err, &known) || known.Code() != lib.SQLITE_CONSTRAINT_PRIMARYKEY {
			t.Fatal(err)
		}
	}
	do(t, db, insert, 2, "second")
	if got := name(t, db, 1) + name(t, db, 2); got != "firstsecond" {
		t.Error(got)
	}
}

func TestParametersOfTheNameAreHeeded(t *testing.T) {
	db := open(t, "file:pragma?mode=memory&_pragma=foreign_keys%3D1&_pragma=cache_size%3D77")
	for pragma, want := range map[string]int{"foreign_keys": 1, "cache_size": 77} {
		var got int
		if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Error(pragma, got, err)
		}
	}
	wrong, err := sql.Open("sqlite", "file:wrong?mode=memory&_pragma=no%20pragma")
	if err == nil {
		err = errors.Join(wrong.Ping(), wrong.Close())
	}
	if err == nil {
		t.Error("a wrong pragma is not said")
	}
}

// The connection stays, without which there is no database.
func TestWhatIsRolledBackIsAsBefore(t *testing.T) {
	db := open(t, "file:rollback?mode=memory")
	do(t, db, insert, 1, "first")
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	const update = "UPDATE runs SET name = ? WHERE id = ?"
	if _, err := tx.ExecContext(ctx, update, "other", 1); err != nil {
		t.Fatal(err)
	}
	cancel() // by which database/sql rolls back
	if _, err := tx.ExecContext(ctx, update, "late", 1); err == nil {
		t.Error("a transaction outlives its context")
	}
	if got := name(t, db, 1); got != "first" {
		t.Error(got)
	}
	do(t, db, update, "second", 1)
	if got := name(t, db, 1); got != "second" {
		t.Error(got)
	}
}

// Databases of one name in memory are one, as long as somebody has them open.
func TestMemoryIsShared(t *testing.T) {
	const shared = "file:shared?mode=memory&cache=shared"
	db := open(t, shared)
	do(t, db, insert, 1, "first")
	other, err := sql.Open("sqlite", shared)
	if err != nil {
		t.Fatal(err)
	}
	if got := name(t, other, 1); got != "first" {
		t.Error(got)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if got := name(t, db, 1); got != "first" {
		t.Error(got)
	}
}

func TestTextIsSearched(t *testing.T) {
	db := open(t, "file:search?mode=memory")
	do(t, db, `CREATE VIRTUAL TABLE words USING fts5 (name, tokenize="unicode61 remove_diacritics 2")`)
	do(t, db, "INSERT INTO words (name) VALUES (?)", "customers to lake")
	var found int
	if err := db.QueryRow("SELECT count(*) FROM words WHERE words MATCH ?", "lake").Scan(&found); err != nil || found != 1 {
		t.Error(found, err)
	}
}
