package demo

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLinesToTryItWithCanBeCopied(t *testing.T) {
	t.Parallel()
	w := &world{environment: map[string]string{"CONSIGN_CONFIG": "/tmp/it's my own/consign.yaml", "CONSIGN_TEMPORAL_ADDRESS": "127.0.0.1:7233"}}
	lines := strings.Join(w.exports(), "\n") + "\nprintf '%s %s' \"$CONSIGN_CONFIG\" \"$CONSIGN_TEMPORAL_ADDRESS\""
	out, err := exec.CommandContext(t.Context(), "sh", "-c", lines).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "/tmp/it's my own/consign.yaml 127.0.0.1:7233", string(out))
}
