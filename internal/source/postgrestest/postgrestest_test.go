package postgrestest

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAServerWhosePortWasTakenStartsOnAnother(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	s, err := Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	who, err := credential()
	require.NoError(t, err)
	s.quit()

	asked := 0
	require.NoError(t, s.listen(t.Context(), who, func(ctx context.Context) (int, error) {
		if asked++; asked == 1 {
			return taken.Addr().(*net.TCPAddr).Port, nil
		}
		return freePort(ctx)
	}))
	require.Equal(t, 2, asked)
	answer, err := s.SQL(t.Context(), "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, "1\n", answer)
}
