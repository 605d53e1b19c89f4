package encrypt_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

const userID = "Somebody <somebody@example.com>"

// made is when the keys of this file are made; signatures begin in the same second.
var made = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(moment time.Time) *packet.Config {
	return &packet.Config{Time: func() time.Time { return moment }}
}

// certify signs a user ID of e again, after change.
func certify(t *testing.T, e *openpgp.Entity, name string, change func(*packet.Signature)) {
	t.Helper()
	signature := *e.Identities[userID].SelfCertifications[0].Packet
	change(&signature)
	require.NoError(t, signature.SignUserId(name, e.PrimaryKey, e.PrivateKey, nil))
	e.Identities[name] = &openpgp.Identity{
		Primary: e, Name: name, UserId: &packet.UserId{Id: name},
		SelfCertifications: []*packet.VerifiableSignature{packet.NewVerifiableSig(&signature)},
	}
}

func parse(t *testing.T, e *openpgp.Entity, now time.Time) (*encrypt.Recipient, error) {
	t.Helper()
	var certificate bytes.Buffer
	require.NoError(t, e.Serialize(&certificate))
	return encrypt.ParseRecipient(certificate.Bytes(), now)
}

func seconds(d time.Duration) *uint32 {
	n := uint32(d / time.Second)
	return &n
}

func TestOfUserIDsSignedInOneSecondTheFirstToEndCounts(t *testing.T) {
	t.Parallel()
	for range 20 { // user IDs are kept in a map, whose order differs every time
		e := newEntity(t, at(made))
		certify(t, e, userID, func(s *packet.Signature) { s.KeyLifetimeSecs = seconds(100 * time.Hour) })
		certify(t, e, "Short", func(s *packet.Signature) { s.KeyLifetimeSecs = seconds(time.Hour) })
		certify(t, e, "Never", func(s *packet.Signature) { s.KeyLifetimeSecs = nil })
		r, err := parse(t, e, made.Add(time.Minute))
		require.NoError(t, err)
		require.True(t, made.Add(time.Hour).Equal(r.Expires()), "%s", r.Expires())
	}
}

func TestTheNewestSelfSignatureCounts(t *testing.T) {
	t.Parallel()
	e := newEntity(t, at(made))
	certify(t, e, "Newer", func(s *packet.Signature) {
		s.CreationTime, s.KeyLifetimeSecs = made.Add(time.Hour), seconds(10*time.Hour)
	})
	r, err := parse(t, e, made.Add(2*time.Hour))
	require.NoError(t, err)
	require.True(t, made.Add(10*time.Hour).Equal(r.Expires()))
	r, err = parse(t, e, made.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, r.Expires().IsZero(), "the newer one is not in force yet")
}

func TestASignatureOnTheKeyItselfMayEndIt(t *testing.T) {
	t.Parallel()
	e := newEntity(t, at(made))
	direct := *e.Identities[userID].SelfCertifications[0].Packet
	direct.SigType, direct.KeyLifetimeSecs = packet.SigTypeDirectSignature, seconds(time.Hour)
	require.NoError(t, direct.SignDirectKeyBinding(e.PrimaryKey, e.PrivateKey, nil))
	e.DirectSignatures = append(e.DirectSignatures, packet.NewVerifiableSig(&direct))
	r, err := parse(t, e, made.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, made.Add(time.Hour).Equal(r.Expires()))
	_, err = parse(t, e, made.Add(time.Hour))
	require.ErrorIs(t, err, encrypt.ErrExpired)
}

// Certificates without flags are from before 1998, when the algorithm said what a key is for.
func TestAPrimaryKeyWithoutFlagsIsUsedOnlyIfNoSubkeyIsMeantForEncryption(t *testing.T) {
	t.Parallel()
	config := at(made)
	config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 2048
	e, err := openpgp.NewEntity("Somebody", "", "somebody@example.com", config)
	require.NoError(t, err)
	certify(t, e, userID, func(s *packet.Signature) { s.FlagsValid = false })
	subkeys := e.Subkeys

	e.Subkeys = nil
	r, err := parse(t, e, made.Add(time.Minute))
	require.NoError(t, err)
	first, err := packet.Read(bytes.NewReader(seal(t, []byte("hello"), encrypt.Options{}, r)))
	require.NoError(t, err)
	require.Equal(t, e.PrimaryKey.KeyId, first.(*packet.EncryptedKey).KeyId)

	e.Subkeys = subkeys
	binding := subkeys[0].Bindings[0].Packet
	binding.KeyLifetimeSecs = seconds(time.Hour)
	require.NoError(t, binding.SignKey(subkeys[0].PublicKey, e.PrivateKey, nil))
	_, err = parse(t, e, made.Add(2*time.Hour))
	require.ErrorIs(t, err, encrypt.ErrExpired, "the customer wants the subkey to be used")
}

func TestASubkeyOfTheFutureIsNotUsedYet(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20240101T000000", "Key-Type: eddsa", "Key-Curve: ed25519", "Key-Usage: sign")
	gpg.run("", gpg.clock("20900101T000000", "--passphrase", "", "--quick-add-key", gpg.fingerprints()[0], "cv25519", "encrypt", "0")...)
	_, err := encrypt.ParseRecipient(gpg.certificate(), time.Now())
	require.ErrorIs(t, err, encrypt.ErrNotYetValid)
	require.ErrorContains(t, err, "begins on 2090-01-01")
}

func TestASubkeyForSigningIsNotEncryptedTo(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20240101T000000", curve25519...)
	encryption := gpg.fingerprints()[1]
	gpg.run("", gpg.clock("20250101T000000", "--passphrase", "", "--quick-add-key", gpg.fingerprints()[0], "rsa2048", "sign", "0")...)
	listed := string(gpg.run(string(seal(t, []byte("x"), encrypt.Options{}, recipient(t, gpg.certificate()))), "--list-packets"))
	require.Contains(t, listed, "keyid "+encryption[len(encryption)-16:], "though the other one is newer and RSA")

	gpg.edit("key 1", "delkey", "y", "save")
	_, err := encrypt.ParseRecipient(gpg.certificate(), time.Now())
	require.ErrorIs(t, err, encrypt.ErrNoEncryption)
}

func TestAUserIDThatIsRevokedDoesNotSpeakForTheKey(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20240101T000000", curve25519...)
	gpg.run("", "--quick-add-uid", gpg.fingerprints()[0], "Other <other@example.com>")
	gpg.run("", "--quick-revoke-uid", gpg.fingerprints()[0], "Somebody <somebody@example.com>")
	require.True(t, strings.HasSuffix(gpg.fingerprints()[0], recipient(t, gpg.certificate()).Fingerprint()), "the other one does")
}
