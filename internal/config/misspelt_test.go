package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMisspeltVariableIsPointedOut(t *testing.T) {
	t.Parallel()
	c := good(t, folder(t, map[string]string{"consign.yaml": "temporal: {api_key: {env: CONSIGN_TEMPORAL_KEY}}\n"}), from(map[string]string{"CONSIGN_TEMPORAL_KEY": "k"}))
	for variable, says := range map[string]string{
		"CONSIGN_TEMPORAL_ADRESS=x":       "$CONSIGN_TEMPORAL_ADRESS: no setting is called so\n  hint: did you mean CONSIGN_TEMPORAL_ADDRESS?",
		"CONSIGN_WORKSPACES_DIR=x":        "$CONSIGN_WORKSPACES_DIR: no setting is called so\n  hint: did you mean CONSIGN_WORKSPACE_DIR?",
		"CONSIGN_CONFG=x":                 "$CONSIGN_CONFG: no setting is called so\n  hint: did you mean CONSIGN_CONFIG?",
		"CONSIGN_TEMPORAL_ADDRESS=x":      "",
		"CONSIGN_TEMPORAL_TLS_CA=x":       "",
		"CONSIGN_TEMPORAL_KEY=x":          "",
		"CONSIGN_SERVICE_HOST=x":          "",
		"CONSIGN_PORT_7233_TCP_ADDR=x":    "",
		"CONSIGN_WORKER_PORT_80_TCP=tcp:": "",
		"PATH=x":                          "",
	} {
		list := c.Misspelt([]string{variable})
		require.NoError(t, list.Err())
		require.Equal(t, says, list.Error(), variable)
	}
}
