package encrypt_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

func TestAKeyThatCannotBeUsedIsRefusedByItsCause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key  func(gpg *gnupg) []byte
		want error
		says string
	}{
		"sign only": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", "Key-Type: eddsa", "Key-Curve: ed25519", "Key-Usage: sign")
				return gpg.certificate()
			},
			want: encrypt.ErrNoEncryption, says: "can sign only; ask the customer to add an encryption subkey",
		},
		"primary key expired": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("20200101T000000", append(curve25519, "Expire-Date: 2020-06-01")...)
				return gpg.certificate()
			},
			want: encrypt.ErrExpired, says: " on 2020-06-01; ask the customer to extend it",
		},
		"encryption subkey expired": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("20200101T000000", "Key-Type: eddsa", "Key-Curve: ed25519", "Key-Usage: sign")
				gpg.run("", gpg.clock("20200101T010000", "--passphrase", "",
					"--quick-add-key", gpg.fingerprints()[0], "cv25519", "encrypt", "2021-02-03")...)
				return gpg.certificate()
			},
			want: encrypt.ErrExpired, says: " on 2021-02-03; ask the customer to extend it (gpg --quick-set-expire ",
		},
		"made in the future": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("20900101T000000", curve25519...)
				return gpg.certificate()
			},
			want: encrypt.ErrNotYetValid, says: "begins on 2090-01-01; check the clock",
		},
		"primary key revoked": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				gpg.edit("revkey", "y", "0", "", "y", "save")
				return gpg.certificate()
			},
			want: encrypt.ErrRevoked, says: "key ",
		},
		"encryption subkey revoked": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				gpg.edit("key 1", "revkey", "y", "3", "", "y", "save")
				return gpg.certificate()
			},
			want: encrypt.ErrRevoked, says: "subkey ",
		},
		"ElGamal": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: sign", "Subkey-Type: ELG-E", "Subkey-Length: 1024")
				return gpg.certificate()
			},
			want: encrypt.ErrRetired, says: "is ElGamal; ask the customer for a new key",
		},
		"DSA only": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", "Key-Type: DSA", "Key-Length: 1024")
				return gpg.certificate()
			},
			want: encrypt.ErrRetired, says: "is DSA only, which cannot encrypt",
		},
		"RSA with 1024 bits": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: sign", "Subkey-Type: RSA", "Subkey-Length: 1024", "Subkey-Usage: encrypt")
				return gpg.certificate()
			},
			want: encrypt.ErrRetired, says: "subkey ",
		},
		"RSA with 1024 bits and no subkey": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", "Key-Type: RSA", "Key-Length: 1024", "Key-Usage: sign,encrypt")
				return gpg.certificate()
			},
			want: encrypt.ErrRetired, says: "is RSA with 1024 bits; ask the customer for a new key (RSA with at least 2048 bits",
		},
		"secret key": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				return gpg.run("", "--armor", "--export-secret-keys")
			},
			want: encrypt.ErrSecretKey, says: "think of it as leaked",
		},
		"secret key, binary": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				return gpg.run("", "--export-secret-keys")
			},
			want: encrypt.ErrSecretKey, says: "think of it as leaked",
		},
		"two certificates in one block": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				gpg.run("%no-protection\nKey-Type: eddsa\nKey-Curve: ed25519\nName-Real: Other\n%commit\n", "--gen-key")
				return gpg.certificate()
			},
			want: encrypt.ErrSeveralKeys, says: "it holds 2; ask the customer which one is meant",
		},
		"two blocks in one text": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				return append(gpg.certificate(), gpg.certificate()...)
			},
			want: encrypt.ErrSeveralKeys, says: "it holds 2",
		},
		"binding signature does not verify": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				certificate := gpg.run("", "--export")
				certificate[len(certificate)-1] ^= 1
				return certificate
			},
			want: encrypt.ErrBinding, says: "is not bound to its primary key",
		},
		"self-signature does not verify": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				return bytes.Replace(gpg.run("", "--export"), []byte("somebody@"), []byte("somebudy@"), 1)
			},
			want: encrypt.ErrBinding, says: "is not signed by itself",
		},
		"a signature": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				return gpg.run("hello", "--armor", "--detach-sign")
			},
			want: encrypt.ErrUnreadable, says: "it is a PGP SIGNATURE, not a PGP PUBLIC KEY BLOCK",
		},
		"a binary message": {
			key: func(gpg *gnupg) []byte {
				gpg.generate("", curve25519...)
				return gpg.run("hello", "--encrypt", "--default-recipient-self")
			},
			want: encrypt.ErrUnreadable, says: "holds no public key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := encrypt.ParseRecipient(c.key(newGnuPG(t)), time.Now())
			require.ErrorIs(t, err, encrypt.ErrKey)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestATextThatIsNoCertificateSaysWhatItIs(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("", curve25519...)
	good := gpg.certificate()
	for name, c := range map[string]struct {
		key  []byte
		says string
	}{
		"nothing":        {nil, "it is empty"},
		"blanks":         {[]byte(" \n\t"), "it is empty"},
		"prose":          {[]byte("the key is in the attachment"), "there is no -----BEGIN PGP PUBLIC KEY BLOCK----- in it"},
		"an SSH key":     {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 dana"), "it is an SSH key"},
		"a certificate":  {[]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), "there is no -----BEGIN PGP PUBLIC KEY BLOCK-----"},
		"UTF-16":         {utf16(good), "it is UTF-16 text, as PowerShell writes"},
		"one long line":  {bytes.ReplaceAll(good, []byte("\n"), []byte(" ")), "it has lost its line breaks"},
		"cut off":        {good[:len(good)/2], "damaged"},
		"no empty line":  {bytes.Replace(good, []byte("\n\n"), []byte("\n"), 1), "the lines after -----BEGIN PGP are damaged"},
		"binary noise":   {[]byte{0xff, 0xfe, 1, 2, 3}, "damaged"},
		"binary cut off": {gpg.run("", "--export")[:100], "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := encrypt.ParseRecipient(c.key, time.Now())
			require.ErrorIs(t, err, encrypt.ErrUnreadable)
			require.ErrorContains(t, err, c.says)
		})
	}
	for name, key := range map[string][]byte{
		"a byte-order mark":     append([]byte("\xef\xbb\xbf"), good...),
		"Windows line endings":  bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
		"a letter around it":    append([]byte("Dear all,\nhere it is:\n\n"), append(good, "\nBest regards\n"...)...),
		"a word before it":      append([]byte("Öffentlicher Schlüssel:\n"), good...),
		"blank lines around it": append([]byte("\n\n"), append(good, "\n\n"...)...),
	} {
		_, err := encrypt.ParseRecipient(key, time.Now())
		require.NoError(t, err, "%s is no reason to refuse", name)
	}
}

func utf16(text []byte) []byte {
	wide := []byte{0xff, 0xfe}
	for _, b := range text {
		wide = append(wide, b, 0)
	}
	return wide
}

func TestAKeyOfAnotherAgeIsRefused(t *testing.T) {
	t.Parallel()
	_, err := encrypt.ParseRecipient([]byte("\xc6\x0a\x03\x00\x00\x00\x00\x00\x00\x01\x00\x00"), time.Now())
	require.ErrorIs(t, err, encrypt.ErrRetired)
	require.ErrorContains(t, err, "it is a key of version 3, from before 1998; ask the customer for a new key")
	_, err = encrypt.ParseRecipient([]byte("\xc6\x06\x04\x00\x00\x00\x00\x63"), time.Now())
	require.ErrorIs(t, err, encrypt.ErrUnreadable)
	require.ErrorContains(t, err, "its primary key is damaged or of a kind that is not known")
}

func TestACertificateSignedWithSHA1IsStillAccepted(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.run("%no-protection\n"+strings.Join(curve25519, "\n")+"\nName-Real: Old\n%commit\n", "--cert-digest-algo", "SHA1", "--gen-key")
	require.Contains(t, string(gpg.run(string(gpg.run("", "--export")), "--list-packets")), "digest algo 2,")
	recipient(t, gpg.certificate())
}

func TestAMessageReadsAsOneSentence(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20200101T000000", append(curve25519, "Expire-Date: 2020-06-01")...)
	_, err := encrypt.ParseRecipient(gpg.certificate(), time.Now())
	id := gpg.fingerprints()[0][24:]
	require.EqualError(t, err, "unusable PGP public key: expired: key "+id+" on 2020-06-01; "+
		"ask the customer to extend it (gpg --quick-set-expire), and its encryption subkey if that has expired too, and to send the certificate again, or to send a new key")
}

func TestTheFirstExpiryOfPrimaryKeyAndSubkeyCounts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		primary, subkey string
		want            time.Time
		soon            bool
	}{
		"neither":         {"0", "0", time.Time{}, false},
		"the primary key": {"2026-12-13", "0", time.Date(2026, 12, 13, 12, 0, 0, 0, time.UTC), true},
		"the subkey":      {"0", "2027-03-01", time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), false},
		"both":            {"2028-01-01", "2026-12-22", time.Date(2026, 12, 22, 12, 0, 0, 0, time.UTC), true},
		"in 31 days":      {"2026-12-24", "0", time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gpg := newGnuPG(t)
			gpg.generate("20240101T000000", "Key-Type: eddsa", "Key-Curve: ed25519", "Key-Usage: sign", "Expire-Date: "+c.primary)
			gpg.run("", gpg.clock("20240101T010000", "--passphrase", "",
				"--quick-add-key", gpg.fingerprints()[0], "cv25519", "encrypt", c.subkey)...)
			r, err := encrypt.ParseRecipient(gpg.certificate(), now)
			require.NoError(t, err)
			require.True(t, c.want.Equal(r.Expires()), "%s", r.Expires())
			require.Equal(t, c.soon, r.ExpiresSoon(now))

			if !c.want.IsZero() {
				_, err = encrypt.ParseRecipient(gpg.certificate(), c.want)
				require.ErrorIs(t, err, encrypt.ErrExpired, "at that very moment")
				_, err = encrypt.New(&bytes.Buffer{}, []*encrypt.Recipient{r}, encrypt.Options{}, c.want)
				require.ErrorIs(t, err, encrypt.ErrExpired, "also when it expired after it was parsed")
				_, err = encrypt.ParseRecipient(gpg.certificate(), c.want.Add(-time.Second))
				require.NoError(t, err)
			}
		})
	}
}

func TestAnExtendedKeyIsGoodAgain(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20200101T000000", append(curve25519, "Expire-Date: 2020-06-01")...)
	primary := gpg.fingerprints()[0]
	gpg.run("", "--quick-set-expire", primary, "2090-01-01")
	_, err := encrypt.ParseRecipient(gpg.certificate(), time.Now())
	require.ErrorIs(t, err, encrypt.ErrExpired, "the subkey must be extended too")
	_, command, _ := strings.Cut(err.Error(), "(gpg ")
	command, _, _ = strings.Cut(command, ")")
	gpg.run("", strings.Fields(command)...) // what the message says is enough
	require.True(t, recipient(t, gpg.certificate()).Expires().After(time.Now().AddDate(1, 0, 0)))
}

func TestASignatureThatExpiresEndsTheKeyToo(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	entity := newEntity(t, &packet.Config{Time: func() time.Time { return made }, SigLifetimeSecs: 3600})
	var certificate bytes.Buffer
	require.NoError(t, entity.Serialize(&certificate))
	r, err := encrypt.ParseRecipient(certificate.Bytes(), made.Add(time.Minute))
	require.NoError(t, err)
	require.True(t, made.Add(time.Hour).Equal(r.Expires()))
	_, err = encrypt.ParseRecipient(certificate.Bytes(), made.Add(2*time.Hour))
	require.ErrorIs(t, err, encrypt.ErrExpired)
	require.ErrorContains(t, err, "on 2026-01-01")
	_, err = encrypt.ParseRecipient(certificate.Bytes(), made.Add(-time.Hour))
	require.ErrorIs(t, err, encrypt.ErrNotYetValid)
}

// GnuPG 2.2 does not let the last user ID be revoked; other programs do.
func TestAKeyWhoseOnlyUserIDIsRevokedIsRefused(t *testing.T) {
	t.Parallel()
	entity := newEntity(t, &packet.Config{})
	identity := entity.Identities["Somebody <somebody@example.com>"]
	revocation := *identity.SelfCertifications[0].Packet
	revocation.SigType = packet.SigTypeCertificationRevocation
	require.NoError(t, revocation.SignUserId(identity.Name, entity.PrimaryKey, entity.PrivateKey, nil))
	identity.Revocations = append(identity.Revocations, packet.NewVerifiableSig(&revocation))
	var certificate bytes.Buffer
	require.NoError(t, entity.Serialize(&certificate))
	_, err := encrypt.ParseRecipient(certificate.Bytes(), time.Now())
	require.ErrorIs(t, err, encrypt.ErrRevoked)
	require.ErrorContains(t, err, "all user IDs of key")
}

func TestAMessageInArmorIsNotACertificate(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	w, err := armor.Encode(&text, "PGP PUBLIC KEY BLOCK", nil)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = encrypt.ParseRecipient(text.Bytes(), time.Now())
	require.ErrorIs(t, err, encrypt.ErrUnreadable)
	require.ErrorContains(t, err, "holds no public key")
}
