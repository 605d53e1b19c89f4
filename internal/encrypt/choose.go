package encrypt

import (
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// minRSABits is where NIST SP 800-131A and RFC 9580, section 12.4, end what may still be used.
const minRSABits = 2048

// anyTime makes go-crypto verify signatures without looking at dates. Verdicts are cached with the signature, so this
// must come first: a signature that is merely not in force must not be remembered as wrong.
var anyTime time.Time

// rules are go-crypto's own: signatures made with MD5 or RIPEMD-160 count for nothing.
func rules() *packet.Config { return &packet.Config{} }

// selfSignature returns the newest signature by which the primary key speaks about itself: its expiry, and what its
// owner's software can read.
func selfSignature(e *openpgp.Entity, now time.Time) (*packet.Signature, error) {
	id := e.PrimaryKey.KeyIdString()
	if e.Revoked(now) {
		return nil, refuse(ErrRevoked, askReplace, "key %s", id)
	}
	valid, inForce, revoked := selfSignatures(e, now)
	switch {
	case inForce == nil && revoked:
		return nil, refuse(ErrRevoked, askReplace, "all user IDs of key %s", id)
	case valid == nil:
		return nil, refuse(ErrBinding, askExport, "key %s is not signed by itself", id)
	case e.PrimaryKey.CreationTime.After(now) || inForce == nil && valid.CreationTime.After(now):
		return nil, notYet("key "+id, e.PrimaryKey, valid)
	case inForce == nil:
		return nil, refuse(ErrExpired, askExtend, "the signature of key %s on itself, on %s", id, day(ends(e.PrimaryKey, valid)))
	}
	if end := primaryEnds(e, inForce); !end.IsZero() && !now.Before(end) {
		return nil, refuse(ErrExpired, askExtend, "key %s on %s", id, day(end))
	}
	return inForce, nil
}

// selfSignatures returns the newest valid self-signature, the newest that is also in force at now, and whether a user
// ID is revoked. Version 6 keys speak through signatures on the key, older ones through those on their user IDs.
func selfSignatures(e *openpgp.Entity, now time.Time) (valid, inForce *packet.Signature, revoked bool) {
	if e.PrimaryKey.Version == 6 {
		valid, _ = e.LatestValidDirectSignature(anyTime, rules())
		inForce, _ = e.LatestValidDirectSignature(now, rules())
		return valid, inForce, false
	}
	for _, identity := range e.Identities {
		anyDate, err := identity.LatestValidSelfCertification(anyTime, rules())
		if err != nil {
			continue
		}
		valid = newer(valid, anyDate)
		if identity.Revoked(anyDate, now, rules()) {
			revoked = true
			continue
		}
		if current, err := identity.LatestValidSelfCertification(now, rules()); err == nil {
			inForce = newer(inForce, current)
		}
	}
	return valid, inForce, revoked
}

// newer prefers the signature made later and, of the same second, the one that ends first: the order of a map must not
// decide.
func newer(a, b *packet.Signature) *packet.Signature {
	if a == nil || b.CreationTime.After(a.CreationTime) {
		return b
	}
	if b.CreationTime.Equal(a.CreationTime) && lifetime(b) < lifetime(a) {
		return b
	}
	return a
}

func lifetime(s *packet.Signature) uint64 {
	if s.KeyLifetimeSecs == nil || *s.KeyLifetimeSecs == 0 {
		return 1 << 32
	}
	return uint64(*s.KeyLifetimeSecs)
}

// primaryEnds returns when the primary key expires, which a signature on the key may say besides those on user IDs.
func primaryEnds(e *openpgp.Entity, self *packet.Signature) time.Time {
	end := ends(e.PrimaryKey, self)
	if direct, err := e.LatestValidDirectSignature(anyTime, rules()); err == nil {
		end = earlier(end, ends(e.PrimaryKey, direct))
	}
	return end
}

// ends returns when sig, or the key that it speaks about, expires; zero is never.
func ends(key *packet.PublicKey, sig *packet.Signature) time.Time {
	return earlier(after(key.CreationTime, sig.KeyLifetimeSecs), after(sig.CreationTime, sig.SigLifetimeSecs))
}

func after(begin time.Time, seconds *uint32) time.Time {
	if seconds == nil || *seconds == 0 {
		return time.Time{}
	}
	return begin.Add(time.Duration(*seconds) * time.Second)
}

// A candidate is a key that is meant for encryption. err says why it cannot be used.
type candidate struct {
	key     *packet.PublicKey
	expires time.Time
	err     error
}

// encryptionKey returns the newest usable candidate, or why the newest of all is not usable.
func encryptionKey(e *openpgp.Entity, self *packet.Signature, now time.Time) (*candidate, error) {
	var usable, unusable *candidate
	for i := range e.Subkeys {
		c := subkey(&e.Subkeys[i], now)
		switch {
		case c == nil:
		case c.err != nil:
			unusable = newest(unusable, c)
		default:
			usable = newest(usable, c)
		}
	}
	// A primary key that does not say what it is for is taken for encryption only if there is nothing else.
	primary := e.PrimaryKey
	if usable == nil && primary.PubKeyAlgo.CanEncrypt() && forEncryption(self) && (self.FlagsValid || unusable == nil) {
		usable = &candidate{key: primary, expires: ends(primary, self)}
		if err := retired("key", primary); err != nil {
			return nil, err
		}
	}
	switch {
	case usable != nil:
		return usable, nil
	case unusable != nil:
		return nil, unusable.err
	case primary.PubKeyAlgo == packet.PubKeyAlgoDSA:
		return nil, refuse(ErrRetired, askNew, "key %s is DSA only, which cannot encrypt", primary.KeyIdString())
	}
	return nil, refuse(ErrNoEncryption, askSubkey, "key %s can sign only", primary.KeyIdString())
}

func newest(a, b *candidate) *candidate {
	if a == nil || !b.key.CreationTime.Before(a.key.CreationTime) {
		return b
	}
	return a
}

// subkey returns the candidate that s makes, or nil if s is not meant for encryption.
func subkey(s *openpgp.Subkey, now time.Time) *candidate {
	if !s.PublicKey.PubKeyAlgo.CanEncrypt() {
		return nil
	}
	id := "subkey " + s.PublicKey.KeyIdString()
	c := &candidate{key: s.PublicKey}
	binding, err := s.LatestValidBindingSignature(anyTime, rules())
	if err != nil {
		c.err = refuse(ErrBinding, askExport, "%s is not bound to its primary key", id)
		return c
	}
	if inForce, err := s.LatestValidBindingSignature(now, rules()); err == nil {
		binding = inForce
	}
	if !forEncryption(binding) {
		return nil
	}
	c.expires = ends(s.PublicKey, binding)
	switch {
	case s.Revoked(binding, now):
		c.err = refuse(ErrRevoked, askReplace, "%s", id)
	case s.PublicKey.CreationTime.After(now) || binding.CreationTime.After(now):
		c.err = notYet(id, s.PublicKey, binding)
	case !c.expires.IsZero() && !now.Before(c.expires):
		c.err = refuse(ErrExpired, askExtendSubkey(s.Primary.PrimaryKey, s.PublicKey), "%s on %s", id, day(c.expires))
	default:
		c.err = retired("subkey", s.PublicKey)
	}
	return c
}

// forEncryption reports whether the flags allow it. Certificates of the nineties have none: then the algorithm decides,
// as in GnuPG.
func forEncryption(sig *packet.Signature) bool {
	return !sig.FlagsValid || sig.FlagEncryptCommunications || sig.FlagEncryptStorage
}

func retired(what string, key *packet.PublicKey) error {
	if key.PubKeyAlgo == packet.PubKeyAlgoElGamal {
		return refuse(ErrRetired, askNew, "%s %s is ElGamal", what, key.KeyIdString())
	}
	bits, err := key.BitLength()
	isRSA := key.PubKeyAlgo == packet.PubKeyAlgoRSA || key.PubKeyAlgo == packet.PubKeyAlgoRSAEncryptOnly
	if isRSA && (err != nil || bits < minRSABits) {
		return refuse(ErrRetired, askNew, "%s %s is RSA with %d bits", what, key.KeyIdString(), bits)
	}
	return nil
}

func notYet(what string, key *packet.PublicKey, sig *packet.Signature) error {
	begin := key.CreationTime
	if sig.CreationTime.After(begin) {
		begin = sig.CreationTime
	}
	return refuse(ErrNotYetValid, "check the clock of this machine, or wait", "%s begins on %s", what, day(begin))
}
