package activities

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// countingCloser tells whether it was closed.
type countingCloser struct {
	io.Reader
	closed int
}

func (c *countingCloser) Close() error { c.closed++; return nil }

func TestAnAheadReaderPassesOnEveryByte(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, aheadChunk - 1, aheadChunk, aheadChunk + 1, 9*aheadChunk + 17} {
		content := []byte(strings.Repeat("0123456789a", size/11+1))[:size]
		from := func() io.ReadCloser { return io.NopCloser(iotest.HalfReader(bytes.NewReader(content))) }

		r := readAhead(t.Context(), from(), int64(size))
		var copied bytes.Buffer
		n, err := io.Copy(&copied, r) // by WriteTo
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.True(t, bytes.Equal(content, copied.Bytes()))
		require.NoError(t, r.Close())

		r = readAhead(t.Context(), from(), int64(size))
		read, err := io.ReadAll(iotest.OneByteReader(io.LimitReader(r, 1000)))
		require.NoError(t, err)
		rest, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, append(read, rest...)))
		require.NoError(t, r.Close())
	}
}

func TestAnAheadReaderTellsAnErrorBehindTheBytesBeforeIt(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	r := readAhead(t.Context(), io.NopCloser(io.MultiReader(strings.NewReader("before"), iotest.ErrReader(broken))), 100)
	var copied bytes.Buffer
	_, err := io.Copy(&copied, r)
	require.ErrorIs(t, err, broken)
	require.Equal(t, "before", copied.String())
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, broken, "it sticks")
	require.NoError(t, r.Close())
}

func TestAnAheadReaderEndsWithItsContextAndItsReader(t *testing.T) {
	t.Parallel()
	endless := func() *countingCloser { return &countingCloser{Reader: iotest.DataErrReader(zeros{})} }

	ctx, cancel := context.WithCancelCause(t.Context())
	from := endless()
	r := readAhead(ctx, from, 1<<40)
	_, err := io.ReadFull(r, make([]byte, 3*aheadChunk))
	require.NoError(t, err)
	cancel(errWorkerStops)
	_, err = io.Copy(io.Discard, r)
	require.ErrorIs(t, err, errWorkerStops)
	require.NoError(t, r.Close())
	require.Equal(t, 1, from.closed)

	from = endless()
	r = readAhead(t.Context(), from, 1<<40)
	require.Eventually(t, func() bool { return len(r.chunks) == aheadQueue }, 10*time.Second, time.Millisecond, "it reads without being asked, and not for ever")
	require.NoError(t, r.Close(), "with chunks that nobody has read")
	require.Equal(t, 1, from.closed)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
