package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
)

func TestANameThatLeavesTheFolderIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ name, want string }{
		"empty":                 {"", "it is empty"},
		"too long":              {strings.Repeat("x", 1025), "it has 1025 bytes, 1024 are allowed"},
		"a file's too long":     {"d/" + strings.Repeat("é", 128), "a name of 256 bytes, and file systems take 255"},
		"a folder's too long":   {strings.Repeat("x", 256) + "/a", "a name of 256 bytes, and file systems take 255"},
		"not UTF-8":             {"a\xff", "it is not UTF-8 text"},
		"a NUL":                 {"a\x00b", `"a\x00b" holds a control character`},
		"a line feed":           {"a\nb", "holds a control character"},
		"a backslash":           {`..\a`, "holds a backslash"},
		"absolute":              {"/etc/passwd", `"/etc/passwd" is absolute`},
		"absolute on Windows":   {"C:a", `"C:a" is absolute`},
		"the folder above":      {"../a", "leads out of its folder"},
		"above in the middle":   {"a/../../b", "leads out of its folder"},
		"only above":            {"..", "leads out of its folder"},
		"the folder itself":     {"./a", "is not in its simplest form"},
		"two slashes":           {"a//b", "holds a folder or file without a name"},
		"a folder":              {"a/", "holds a folder or file without a name"},
		"twice":                 {"taken.csv", `"taken.csv" is in the archive already`},
		"control in the middle": {"a\u0085b", "holds a control character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := archive.New(io.Discard, options(archive.ZIP, 1))
			require.NoError(t, err)
			require.NoError(t, a.Add("taken.csv", 0, strings.NewReader("")))
			err = a.Add(c.name, 1, strings.NewReader("x"))
			require.ErrorIs(t, err, archive.ErrName)
			require.ErrorContains(t, err, c.want)
			require.NoError(t, a.Add("another.csv", 0, strings.NewReader("")), "nothing was written for the refused one")
		})
	}
}

func TestANameThatFileSystemsTakeIsPacked(t *testing.T) {
	t.Parallel()
	folder := strings.Repeat("x", 255)
	require.NoError(t, archive.CheckName(folder+"/"+folder+"/"+folder))
}

// Any name either is refused, or comes out of every format as it went in and stays inside the folder.
func FuzzEntryName(f *testing.F) {
	for _, seed := range []string{
		"a.csv", "", "/a", "../a", "a/..", "a/../b", `a\b`, "C:/a", "größe 顧客.csv", "a\x00", "a//b", "a/", ".", "a/./b", "~", strings.Repeat("é", 512),
		strings.Repeat("x", 101), strings.Repeat("d/", 120) + "f", "PaxHeaders.0/a", " a ", "-rf", "a:b", "con", "\ufeffa", "\u2028",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, encoding := range []string{archive.TAR, archive.ZIP} {
			var packed bytes.Buffer
			a, err := archive.New(&packed, options(encoding, 1))
			require.NoError(t, err)
			if err := a.Add(name, 1, strings.NewReader("x")); err != nil {
				require.ErrorIs(t, err, archive.ErrName)
				continue
			}
			require.NoError(t, a.Close())
			require.True(t, filepath.IsLocal(name))
			if encoding == archive.TAR {
				header, err := tar.NewReader(&packed).Next()
				require.NoError(t, err)
				require.Equal(t, name, header.Name)
				require.Equal(t, byte(tar.TypeReg), header.Typeflag)
				continue
			}
			reader, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
			require.NoError(t, err)
			require.Equal(t, name, reader.File[0].Name)
			require.False(t, reader.File[0].FileInfo().IsDir())
		}
	})
}
