package source

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// A state is what a SQLSTATE means. Only where words is set may the server's own words be repeated: the others quote
// values of the data ("invalid input syntax for type integer: …").
type state struct {
	cause error
	words bool
}

// states are known by their five characters, or by their class of two.
var states = map[string]state{
	"08":    {ErrUnreachable, true}, // connection exception
	"0A":    {ErrQuery, true},       // feature not supported
	"21":    {ErrData, false},       // cardinality violation
	"22":    {ErrData, false},       // data exception
	"23":    {ErrData, false},       // constraint violation
	"25":    {ErrQuery, true},       // a change in a read-only transaction
	"25P04": {ErrTimeout, true},     // the server's transaction_timeout
	"28":    {ErrLogin, true},       // invalid authorization
	"2F":    {ErrData, false},       // error in an SQL function
	"38":    {ErrData, false},       // error in another function
	"39":    {ErrData, false},       // likewise
	"3D":    {ErrLogin, true},       // no such database
	"3F":    {ErrQuery, true},       // no such schema
	"40":    {ErrUnreachable, true}, // a standby gave the query up; it may pass next time
	"42":    {ErrQuery, true},       // syntax error, or no such thing, or no right to it
	"53":    {ErrUnreachable, true}, // too many connections, disk full, out of memory: the server's
	"53400": {ErrQuery, true},       // more temporary files than temp_file_limit: it will not be less next time
	"54":    {ErrQuery, true},       // too complex
	"55":    {ErrUnreachable, true}, // object in use
	"55000": {ErrQuery, true},       // not in the state for it: a materialized view without rows, a standby
	"57":    {ErrUnreachable, true}, // shutting down, starting up
	"57014": {ErrTimeout, false},    // canceled; not by us, so by statement_timeout, or by somebody else
	"58":    {ErrUnreadable, false}, // the server's system failed it
	"P0":    {ErrData, false},       // raised by a function; its text is anything
	"XX001": {ErrUnreadable, false}, // data corrupted
	"XX002": {ErrUnreadable, false}, // index corrupted
}

// serverError turns a failure of a query into an error of this package. sql is given where the server's position
// counts in it.
func serverError(ctx context.Context, sql string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failure *pgconn.PgError
	if !errors.As(err, &failure) {
		return fmt.Errorf("%w: the connection was lost", ErrUnreachable)
	}
	known, ok := stateOf(failure.Code)
	switch {
	case !ok:
		return fmt.Errorf("%w: SQLSTATE %s", ErrEngine, failure.Code)
	case known.words:
		return fmt.Errorf("%w: %s (SQLSTATE %s)%s", known.cause, discreet(sql, failure.Message), failure.Code, place(sql, byteOffset(sql, failure.Position)))
	case errors.Is(known.cause, ErrData):
		return fmt.Errorf("%w: SQLSTATE %s; %s", known.cause, failure.Code, valueHint)
	default:
		return fmt.Errorf("%w (SQLSTATE %s)", known.cause, failure.Code)
	}
}

func stateOf(code string) (state, bool) {
	known, ok := states[code]
	if !ok && len(code) == 5 {
		known, ok = states[code[:2]]
	}
	return known, ok
}

// copyError is serverError for what happens while the query of sql runs: what a function is given, and raises, may be a
// value, whatever the state ("role … does not exist", "syntax error in tsquery: …").
func copyError(ctx context.Context, sql string, err error) error {
	var failure *pgconn.PgError
	if ctx.Err() != nil || !errors.As(err, &failure) || discreetly(sql, failure) {
		return serverError(ctx, "", err)
	}
	known, ok := stateOf(failure.Code)
	switch {
	case !ok:
		return fmt.Errorf("%w: SQLSTATE %s", ErrEngine, failure.Code)
	case errors.Is(known.cause, ErrQuery) && !strings.HasPrefix(failure.Code, "25"), errors.Is(known.cause, ErrData): // a change is no value
		return fmt.Errorf("%w: SQLSTATE %s; %s", ErrData, failure.Code, valueHint)
	default:
		return fmt.Errorf("%w (SQLSTATE %s)", known.cause, failure.Code)
	}
}

var (
	readOnly = regexp.MustCompile(`^cannot execute ([A-Z ]+|[a-z_]+\(\)) in a read-only transaction$`)
	unready  = regexp.MustCompile(`^(materialized view ".*" has not been populated|recovery is in progress)$`)
	denied   = regexp.MustCompile(`^permission denied for [a-z ]* ?(\S+)$`)
)

// discreetly reports whether what the server says of a query that runs cannot be about a value.
func discreetly(sql string, failure *pgconn.PgError) bool {
	switch failure.Code[:min(2, len(failure.Code))] {
	case "25":
		return readOnly.MatchString(failure.Message) || failure.Message == "terminating connection due to transaction timeout"
	case "40", "53", "57": // of the server, unless a function has raised it
		return failure.Where == ""
	case "55":
		return failure.Where == "" && unready.MatchString(failure.Message)
	case "42": // found out when the query begins: of what stands in it
		name := denied.FindStringSubmatch(failure.Message)
		return name != nil && strings.Contains(sql, name[1])
	default:
		return false
	}
}

// byteOffset turns the server's position, characters from 1, into bytes from 0; "" if there is none.
func byteOffset(sql string, position int32) string {
	if sql == "" || position < 1 {
		return ""
	}
	offset := 0
	for range position - 1 {
		_, size := utf8.DecodeRuneInString(sql[offset:])
		offset += size
	}
	return strconv.Itoa(offset)
}

// connectError turns a failure to connect into an error of this package. It names host and database, and never
// repeats the DSN.
func (s *server) connectError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	where := fmt.Sprintf("connect to %s port %d, database %s, as %s", s.config.Host, s.config.Port, s.config.Database, s.config.User)
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return fmt.Errorf("%s: %w", where, loginError(ctx, failure))
	}
	var network interface {
		error
		Timeout() bool
	}
	if errors.As(err, &network) {
		return fmt.Errorf("%s: %w: %w", where, ErrUnreachable, network)
	}
	return fmt.Errorf("%s: %w: the server does not speak as the DSN says (TLS, or a way to authenticate), or is not of the kind that its target_session_attrs wants", where, ErrUnreachable)
}

// pooler is the SQLSTATE (protocol violation) of all that PgBouncer says itself: that it is full, say, or that it refuses the
// login. Before version 1.20 it is that of what a server says to PgBouncer's own login, too.
const pooler = "08P01"

var poolersLogin = regexp.MustCompile(`^(auth failed|(password|SASL) authentication failed|no such (user|database)\b|database ".*" does not exist|permission denied for database)`)

// noSetting reports whether a server, or a pooler in front of it, refuses an option of the DSN. pgx hands those that it does
// not know on as settings of the server. Some of libpq's options are among them: to the server most are unknown, and one is a
// setting that a login cannot change.
func noSetting(failure *pgconn.PgError) bool {
	const unknown, fixed = "42704", "55P02"
	return failure.Code == unknown || failure.Code == fixed || failure.Code == pooler && strings.HasPrefix(failure.Message, "unsupported startup parameter")
}

// loginError is serverError for what the server says before there is a query. Then the DSN or the user's rights are at fault,
// unless the server is not ready, or fails itself.
func loginError(ctx context.Context, failure *pgconn.PgError) error {
	switch class, ok := states[failure.Code[:min(2, len(failure.Code))]]; {
	case noSetting(failure):
		return fmt.Errorf("%w: %s (SQLSTATE %s); leave it out of the DSN, or correct its name: what is no option of the login is taken for a setting of the server's", ErrLogin, failure.Message, failure.Code)
	case failure.Code == pooler && poolersLogin.MatchString(failure.Message):
		return fmt.Errorf("%w: %s (SQLSTATE %s)", ErrLogin, failure.Message, failure.Code)
	case !ok, errors.Is(class.cause, ErrUnreadable):
		return serverError(ctx, "", failure)
	case errors.Is(class.cause, ErrUnreachable):
		return fmt.Errorf("%w: %s (SQLSTATE %s)", ErrUnreachable, failure.Message, failure.Code)
	default:
		return fmt.Errorf("%w: %s (SQLSTATE %s)", ErrLogin, failure.Message, failure.Code)
	}
}
