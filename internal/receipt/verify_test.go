package receipt_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
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

// A parcel is a receipt with its files.
type parcel struct {
	t   *testing.T
	dir string
	receipt.Receipt
	key *receipt.Key
}

func newParcel(t *testing.T, f receipt.Format) *parcel {
	t.Helper()
	return &parcel{t: t, dir: t.TempDir(), Receipt: receipt.Receipt{Format: f}}
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (p *parcel) write(name string, content []byte) {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(p.t, os.WriteFile(path, content, 0o600))
}

// add puts an object into the receipt and its file where it is told to.
func (p *parcel) add(key, path string, rows int64, content []byte) {
	p.t.Helper()
	p.Objects = append(p.Objects, receipt.Object{Key: key, Rows: rows, Bytes: int64(len(content)), SHA256: hashOf(content)})
	p.write(path, content)
}

// verify returns the checks as "state name: message", one a line.
func (p *parcel) verify() string {
	p.t.Helper()
	text, err := p.Encode()
	require.NoError(p.t, err)
	r, err := receipt.Parse(text)
	require.NoError(p.t, err)
	dir, err := os.OpenRoot(p.dir)
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, dir.Close()) }()
	var lines []string
	require.NoError(p.t, r.Verify(p.t.Context(), receipt.Options{Dir: dir, Key: p.key}, func(c receipt.Check) {
		lines = append(lines, fmt.Sprintf("%s %s: %s", c.State, c.Name, c.Message))
	}))
	return strings.Join(lines, "\n")
}

func csv() receipt.Format {
	return receipt.Format{FileFormat: "csv", Encoding: "none", Dialect: &receipt.Dialect{Delimiter: ",", QuoteMode: "minimal", Header: true}}
}

func TestAFileIsFoundByItsKeyOrWhatIsLeftOfIt(t *testing.T) {
	t.Parallel()
	text := []byte("a\n1\n2\n")
	for _, path := range []string{"in/weekly/1.csv", "weekly/1.csv", "1.csv"} {
		p := newParcel(t, csv())
		p.add("in/weekly/1.csv", path, 2, text)
		require.Equal(t, "ok size: 6 bytes\nok sha256: "+hashOf(text)+"\nok rows: 2", p.verify(), path)
	}
}

func TestAFileThatMayBeAnotherObjectsIsNotTaken(t *testing.T) {
	t.Parallel()
	p := newParcel(t, csv())
	p.add("in/a/1.csv", "a/1.csv", 1, []byte("x\n1\n"))
	p.add("in/b/1.csv", "1.csv", 1, []byte("x\n2\n"))
	require.Equal(t, "ok size: 4 bytes\nok sha256: "+hashOf([]byte("x\n1\n"))+"\nok rows: 1\nfailed file: it is not there", p.verify())
}

func TestWhatIsWrongWithAFileIsSaidExactly(t *testing.T) {
	t.Parallel()
	whole := []byte("a\n1\n2\n")
	for _, c := range []struct {
		name, says string
		spoil      func(p *parcel)
	}{
		{"one byte differs", "failed sha256: " + hashOf([]byte("a\n1\n3\n")) + ", not " + hashOf(whole) + ": the bytes are other ones than were sent", func(p *parcel) { p.write("1.csv", []byte("a\n1\n3\n")) }},
		{"it was cut off", "failed size: 3 bytes, not 6: the file was cut off, or is another", func(p *parcel) { p.write("1.csv", whole[:3]) }},
		{"it is longer", "failed size: 7 bytes, not 6: the file was cut off, or is another", func(p *parcel) { p.write("1.csv", append(whole, 'x')) }},
		{"it is gone", "failed file: it is not there", func(p *parcel) { _ = os.Remove(filepath.Join(p.dir, "1.csv")) }},
		{"it is a folder", "failed file: 1.csv is a folder", func(p *parcel) {
			_ = os.Remove(filepath.Join(p.dir, "1.csv"))
			_ = os.Mkdir(filepath.Join(p.dir, "1.csv"), 0o755)
		}},
		{"the receipt counts other rows", "failed rows: 2, not 3", func(p *parcel) { p.Objects[0].Rows = 3 }},
		{"it is a link to a file outside", "failed file: it is not there", func(p *parcel) {
			outside := filepath.Join(p.t.TempDir(), "other")
			_ = os.WriteFile(outside, whole, 0o600)
			_ = os.Remove(filepath.Join(p.dir, "1.csv"))
			_ = os.Symlink(outside, filepath.Join(p.dir, "1.csv"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t, csv())
			p.add("1.csv", "1.csv", 2, append([]byte{}, whole...))
			c.spoil(p)
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
			require.Equal(t, 1, strings.Count(p.verify(), "failed"), "one thing is wrong, and one is said to be")
		})
	}
}

func TestRowsAreCountedByTheDialect(t *testing.T) {
	t.Parallel()
	dialect := func(mode, escape, write string, header bool) *receipt.Dialect {
		return &receipt.Dialect{Delimiter: ",", QuoteMode: mode, EscapeCharacter: escape, Header: header, OnUnwritable: write}
	}
	for _, c := range []struct {
		name, text, says string
		d                *receipt.Dialect
	}{
		{"no bytes", "", "ok rows: 0", dialect("minimal", "", "", false)},
		{"a header alone", "a\n", "ok rows: 0", dialect("minimal", "", "", true)},
		{"a header that is missing", "", "failed rows: it has no header", dialect("minimal", "", "", true)},
		{"a last row without line break", "1\n2", "ok rows: 2", dialect("minimal", "", "", false)},
		{"CRLF", "a\r\n1\r\n", "ok rows: 1", dialect("minimal", "", "", true)},
		{"an empty line is a row of one NULL", "a\n\n\n", "ok rows: 2", dialect("minimal", "", "", true)},
		{"a line break within quotes", "\"1\n2\"\n3\n", "ok rows: 2", dialect("minimal", "", "", false)},
		{"a line break in the header", "\"a\nb\"\n1\n", "ok rows: 1", dialect("all", "", "", true)},
		{"doubled quotes", "\"a \"\"b\"\"\n\"\n\"\"\"\n\"\n", "ok rows: 2", dialect("minimal", "", "", false)},
		{"a quote as escape is doubling", "\"\"\"\n\"\n", "ok rows: 1", dialect("minimal", `"`, "", false)},
		{"an escaped quote", "\"a \\\"\n\\\\\"\n1\n", "ok rows: 2", dialect("minimal", `\`, "", false)},
		{"a bare NULL marker holds the escape", "\\N\n\\N\n", "ok rows: 2", dialect("all_non_null", `\`, "", false)},
		{"an escaped line break without quotes", "1\\\n2\n\\\"\n", "ok rows: 2", dialect("none", `\`, "", false)},
		{"quotes mean nothing without quotes", "\"\n\"\n", "ok rows: 2", dialect("none", "", "fail", false)},
		{"no way to tell", "1\n", "skipped rows: rows cannot be counted: with quote_mode none and on_unwritable write a value may hold a line break as it is", dialect("none", "", "write", false)},
		{"quotes that do not close", "\"1\n", "failed rows: it ends within quotes", dialect("minimal", "", "", false)},
		{"an escape of two characters", "1\n", `skipped rows: rows cannot be counted: escape_character "ab" is not one character`, dialect("minimal", "ab", "", false)},
		{"no dialect", "1\n", "skipped rows: rows cannot be counted: the receipt does not say how psv is written", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t, receipt.Format{FileFormat: "psv", Dialect: c.d})
			p.add("x", "x", rowsIn(c.says), []byte(c.text))
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
		})
	}
}

// rowsIn reads the number of "ok rows: 2"; 0 if there is none.
func rowsIn(says string) (rows int64) {
	_, _ = fmt.Sscanf(says, "ok rows: %d", &rows)
	return rows
}

func TestRowsOfJSONAreItsValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, format, text, says string }{
		{"lines", "ndjson", "{\"a\": \"\\n\"}\n{\"a\": [1, {}]}\r\n", "ok rows: 2"},
		{"no lines", "ndjson", "", "ok rows: 0"},
		{"a byte-order mark", "ndjson", "\uFEFF{}\n", "ok rows: 1"},
		{"a broken line", "ndjson", "{}\n{\"secret\n", "failed rows: row 2 is not JSON"},
		{"an array", "json", "[\n{\"a\": [1, 2]},\n{}\n]\n", "ok rows: 2"},
		{"an empty array", "json", "[]", "ok rows: 0"},
		{"an array with a byte-order mark", "json", "\uFEFF[{}]", "ok rows: 1"},
		{"no array", "json", "{}", "failed rows: it is not a JSON array"},
		{"an array without end", "json", "[{}", "failed rows: the JSON array has no end"},
		{"an array with something behind", "json", "[{}] 1", "failed rows: something follows the JSON array"},
		{"an array with a broken row", "json", "[{}, secret]", "failed rows: row 2 is not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t, receipt.Format{FileFormat: c.format})
			p.add("x", "x", rowsIn(c.says), []byte(c.text))
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
		})
	}
}

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
		{"zip that is none", "zip", "failed rows: reading zip: zip: not a valid zip file", []byte("a\n")},
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

func TestAnEndedContextEndsTheReading(t *testing.T) {
	t.Parallel()
	p := newParcel(t, csv())
	p.add("x", "x", 1, []byte("a\n1\n"))
	dir, err := os.OpenRoot(p.dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Verify(ctx, receipt.Options{Dir: dir}, func(receipt.Check) {}), context.Canceled)
}

func TestAByteOrderMarkIsNoRow(t *testing.T) {
	t.Parallel()
	for _, header := range []bool{false, true} {
		for _, rows := range []int64{0, 1, 2} {
			f := csv()
			f.Dialect.Header, f.Dialect.BOM = header, true
			text := "\ufeff"
			if header {
				text += "a\n"
			}
			p := newParcel(t, f)
			p.add("1.csv", "1.csv", rows, []byte(text+strings.Repeat("\"x\ny\"\n", int(rows))))
			require.Contains(t, p.verify(), fmt.Sprintf("ok rows: %d", rows))
		}
	}
}
