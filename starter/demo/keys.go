package demo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A keyPair is Acme's: the public key is given away, the private one opens what is encrypted to it.
type keyPair struct {
	entity  *openpgp.Entity
	public  []byte // armored
	private []byte
}

func newKeyPair(now time.Time) (*keyPair, error) {
	config := &packet.Config{
		Algorithm: packet.PubKeyAlgoEdDSA,                          // what GnuPG makes by default
		Time:      func() time.Time { return now.Add(-time.Hour) }, // a key from the future would be refused
		// Random notations in signatures help keys in hardware; this one lives for seconds.
		NonDeterministicSignaturesViaNotation: new(false),
	}
	entity, err := openpgp.NewEntity("Acme", "", "data@acme.example", config)
	if err != nil {
		return nil, fmt.Errorf("make OpenPGP keys: %w", err)
	}
	var public, private bytes.Buffer
	err = errors.Join(
		armored(&public, openpgp.PublicKeyType, entity.Serialize),
		armored(&private, openpgp.PrivateKeyType, func(w io.Writer) error { return entity.SerializePrivate(w, config) }),
	)
	return &keyPair{entity, public.Bytes(), private.Bytes()}, err
}

func armored(out io.Writer, kind string, write func(io.Writer) error) error {
	w, err := armor.Encode(out, kind, nil)
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = io.WriteString(out, "\n")
	return err
}

func (k *keyPair) fingerprint() string {
	return strings.ToUpper(hex.EncodeToString(k.entity.PrimaryKey.Fingerprint))
}

// decrypt opens a file as Acme would: with GnuPG where it is installed, and else with Go's OpenPGP. It returns who did.
func (k *keyPair) decrypt(ctx context.Context, from, to string) (string, error) {
	if gpg, err := exec.LookPath("gpg"); err == nil {
		return "gpg", k.gnupg(ctx, gpg, from, to)
	}
	return "OpenPGP", k.openPGP(from, to)
}

func (k *keyPair) openPGP(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	message, err := openpgp.ReadMessage(in, openpgp.EntityList{k.entity}, nil, nil)
	if err != nil {
		return fmt.Errorf("decrypt %s: %w", filepath.Base(from), err)
	}
	return writeFile(to, message.UnverifiedBody)
}

// gnupg has GnuPG decrypt a file, with a folder of keys of its own.
func (k *keyPair) gnupg(ctx context.Context, gpg, from, to string) error {
	home, err := os.MkdirTemp("", "gpg") // short: the socket in it may have 108 bytes at most
	if err != nil {
		return err
	}
	defer func() {
		stop := exec.Command("gpgconf", "--homedir", home, "--kill", "all") // GnuPG starts an agent
		_ = stop.Run()
		_ = os.RemoveAll(home)
	}()
	for _, step := range []struct {
		input []byte
		args  []string
	}{
		{k.private, []string{"--import"}},
		{nil, []string{"--trust-model", "always", "--yes", "--output", to, "--decrypt", from}},
	} {
		cmd := exec.CommandContext(ctx, gpg, append([]string{"--homedir", home, "--batch", "--no-tty", "--quiet"}, step.args...)...)
		cmd.Stdin = bytes.NewReader(step.input)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("gpg %s: %w: %s", strings.Join(step.args, " "), err, bytes.TrimSpace(said))
		}
	}
	return nil
}

// gunzip unpacks a file.
func gunzip(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	z, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("gunzip %s: %w", filepath.Base(from), err)
	}
	return writeFile(to, z)
}

func writeFile(to string, from io.Reader) error {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}
