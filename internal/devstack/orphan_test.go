package devstack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/devstack"
)

// parentVariable turns the test binary into a program that starts the servers and then waits to be killed.
const parentVariable = "DEVSTACK_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := devstack.Start(context.Background(), devstack.Options{Temporal: true, S3: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"temporal": s.Temporal.Address, "s3": s.S3.Endpoint, "dir": s.S3.Dir}); err != nil {
		os.Exit(1)
	}
	select {}
}

func TestServersEndWithAParentThatIsKilled(t *testing.T) {
	t.Parallel()
	build(t, "temporal", "minio")
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), parentVariable+"=1")
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var servers map[string]string
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &servers))
	endpoint, err := url.Parse(servers["s3"])
	require.NoError(t, err)
	require.True(t, listens(t, servers["temporal"]))
	require.True(t, listens(t, endpoint.Host))
	require.DirExists(t, servers["dir"])

	require.NoError(t, parent.Process.Kill()) // SIGKILL: nothing of ours gets to run
	require.Error(t, parent.Wait())
	require.Eventually(t, func() bool {
		_, err := os.Stat(servers["dir"])
		return !listens(t, servers["temporal"]) && !listens(t, endpoint.Host) && os.IsNotExist(err)
	}, 10*time.Second, 20*time.Millisecond)
}

func listens(t *testing.T, address string) bool {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return false
	}
	require.NoError(t, conn.Close())
	return true
}
