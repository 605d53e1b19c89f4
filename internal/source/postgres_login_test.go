package source_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"consign/internal/secret"
	"consign/internal/source"
	"consign/internal/source/postgrestest"
)

func TestALoginThatFailsSaysWhereAndNotThePassword(t *testing.T) {
	t.Parallel()
	server, err := postgres()
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	psql(t, "DROP DATABASE IF EXISTS private")
	psql(t, "CREATE DATABASE private")
	psql(t, "DROP USER IF EXISTS stranger; REVOKE CONNECT ON DATABASE private FROM PUBLIC; CREATE USER stranger PASSWORD 'hunter2'; ALTER USER stranger SET session_preload_libraries = 'gone'")
	for name, c := range map[string]struct {
		dsn  string
		want error
		text string
	}{
		"wrong password":     {fmt.Sprintf("postgres://tester:hunter2@127.0.0.1:%d/postgres", server.Port), source.ErrLogin, "password authentication failed"},
		"no such user":       {fmt.Sprintf("postgres://nobody:hunter2@127.0.0.1:%d/postgres", server.Port), source.ErrLogin, "as nobody"},
		"no such database":   {strings.Replace(server.DSN(), "/postgres?", "/nowhere?", 1), source.ErrLogin, "nowhere"},
		"nobody listens":     {fmt.Sprintf("postgres://tester:hunter2@127.0.0.1:%d/postgres", closed), source.ErrUnreachable, "connection refused"},
		"no such host":       {"postgres://tester:hunter2@nowhere.invalid/postgres", source.ErrUnreachable, "nowhere.invalid"},
		"TLS is not spoken":  {strings.Replace(server.DSN(), "sslmode=disable", "sslmode=require", 1), source.ErrUnreachable, "TLS"},
		"not a URL":          {"postgres://tester:hunter2@[::1/postgres", source.ErrLogin, "the DSN is neither"},
		"@ in a password":    {fmt.Sprintf("postgres://tester:hunter2@hunter2@127.0.0.1:%d/postgres", server.Port), source.ErrLogin, "write @ as %40"},
		"/ in a password":    {fmt.Sprintf("postgresql://tester:12/hunter2@127.0.0.1:%d/postgres", server.Port), source.ErrLogin, "/ as %2F"},
		"/ before all of it": {fmt.Sprintf("postgres://tester:/hunter2@127.0.0.1:%d/postgres", server.Port), source.ErrLogin, "/ as %2F"},
		"no right to it":     {fmt.Sprintf("postgres://stranger:hunter2@127.0.0.1:%d/private", server.Port), source.ErrLogin, "permission denied for database"},
		"a server's fault":   {fmt.Sprintf("postgres://stranger:hunter2@127.0.0.1:%d/postgres", server.Port), source.ErrUnreadable, "as stranger"},
		"no such option":     {server.DSN() + "&schema=crm", source.ErrLogin, `unrecognized configuration parameter "schema"`},
		"an option of libpq": {server.DSN() + "&keepalives=1", source.ErrLogin, "leave it out of the DSN"},
		"a server's own":     {server.DSN() + "&ssl_min_protocol_version=TLSv1.2", source.ErrLogin, "leave it out of the DSN"},
		"an option's value":  {server.DSN() + "&work_mem=much", source.ErrLogin, `parameter "work_mem"`},
		"not a standby":      {server.DSN() + "&target_session_attrs=standby", source.ErrUnreachable, "target_session_attrs"},
		"wrong option":       {"host=127.0.0.1 password=hunter2 sslmode=never", source.ErrLogin, "the DSN is neither"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := source.Open(t.Context(), source.Options{Type: source.TypePostgres, DSN: secret.New(c.dsn)})
			require.ErrorIs(t, err, c.want)
			require.Contains(t, err.Error(), c.text)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), postgrestest.Password)
		})
	}
}

// TestALoginThatAPoolerRefusesIsRefused: PgBouncer has one SQLSTATE for all that it says itself.
func TestALoginThatAPoolerRefusesIsRefused(t *testing.T) {
	t.Parallel()
	for says, want := range map[string]error{
		"password authentication failed": source.ErrLogin, "SASL authentication failed": source.ErrLogin, "no such user: tester": source.ErrLogin, "no such database: crm": source.ErrLogin,
		`database "crm" does not exist`: source.ErrLogin, "permission denied for database \"crm\"": source.ErrLogin, "unsupported startup parameter: keepalives": source.ErrLogin,
		"no more connections allowed (max_client_conn)": source.ErrUnreachable, "server login has been failing, try again later (server_login_retry)": source.ErrUnreachable,
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				begin := pgproto3.NewBackend(c, c)
				_, _ = begin.ReceiveStartupMessage()
				begin.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "08P01", Message: says})
				_ = begin.Flush()
				_ = c.Close()
			}
		}()
		_, err = source.Open(t.Context(), source.Options{Type: source.TypePostgres, DSN: secret.New(fmt.Sprintf("postgres://tester:hunter2@%s/crm?sslmode=disable", listener.Addr()))})
		require.ErrorIs(t, err, want, says)
		require.ErrorContains(t, err, says)
	}
}

func TestAnAddressInADSNIsNoMisplacedPassword(t *testing.T) {
	t.Parallel()
	server, err := postgres()
	require.NoError(t, err)
	for _, dsn := range []string{
		server.DSN() + "&application_name=ops@example.com",
		server.SocketDSN() + " application_name=postgres://ops@example.com@x",
	} {
		s, err := source.Open(t.Context(), source.Options{Type: source.TypePostgres, DSN: secret.New(dsn)})
		require.NoError(t, err, dsn)
		require.NoError(t, s.Close())
	}
}

func TestPostgresByItsSocket(t *testing.T) {
	t.Parallel()
	server, err := postgres()
	require.NoError(t, err)
	s, err := source.Open(t.Context(), source.Options{Type: source.TypePostgres, DSN: secret.New(server.SocketDSN())})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"1"}}, texts(t, s, "SELECT 1"))
	require.NoError(t, s.Close())
	_, err = s.Describe(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, source.ErrClosed)
}
