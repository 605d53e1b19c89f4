package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	duck "github.com/duckdb/duckdb-go-bindings"

	"consign/internal/table"
)

// Describe implements Source.
func (e *engine) Describe(ctx context.Context, sql string) (table.Schema, error) {
	q, err := e.prepare(ctx, sql, e.connect)
	if err != nil {
		return nil, err
	}
	return q.schema, q.free()
}

// Query implements Source.
func (e *engine) Query(ctx context.Context, sql string) (Rows, error) {
	q, err := e.prepare(ctx, sql, e.connectToStream)
	if err != nil {
		return nil, err
	}
	rows := &duckRows{query: q}
	rows.holders.Store(1)
	if err := rows.start(ctx); err != nil {
		_ = rows.Close()
		return nil, err
	}
	return rows, nil
}

// query is a prepared statement on a connection of its own, so that stopping it stops nothing else.
type query struct {
	engine    *engine
	conn      duck.Connection
	statement duck.PreparedStatement
	sql       string
	schema    table.Schema
	readers   []reader
}

func (e *engine) prepare(ctx context.Context, sql string, connect func() (duck.Connection, error)) (*query, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := e.retain(); err != nil {
		return nil, err
	}
	conn, err := connect()
	if err != nil {
		e.spoil()
		return nil, errors.Join(err, e.release())
	}
	q := &query{engine: e, conn: conn, sql: sql}
	err = q.compile(ctx)
	if err != nil || lasting.MatchString(sql) {
		e.spoil()
	}
	if err != nil {
		return nil, errors.Join(err, q.free())
	}
	return q, nil
}

// lasting finds, in a SELECT, what outlasts it: the seed of random(), and the tables of the connection's own into which read_csv
// puts rejected rows (store_rejects).
var lasting = regexp.MustCompile(`(?i)setseed|reject`)

// free gives everything back. The statement must go before its connection.
func (q *query) free() error {
	duck.DestroyPrepare(&q.statement)
	q.engine.disconnect(q.conn)
	return q.engine.release()
}

// interruptible does work on a connection that ends early when the context does. It returns only when no interrupt can
// come any more, so that the connection may be freed.
func interruptible(ctx context.Context, conn duck.Connection, work func()) {
	sent := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		duck.Interrupt(conn)
		close(sent)
	})
	work()
	if !stop() {
		<-sent
	}
}

// compile parses and binds the SQL, and finds the columns of its result.
func (q *query) compile(ctx context.Context) error {
	if strings.Contains(q.sql, "\x00") {
		return fmt.Errorf("%w: there is a NUL character in it", ErrQuery)
	}
	var text string
	var err error
	interruptible(ctx, q.conn, func() { text, err = q.compileSelect(ctx) })
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case text != "":
		return sqlError(q.sql, text)
	}
	return q.columns()
}

// compileSelect makes the prepared statement, if the SQL is one SELECT (or WITH, FROM, VALUES: what the engine calls a
// select statement). It returns the engine's error, or ours.
func (q *query) compileSelect(ctx context.Context) (string, error) {
	var statements duck.ExtractedStatements
	count := duck.ExtractStatements(q.conn, q.sql, &statements)
	defer duck.DestroyExtracted(&statements)
	if text := duck.ExtractStatementsError(statements); count == 0 && text != "" {
		return text, nil
	}
	switch count {
	case 0:
		return "", fmt.Errorf("%w: there is no statement in it", ErrQuery)
	case 1:
	default:
		return "", fmt.Errorf("%w: it has %d statements (a PIVOT without IN counts as several); write one SELECT", ErrQuery, count)
	}
	if err := q.checkFunctions(ctx); err != nil {
		return "", err
	}
	if duck.PrepareExtractedStatement(q.conn, statements, 0, &q.statement) != duck.StateSuccess {
		return duck.PrepareError(q.statement), nil
	}
	if duck.PreparedStatementType(q.statement) != duck.StatementTypeSelect {
		return "", errNoSelect()
	}
	if duck.NParams(q.statement) > 0 {
		return "", fmt.Errorf("%w: it has parameters, and there is nothing to put there", ErrQuery)
	}
	return "", nil
}

func (q *query) columns() error {
	for i := range duck.PreparedStatementColumnCount(q.statement) {
		name := duck.PreparedStatementColumnName(q.statement, i)
		t := duck.PreparedStatementColumnLogicalType(q.statement, i)
		ours, err := typeOf(name, t)
		if err != nil {
			duck.DestroyLogicalType(&t)
			return err
		}
		q.schema = append(q.schema, table.Column{Name: name, Type: ours})
		q.readers = append(q.readers, newReader(t))
		duck.DestroyLogicalType(&t)
	}
	return nil
}
