package encrypt_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

func newEntity(tb testing.TB, config *packet.Config) *openpgp.Entity {
	tb.Helper()
	config.Algorithm, config.DefaultCipher = packet.PubKeyAlgoEd25519, packet.CipherAES256
	entity, err := openpgp.NewEntity("Somebody", "", "somebody@example.com", config)
	require.NoError(tb, err)
	return entity
}

func recipientOf(tb testing.TB, entity *openpgp.Entity) *encrypt.Recipient {
	tb.Helper()
	reading.Lock()
	defer reading.Unlock()
	var certificate bytes.Buffer
	require.NoError(tb, entity.Serialize(&certificate))
	r, err := encrypt.ParseRecipient(certificate.Bytes(), time.Now())
	require.NoError(tb, err)
	return r
}

// reading guards entities that several tests read with: go-crypto remembers in them which signatures it has verified.
var reading sync.Mutex

// open decrypts with go-crypto, for the keys that GnuPG 2.2 does not know.
func open(t *testing.T, sealed []byte, entity *openpgp.Entity) []byte {
	t.Helper()
	reading.Lock()
	defer reading.Unlock()
	message, err := openpgp.ReadMessage(bytes.NewReader(sealed), openpgp.EntityList{entity}, nil, nil)
	require.NoError(t, err)
	content, err := io.ReadAll(message.UnverifiedBody)
	require.NoError(t, err)
	return content
}

// version returns that of the encrypted data packet, and its AEAD mode in version 2.
func version(t *testing.T, sealed []byte) (int, packet.AEADMode) {
	t.Helper()
	for reader := packet.NewReader(bytes.NewReader(sealed)); ; {
		p, err := reader.Next()
		require.NoError(t, err)
		if data, ok := p.(*packet.SymmetricallyEncrypted); ok {
			require.True(t, data.IntegrityProtected)
			if data.Version == 2 {
				require.Equal(t, packet.CipherAES256, data.Cipher)
			}
			return data.Version, data.Mode
		}
	}
}

func TestAEADIsUsedOnlyIfItIsWantedAndAllKeysSupportIt(t *testing.T) {
	t.Parallel()
	plain := newEntity(t, &packet.Config{})
	able := newEntity(t, &packet.Config{V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeOCB}})
	fast := newEntity(t, &packet.Config{V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}})
	require.False(t, recipientOf(t, plain).SupportsAEAD())
	require.True(t, recipientOf(t, able).SupportsAEAD())
	for name, c := range map[string]struct {
		wanted  bool
		to      []*openpgp.Entity
		version int
		mode    packet.AEADMode
	}{
		"not wanted":           {false, []*openpgp.Entity{able}, 1, 0},
		"wanted, not able":     {true, []*openpgp.Entity{plain}, 1, 0},
		"one of them not able": {true, []*openpgp.Entity{able, plain}, 1, 0},
		"wanted and able":      {true, []*openpgp.Entity{able}, 2, packet.AEADModeOCB},
		"all prefer GCM":       {true, []*openpgp.Entity{fast}, 2, packet.AEADModeGCM},
		"one prefers OCB":      {true, []*openpgp.Entity{fast, able}, 2, packet.AEADModeOCB},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var recipients []*encrypt.Recipient
			for _, entity := range c.to {
				recipients = append(recipients, recipientOf(t, entity))
			}
			content := noise(700_001)
			sealed := seal(t, content, encrypt.Options{AEAD: c.wanted}, recipients...)
			got, mode := version(t, sealed)
			require.Equal(t, c.version, got)
			require.Equal(t, c.mode, mode)
			for _, entity := range c.to {
				require.Equal(t, content, open(t, sealed, entity))
			}
		})
	}
}

// failing takes so many bytes, and then no more.
type failing struct{ left int }

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestTheFirstErrorOfTheInnerWriterSticks(t *testing.T) {
	t.Parallel()
	to := []*encrypt.Recipient{recipientOf(t, newEntity(t, &packet.Config{}))}
	for _, space := range []int{0, 100_000, 300_000} {
		w, err := encrypt.New(&failing{left: space}, to, encrypt.Options{}, time.Now())
		require.NoError(t, err)
		for err == nil {
			_, err = w.Write(noise(50_000))
		}
		require.ErrorIs(t, err, errFull)
		_, err = w.Write([]byte("more"))
		require.ErrorIs(t, err, errFull)
		require.ErrorIs(t, w.Close(), errFull)
	}
	w, err := encrypt.New(&failing{left: 10}, to, encrypt.Options{}, time.Now())
	require.NoError(t, err)
	require.ErrorIs(t, w.Close(), errFull, "an error of the last bytes")
	require.ErrorIs(t, w.Close(), errFull, "and again")
}

// A closer must never be closed by the stage around it.
type closer struct {
	bytes.Buffer
	t *testing.T
}

func (c *closer) Close() error {
	c.t.Error("the inner writer was closed")
	return nil
}

func TestCloseEndsTheMessageAndLeavesTheInnerWriterOpen(t *testing.T) {
	t.Parallel()
	entity := newEntity(t, &packet.Config{})
	out := &closer{t: t}
	w, err := encrypt.New(out, []*encrypt.Recipient{recipientOf(t, entity)}, encrypt.Options{}, time.Now())
	require.NoError(t, err)
	_, err = w.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	size := out.Len()
	require.NoError(t, w.Close(), "closing twice is closing once")
	require.Equal(t, size, out.Len())
	_, err = w.Write([]byte("more"))
	require.Error(t, err)
	require.Equal(t, "hello", string(open(t, out.Bytes(), entity)))
}

func TestNobodyIsNotARecipient(t *testing.T) {
	t.Parallel()
	_, err := encrypt.New(io.Discard, nil, encrypt.Options{}, time.Now())
	require.ErrorIs(t, err, encrypt.ErrNoRecipient)
}

func TestMemoryDoesNotGrowWithTheContent(t *testing.T) {
	to := []*encrypt.Recipient{recipientOf(t, newEntity(t, &packet.Config{}))}
	w, err := encrypt.New(io.Discard, to, encrypt.Options{}, time.Now())
	require.NoError(t, err)
	piece := noise(1<<20 + 1)
	var before, after runtime.MemStats
	for range 8 {
		_, err = w.Write(piece)
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 128 {
		_, err = w.Write(piece)
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(1<<20), "128 MiB went through")
	require.NoError(t, w.Close())
}

func BenchmarkEncrypt(b *testing.B) {
	for name, config := range map[string]*packet.Config{
		"SEIPDv1": {},
		"GCM":     {V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}},
		"OCB":     {V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeOCB}},
	} {
		b.Run(name, func(b *testing.B) {
			to := []*encrypt.Recipient{recipientOf(b, newEntity(b, config))}
			piece := noise(1 << 20)
			w, err := encrypt.New(io.Discard, to, encrypt.Options{AEAD: true}, time.Now())
			require.NoError(b, err)
			b.SetBytes(int64(len(piece)))
			b.ReportAllocs()
			for b.Loop() {
				_, err = w.Write(piece)
				require.NoError(b, err)
			}
			require.NoError(b, w.Close())
		})
	}
}
