package encrypt_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

// TestSeveralFilesAreEncryptedToTheSameRecipientsAtOnce is worth something under -race: a delivery's files share the
// recipients.
func TestSeveralFilesAreEncryptedToTheSameRecipientsAtOnce(t *testing.T) {
	t.Parallel()
	gpg := newGnuPG(t)
	gpg.generate("", curve25519...)
	to := recipient(t, gpg.certificate())
	content := noise(300_000)
	var wait sync.WaitGroup
	sealed := make([][]byte, 8)
	for i := range sealed {
		wait.Go(func() { sealed[i] = seal(t, content, encrypt.Options{}, to) })
	}
	wait.Wait()
	for _, s := range sealed {
		out, said, err := gpg.try(s, "--decrypt")
		require.NoError(t, err, said)
		require.Equal(t, content, out)
	}
}
