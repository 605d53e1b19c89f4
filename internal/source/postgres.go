package source

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"consign/internal/table"
)

const (
	// connectTimeout is used if the DSN has no connect_timeout.
	connectTimeout = 15 * time.Second
	// cancelTimeout is how long a server may take to stop a query before its connection is cut.
	cancelTimeout = 3 * time.Second
)

// server is a PostgreSQL server. Each query has a connection and a read-only snapshot of its own.
type server struct {
	config  *pgconn.Config
	timeout time.Duration

	mu     sync.Mutex
	closed bool
}

func openPostgres(ctx context.Context, o Options) (Source, error) {
	if misplaced(o.DSN.Reveal()) {
		return nil, fmt.Errorf("%w: the DSN is a URL with an @ too many: in a password, write @ as %%40, / as %%2F and %% as %%25", ErrLogin)
	}
	config, err := pgconn.ParseConfig(o.DSN.Reveal())
	if err != nil { // its text may repeat the DSN
		return nil, fmt.Errorf("%w: the DSN is neither a postgres:// URL nor key=value text, or an option of it is wrong", ErrLogin)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelTimeout}
	}
	s := &server{config: config, timeout: o.StatementTimeout}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	hangUp(ctx, conn)
	return s, nil
}

// misplaced reports whether a password in a URL holds an @ or a / as it is: a part of it then stands where host, port or
// database do, and those are shown in errors.
func misplaced(dsn string) bool {
	scheme, rest, _ := strings.Cut(dsn, "://")
	if at := strings.IndexAny(rest, "@/"); at >= 0 && rest[at] == '@' {
		rest = rest[at+1:]
	}
	rest, _, _ = strings.Cut(rest, "?") // an option may be an address
	return (scheme == "postgres" || scheme == "postgresql") && strings.Contains(rest, "@")
}

// connect opens a connection with a read-only transaction that sees one state of the database, however long it takes.
func (s *server) connect(ctx context.Context) (*pgconn.PgConn, error) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	conn, err := pgconn.ConnectConfig(ctx, s.config)
	if err != nil {
		return nil, s.connectError(ctx, err)
	}
	// The settings are the transaction's own, which poolers between us and the server allow. They make casts to text
	// inside the query mean the same on every server.
	begin := fmt.Sprintf(`BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = %d; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL IntervalStyle = 'postgres';
SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL client_encoding = 'UTF8'`, s.timeout.Milliseconds())
	if err := conn.Exec(ctx, begin).Close(); err != nil {
		hangUp(ctx, conn)
		return nil, serverError(ctx, "", err)
	}
	return conn, nil
}

// hangUp ends a connection; the server rolls back.
func hangUp(ctx context.Context, conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer cancel()
	_ = conn.Close(ctx)
}

// Describe implements Source.
func (s *server) Describe(ctx context.Context, sql string) (table.Schema, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(ctx, conn)
	columns, err := describe(ctx, conn, sql)
	return schemaOf(columns), err
}

// Query implements Source.
func (s *server) Query(ctx context.Context, sql string) (Rows, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	columns, err := describe(ctx, conn, sql)
	if err != nil {
		hangUp(ctx, conn)
		return nil, err
	}
	return startCopy(ctx, conn, trimStatement(sql), columns), nil
}

// Close implements Source.
func (s *server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// describe has the server parse and plan the query, which must be one SELECT that could also stand in a FROM.
func describe(ctx context.Context, conn *pgconn.PgConn, sql string) ([]pgColumn, error) {
	if strings.Contains(sql, "\x00") {
		return nil, fmt.Errorf("%w: there is a NUL character in it", ErrQuery)
	}
	statement, err := conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, serverError(ctx, sql, err)
	}
	if len(statement.ParamOIDs) > 0 {
		return nil, fmt.Errorf("%w: it has parameters, and there is nothing to put there", ErrQuery)
	}
	fields := statement.Fields
	if _, err := conn.Prepare(ctx, "", "SELECT * FROM (\n"+trimStatement(sql)+"\n) AS q", nil); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w (and with no semicolon or comment behind it)", errNoSelect())
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("%w: its result has no columns", ErrQuery)
	}
	return columnsOf(ctx, conn, fields)
}

// trimStatement removes the semicolon that may end a statement.
func trimStatement(sql string) string {
	return strings.TrimRight(sql, "; \t\r\n")
}
