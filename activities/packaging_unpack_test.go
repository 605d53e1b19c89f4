package activities

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program runs a program and returns what it writes.
func program(t *testing.T, env []string, stdin string, args ...string) string {
	t.Helper()
	var out, said bytes.Buffer
	command := exec.CommandContext(t.Context(), args[0], args[1:]...)
	command.Env, command.Stdin, command.Stdout, command.Stderr = append(os.Environ(), env...), strings.NewReader(stdin), &out, &said
	require.NoError(t, command.Run(), "%s: %s", strings.Join(args, " "), said.String())
	return out.String()
}

// unpack takes a delivery apart with the usual tools, and again with Python, and compares each file with its digest.
func unpack(t *testing.T, encoding string, d delivered, want []string) {
	t.Helper()
	names := d.entries
	if encoding == "none" || encoding == "gzip" {
		names = d.keys
	}
	require.Len(t, names, len(want))
	dir := filepath.Join(d.dir, "unpacked")
	require.NoError(t, os.Mkdir(dir, 0o700))
	first := filepath.Join(d.dir, d.keys[0])
	switch encoding {
	case "none":
		require.Equal(t, want, d.digests(t))
		return
	case "gzip":
		paths := make([]string, len(d.keys))
		for i, key := range d.keys {
			paths[i] = filepath.Join(d.dir, key)
			require.True(t, strings.HasSuffix(key, ".gz"))
		}
		program(t, nil, "", append([]string{"gunzip", "--keep", "--force"}, paths...)...)
		for i, path := range paths {
			require.Equal(t, want[i], digestOf(t, strings.TrimSuffix(path, ".gz")))
		}
	case "zip":
		require.Len(t, d.keys, 1)
		program(t, nil, "", "unzip", "-q", first, "-d", dir)
	default:
		require.Len(t, d.keys, 1)
		program(t, nil, "", "tar", "--extract", "--file", first, "--directory", dir)
	}
	if encoding != "gzip" {
		for i, name := range names {
			require.Equal(t, want[i], digestOf(t, filepath.Join(dir, name)), name)
		}
	}
	require.Equal(t, pythonUnpacks(t, encoding, d), zipped(names, want))
}

func zipped(names, sums []string) [][2]string {
	pairs := make([][2]string, len(names))
	for i := range names {
		pairs[i] = [2]string{names[i], sums[i]}
	}
	return pairs
}

// What Python finds in an archive: names and digests, in order.
const pythonUnpack = `
import gzip, hashlib, json, sys, tarfile, zipfile
encoding, root, keys = sys.argv[1], sys.argv[2], sys.argv[3:]
found = []
def add(name, content): found.append([name, hashlib.sha256(content).hexdigest()])
for key in keys:
    path = root + "/" + key
    if encoding == "gzip":
        add(key, gzip.open(path).read())
    elif encoding == "zip":
        with zipfile.ZipFile(path) as z:
            assert z.testzip() is None
            for i in z.infolist():
                assert i.date_time == (2026, 11, 23, 6, 0, 0) and i.external_attr >> 16 & 0o777 == 0o644, i
                add(i.filename, z.read(i))
    else:
        with tarfile.open(path) as t:
            for i in t:
                assert i.isfile() and i.mode == 0o644 and i.uid == i.gid == 0 and i.mtime == 1795413600, i.get_info()
                add(i.name, t.extractfile(i).read())
print(json.dumps(found))
`

func pythonUnpacks(t *testing.T, encoding string, d delivered) (found [][2]string) {
	t.Helper()
	out := program(t, nil, "", append([]string{"python3", "-c", pythonUnpack, encoding, d.dir}, d.keys...)...)
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	return found
}

// A gpgHome is a recipient with GnuPG and one secret key.
type gpgHome struct{ name, home string }

// newRecipients makes the recipients' keys, as gpg makes them, and exports the public ones to dir.
func newRecipients(t *testing.T, dir string) []gpgHome {
	t.Helper()
	people := make([]gpgHome, len(recipients))
	for i, name := range recipients {
		home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // the path of t.TempDir is too long for the agent's socket
		require.NoError(t, err)
		people[i] = gpgHome{name, home}
		t.Cleanup(func() {
			_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // nothing may hold the folder
			require.NoError(t, os.RemoveAll(home))
		})
		parameters := map[string]string{
			"rsa":        "Key-Type: RSA\nKey-Length: 3072\nSubkey-Type: RSA\nSubkey-Length: 3072\nSubkey-Usage: encrypt",
			"curve25519": "Key-Type: EDDSA\nKey-Curve: ed25519\nSubkey-Type: ECDH\nSubkey-Curve: cv25519\nSubkey-Usage: encrypt",
			"nist":       "Key-Type: ECDSA\nKey-Curve: nistp256\nSubkey-Type: ECDH\nSubkey-Curve: nistp384\nSubkey-Usage: encrypt",
		}[name]
		people[i].gpg(t, "%no-protection\n"+parameters+"\nName-Real: "+name+"\nName-Email: "+name+"@example.com\n%commit\n",
			"--faked-system-time", "20200101T000000", "--gen-key") // older than the run's now
		args := []string{"--export"}
		if name != "nist" { // one comes as bytes
			args = append(args, "--armor")
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".asc"), []byte(people[i].gpg(t, "", args...)), 0o600))
	}
	return people
}

func (h gpgHome) gpg(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	return program(t, []string{"GNUPGHOME=" + h.home, "LC_ALL=C"}, stdin, append([]string{"gpg", "--batch", "--no-tty", "--quiet", "--trust-model", "always"}, args...)...)
}

// decrypt lets every recipient open what was encrypted to them, and compares it with what was not encrypted.
func decrypt(t *testing.T, people []gpgHome, all map[string]delivered) {
	t.Helper()
	for _, h := range people {
		want := map[string]string{} // by the path of what gpg writes
		args := []string{"--yes", "--multifile", "--decrypt"}
		for _, encoding := range encodings {
			bare := all[encoding+"-nobody"]
			sums := bare.digests(t)
			for _, to := range []string{h.name, "all"} {
				d, ok := all[encoding+"-"+to]
				if !ok { // see audiences
					continue
				}
				require.Len(t, d.keys, len(sums))
				for i, key := range d.keys {
					path := filepath.Join(d.dir, key)
					require.True(t, strings.HasSuffix(path, ".pgp"))
					require.NotEqual(t, sums[i], digestOf(t, path))
					want[strings.TrimSuffix(path, ".pgp")] = sums[i]
					args = append(args, path)
				}
			}
		}
		h.gpg(t, "", args...)
		for path, sum := range want {
			require.Equal(t, sum, digestOf(t, path), "as %s: %s", h.name, path)
			require.NoError(t, os.Remove(path)) // the next recipient writes it too
		}
	}
}
