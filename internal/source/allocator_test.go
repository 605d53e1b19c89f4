package source

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	duck "github.com/duckdb/duckdb-go-bindings"
	"github.com/stretchr/testify/require"
)

// What allocator.go asks for must be what the allocator has understood last: its own report, from another process, for it
// is made before any test begins.
func TestTheEngineAllocatesFromOneArena(t *testing.T) {
	t.Parallel()
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestOptionsAreRefusedWhole$") // this very program
	again.Env = append(os.Environ(), "DUCKDB_JE_MALLOC_CONF=confirm_conf:true")
	said, err := again.CombinedOutput()
	require.NoError(t, err, string(said))
	require.Regexp(t, `narenas:\d+,(?s:.*)Set conf value: narenas:1\n`, string(said))
}

// A file is read once by a delivery. What the engine kept of it would grow with the file.
func TestTheEngineKeepsNothingOfTheFilesItReads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	made := openEngine(t, Options{})
	require.Empty(t, run(t.Context(), made, "COPY (SELECT i, md5(i::VARCHAR) AS s FROM range(300000) r(i)) TO "+quoteText(path), nil))

	conn := openEngine(t, Options{})
	require.Empty(t, run(t.Context(), conn, "CREATE TABLE read AS SELECT * FROM read_parquet("+quoteText(path)+")", nil))
	var kept []string
	require.Empty(t, run(t.Context(), conn, "SELECT memory_usage_bytes::VARCHAR FROM duckdb_memory() WHERE tag = 'EXTERNAL_FILE_CACHE'", &kept))
	require.Equal(t, []string{"0"}, kept)
}

// openEngine connects to an engine with a source's settings, before anything is taken from it.
func openEngine(t *testing.T, o Options) duck.Connection {
	t.Helper()
	e, err := startEngine(o)
	require.NoError(t, err)
	t.Cleanup(e.close)
	conn, err := e.connect()
	require.NoError(t, err)
	t.Cleanup(func() { duck.Disconnect(&conn) })
	return conn
}
