package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sizes that are not those of the content spare the 4 GiB: only the directory is looked at.
func TestAnOffsetThatStandsInTheExtraFieldStandsNowhereElse(t *testing.T) {
	t.Parallel()
	const zip64 = "\x01\x00\x18\x00" // an extra field of 24 bytes: two sizes and the offset
	for name, entries := range map[string]int{"few entries": 0, "more than 16 bits count": 1<<16 - 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var packed bytes.Buffer
			z := newZip(&packed, Options{})
			add := func(name string, size uint64) {
				_, err := z.zip.CreateRaw(&zip.FileHeader{Name: name, UncompressedSize64: size})
				require.NoError(t, err)
			}
			for range entries {
				add("before.csv", 0)
			}
			add("large.csv", 4<<30)
			add("larger.csv", 5<<30)
			w, err := z.create("small.csv", 0)
			require.NoError(t, err)
			_, err = io.Copy(w, strings.NewReader("a,b,c\n"))
			require.NoError(t, err)
			require.NoError(t, z.close())

			r, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
			require.NoError(t, err)
			require.Len(t, r.File, entries+3)
			small, err := r.Open("small.csv")
			require.NoError(t, err)
			content, err := io.ReadAll(small)
			require.NoError(t, err)
			require.Equal(t, "a,b,c\n", string(content))

			for _, f := range r.File[max(entries-1, 0):] {
				far := f.UncompressedSize64 > elsewhere
				at := bytes.LastIndex(packed.Bytes(), []byte(f.Name)) // in the directory
				offset := binary.LittleEndian.Uint32(packed.Bytes()[at-4:])
				require.Equal(t, far, strings.Contains(string(f.Extra), zip64), f.Name)
				require.Equal(t, far, offset == elsewhere, f.Name)
			}
		})
	}
}
