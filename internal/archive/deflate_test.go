package archive

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/defect"
)

// Each block is compressed by a goroutine of its own, of which a panic would end the worker, and with it everybody's runs.
func TestAPanicWhileABlockIsCompressedIsAnError(t *testing.T) {
	t.Parallel()
	e := newEncoders(Options{Threads: 2})
	e.flates.New = func() any { panic("a defect") }
	d := newDeflater(io.Discard, e)
	_, err := d.Write(make([]byte, blockSize))
	require.NoError(t, err)
	require.ErrorIs(t, d.Close(), defect.Err)
}
