package receipt_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"consign/internal/receipt"
	"consign/internal/secret"
)

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(content)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

func tarred(t *testing.T, entries ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i, content := range entries {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: fmt.Sprint(i), Mode: 0o644, Size: int64(len(content))}))
		_, err := w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func zipped(t *testing.T, entries ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i, content := range entries {
		entry, err := w.Create(fmt.Sprint(i))
		require.NoError(t, err)
		_, err = entry.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// spoilt is content of which a bit is flipped, counted from the end if at is negative.
func spoilt(content []byte, at int) []byte {
	content[(at+len(content))%len(content)] ^= 1
	return content
}

// zipWithAnotherSum is a zip of one entry, whose checksum its directory tells wrong.
func zipWithAnotherSum(t *testing.T, content []byte) []byte {
	t.Helper()
	whole := zipped(t, content)
	return spoilt(whole, bytes.LastIndex(whole, []byte("PK\x01\x02"))+16)
}

func parquetOf(t *testing.T, rows int) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, parquet.Write(&out, make([]struct{ A int64 }, rows)))
	return out.Bytes()
}

// person makes a key pair: the public half, and the secret half in armor, locked if there is a passphrase.
func person(t *testing.T, passphrase string) (*openpgp.Entity, []byte) {
	t.Helper()
	e, err := openpgp.NewEntity("Acme", "", "acme@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	require.NoError(t, err)
	if passphrase != "" {
		require.NoError(t, e.EncryptPrivateKeys([]byte(passphrase), nil))
	}
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PrivateKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, e.SerializePrivateWithoutSigning(w, nil))
	require.NoError(t, w.Close())
	return e, out.Bytes()
}

func encrypted(t *testing.T, to *openpgp.Entity, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := openpgp.Encrypt(&out, []*openpgp.Entity{to}, nil, nil, nil)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func keyOf(t *testing.T, text []byte) *receipt.Key {
	t.Helper()
	key, err := receipt.ParseKey(text)
	require.NoError(t, err)
	return key
}

func TestRowsAreCountedInEveryWrapping(t *testing.T) {
	t.Parallel()
	acme, secretKey := person(t, "")
	one, two := []byte("a\n1\n"), []byte("a\n1\n2\n")
	for _, encoding := range []string{"none", "gzip", "tar", "tgz", "zip"} {
		for _, format := range []string{"csv", "parquet"} {
			for _, pgp := range []bool{false, true} {
				t.Run(fmt.Sprint(format, " ", encoding, " ", pgp), func(t *testing.T) {
					t.Parallel()
					f := csv()
					one, two := one, two
					if format == "parquet" {
						f = receipt.Format{FileFormat: "parquet"}
						one, two = parquetOf(t, 1), parquetOf(t, 2)
					}
					f.Encoding = encoding
					content, rows := map[string]func() []byte{
						"none": func() []byte { return two }, "gzip": func() []byte { return gzipped(t, two) },
						"tar": func() []byte { return tarred(t, one, two) }, "tgz": func() []byte { return gzipped(t, tarred(t, one, two)) },
						"zip": func() []byte { return zipped(t, one, two) },
					}[encoding](), int64(3)
					if encoding == "none" || encoding == "gzip" {
						rows = 2
					}
					p := newParcel(t, f)
					checks := 3
					if pgp {
						plain := hashOf(content)
						content = encrypted(t, acme, content)
						p.Fingerprints, p.key = []string{"ACME"}, keyOf(t, secretKey)
						p.add("x", "x", rows, content)
						p.Objects[0].Plain = plain
						checks = 5
					} else {
						p.add("x", "x", rows, content)
					}
					said := p.verify()
					require.Equal(t, checks, strings.Count(said, "ok "), said)
					require.NotContains(t, said, "failed")
				})
			}
		}
	}
}

func TestABrokenWrappingIsSaidToBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, encoding, says string
		content              []byte
	}{
		{"gzip that is none", "gzip", "failed rows: reading gzip: gzip: invalid header", []byte("a,b\n1,2\n3,4\n")},
		{"gzip cut off", "gzip", "failed rows: reading gzip: unexpected EOF", gzipped(t, bytes.Repeat([]byte("abc\n"), 999))[:20]},
		{"gzip without its checksum", "gzip", "failed rows: reading gzip: unexpected EOF", gzipped(t, []byte("a\n"))[:25]},
		{"a tar whose gzip has another checksum", "tgz", "failed rows: reading gzip: gzip: invalid checksum", spoilt(gzipped(t, tarred(t, []byte("a\n1\n"))), -8)},
		{"zip that is none", "zip", "failed rows: reading zip: zip: not a valid zip file", []byte("a\n")},
		{"zip of which an entry has another checksum", "zip", "failed rows: entry 0: reading zip: zip: checksum error", zipWithAnotherSum(t, []byte("a\n1\n"))},
		{"tar that is none", "tar", "failed rows: reading tar: unexpected EOF", []byte("a\n")},
		{"an entry that is no file of ours", "tar", "failed rows: entry 1: it has no header", tarred(t, []byte("a\n"), nil)},
		{"an encoding of later days", "7z", `skipped rows: rows cannot be counted: encoding "7z" is not known`, []byte("a\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := csv()
			f.Encoding = c.encoding
			p := newParcel(t, f)
			p.add("x", "x", 1, c.content)
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
		})
	}
	p := newParcel(t, receipt.Format{FileFormat: "parquet"})
	p.add("x", "x", 1, []byte("a\n1\n2\n"))
	require.Contains(t, p.verify(), "failed rows: it is not a Parquet file: ")
}

func TestAnEncryptedFileIsOpenedOnlyWithItsKey(t *testing.T) {
	t.Parallel()
	acme, acmeKey := person(t, "")
	_, otherKey := person(t, "")
	plain := []byte("a\n1\n")
	sealed := func(t *testing.T) *parcel {
		t.Helper()
		p := newParcel(t, csv())
		p.add("x.pgp", "x.pgp", 1, encrypted(t, acme, plain))
		p.Objects[0].Plain, p.Fingerprints = hashOf(plain), []string{"AB12"}
		return p
	}
	p := sealed(t)
	require.Contains(t, p.verify(), "\nskipped decrypt: it is encrypted to AB12: without the secret key its rows are not counted")
	p.key = keyOf(t, otherKey)
	require.Contains(t, p.verify(), "\nfailed decrypt: it is not encrypted to this key; it is encrypted to AB12")
	p.key = keyOf(t, bytes.Join([][]byte{otherKey, acmeKey}, []byte("\n")))
	require.Contains(t, p.verify(), "\nok decrypt: opened with the secret key", "one of several in a file")
	p.key = keyOf(t, acmeKey)
	require.Contains(t, p.verify(), "\nok decrypt: opened with the secret key\nok sha256_before_encryption: "+hashOf(plain)+"\nok rows: 1")

	p.Objects[0].Plain = sum("0")
	require.Contains(t, p.verify(), "\nfailed sha256_before_encryption: "+hashOf(plain)+", not "+sum("0"))

	damaged := encrypted(t, acme, bytes.Repeat(plain, 1000))
	damaged[len(damaged)-30] ^= 1 // the integrity check comes last
	p = sealed(t)
	p.Objects = nil
	p.add("x.pgp", "x.pgp", 1, damaged)
	p.Objects[0].Plain, p.key = hashOf(plain), keyOf(t, acmeKey)
	require.Contains(t, p.verify(), "\nfailed decrypt: ")

	p = sealed(t)
	p.Objects = nil
	p.add("x.pgp", "x.pgp", 1, plain)
	p.Objects[0].Plain, p.key = hashOf(plain), keyOf(t, acmeKey)
	require.Contains(t, p.verify(), "\nfailed decrypt: ", "it is not encrypted at all")
}

func TestASecretKeyIsReadAndUnlocked(t *testing.T) {
	t.Parallel()
	e, locked := person(t, "open sesame")
	key := keyOf(t, locked)
	require.True(t, key.Locked())
	require.ErrorIs(t, key.Unlock(secret.New("wrong")), receipt.ErrPassphrase)
	require.NoError(t, key.Unlock(secret.New("open sesame")))
	require.False(t, key.Locked())
	require.NoError(t, key.Unlock(secret.New("again")), "what is open stays open")

	var public bytes.Buffer
	require.NoError(t, e.Serialize(&public))
	_, err := receipt.ParseKey(public.Bytes())
	require.ErrorIs(t, err, receipt.ErrKey)
	require.ErrorContains(t, err, "it holds public keys only")
	for _, text := range []string{"", "no key", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nabcd\n"} {
		_, err := receipt.ParseKey([]byte(text))
		require.ErrorIs(t, err, receipt.ErrKey, text)
	}
}

// A spy looks whenever it is asked whether it is over: before each read.
type spy struct {
	context.Context
	look func()
}

func (s spy) Err() error {
	s.look()
	return s.Context.Err()
}

// TestNothingThatWasEncryptedHasAName: who kills verify, or closes its terminal, leaves no file behind.
func TestNothingThatWasEncryptedHasAName(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	acme, secretKey := person(t, "")
	content := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	content = zipped(t, append(content, '\n'))
	f := csv()
	f.Encoding, f.Dialect.QuoteMode, f.Dialect.Header = "zip", "none", false
	p := newParcel(t, f)
	p.Fingerprints, p.key = []string{"ACME"}, keyOf(t, secretKey)
	p.add("x", "x", int64(bytes.Count(content, []byte("\n"))), encrypted(t, acme, content))
	p.Objects[0].Plain = hashOf(content)
	dir, err := os.OpenRoot(p.dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	looked := 0
	var said []string
	require.NoError(t, p.Verify(spy{t.Context(), func() {
		looked++
		left, err := os.ReadDir(os.TempDir())
		require.NoError(t, err)
		require.Empty(t, left)
	}}, receipt.Options{Dir: dir, Key: p.key}, func(c receipt.Check) { said = append(said, string(c.State)+" "+c.Name) }))
	require.Greater(t, looked, 10)
	require.Contains(t, said, "ok sha256_before_encryption")
}
