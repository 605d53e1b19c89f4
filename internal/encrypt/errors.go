package encrypt

import (
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// ErrKey is wrapped by every error about a public key. Each cause has an error of its own below, because each asks
// something else of the customer; the message says what.
var ErrKey = errors.New("unusable PGP public key")

// The causes for which a key is refused.
var (
	// ErrUnreadable: there is no OpenPGP certificate in the text, or a damaged one.
	ErrUnreadable = fmt.Errorf("%w: cannot be read", ErrKey)
	// ErrSecretKey: somebody sent the secret key, which must then be thought of as leaked.
	ErrSecretKey = fmt.Errorf("%w: it is a secret key", ErrKey)
	// ErrSeveralKeys: more than one certificate; which one is meant cannot be known.
	ErrSeveralKeys = fmt.Errorf("%w: more than one certificate", ErrKey)
	// ErrNoEncryption: the certificate can sign only.
	ErrNoEncryption = fmt.Errorf("%w: no encryption subkey", ErrKey)
	// ErrExpired: the primary key or the encryption subkey has expired.
	ErrExpired = fmt.Errorf("%w: expired", ErrKey)
	// ErrNotYetValid: the key says that it was made in the future.
	ErrNotYetValid = fmt.Errorf("%w: not valid yet", ErrKey)
	// ErrRevoked: the owner has revoked the primary key, all its user IDs, or the encryption subkey.
	ErrRevoked = fmt.Errorf("%w: revoked", ErrKey)
	// ErrRetired: ElGamal, DSA, RSA under 2,048 bits, or a version of OpenPGP before 4.
	ErrRetired = fmt.Errorf("%w: retired algorithm", ErrKey)
	// ErrBinding: the signatures that hold the certificate together are missing or do not verify.
	ErrBinding = fmt.Errorf("%w: invalid signatures", ErrKey)
)

// What to ask the customer for, by cause.
const (
	askExport  = "ask the customer for the output of: gpg --armor --export KEY-ID"
	askNew     = "ask the customer for a new key (RSA with at least 2048 bits, or Curve25519) with an encryption subkey"
	askSubkey  = "ask the customer to add an encryption subkey (gpg --quick-add-key FINGERPRINT) and to send the certificate again"
	askExtend  = "ask the customer to extend it (gpg --quick-set-expire), and its encryption subkey if that has expired too, and to send the certificate again, or to send a new key"
	askReplace = "ask the customer for the key that replaces it"
)

// askExtendSubkey gives the whole command: without the subkey's fingerprint it extends the primary key and nothing else, and
// GnuPG's * means those subkeys only that have not expired yet.
func askExtendSubkey(primary, subkey *packet.PublicKey) string {
	return fmt.Sprintf("ask the customer to extend it (gpg --quick-set-expire %X 2y %X) and to send the certificate again, or to send a new key",
		primary.Fingerprint, subkey.Fingerprint)
}

func refuse(cause error, ask, format string, args ...any) error {
	return fmt.Errorf("%w: %s; %s", cause, fmt.Sprintf(format, args...), ask)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
