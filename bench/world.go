package main

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // makes the table and compares what was delivered
	"go.temporal.io/sdk/client"

	"consign/internal/devstack"
	"consign/internal/source/postgrestest"
)

//go:embed customers.sql
var customersSQL string

// A world is what all jobs share: the servers, the table, the programs, the recipient's keys.
type world struct {
	o        options
	dir      string
	bin      string
	table    string // the Parquet file
	small    string // likewise, of a small send
	gpgHome  string
	s5cmd    string
	stack    *devstack.Stack
	postgres *postgrestest.Server // nil if no job reads from it
	temporal client.Client
	versions string // of the programs
	closers  []func() error
}

const (
	bucket    = "acme"
	recipient = "acme@example.com"
)

func (w *world) say(format string, args ...any) { _, _ = fmt.Fprintf(w.o.out, format, args...) }

func (w *world) later(f func() error) { w.closers = append(w.closers, f) }

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// close ends everything, the last first.
func (w *world) close() error {
	var errs []error
	for _, f := range slices.Backward(w.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open installs what is missing, builds, starts the servers and makes the data.
func open(ctx context.Context, o options, jobs []job) (_ *world, err error) {
	dir, err := os.MkdirTemp("", "consign-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{o: o, dir: dir, bin: filepath.Join(dir, "bin")}
	w.later(func() error { return os.RemoveAll(dir) })
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for _, step := range []func(context.Context) error{w.install, w.build, w.askVersions, w.keys, w.servers, w.data} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(jobs, func(j job) bool { return j.source == "warehouse" }) {
		return w, w.warehouse(ctx)
	}
	return w, nil
}

func (w *world) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", w.bin+string(filepath.Separator), "consign/worker", "consign/bench/duckcopy")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
}

// keys makes the recipient's keys. The folder's path is short: that of the socket of gpg's agent is limited.
func (w *world) keys(ctx context.Context) (err error) {
	if w.gpgHome, err = os.MkdirTemp("", "gpg"); err != nil {
		return err
	}
	w.later(func() error {
		_ = exec.CommandContext(context.WithoutCancel(ctx), "gpgconf", "--homedir", w.gpgHome, "--kill", "all").Run() // it may have ended
		return os.RemoveAll(w.gpgHome)
	})
	for _, args := range [][]string{
		{"--quick-generate-key", recipient, "default", "default", "1y"},
		{"--output", w.path("acme.asc"), "--armor", "--export", recipient},
	} {
		args = append([]string{"--homedir", w.gpgHome, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)
		if out, err := exec.CommandContext(ctx, "gpg", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("gpg: %w: %s", err, bytes.TrimSpace(out))
		}
	}
	return nil
}

func (w *world) servers(ctx context.Context) (err error) {
	w.stack, err = devstack.Start(ctx, devstack.Options{Temporal: true, S3: true, Log: os.Stderr})
	if err != nil {
		return err
	}
	w.later(w.stack.Stop)
	if w.temporal, err = w.stack.Temporal.Client(ctx); err != nil {
		return err
	}
	w.later(func() error { w.temporal.Close(); return nil })
	return w.stack.S3.MakeBucket(ctx, bucket)
}

// data makes the tables, or finds those that an earlier run has made.
func (w *world) data(ctx context.Context) (err error) {
	if w.table, err = w.makeTable(ctx, w.o.rows); err != nil {
		return err
	}
	w.small, err = w.makeTable(ctx, min(smallRows, w.o.rows))
	return err
}

// makeTable returns the Parquet file of a table of so many rows.
func (w *world) makeTable(ctx context.Context, rows int) (string, error) {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(customersSQL))
	folder := filepath.Join(w.o.folder, "data")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	path, err := filepath.Abs(filepath.Join(folder, fmt.Sprintf("customers-%d-%s.parquet", rows, hex.EncodeToString(sum.Sum(nil)))))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	w.say("makes a table of %d rows\n", rows)
	statement := strings.NewReplacer("$ROWS", strconv.Itoa(rows), "$FILE", path+".part").Replace(customersSQL)
	if err := inDuckDB(ctx, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, statement)
		return err
	}); err != nil {
		return "", fmt.Errorf("make the table: %w", err)
	}
	return path, os.Rename(path+".part", path)
}

// tableOf is the table that a job reads: a small send's is small.
func (w *world) tableOf(j job) string {
	if j.many {
		return w.small
	}
	return w.table
}

func inDuckDB(ctx context.Context, do func(*sql.DB) error) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "SET TimeZone = 'UTC'"); err != nil {
		return err
	}
	return do(db)
}

// warehouse starts a PostgreSQL that holds the same table.
func (w *world) warehouse(ctx context.Context) (err error) {
	w.say("loads the table into PostgreSQL\n")
	if w.postgres, err = postgrestest.Start(ctx); err != nil {
		return err
	}
	w.later(func() error { w.postgres.Stop(); return nil })
	load := w.path("load.csv")
	var columns []string
	if err := inDuckDB(ctx, func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, fmt.Sprintf("COPY (FROM '%s') TO '%s' (FORMAT csv, HEADER false)", w.table, load)); err != nil {
			return err
		}
		columns, err = columnsOf(ctx, db, w.table)
		return err
	}); err != nil {
		return fmt.Errorf("unload the table: %w", err)
	}
	definition := strings.ReplaceAll(strings.Join(columns, ", "), " DOUBLE", " DOUBLE PRECISION")
	_, err = w.postgres.SQL(ctx, "CREATE UNLOGGED TABLE customers ("+definition+");\n\\copy customers FROM '"+load+"' (FORMAT csv)\nVACUUM (FREEZE, ANALYZE) customers; CHECKPOINT;")
	return errors.Join(err, os.Remove(load))
}

// columnsOf returns a Parquet file's columns as a definition of a table has them.
func columnsOf(ctx context.Context, db *sql.DB, path string) (_ []string, err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT column_name, column_type FROM (DESCRIBE FROM '%s')", path))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var columns []string
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, err
		}
		columns = append(columns, name+" "+kind)
	}
	return columns, rows.Err()
}
