package encrypt

import (
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// NoticeBefore is how long before the expiry of a key its user should be warned: enough for a customer to answer.
const NoticeBefore = 30 * 24 * time.Hour

// A Recipient is somebody who can decrypt, by a certificate that was found fit for it.
type Recipient struct {
	fingerprint string
	key         *packet.PublicKey // the encryption subkey
	expires     time.Time
	aead        bool
	gcm         bool
}

// ParseRecipient reads one certificate, armored or binary, and chooses its encryption subkey as GnuPG does: the newest
// that is valid at now. Its error wraps ErrKey and one of the causes, and says what to ask the customer for.
func ParseRecipient(key []byte, now time.Time) (*Recipient, error) {
	entity, err := certificate(key)
	if err != nil {
		return nil, err
	}
	self, err := selfSignature(entity, now)
	if err != nil {
		return nil, err
	}
	chosen, err := encryptionKey(entity, self, now)
	if err != nil {
		return nil, err
	}
	// A key whose numbers make no sense is found here, and not in the middle of a run.
	if err := writeSessionKey(io.Discard, chosen.key, make([]byte, keySize), false); err != nil {
		return nil, refuse(ErrUnreadable, askExport, "the encryption subkey is damaged (%v)", err)
	}
	return &Recipient{
		fingerprint: strings.ToUpper(hex.EncodeToString(entity.PrimaryKey.Fingerprint)),
		key:         chosen.key,
		expires:     earlier(primaryEnds(entity, self), chosen.expires),
		aead:        self.SEIPDv2,
		gcm: slices.Contains(self.PreferredCipherSuites,
			[2]uint8{uint8(packet.CipherAES256), uint8(packet.AEADModeGCM)}),
	}, nil
}

// Fingerprint returns the fingerprint of the primary key in upper-case hexadecimal digits, as GnuPG prints it.
func (r *Recipient) Fingerprint() string { return r.fingerprint }

// EncryptsTo returns the fingerprint of the key that is encrypted to, a subkey of the primary key for most, written likewise.
func (r *Recipient) EncryptsTo() string {
	return strings.ToUpper(hex.EncodeToString(r.key.Fingerprint))
}

// Expires returns when the first of primary key and encryption subkey expires; zero is never.
func (r *Recipient) Expires() time.Time { return r.expires }

// SupportsAEAD reports whether the certificate says that its owner reads version 2 of encrypted data (RFC 9580).
func (r *Recipient) SupportsAEAD() bool { return r.aead }

// ExpiresSoon reports whether the key expires within NoticeBefore.
func (r *Recipient) ExpiresSoon(now time.Time) bool {
	return !r.expires.IsZero() && r.expires.Before(now.Add(NoticeBefore))
}

func (r *Recipient) expiredAt(now time.Time) bool {
	return !r.expires.IsZero() && !now.Before(r.expires)
}

// earlier returns the earlier of two expiries, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
