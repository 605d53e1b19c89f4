package demo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

func now() time.Time { return time.Now() }

// sealed writes text as a file that is encrypted to the pair's public key, as a delivery is.
func sealed(t *testing.T, k *keyPair, name, text string) string {
	t.Helper()
	recipient, err := encrypt.ParseRecipient(k.public, now())
	require.NoError(t, err)
	require.Equal(t, k.fingerprint(), recipient.Fingerprint())
	var out bytes.Buffer
	w, err := encrypt.New(&out, []*encrypt.Recipient{recipient}, encrypt.Options{}, now())
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

func TestOnlyAcmeOpensWhatIsEncrypted(t *testing.T) {
	t.Parallel()
	k, err := newKeyPair(now())
	require.NoError(t, err)
	path := sealed(t, k, "a.csv.pgp", "a\n1\n")

	o, err := (&world{keys: k}).unwrap(t.Context(), path)
	require.NoError(t, err)
	content, err := os.ReadFile(o.path)
	require.NoError(t, err)
	require.Equal(t, "a\n1\n", string(content))

	other, err := newKeyPair(now())
	require.NoError(t, err)
	_, err = other.decrypt(t.Context(), path, filepath.Join(t.TempDir(), "out"))
	require.Error(t, err)
}

func TestEveryReaderOfOpenPGPWillDo(t *testing.T) {
	t.Parallel()
	k, err := newKeyPair(now())
	require.NoError(t, err)
	path := sealed(t, k, "a.pgp", "secret")
	gpg, err := exec.LookPath("gpg")
	require.NoError(t, err, "apt-get install gnupg")
	to := filepath.Join(t.TempDir(), "out")
	require.NoError(t, k.gnupg(t.Context(), gpg, path, to))
	content, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "secret", string(content))

	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(k.private))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	to = filepath.Join(t.TempDir(), "go")
	require.NoError(t, k.openPGP(path, to))
	content, err = os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "secret", string(content))
}

func TestFilesAreUnpackedAsTheirNamesSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	gz := filepath.Join(dir, "b.csv.gz")
	require.NoError(t, os.WriteFile(gz, zipped(t, []byte("b\n2\n")), 0o600))
	o, err := (&world{}).unwrap(t.Context(), gz)
	require.NoError(t, err)
	require.Equal(t, opened{filepath.Join(dir, "b.csv"), []string{"gunzip"}}, o)

	tgz := filepath.Join(dir, "c.tgz")
	require.NoError(t, os.WriteFile(tgz, zipped(t, packed(t, "c.csv")), 0o600))
	o, err = (&world{}).unwrap(t.Context(), tgz)
	require.NoError(t, err)
	require.Equal(t, opened{filepath.Join(dir, "c.csv"), []string{"tar"}}, o)
	content, err := os.ReadFile(o.path)
	require.NoError(t, err)
	require.Equal(t, "c.csv", string(content))

	two := filepath.Join(dir, "d.tgz")
	require.NoError(t, os.WriteFile(two, zipped(t, packed(t, "d.csv", "e.csv")), 0o600))
	_, err = (&world{}).unwrap(t.Context(), two)
	require.ErrorContains(t, err, "more than one file")

	broken := filepath.Join(dir, "f.csv.gz")
	require.NoError(t, os.WriteFile(broken, []byte("not gzip"), 0o600))
	_, err = (&world{}).unwrap(t.Context(), broken)
	require.ErrorContains(t, err, "gunzip f.csv.gz")
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

// packed is an archive of files that hold their own names.
func packed(t *testing.T, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range names {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(name))}))
		_, err := io.WriteString(w, name)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}
