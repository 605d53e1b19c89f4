package archive_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
)

// runTime is the time of the entries: odd seconds, because a zip has only even ones and an extra field for all.
var runTime = time.Date(2026, 11, 23, 5, 41, 59, 723_456_789, time.UTC)

// A file is what goes into an archive and must come out.
type file struct{ name, content string }

// rows returns size bytes that look like a delivered file: keys, names, addresses, times, amounts, notes.
func rows(size int) string {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	b := make([]byte, 0, size+1000)
	for len(b) < size {
		b = fmt.Appendf(b, "%016x,%s,%s,%s.%d@%s,\"%d %s\",2026-%02d-%02d %02d:%02d:%02d,%d.%02d,%t,%s\n", random.Uint64(),
			pick("James", "Mary", "José", "Łukasz", "Олег", "美咲", "Fatima", "Priya", "Noah", "Zoë", "Wei", "Ava"),
			pick("Smith", "O'Brien", "Nguyễn", "Müller", "Иванов", "佐藤", "García", "van der Berg", "Kowalski", "Silva"),
			pick("james", "mary", "jose", "lukasz", "oleg", "misaki"), random.IntN(100_000), pick("gmail.com", "example.org", "company.co.uk"),
			random.IntN(9_999), pick("Main St", "Oak Ave, Apt 4", "Sunset Blvd", "Rue de l'Église", "Church St"),
			1+random.IntN(12), 1+random.IntN(28), random.IntN(24), random.IntN(60), random.IntN(60), random.IntN(100_000), random.IntN(100),
			random.IntN(3) == 0, pick("", "prefers email", "\"call after 5pm, weekdays only\"", "said \"\"no\"\"", "long standing customer"))
	}
	return string(b[:size])
}

func pack(tb testing.TB, o archive.Options, files ...file) []byte {
	tb.Helper()
	var packed bytes.Buffer
	a, err := archive.New(&packed, o)
	require.NoError(tb, err)
	for _, f := range files {
		require.NoError(tb, a.Add(f.name, int64(len(f.content)), strings.NewReader(f.content)))
	}
	require.NoError(tb, a.Close())
	return packed.Bytes()
}

// zipped compresses content in pieces of odd sizes.
func zipped(tb testing.TB, o archive.Options, content string) []byte {
	tb.Helper()
	var packed bytes.Buffer
	w, err := archive.Gzip(&packed, o)
	require.NoError(tb, err)
	for size := 1; content != ""; size = size*5 + 3 {
		piece := content[:min(size, len(content))]
		n, err := w.Write([]byte(piece))
		require.NoError(tb, err)
		require.Equal(tb, len(piece), n)
		content = content[len(piece):]
	}
	require.NoError(tb, w.Close())
	return packed.Bytes()
}

// digest keeps megabytes out of the message of a failed test.
func digest(content string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(content))) }

// run gives stdin to a program and returns what it writes; the program is the reader that we did not write.
func run(tb testing.TB, stdin []byte, name string, args ...string) string {
	tb.Helper()
	var out, said bytes.Buffer
	command := exec.Command(name, args...)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(stdin), &out, &said
	command.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	require.NoError(tb, command.Run(), "%s %s: %s%s", name, strings.Join(args, " "), out.String(), said.String())
	return out.String()
}

// save writes packed into a file of a new folder and returns the path and the folder.
func save(tb testing.TB, packed []byte, name string) (path, folder string) {
	tb.Helper()
	folder = tb.TempDir()
	path = filepath.Join(folder, name)
	require.NoError(tb, os.WriteFile(path, packed, 0o600))
	return path, folder
}

// requireUnpacked compares what a program has unpacked below folder with the files that went in.
func requireUnpacked(tb testing.TB, folder string, files []file) {
	tb.Helper()
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(f.name)))
		require.NoError(tb, err)
		require.Equal(tb, digest(f.content), digest(string(content)), f.name)
		info, err := os.Stat(filepath.Join(folder, filepath.FromSlash(f.name)))
		require.NoError(tb, err)
		require.Equal(tb, "-rw-r--r--", info.Mode().String(), f.name)
		require.True(tb, runTime.Truncate(time.Second).Equal(info.ModTime()), "%s has the time %s", f.name, info.ModTime())
	}
}

// pythonDigests reads an archive with Python and prints a line for each entry.
const pythonDigests = `
import hashlib, sys, tarfile, zipfile
path = sys.argv[1]
if path.endswith('.zip'):
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
        for i in z.infolist():
            print(i.filename, i.file_size, hashlib.sha256(z.read(i)).hexdigest(), oct(i.external_attr >> 16), *i.date_time)
else:
    with tarfile.open(path) as t:
        for i in t:
            assert i.isreg() and i.uid == 0 and i.gid == 0 and i.uname == '' and i.gname == ''
            print(i.name, i.size, hashlib.sha256(t.extractfile(i).read()).hexdigest(), oct(i.mode), int(i.mtime))
`
