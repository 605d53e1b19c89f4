// Package sqlite stands in for modernc.org/sqlite below Temporal's SQLite plugin, which finds its driver by that import path
// and gives no choice: SQLite itself in place of its translation into Go, and each statement parsed once. The plugin's driver
// parses it anew whenever it is run, some sixty times for a small delivery. Together that was a quarter of what the
// development server did (docs/SCALE.md, "Many small sends").
//
// It has what the plugin uses for this server, and no more: it does not know "table exists", by which others make a schema twice.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"strings"

	"github.com/mattn/go-sqlite3"
)

func init() { sql.Register("sqlite", &Driver{}) }

// Driver is the driver that Temporal's plugin opens.
type Driver struct{ base sqlite3.SQLiteDriver }

// An Error is SQLite's, as Temporal's plugin looks at it.
type Error struct {
	err  error
	code int
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Code is SQLite's extended result code.
func (e *Error) Code() int { return e.code }

func known(err error) error {
	var theirs sqlite3.Error
	if errors.As(err, &theirs) {
		return &Error{err: err, code: int(theirs.ExtendedCode)}
	}
	return err
}

// Open opens a connection to a URI of SQLite's (https://www.sqlite.org/uri.html). Each of its parameters _pragma, as
// synchronous=normal, is set on it.
func (d *Driver) Open(name string) (driver.Conn, error) {
	opened, err := d.base.Open(name)
	if err != nil {
		return nil, known(err)
	}
	c := &conn{SQLiteConn: opened.(*sqlite3.SQLiteConn), kept: map[string]*statement{}}
	_, after, _ := strings.Cut(name, "?")
	parameters, err := url.ParseQuery(after)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	for _, p := range parameters["_pragma"] {
		if _, err := c.SQLiteConn.ExecContext(context.Background(), "PRAGMA "+p, nil); err != nil {
			return nil, errors.Join(known(err), c.Close())
		}
	}
	return c, nil
}

// A conn keeps the statements that it has parsed, by their text. database/sql uses it from one goroutine at a time.
type conn struct {
	*sqlite3.SQLiteConn
	kept map[string]*statement
}

type statement struct {
	*sqlite3.SQLiteStmt
	busy bool // its rows are being read
}

// mostKept is how many statements are kept. Temporal's own are some two hundred; those of lists, which somebody has asked
// for in his own words, have no end.
const mostKept = 500

// take returns a statement of this text for the caller alone. Nil is none: it is not kept, or somebody is using it.
func (c *conn) take(text string, args int) (*statement, error) {
	s := c.kept[text]
	if s == nil {
		if args == 0 || len(c.kept) >= mostKept { // without arguments it may be several, which only Exec can run
			return nil, nil
		}
		prepared, err := c.Prepare(text)
		if err != nil {
			return nil, known(err)
		}
		s = &statement{SQLiteStmt: prepared.(*sqlite3.SQLiteStmt)}
		c.kept[text] = s
	}
	if s.busy {
		return nil, nil
	}
	s.busy = true
	return s, nil
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	ctx = unbounded(ctx)
	s, err := c.take(text, len(args))
	if err != nil {
		return nil, err
	}
	if s == nil {
		result, err := c.SQLiteConn.ExecContext(ctx, text, args)
		return result, known(err)
	}
	defer func() { s.busy = false }()
	result, err := s.SQLiteStmt.ExecContext(ctx, args)
	return result, known(err)
}

// QueryContext asks for rows, which are to be closed.
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	ctx = unbounded(ctx)
	s, err := c.take(text, len(args))
	if err != nil {
		return nil, err
	}
	if s == nil {
		found, err := c.SQLiteConn.QueryContext(ctx, text, args)
		return found, known(err)
	}
	found, err := s.SQLiteStmt.QueryContext(ctx, args)
	if err != nil {
		s.busy = false
		return nil, known(err)
	}
	return &rows{SQLiteRows: found.(*sqlite3.SQLiteRows), of: s}, nil
}

// BeginTx begins a transaction. Its context is database/sql's to watch over.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.SQLiteConn.BeginTx(unbounded(ctx), o)
	return tx, known(err)
}

// unbounded is for statements of microseconds: to watch over the end of a context takes the driver a goroutine for each.
func unbounded(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// ResetSession and IsValid are why database/sql keeps a connection whose transaction's context has ended: with the last
// connection a database in memory is gone.
func (c *conn) ResetSession(context.Context) error { return nil }

// IsValid says that the connection can be used again.
func (c *conn) IsValid() bool { return true }

// Close closes the connection, and what it has kept.
func (c *conn) Close() error {
	var errs error
	for _, s := range c.kept {
		errs = errors.Join(errs, s.Close())
	}
	return errors.Join(errs, c.SQLiteConn.Close())
}

type rows struct {
	*sqlite3.SQLiteRows
	of *statement
}

// Close leaves the statement to the next who asks.
func (r *rows) Close() error {
	r.of.busy = false
	return known(r.SQLiteRows.Close())
}
