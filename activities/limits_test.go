package activities

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
)

func TestAResultMakesNoMoreFilesThanADeliveryMayHave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openDuckDB(t).exec(t, fmt.Sprintf("COPY (SELECT i AS id FROM range(%d) t(i)) TO %s", mostObjects+1, literal(filepath.Join(dir, "small.parquet"))))
	for _, encoding := range []string{archive.None, archive.GZIP} {
		f := newFusing(t, dir, encoding, "rows", "nobody")
		in := f.renderInput(true)
		in.Render.SplitRows = 1
		_, err := f.env.ExecuteActivity(f.steps.Render, in)
		require.ErrorContains(t, err, "open file 5001: too many files: a delivery has at most 5000 objects", encoding)
		require.NoDirExists(t, filepath.Join(f.host.Dir(), "runs", "r", "r-1"), encoding)

		in.Render.SplitRows = 2
		require.Equal(t, mostObjects/2+1, do[RenderResult](t, f.packer, f.steps.Render, in).Files, encoding)
	}
	f := newFusing(t, dir, archive.ZIP, "rows", "nobody")
	in := f.renderInput(true)
	in.Render.SplitRows = 1
	require.Equal(t, mostObjects+1, do[RenderResult](t, f.packer, f.steps.Render, in).Files)
}

func TestAnArchiveHasNoMoreFilesThanItMay(t *testing.T) {
	t.Parallel()
	made := 0
	create := RenderInput{Packed: true, Archive: &archive.Options{Encoding: archive.TGZ}}.limited(func(int) (io.WriteCloser, error) {
		made++
		return nil, nil
	})
	for number := 1; number <= mostEntries; number++ {
		_, err := create(number)
		require.NoError(t, err)
	}
	_, err := create(mostEntries + 1)
	require.ErrorIs(t, err, ErrTooManyFiles)
	require.Equal(t, mostEntries, made)
}
