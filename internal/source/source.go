// Package source runs a query where the customer data is, and streams its rows as columnar batches.
package source

import (
	"context"
	"math"
	"time"

	"consign/internal/problem"
	"consign/internal/secret"
	"consign/internal/table"
)

// The types of source.
const (
	TypeDuckDB   = "duckdb"   // files, or a database file, read by the embedded engine
	TypePostgres = "postgres" // a PostgreSQL server
)

// DefaultMemory is the engine's share of memory if Options.Memory is zero: the measured least that reads five million
// rows at full speed.
const DefaultMemory = 256 << 20

// leastMemory is what the engine needs to open a Parquet file of usual row groups at all.
const leastMemory = 32 << 20

// Options is one source, as the configuration names it, and what it may use of the machine.
type Options struct {
	Type     string      `json:"type"`
	Tables   []Table     `json:"tables,omitempty"`   // duckdb: files that are tables
	Database string      `json:"database,omitempty"` // duckdb: a database file, opened read-only
	DSN      secret.Text `json:"-"`                  // postgres: URL or key=value text

	Memory           int64         `json:"memory,omitempty"`     // duckdb: bytes; 0: DefaultMemory
	Threads          int           `json:"threads,omitempty"`    // duckdb: 0: as many as there are processors
	TempDir          string        `json:"temp_dir,omitempty"`   // duckdb: where sorts and joins spill; empty: nowhere
	TempBytes        int64         `json:"temp_bytes,omitempty"` // duckdb: most bytes to spill; 0: what the disk has
	StatementTimeout time.Duration `json:"statement_timeout,omitempty"`
}

// A Table is a name for a set of files.
type Table struct {
	Name  string `json:"name"`
	Files string `json:"files"` // a path or a glob; Parquet, CSV or NDJSON by its extension
}

// A Source is an open connection to data. It is safe for use by several goroutines.
type Source interface {
	// Describe returns the columns of a query's result without running it.
	Describe(ctx context.Context, sql string) (table.Schema, error)
	// Query starts a query.
	Query(ctx context.Context, sql string) (Rows, error)
	// Close frees the source. Rows and batches that are still out stay usable and free the rest when they go.
	Close() error
}

// Rows is the result of a query, read from front to back by one goroutine.
type Rows interface {
	Schema() table.Schema
	// Next returns the next batch, which the caller releases; io.EOF after the last one.
	Next(ctx context.Context) (*table.Batch, error)
	// Close stops the query if it is still running. Closing twice is safe, as is closing while Next runs.
	Close() error
}

// Open opens the source. For files, it looks for every table's files, and finds out their columns.
func Open(ctx context.Context, o Options) (Source, error) {
	if err := o.Validate().Err(); err != nil {
		return nil, err
	}
	if o.Type == TypePostgres {
		return openPostgres(ctx, o)
	}
	return openDuckDB(ctx, o)
}

// Validate returns what is wrong with the options.
func (o Options) Validate() problem.List {
	var list problem.List
	switch o.Type {
	case TypeDuckDB:
		o.validateDuckDB(&list)
	case TypePostgres:
		if o.DSN.IsZero() {
			list.AddHint("dsn", "dsn: {env: WAREHOUSE_DSN}", "a postgres source needs a DSN")
		}
		if len(o.Tables) > 0 {
			list.Add("tables", "belongs to a duckdb source; a postgres source has the tables of its server")
		}
		if o.Database != "" {
			list.Add("database", "belongs to a duckdb source; a postgres source names its database in the DSN")
		}
	case "":
		list.AddHint("type", "duckdb or postgres", "is missing")
	default:
		list.AddHint("type", "duckdb or postgres", "%q is not a type of source", o.Type)
	}
	o.validateTimeout(&list)
	return list
}

// maxStatementTimeout is the most milliseconds that PostgreSQL takes, which counts no shorter time.
const maxStatementTimeout = math.MaxInt32 * time.Millisecond

func (o Options) validateTimeout(list *problem.List) {
	switch t := o.StatementTimeout; {
	case t < 0:
		list.Add("statement_timeout", "must not be negative")
	case t > 0 && o.Type == TypeDuckDB:
		list.AddHint("statement_timeout", "leave it out", "belongs to a postgres source: nothing would stop a query over files")
	case t > maxStatementTimeout, t > 0 && t < time.Millisecond:
		list.AddHint("statement_timeout", "leave it out if there is to be none", "PostgreSQL takes 1ms to %s", maxStatementTimeout.Truncate(time.Hour))
	}
}

func (o Options) validateDuckDB(list *problem.List) {
	if !o.DSN.IsZero() {
		list.Add("dsn", "belongs to a postgres source")
	}
	switch {
	case len(o.Tables) == 0 && o.Database == "":
		list.AddHint("tables", `tables: [{name: customers, files: "customers/*.parquet"}], or database: customers.duckdb`, "a duckdb source needs tables or a database")
	case len(o.Tables) > 0 && o.Database != "":
		list.AddHint("database", "make two sources of them", "a source has either tables or a database, not both")
	}
	if o.Memory != 0 && o.Memory < leastMemory {
		list.Add("memory", "%d bytes is less than the %d that the engine needs", o.Memory, leastMemory)
	}
	if o.Threads < 0 {
		list.Add("threads", "must not be negative")
	}
	validateTables(o.Tables, list)
}
