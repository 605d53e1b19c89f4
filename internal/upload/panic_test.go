package upload_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/defect"
	"consign/internal/upload"
)

// A defective file makes whoever reads it panic.
type defective struct{}

func (defective) ReadAt([]byte, int64) (int, error) { panic("a defect") }

// Each part is sent by a goroutine of its own, of which a panic would end the worker, and with it everybody's runs.
func TestAPanicWhileAPartIsSentIsAnError(t *testing.T) {
	t.Parallel()
	b := open(t, options(newBucket(t)))
	o := object("panics", content(6*mib))
	o.Sums = nil // so that the parts are read before they are sent
	id, err := b.Start(t.Context(), o)
	require.NoError(t, err)
	_, err = b.Send(t.Context(), o, id, defective{}, nil)
	require.ErrorIs(t, err, defect.Err)

	growth := upload.NewGrowth()
	growth.Wrote(o.Size, nil)
	require.ErrorIs(t, b.Follow(t.Context(), o, id, defective{}, growth), defect.Err)
}
