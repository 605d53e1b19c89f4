package encrypt_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

// A gnupg is somebody with GnuPG and a folder of keys: the reader that we did not write.
type gnupg struct {
	t    *testing.T
	home string
	env  []string
}

// newGnuPG makes an empty folder of keys. Its path is short because the agent's socket in it may have 108 bytes at most.
func newGnuPG(t *testing.T) *gnupg {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // the path of t.TempDir is too long for a socket
	require.NoError(t, err)
	g := &gnupg{t: t, home: home, env: append(os.Environ(), "GNUPGHOME="+home, "LC_ALL=C")}
	t.Cleanup(func() {
		stop := exec.Command("gpgconf", "--kill", "all")
		stop.Env = g.env
		_ = stop.Run()
		_ = os.RemoveAll(home)
	})
	return g
}

// try runs gpg and returns what it writes and what it says.
func (g *gnupg) try(stdin []byte, args ...string) (out []byte, said string, err error) {
	var stdout, stderr bytes.Buffer
	command := exec.Command("gpg", append([]string{"--batch", "--no-tty", "--trust-model", "always"}, args...)...)
	command.Env, command.Stdin, command.Stdout, command.Stderr = g.env, bytes.NewReader(stdin), &stdout, &stderr
	err = command.Run()
	return stdout.Bytes(), stderr.String(), err
}

func (g *gnupg) run(stdin string, args ...string) []byte {
	g.t.Helper()
	out, said, err := g.try([]byte(stdin), args...)
	require.NoError(g.t, err, "gpg %s: %s", strings.Join(args, " "), said)
	return out
}

// generate makes a key of the given lines of gpg's parameter file, at the given time ("20200101T000000"; empty: now).
func (g *gnupg) generate(at string, lines ...string) {
	g.t.Helper()
	parameters := "%no-protection\n" + strings.Join(lines, "\n") + "\nName-Real: Somebody\nName-Email: somebody@example.com\n%commit\n"
	g.run(parameters, g.clock(at, "--gen-key")...)
}

// clock has gpg take it for that time, at which it stands still: a key of which the date of its end is given would end a second
// early or late, if one passed while it is made.
func (g *gnupg) clock(at string, args ...string) []string {
	if at == "" {
		return args
	}
	return append([]string{"--faked-system-time", at + "!", "--ignore-time-conflict"}, args...)
}

// certificate exports the one key, armored.
func (g *gnupg) certificate() []byte {
	g.t.Helper()
	return g.run("", "--armor", "--export")
}

// fingerprints returns those of the primary key and of its subkeys.
func (g *gnupg) fingerprints() []string {
	g.t.Helper()
	var found []string
	for line := range strings.Lines(string(g.run("", "--with-colons", "--list-keys"))) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			found = append(found, fields[9])
		}
	}
	require.NotEmpty(g.t, found)
	return found
}

// edit types answers into gpg --edit-key.
func (g *gnupg) edit(answers ...string) {
	g.t.Helper()
	g.run(strings.Join(answers, "\n")+"\n", "--command-fd", "0", "--yes", "--edit-key", g.fingerprints()[0])
}

// curve25519 are the parameters of what GnuPG makes today.
var curve25519 = []string{"Key-Type: eddsa", "Key-Curve: ed25519", "Key-Usage: sign", "Subkey-Type: ecdh", "Subkey-Curve: cv25519", "Subkey-Usage: encrypt"}

func recipient(t *testing.T, certificate []byte) *encrypt.Recipient {
	t.Helper()
	r, err := encrypt.ParseRecipient(certificate, time.Now())
	require.NoError(t, err)
	return r
}

// seal encrypts content in pieces of odd sizes.
func seal(t *testing.T, content []byte, o encrypt.Options, recipients ...*encrypt.Recipient) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := encrypt.New(&sealed, recipients, o, time.Now())
	require.NoError(t, err)
	for size := 1; len(content) > 0; size = size*3 + 1 {
		piece := content[:min(size, len(content))]
		n, err := w.Write(piece)
		require.NoError(t, err)
		require.Equal(t, len(piece), n)
		content = content[len(piece):]
	}
	require.NoError(t, w.Close())
	return sealed.Bytes()
}
