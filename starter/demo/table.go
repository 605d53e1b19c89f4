package demo

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the engine, as database/sql knows it
)

//go:embed customers.sql
var customersSQL string

// makeCustomers writes the demo's table and returns its rows and bytes.
func makeCustomers(ctx context.Context, path string) (rows, size int64, err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	result, err := db.ExecContext(ctx, strings.Replace(customersSQL, "$FILE", strings.ReplaceAll(path, "'", "''"), 1))
	if err != nil {
		return 0, 0, fmt.Errorf("make the customers: %w", err)
	}
	if rows, err = result.RowsAffected(); err != nil {
		return 0, 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	return rows, info.Size(), nil
}

// A reader is a query engine that reads what has arrived and what was to be sent. It is not the one that sent it: it
// knows nothing of Consign, only files and SQL.
type reader struct {
	conn *sql.Conn
	db   *sql.DB
}

func newReader(ctx context.Context) (*reader, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx) // temporary tables belong to a connection
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	r := &reader{conn, db}
	// Values without a zone stay as they are, and those with one are instants: no zone of this machine gets in.
	return r, r.exec(ctx, "SET threads = 2; SET preserve_insertion_order = false")
}

func (r *reader) close() error { return errors.Join(r.conn.Close(), r.db.Close()) }

func (r *reader) exec(ctx context.Context, statement string) error {
	_, err := r.conn.ExecContext(ctx, statement)
	return err
}

// A column is a column of what was to be sent.
type column struct{ name, kind string }

func (r *reader) describe(ctx context.Context, query string) (_ []column, err error) {
	rows, err := r.conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+query+")")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var columns []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, rows.Err()
}

// A verdict compares what has arrived with what was to be sent, in any order.
type verdict struct {
	rows, arrived   int64
	sum, arrivedSum string // of all values, the same whatever the order of the rows
	differ          int64  // rows that are here and not there, or the other way round
}

func (v verdict) same() bool { return v.rows == v.arrived && v.sum == v.arrivedSum && v.differ == 0 }

// compare reads both and compares them row by row and value by value.
func (r *reader) compare(ctx context.Context, expected, arrived string) (v verdict, err error) {
	for _, read := range [][2]string{{"expected", expected}, {"arrived", arrived}} {
		if err := r.exec(ctx, "CREATE OR REPLACE TEMP TABLE "+read[0]+" AS "+read[1]); err != nil {
			return v, fmt.Errorf("read the %s rows: %s", read[0], firstLine(err))
		}
	}
	if v.rows, v.sum, err = r.sum(ctx, "expected"); err != nil {
		return v, err
	}
	if v.arrived, v.arrivedSum, err = r.sum(ctx, "arrived"); err != nil {
		return v, err
	}
	err = r.conn.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM (FROM expected EXCEPT ALL FROM arrived))
		+ (SELECT count(*) FROM (FROM arrived EXCEPT ALL FROM expected))`).Scan(&v.differ)
	return v, err
}

func (r *reader) sum(ctx context.Context, table string) (rows int64, sum string, err error) {
	var total sql.NullString
	err = r.conn.QueryRowContext(ctx, "SELECT count(*), sum(hash(t))::VARCHAR FROM "+table+" t").Scan(&rows, &total)
	if err != nil {
		return 0, "", err
	}
	return rows, short(total.String), nil
}

// firstLine leaves out the statement that the engine repeats under its errors.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// short writes a sum of 64-bit hashes as 16 hexadecimal digits.
func short(decimal string) string {
	n, ok := new(big.Int).SetString(decimal, 10)
	if !ok {
		return strings.Repeat("0", 16) // of no rows
	}
	return fmt.Sprintf("%016x", n.And(n, new(big.Int).SetUint64(1<<64-1)))
}

// quoted returns an SQL text literal.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// named returns an SQL identifier.
func named(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
