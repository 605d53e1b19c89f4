package encrypt_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

// noise returns bytes that do not compress, the same ones every time.
func noise(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	return data
}

func TestGnuPGDecryptsWhatWeEncryptToEveryKindOfKey(t *testing.T) {
	t.Parallel()
	content := noise(1<<20 + 12345)
	for name, parameters := range map[string][]string{
		"Curve25519":           curve25519,
		"RSA 2048":             {"Key-Type: RSA", "Key-Length: 2048", "Subkey-Type: RSA", "Subkey-Length: 2048", "Subkey-Usage: encrypt"},
		"RSA 4096":             {"Key-Type: RSA", "Key-Length: 4096", "Subkey-Type: RSA", "Subkey-Length: 4096", "Subkey-Usage: encrypt"},
		"RSA primary key only": {"Key-Type: RSA", "Key-Length: 2048", "Key-Usage: sign,encrypt"},
		"NIST P-256":           {"Key-Type: ecdsa", "Key-Curve: nistp256", "Subkey-Type: ecdh", "Subkey-Curve: nistp256"},
		"NIST P-384":           {"Key-Type: ecdsa", "Key-Curve: nistp384", "Subkey-Type: ecdh", "Subkey-Curve: nistp384"},
		"NIST P-521":           {"Key-Type: ecdsa", "Key-Curve: nistp521", "Subkey-Type: ecdh", "Subkey-Curve: nistp521"},
		"Brainpool P-256":      {"Key-Type: ecdsa", "Key-Curve: brainpoolP256r1", "Subkey-Type: ecdh", "Subkey-Curve: brainpoolP256r1"},
		"DSA with RSA subkey":  {"Key-Type: DSA", "Key-Length: 2048", "Subkey-Type: RSA", "Subkey-Length: 2048", "Subkey-Usage: encrypt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gpg := newGnuPG(t)
			gpg.generate("", parameters...)

			armored := recipient(t, gpg.certificate())
			binary := recipient(t, gpg.run("", "--export"))
			require.Equal(t, gpg.fingerprints()[0], armored.Fingerprint())
			require.Equal(t, armored.Fingerprint(), binary.Fingerprint())
			require.True(t, armored.Expires().IsZero())
			require.False(t, armored.SupportsAEAD(), "GnuPG 2.2 does not")

			require.Equal(t, content, gpg.run(string(seal(t, content, encrypt.Options{}, armored)), "--decrypt"))
			require.Equal(t, content, gpg.run(string(seal(t, content, encrypt.Options{AEAD: true}, binary)), "--decrypt"),
				"AEAD is only for those who say that they can")
		})
	}
}

func TestContentOfAnySizeComesBack(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("", curve25519...)
	to := recipient(t, gpg.certificate())
	for _, size := range []int{0, 1, 505, 506, 511, 512, 513, 1<<16 - 7, 1<<16 - 6, 1<<16 - 1, 1 << 16, 1<<16 + 1, 3<<16 + 5} {
		content := noise(size)
		require.Equal(t, string(content), string(gpg.run(string(seal(t, content, encrypt.Options{}, to)), "--decrypt")), "%d bytes", size)
	}
}

func TestAMessageHasTheFormThatEveryReaderOpens(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("", curve25519...)
	content := bytes.Repeat([]byte("a,b,c\n"), 100_000)
	sealed := seal(t, content, encrypt.Options{}, recipient(t, gpg.certificate()))
	_, said, err := gpg.try(sealed, "--verbose", "--show-session-key", "--decrypt", "--output", gpg.home+"/plain")
	require.NoError(t, err, said)
	require.Contains(t, said, "session key: '9:", "9 is AES-256")

	packets := string(gpg.run(string(sealed), "--list-packets"))
	require.Equal(t, []string{"pubkey enc packet", "encrypted data packet", "literal data packet"}, kinds(packets))
	require.Contains(t, packets, "mdc_method: 2", "the integrity hash")
	require.Contains(t, packets, "mode b (62), created 0, name=\"\"", "binary, without date and file name")
	require.Less(t, len(sealed), len(content)+1000, "the lengths of the parts cost next to nothing")
}

// kinds returns the packets that gpg --list-packets lists.
func kinds(listed string) []string {
	var found []string
	for line := range strings.Lines(listed) {
		if strings.HasPrefix(line, ":") {
			kind, _, _ := strings.Cut(line[1:], ":")
			found = append(found, kind)
		}
	}
	return found
}

func TestEachOfSeveralRecipientsDecrypts(t *testing.T) {
	t.Parallel()
	var recipients []*encrypt.Recipient
	var people []*gnupg
	for range 3 {
		gpg := newGnuPG(t)
		gpg.generate("", curve25519...)
		people = append(people, gpg)
		recipients = append(recipients, recipient(t, gpg.certificate()))
	}
	stranger := newGnuPG(t)
	stranger.generate("", curve25519...)
	content := noise(100_000)
	sealed := seal(t, content, encrypt.Options{}, append(recipients, recipients[0])...)
	for i, gpg := range people {
		require.Equal(t, content, gpg.run(string(sealed), "--decrypt"), "recipient %d", i)
	}
	_, said, err := stranger.try(sealed, "--decrypt")
	require.Error(t, err)
	require.Contains(t, said, "No secret key")

	listed := string(people[0].run(string(sealed), "--list-packets"))
	require.Equal(t, 3, strings.Count(listed, "pubkey enc packet"), "one who is named twice gets one session key")
}

// TestTwoSubkeysOfOneCertificateAreTwoRecipients: while a customer replaces the subkey, the certificate is given as it was and as it will
// be.
func TestTwoSubkeysOfOneCertificateAreTwoRecipients(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20240101T000000", curve25519...)
	before := recipient(t, gpg.certificate())
	gpg.run("", gpg.clock("20250101T000000", "--passphrase", "", "--quick-add-key", gpg.fingerprints()[0], "cv25519", "encrypt", "0")...)
	listed := string(gpg.run(string(seal(t, []byte("x"), encrypt.Options{}, before, recipient(t, gpg.certificate()))), "--list-packets"))
	for _, subkey := range gpg.fingerprints()[1:] {
		require.Contains(t, listed, "keyid "+subkey[len(subkey)-16:])
	}
}

func TestATamperedMessageIsRefused(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("", curve25519...)
	sealed := seal(t, noise(200_000), encrypt.Options{}, recipient(t, gpg.certificate()))
	for _, offset := range []int{len(sealed) / 2, len(sealed) - 1} {
		tampered := bytes.Clone(sealed)
		tampered[offset] ^= 1
		_, said, err := gpg.try(tampered, "--decrypt")
		require.Error(t, err)
		require.Contains(t, said, "WARNING: encrypted message has been manipulated", fmt.Sprint("at ", offset))
	}
	_, _, err := gpg.try(sealed[:len(sealed)-30], "--decrypt")
	require.Error(t, err, "cut off")
}

func TestTheNewestOfSeveralSubkeysIsUsed(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("20240101T000000", curve25519...)
	gpg.run("", gpg.clock("20250101T000000", "--passphrase", "", "--quick-add-key", gpg.fingerprints()[0], "cv25519", "encrypt", "0")...)
	newest := gpg.fingerprints()[2]
	listed := string(gpg.run(string(seal(t, []byte("x"), encrypt.Options{}, recipient(t, gpg.certificate()))), "--list-packets"))
	require.Contains(t, listed, "keyid "+newest[len(newest)-16:])
	require.Equal(t, newest, recipient(t, gpg.certificate()).EncryptsTo())
}
