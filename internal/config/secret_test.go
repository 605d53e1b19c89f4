package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"
)

func TestASecretIsReadWhereItIs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"secret.txt": "from a file\n", "empty.txt": "\n", "large.txt": strings.Repeat("x", maxSecret+1),
		"consign.yaml": `
credentials:
  - {name: a, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {file: secret.txt}, session_token: {env: NOT_SET}}
  - {name: b, type: iam-credential, access_key_id: {env: EMPTY}, secret_access_key: {file: empty.txt}}
  - {name: c, type: iam-credential, access_key_id: {file: nowhere.txt}, secret_access_key: {file: large.txt}}
`,
	})
	values := map[string]string{"ID": "AKIA", "EMPTY": ""}
	c := good(t, dir, from(values))
	read := func(s Secret) string {
		text, err := s.Read()
		require.NoError(t, err)
		return text.Reveal()
	}
	require.Equal(t, "AKIA", read(c.Credentials[0].AccessKeyID))
	require.Equal(t, "from a file", read(c.Credentials[0].SecretAccessKey))
	require.Empty(t, read(Secret{}))
	require.Equal(t, "in place", read(Secret{Inline: "in place"}))

	values["ID"] = "changed"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret.txt"), []byte("changed"), 0o600))
	require.Equal(t, "AKIA", read(c.Credentials[0].AccessKeyID), "a variable is what it was when the configuration was loaded")
	require.Equal(t, "changed", read(c.Credentials[0].SecretAccessKey), "a file is read each time")

	for says, s := range map[string]Secret{
		"environment variable NOT_SET": c.Credentials[0].SessionToken, "environment variable EMPTY": c.Credentials[1].AccessKeyID,
		"the file is empty": c.Credentials[1].SecretAccessKey, "no such file": c.Credentials[2].AccessKeyID, "too many": c.Credentials[2].SecretAccessKey,
	} {
		_, err := s.Read()
		require.ErrorIs(t, err, ErrSecret)
		require.ErrorContains(t, err, says)
	}
}

func TestASecretSaysWhereItIsAndNeverWhatItIs(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"consign.yaml": "sources: [{name: s, type: postgres, dsn: {env: DSN}}]"})
	c := good(t, dir, from(map[string]string{"DSN": "postgres://hidden"}))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(format, c), "hidden")
		require.NotContains(t, fmt.Sprintf(format, c.Sources[0].DSN), "hidden")
	}
	require.Equal(t, "$DSN", c.Sources[0].DSN.String())
	require.Equal(t, "a.txt", Secret{File: "a.txt"}.String())
	require.Equal(t, "inline", Secret{Inline: "BEGIN"}.String())
	require.Empty(t, Secret{}.String())
}

func TestAPlainSecretIsNeverRepeated(t *testing.T) {
	t.Parallel()
	for _, written := range []string{"hunter2", "{inline: hunter2}", "[hunter2]", "{hunter2: x}"} {
		dir := folder(t, map[string]string{"consign.yaml": "temporal: {api_key: " + written + "}"})
		says := refused(t, dir, from(nil))
		require.Contains(t, says, "temporal.api_key")
		if written != "{hunter2: x}" { // a key is named
			require.NotContains(t, says, "hunter2")
		}
	}
}

func keyed(t *testing.T, key string) *Config {
	t.Helper()
	files := map[string]string{"consign.yaml": `
credentials: [{name: role, type: iam-role-to-role, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: 7b9f}]
destinations:
  - name: acme
    plugin: amazon-s3
    credential: role
    settings:
      pgp_public_keys:
        - {file: acme.asc}
        - ` + key + "\n"}
	for _, name := range []string{"acme.asc", "until-2030.asc", "sign-only.asc"} {
		text, err := os.ReadFile(filepath.Join("testdata", "keys", name))
		require.NoError(t, err)
		files[name] = string(text)
	}
	files["notes.txt"] = "this is not a key"
	return good(t, folder(t, files), from(nil))
}

func TestCheckLooksAtSecretsAndKeys(t *testing.T) {
	t.Parallel()
	at := func(day string) time.Time {
		now, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		return now
	}
	for _, test := range []struct {
		name, key, day string
		warning        bool
		says           string
	}{
		{"a key without end", "{file: acme.asc}", "2090-01-01", false, ""},
		{"a key that ends in years", "{file: until-2030.asc}", "2026-11-24", false, ""},
		{"a key that ends within 30 days", "{file: until-2030.asc}", "2029-12-20", true, "expires on 2030-01-01"},
		{"a key that has ended", "{file: until-2030.asc}", "2030-01-02", false, "expired"},
		{"a key that can only sign", "{file: sign-only.asc}", "2026-11-24", false, "no encryption subkey"},
		{"a key that is no key", "{file: notes.txt}", "2026-11-24", false, "cannot be read"},
		{"a key that is not there", "{file: nowhere.asc}", "2026-11-24", false, "no such file"},
		{"a variable that is not set", "{env: ACME_KEY}", "2026-11-24", false, "environment variable ACME_KEY"},
		{"a key in place that is no key", "{inline: -----BEGIN}", "2026-11-24", false, "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			list := keyed(t, test.key).Check(at(test.day))
			if test.says == "" {
				require.Empty(t, list)
				return
			}
			require.Len(t, list, 1)
			require.Equal(t, test.warning, list[0].Warning)
			require.Contains(t, list[0].Message, test.says)
			require.Equal(t, "destinations[acme].settings.pgp_public_keys[1]", list[0].Key)
			require.True(t, strings.HasSuffix(list[0].Where, "consign.yaml:10"), list[0].Where)
		})
	}
}

func TestASecretThatIsNotThereIsAWarning(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"consign.yaml": `
credentials:
  - {name: a, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: NOT_SET}}
  - {name: b, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {file: nowhere.txt}}
`})
	list := good(t, dir, from(map[string]string{"ID": "AKIA"})).Check(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	require.NoError(t, list.Err(), "whoever only starts runs needs no secrets")
	require.Len(t, list, 2)
	require.Equal(t, "credentials[a].secret_access_key", list[0].Key)
	require.Contains(t, list[0].Hint, "where the worker is started")
	require.Contains(t, list[1].Message, "no such file")
}

func TestAPublicKeyIsFoundByThePathThatAPlanHas(t *testing.T) {
	t.Parallel()
	c := keyed(t, "{inline: second}")
	keys := c.Keys(c.Effective(&c.Destinations[0], nil, nil))
	require.Len(t, keys, 2)
	require.Equal(t, "destinations[acme].settings.pgp_public_keys[1]", keys[1].Path)
	text, err := c.PublicKey(keys[0].Path)
	require.NoError(t, err)
	require.Contains(t, string(text), "BEGIN PGP PUBLIC KEY BLOCK")
	text, err = c.PublicKey(keys[1].Path)
	require.NoError(t, err)
	require.Equal(t, "second", string(text))
	_, err = c.PublicKey("destinations[acme].settings.pgp_public_keys[2]")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = c.PublicKey("")
	require.ErrorIs(t, err, ErrNotFound)
}

// A key that is not armored may end with any byte, also with that of a line's end.
func TestAKeyThatIsNotTextIsReadToItsLastByte(t *testing.T) {
	t.Parallel()
	for _, last := range []byte("\n\r") {
		var key bytes.Buffer
		for key.Len() == 0 || key.Bytes()[key.Len()-1] != last {
			key.Reset()
			entity, err := openpgp.NewEntity("acme", "", "acme@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
			require.NoError(t, err)
			require.NoError(t, entity.Serialize(&key))
		}
		c := keyed(t, "{file: ending.gpg}")
		at := c.Destinations[0].Settings.PGPPublicKeys[1].File
		require.NoError(t, os.WriteFile(at, key.Bytes(), 0o600))
		require.Empty(t, c.Check(time.Now()))
		read, err := c.PublicKey("destinations[acme].settings.pgp_public_keys[1]")
		require.NoError(t, err)
		require.Equal(t, key.Bytes(), read)
	}
}
