package encrypt

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/stretchr/testify/require"
)

// unseal is go-crypto's way back, which compares the hash.
func unseal(t *testing.T, sealed, key []byte) ([]byte, error) {
	t.Helper()
	p, err := packet.Read(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	data, ok := p.(*packet.SymmetricallyEncrypted)
	require.True(t, ok)
	require.Equal(t, 1, data.Version)
	r, err := data.Decrypt(cipherAES, key)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return plain, r.Close()
}

func sealPlain(t *testing.T, plain, key []byte, piece int) []byte {
	t.Helper()
	var out bytes.Buffer
	s, err := newSealer(&out, key)
	require.NoError(t, err)
	for len(plain) > 0 {
		n, err := s.Write(plain[:min(piece, len(plain))])
		require.NoError(t, err)
		plain = plain[n:]
	}
	require.NoError(t, s.Close())
	return out.Bytes()
}

func TestASealedPacketIsOpenedByGoCryptoWhereverItsChunksEnd(t *testing.T) {
	t.Parallel()
	key, plain := make([]byte, keySize), make([]byte, 3*chunkBytes)
	_, _ = rand.Read(key)
	_, _ = rand.Read(plain)
	var sizes []int
	for around := range 3 {
		for near := -50; near < 50; near++ { // the version, the prefix and the hash are 41 bytes
			sizes = append(sizes, max(around*chunkBytes+near, 0))
		}
	}
	for i, size := range sizes {
		for _, piece := range []int{1 + i*611, chunkBytes, 3 * chunkBytes} { // whole chunks are sealed where they lie
			got, err := unseal(t, sealPlain(t, plain[:size], key, piece), key)
			require.NoError(t, err, "%d bytes in pieces of %d", size, piece)
			require.True(t, bytes.Equal(plain[:size], got), "%d bytes in pieces of %d", size, piece)
		}
	}
	again := sealPlain(t, plain, key, 1000)
	require.NotEqual(t, sealPlain(t, plain, key, 1000), again, "the beginning is random")
}

func TestASealedPacketThatIsChangedAnywhereIsRefused(t *testing.T) {
	t.Parallel()
	key := make([]byte, keySize)
	sealed := sealPlain(t, make([]byte, 300), key, 300)
	begin := len(sealed) - 300 - prefixBytes - digestBytes
	for at := begin; at < len(sealed); at++ {
		changed := bytes.Clone(sealed)
		changed[at] ^= 4
		_, err := unseal(t, changed, key)
		require.Error(t, err, "byte %d of %d", at, len(sealed))
	}
	for n := begin; n < len(sealed); n++ {
		_, err := unseal(t, sealed[:n], key)
		require.Error(t, err, "the first %d bytes of %d", n, len(sealed))
	}
}

func BenchmarkSealer(b *testing.B) {
	s, err := newSealer(io.Discard, make([]byte, keySize))
	require.NoError(b, err)
	piece := make([]byte, 1<<20)
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		_, err := s.Write(piece)
		require.NoError(b, err)
	}
}
