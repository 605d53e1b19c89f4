//go:build large

package encrypt_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/encrypt"
)

// A message of many partial lengths, through a pipe into GnuPG: no disk, and no more memory than a small one.
func TestGnuPGDecryptsTwelveGibibytes(t *testing.T) {
	gpg := newGnuPG(t)
	gpg.generate("", curve25519...)
	to := []*encrypt.Recipient{recipient(t, gpg.certificate())}
	const pieces = 12 << 10
	piece := noise(1 << 20)
	reader, writer := io.Pipe()
	sent := sha256.New()
	go func() {
		w, err := encrypt.New(writer, to, encrypt.Options{}, time.Now())
		for i := 0; i < pieces && err == nil; i++ {
			piece[i%len(piece)]++
			_, _ = sent.Write(piece)
			_, err = w.Write(piece)
		}
		if err == nil {
			err = w.Close()
		}
		writer.CloseWithError(err)
	}()
	var said bytes.Buffer
	received := sha256.New()
	command := exec.Command("gpg", "--batch", "--decrypt")
	command.Env, command.Stdin, command.Stdout, command.Stderr = gpg.env, reader, received, &said
	require.NoError(t, command.Run(), said.String())
	require.Equal(t, sent.Sum(nil), received.Sum(nil))

	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	require.Less(t, memory.Sys, uint64(100<<20), "memory taken from the system")
}
