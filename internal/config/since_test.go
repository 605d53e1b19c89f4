package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
)

func version(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "consign.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, problems, err := config.Load(path, func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.NoError(t, problems.Err())
	return c
}

func TestWhatBreaksACustomersTrustPolicyIsPointedOut(t *testing.T) {
	t.Parallel()
	load := func(credentials string) *config.Config { return version(t, "credentials:\n"+credentials) }
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

// The customer knows of our credentials what their trust policy has to say, whatever we call them.
func TestADestinationIsComparedByWhatItsCredentialLeadsTo(t *testing.T) {
	t.Parallel()
	const before = `
credentials:
  - {name: sender, type: iam-role-to-role, role_arn: "arn:aws:iam::111122223333:role/sender", external_id: ours}
  - {name: another, type: iam-role-to-role, role_arn: "arn:aws:iam::111122223333:role/another", external_id: ours}
  - {name: keys, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: SECRET}}
  - {name: acme, type: iam-role-to-role, base: sender, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: 7b9f2c1e}
  - {name: spare, type: iam-role-to-role, base: sender, role_arn: "arn:aws:iam::210987654321:role/spare", external_id: zzz999}
destinations:
  - {name: acme, plugin: amazon-s3, credential: acme, settings: {bucket: acme-inbound, file_format: csv}}
`
	earlier := version(t, before)
	const named, principal = "the customer's trust policy names the ", "names the principal that it led to earlier"
	for name, test := range map[string]struct {
		replace []string
		want    map[string][]string // by key, what is said
	}{
		"another name for the same": {[]string{"name: acme, type", "name: acme-2, type", "credential: acme,", "credential: acme-2,"}, nil},
		"another credential": {[]string{"credential: acme,", "credential: spare,"}, map[string][]string{
			"destinations[acme].credential": {"was changed: another external_id: " + named + "earlier one", "; another role_arn: the rights that"},
		}},
		"keys instead of a role": {[]string{"credential: acme,", "credential: keys,"}, map[string][]string{
			"destinations[acme].credential": {"another external_id: ", "another role_arn: "},
		}},
		"another credential with another base": {[]string{"name: acme, type: iam-role-to-role, base: sender", "name: acme-2, type: iam-role-to-role", "credential: acme,", "credential: acme-2,"}, map[string][]string{
			"destinations[acme].credential": {"was changed: another base: ", principal},
		}},
		"another base": {[]string{"acme, type: iam-role-to-role, base: sender", "acme, type: iam-role-to-role, base: another"}, map[string][]string{
			"credentials[acme].base": {principal},
		}},
		"no base": {[]string{"acme, type: iam-role-to-role, base: sender", "acme, type: iam-role-to-role"}, map[string][]string{
			"credentials[acme].base": {principal},
		}},
		"keys as a base": {[]string{"acme, type: iam-role-to-role, base: sender", "acme, type: iam-role-to-role, base: keys"}, map[string][]string{
			"credentials[acme].base": {principal},
		}},
		"another role of the base": {[]string{"role/sender", "role/sender-2"}, map[string][]string{
			"credentials[acme].base": {principal}, "credentials[spare].base": {principal},
		}},
		"another external ID, told once": {[]string{"external_id: 7b9f2c1e", "external_id: fresh"}, map[string][]string{
			"credentials[acme].external_id": {named + "earlier one"},
		}},
	} {
		after := strings.NewReplacer(test.replace...).Replace(before)
		require.NotEqual(t, before, after, name)
		got := map[string]string{}
		list := version(t, after).Since(earlier)
		for _, p := range list {
			got[p.Key] = p.Message
		}
		require.Len(t, list, len(test.want), "%s: %v", name, list)
		for key, words := range test.want {
			for _, word := range words {
				require.Contains(t, got[key], word, name)
			}
		}
	}
}
