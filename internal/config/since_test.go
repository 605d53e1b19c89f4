package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
)

func TestWhatBreaksACustomersTrustPolicyIsPointedOut(t *testing.T) {
	t.Parallel()
	load := func(credentials string) *config.Config {
		path := filepath.Join(t.TempDir(), "consign.yaml")
		require.NoError(t, os.WriteFile(path, []byte("credentials:\n"+credentials), 0o600))
		c, problems, err := config.Load(path, func(string) (string, bool) { return "", false })
		require.NoError(t, err)
		require.NoError(t, problems.Err())
		return c
	}
	role := func(name, arn, id string) string {
		return "  - {name: " + name + ", type: iam-role-to-role, role_arn: \"" + arn + "\", external_id: " + id + "}\n"
	}
	const arn, other = "arn:aws:iam::210987654321:role/consign", "arn:aws:iam::210987654321:role/other"
	before := load(role("acme", arn, "first-id") + role("keeps", arn, "same-id"))
	require.Empty(t, before.Since(before))
	require.Empty(t, load(role("fresh", arn, "new-id")).Since(before), "another name is another agreement")

	list := load(role("keeps", arn, "same-id") + role("acme", other, "second-id")).Since(before)
	require.Len(t, list, 2)
	require.Equal(t, "credentials[acme].external_id", list[0].Key)
	require.Contains(t, list[0].Where, "consign.yaml:3")
	require.Contains(t, list[0].Message, "trust policy")
	require.Equal(t, "credentials[acme].role_arn", list[1].Key)
	require.NoError(t, list.Err(), "it is no reason to refuse")
	for _, id := range []string{"first-id", "second-id"} {
		require.NotContains(t, list.Error(), id)
	}
}
