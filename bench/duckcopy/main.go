// Command duckcopy is a peer of the benchmark: DuckDB's own COPY in a process of its own, as DuckDB's command line
// would run it, with the engine's defaults.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/signal"

	_ "github.com/duckdb/duckdb-go/v2" // the engine, as database/sql knows it
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: duckcopy STATEMENT")
		os.Exit(2)
	}
	if err := copyRows(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "duckcopy:", err)
		os.Exit(1)
	}
}

func copyRows(ctx context.Context, statement string) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, statement)
	return err
}
