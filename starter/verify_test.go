package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"consign/internal/receipt"
)

// sealed makes a folder with an encrypted file, its receipt, and the secret key under the passphrase "open sesame".
func sealed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	e, err := openpgp.NewEntity("Acme", "", "acme@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	require.NoError(t, err)
	plain := []byte("id\n1\n2\n")
	var cipher, key bytes.Buffer
	w, err := openpgp.Encrypt(&cipher, []*openpgp.Entity{e}, nil, nil, nil)
	require.NoError(t, err)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	write("a.csv.pgp", cipher.Bytes())

	require.NoError(t, e.EncryptPrivateKeys([]byte("open sesame"), nil))
	a, err := armor.Encode(&key, openpgp.PrivateKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, e.SerializePrivateWithoutSigning(a, nil))
	require.NoError(t, a.Close())
	write("secret.asc", key.Bytes())
	write("passphrase", []byte("open sesame\n"))
	write("mistyped", []byte("open sesam\n"))

	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	text, err := receipt.Receipt{
		Objects:      []receipt.Object{{Key: "a.csv.pgp", Rows: 2, Bytes: int64(cipher.Len()), SHA256: sum(cipher.Bytes()), Plain: sum(plain)}},
		Format:       receipt.Format{FileFormat: "csv", Encoding: "none", Dialect: &receipt.Dialect{Delimiter: ",", QuoteMode: "minimal", Header: true}},
		Fingerprints: []string{"AB12"},
	}.Encode()
	require.NoError(t, err)
	write("a.receipt.json", text)
	return dir
}

func TestVerifyOpensALockedKey(t *testing.T) {
	t.Parallel()
	dir := sealed(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		name     string
		flags    []string
		variable string // the passphrase in the environment; empty: not set
		status   int
		says     string
	}{
		{"the passphrase is in a file", []string{"--decrypt", at("secret.asc"), "--passphrase-file", at("passphrase")}, "", 0, "  ok       rows: 2\n"},
		{"the passphrase is in the environment", []string{"--decrypt", at("secret.asc")}, "open sesame", 0, "  ok       rows: 2\n"},
		{"the file is preferred", []string{"--decrypt", at("secret.asc"), "--passphrase-file", at("passphrase")}, "other", 0, "1 object is as the receipt says: 2 rows, "},
		{"the passphrase is wrong", []string{"--decrypt", at("secret.asc"), "--passphrase-file", at("mistyped")}, "", 2, "the passphrase does not open the secret key"},
		{"the passphrase's file is not there", []string{"--decrypt", at("secret.asc"), "--passphrase-file", at("none")}, "", 2, "passphrase: open "},
		{"no passphrase and no terminal", []string{"--decrypt", at("secret.asc")}, "", 2, "it is locked with a passphrase: give it with --passphrase-file or $CONSIGN_PASSPHRASE"},
		{"no key at all is said at the end", nil, "", 0, "1 check was skipped, so the rows are by the receipt alone\n"},
		{"no key at all", nil, "", 0, "  skipped  decrypt: it is encrypted to AB12: without the secret key its rows are not counted\n"},
		{"a key that is not there", []string{"--decrypt", at("none")}, "", 2, "secret key "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out, messages bytes.Buffer
			environment := func(name string) (string, bool) { return c.variable, name == passphraseVariable && c.variable != "" }
			status := run(t.Context(), append([]string{"verify", at("a.receipt.json")}, c.flags...), strings.NewReader(""), &out, &messages, environment)
			require.Equal(t, c.status, status, "%s%s", &out, &messages)
			require.Contains(t, out.String()+messages.String(), c.says)
			require.NotContains(t, out.String()+messages.String(), "sesam")
		})
	}
}

// TestWhatOthersHaveWrittenMovesNoCursor: a receipt comes from somebody else, and so do the words of a store.
func TestWhatOthersHaveWrittenMovesNoCursor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key := "\x1b]0;owned\a\x1b[2J\u009b31mvips.csv"
	text, err := receipt.Receipt{
		Objects: []receipt.Object{{Key: key, Rows: 1, Bytes: 1, SHA256: strings.Repeat("0", 64)}}, Format: receipt.Format{FileFormat: "csv"},
	}.Encode()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "r.json"), text, 0o600))
	for _, output := range []string{"text", "json"} {
		var out, messages bytes.Buffer
		status := run(t.Context(), []string{"verify", filepath.Join(dir, "r.json"), "-o", output}, strings.NewReader(""), &out, &messages, noEnvironment)
		require.Equal(t, 1, status, messages.String())
		require.NotContains(t, out.String(), "\x1b")
		require.NotContains(t, out.String(), "\u009b")
		require.Contains(t, out.String(), `\u001b]0;owned\u0007\u001b[2J\u009b31mvips.csv`)
	}
	var out, messages bytes.Buffer
	status := run(t.Context(), []string{"verify", filepath.Join(dir, "\x1b[2J")}, strings.NewReader(""), &out, &messages, noEnvironment)
	require.Equal(t, 2, status)
	require.NotContains(t, messages.String(), "\x1b")
}

func noEnvironment(string) (string, bool) { return "", false }
