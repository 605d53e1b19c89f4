//go:build large

package archive_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
)

// repeated gives size bytes without holding them.
func repeated(size int64) io.Reader {
	return io.LimitReader(&cycle{line: bytes.Repeat([]byte("a,b,c,0123456789\n"), 4096)}, size)
}

type cycle struct {
	line []byte
	at   int
}

func (c *cycle) Read(p []byte) (int, error) {
	n := copy(p, c.line[c.at:])
	c.at = (c.at + n) % len(c.line)
	return n, nil
}

func TestAZipWithAnEntryOverFourGibibytesOpens(t *testing.T) {
	const size = 4<<30 + 12_345
	path := filepath.Join(t.TempDir(), "large.zip")
	out, err := os.Create(path)
	require.NoError(t, err)
	a, err := archive.New(out, options(archive.ZIP, 2))
	require.NoError(t, err)
	require.NoError(t, a.Add("before.csv", 1, strings.NewReader("x")))
	require.NoError(t, a.Add("large.csv", size, repeated(size)))
	require.NoError(t, a.Add("after.csv", 1, strings.NewReader("y")))
	require.NoError(t, a.Close())
	require.NoError(t, out.Close())
	run(t, nil, "unzip", "-tq", path)
	require.Equal(t, "y", run(t, nil, "unzip", "-p", path, "after.csv"))
	require.Equal(t, fmt.Sprint(size, "\n"), run(t, nil, "sh", "-c", `unzip -p "$1" large.csv | wc -c`, "sh", path))
	require.Equal(t, fmt.Sprint("None [1, ", size, ", 1]\n"), run(t, nil, "python3", "-c",
		"import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), [i.file_size for i in z.infolist()])", path))
}

func TestAZipWithMoreEntriesThanSixteenBitsCountOpens(t *testing.T) {
	const entries = 1<<16 + 5 // 65,535 is what a zip of old can say
	path := filepath.Join(t.TempDir(), "many.zip")
	out, err := os.Create(path)
	require.NoError(t, err)
	buffered := bufio.NewWriterSize(out, 1<<20)
	a, err := archive.New(buffered, options(archive.ZIP, 2))
	require.NoError(t, err)
	for i := 1; i <= entries; i++ {
		content := fmt.Sprint("row ", i, "\n")
		require.NoError(t, a.Add(fmt.Sprintf("%07d.csv", i), int64(len(content)), strings.NewReader(content)))
	}
	require.NoError(t, a.Close())
	require.NoError(t, buffered.Flush())
	require.NoError(t, out.Close())
	run(t, nil, "unzip", "-tqq", path)
	require.Equal(t, "row 65541\n", run(t, nil, "unzip", "-p", path, "0065541.csv"))
	require.Equal(t, fmt.Sprint("None ", entries, " ", entries, "\n"), run(t, nil, "python3", "-c", `
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
print(z.testzip(), len(z.infolist()), sum(z.read(i) == b"row %d\n" % int(i.filename[:7]) for i in z.infolist()))`, path))
}

func TestATarWithAnEntryOverEightGibibytesOpens(t *testing.T) {
	const size = 8<<30 + 1
	reader, writer := io.Pipe()
	go func() {
		a, err := archive.New(writer, options(archive.TAR, 1))
		if err == nil {
			err = a.Add("large.csv", size, repeated(size))
		}
		if err == nil {
			err = a.Close()
		}
		writer.CloseWithError(err)
	}()
	list := exec.Command("tar", "-tvf", "-")
	list.Stdin = reader
	listed, err := list.Output()
	require.NoError(t, err)
	require.Contains(t, string(listed), fmt.Sprint(size))
}

func TestAGzipOverFourGibibytesOpens(t *testing.T) {
	const size = 4<<30 + 7
	path := filepath.Join(t.TempDir(), "large.gz")
	out, err := os.Create(path)
	require.NoError(t, err)
	w, err := archive.Gzip(out, archive.Options{Threads: 2})
	require.NoError(t, err)
	_, err = io.Copy(w, repeated(size))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, out.Close())
	require.Equal(t, fmt.Sprint(size, "\n"), run(t, nil, "sh", "-c", `gunzip -c "$1" | wc -c`, "sh", path))
}
