package receipt

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"consign/internal/secret"
)

// Errors about the secret key with which a recipient opens files.
var (
	ErrKey        = errors.New("not a usable secret key")
	ErrPassphrase = errors.New("the passphrase does not open the secret key")
)

// armorBegin is how an armored key begins.
var armorBegin = []byte("-----BEGIN PGP")

// A Key opens what was encrypted to it.
type Key struct {
	entities openpgp.EntityList
}

// ParseKey reads a recipient's secret key, armored or binary, or several of them one after the other. It wraps ErrKey.
func ParseKey(text []byte) (*Key, error) {
	read, blocks := openpgp.ReadKeyRing, [][]byte{text}
	if armored := bytes.Split(text, armorBegin)[1:]; len(armored) > 0 {
		read, blocks = openpgp.ReadArmoredKeyRing, armored
		for i, block := range armored {
			blocks[i] = slices.Concat(armorBegin, block)
		}
	}
	k := &Key{}
	var unread error // a block that is no key matters if there is no other
	for _, block := range blocks {
		entities, err := read(bytes.NewReader(block))
		unread = cmp.Or(unread, err)
		for _, e := range entities {
			if e.PrivateKey != nil {
				k.entities = append(k.entities, e)
			}
		}
	}
	switch {
	case len(k.entities) == 0 && unread != nil:
		return nil, fmt.Errorf("%w: %w", ErrKey, unread)
	case len(k.entities) == 0:
		return nil, fmt.Errorf("%w: it holds public keys only (gpg --armor --export-secret-keys writes a secret one)", ErrKey)
	}
	return k, nil
}

// Locked reports whether the key needs a passphrase.
func (k *Key) Locked() bool {
	for _, p := range k.private() {
		if p.Encrypted {
			return true
		}
	}
	return false
}

// Unlock opens the key with its passphrase. It wraps ErrPassphrase.
func (k *Key) Unlock(passphrase secret.Text) error {
	for _, p := range k.private() {
		if !p.Encrypted {
			continue
		}
		if err := p.Decrypt([]byte(passphrase.Reveal())); err != nil {
			return ErrPassphrase
		}
	}
	return nil
}

// private returns all secret keys but stubs, which hold nothing: a main key is often kept elsewhere.
func (k *Key) private() []*packet.PrivateKey {
	var all []*packet.PrivateKey
	for _, e := range k.entities {
		keys := []*packet.PrivateKey{e.PrivateKey}
		for _, s := range e.Subkeys {
			keys = append(keys, s.PrivateKey)
		}
		for _, p := range keys {
			if p != nil && !p.Dummy() {
				all = append(all, p)
			}
		}
	}
	return all
}

// open returns the text of an encrypted message. What it says about damage comes at the text's end, so the whole has to
// be read before any of it is believed.
func (k *Key) open(r io.Reader) (io.Reader, error) {
	message, err := openpgp.ReadMessage(r, k.entities, nil, nil)
	if errors.Is(err, pgperrors.ErrKeyIncorrect) {
		return nil, errWrongKey
	}
	if err != nil {
		return nil, err
	}
	return message.UnverifiedBody, nil
}

// errWrongKey is how an attempt ends to open what was encrypted to somebody else.
var errWrongKey = errors.New("it is not encrypted to this key")
