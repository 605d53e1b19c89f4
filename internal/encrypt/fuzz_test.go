package encrypt_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

// Whatever a customer sends either is refused as a key, or can be encrypted to.
func FuzzParseRecipient(f *testing.F) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return made }
	for _, config := range []*packet.Config{{Time: clock}, {Time: clock, V6Keys: true}} {
		entity := newEntity(f, config)
		var binary, armored bytes.Buffer
		require.NoError(f, entity.Serialize(&binary))
		f.Add(binary.Bytes())
		f.Add(binary.Bytes()[:binary.Len()/2])
		f.Add(append(binary.Bytes(), binary.Bytes()...))
		w, err := armor.Encode(&armored, "PGP PUBLIC KEY BLOCK", map[string]string{"Comment": "seed"})
		require.NoError(f, err)
		_, err = w.Write(binary.Bytes())
		require.NoError(f, err)
		require.NoError(f, w.Close())
		f.Add(armored.Bytes())
	}
	for _, seed := range []string{"", "ssh-rsa A", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n\n", "\xff\xfe\x00", "\xc6\x01\x04"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		now := made.Add(time.Hour)
		r, err := encrypt.ParseRecipient(key, now)
		if err != nil {
			require.ErrorIs(t, err, encrypt.ErrKey)
			return
		}
		require.NotEmpty(t, r.Fingerprint())
		w, err := encrypt.New(io.Discard, []*encrypt.Recipient{r}, encrypt.Options{AEAD: true}, now)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	})
}
