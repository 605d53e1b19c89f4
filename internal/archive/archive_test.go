package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
)

// worst are the files that a format may stumble over: empty, of exactly a block and one byte around it, in folders,
// with names that are not ASCII, have blanks, or do not fit an old header.
func worst() []file {
	const block = 1 << 20
	return []file{
		{"empty.csv", ""},
		{"one.csv", "x"},
		{"block-1.csv", rows(block - 1)},
		{"block.csv", rows(block)},
		{"block+1.csv", rows(block + 1)},
		{"folder/deeper/0000001.csv", rows(100)},
		{"größe 顧客 ~.csv", rows(5_000)},
		{strings.Repeat("long", 60) + ".csv", rows(10)},
		{"a/" + strings.Repeat("x", 95) + "/" + strings.Repeat("y", 98), rows(11)},
		{"a..b.csv", rows(12)},
		{"large.csv", rows(5*block + 12_345)},
	}
}

func options(encoding string, threads int) archive.Options {
	return archive.Options{Encoding: encoding, Threads: threads, Modified: runTime}
}

func TestGNUTarAndUnzipUnpackTheSameFiles(t *testing.T) {
	t.Parallel()
	files := worst()
	for encoding, commands := range map[string][]string{
		archive.TAR: {`tar -xf "$1" -C "$2"`},
		archive.TGZ: {`tar -xzf "$1" -C "$2"`},
		archive.ZIP: {`unzip -tq "$1"`, `unzip -q "$1" -d "$2"`},
	} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			path, folder := save(t, pack(t, options(encoding, 2), files...), "packed")
			for _, command := range commands {
				run(t, nil, "sh", "-c", command, "sh", path, folder)
			}
			requireUnpacked(t, folder, files)
		})
	}
}

func TestPythonReadsTheSameFiles(t *testing.T) {
	t.Parallel()
	files := worst()
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			path, _ := save(t, pack(t, options(encoding, 2), files...), "packed."+archive.Extension(encoding))
			var want strings.Builder
			for _, f := range files {
				last := "0o644 1795412519"
				if encoding == archive.ZIP {
					last = "0o100644 2026 11 23 5 41 58"
				}
				_, _ = fmt.Fprintf(&want, "%s %d %s %s\n", f.name, len(f.content), digest(f.content), last)
			}
			require.Equal(t, want.String(), run(t, nil, "python3", "-c", pythonDigests, path))
		})
	}
}

func TestGunzipAndPythonReadWhatWeGzip(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3 << 20, 5<<20 + 77} {
		content := rows(size)
		packed := zipped(t, options(archive.GZIP, 2), content)
		require.Equal(t, digest(content), digest(run(t, packed, "gunzip", "-c")), "gunzip, %d bytes", size)
		require.Equal(t, digest(content), digest(run(t, packed, "python3", "-c",
			"import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))")), "python, %d bytes", size)
		run(t, packed, "gzip", "-t")
	}
}

func TestTheSameFilesGiveTheSameBytesWhateverTheThreads(t *testing.T) {
	t.Parallel()
	files := worst()
	for _, level := range []int{0, 1} {
		for _, encoding := range []string{archive.TGZ, archive.ZIP} {
			o := options(encoding, 1)
			o.Level = level
			want := digest(string(pack(t, o, files...)))
			for _, threads := range []int{2, 5} {
				o.Threads = threads
				require.Equal(t, want, digest(string(pack(t, o, files...))), "%s, level %d, %d threads", encoding, level, threads)
			}
		}
		content := rows(4<<20 + 5)
		want := zipped(t, archive.Options{Level: level}, content)
		var whole bytes.Buffer
		w, err := archive.Gzip(&whole, archive.Options{Level: level, Threads: 8, Modified: runTime})
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.True(t, bytes.Equal(want, whole.Bytes()), "gzip in one Write and in many, level %d", level)
	}
}

// A hash that changes means that the next delivery of the same rows has other bytes: a new version of the compressor
// may do that, but then the changelog says so.
func TestTheBytesStayTheSameFromReleaseToRelease(t *testing.T) {
	t.Parallel()
	files := []file{{"a.csv", rows(1<<20 + 1)}, {"ü/b.csv", rows(3)}, {"empty.csv", ""}}
	for encoding, want := range map[string]string{
		archive.TAR: "908c8cb2925b4a89707971cb56b64f024fdaf3885b1e7d7651b762a5b4763a6f",
		archive.TGZ: "3e93ca6ba08e7f2bb6f66f0c5586ec7478e1cbb760ee77adb29fa9c2e97d9575",
		archive.ZIP: "dd447cd52ef1ed276517ee4cb06f7f3325e9500ad9437eab19f30a70d2bf29a7",
	} {
		require.Equal(t, want, digest(string(pack(t, options(encoding, 2), files...))), encoding)
	}
	require.Equal(t, "d96c7fe511800f55f3be64f91616b3636f5f0f858d705e348a27870fcb67a02b", digest(string(zipped(t, archive.Options{}, files[0].content))), "gzip")
}

func TestTheDefaultLevelIsSixAndHigherLevelsAreSmaller(t *testing.T) {
	t.Parallel()
	content := rows(1<<20 + 1)
	size := func(level int) int { return len(zipped(t, archive.Options{Level: level}, content)) }
	require.Equal(t, zipped(t, archive.Options{Level: 6}, content), zipped(t, archive.Options{}, content))
	require.Greater(t, size(1), size(6))
	require.Greater(t, size(6), size(9))
}

func TestOurGzipIsAtMostThreePercentLargerThanPigz(t *testing.T) {
	t.Parallel()
	content := rows(4 << 20)
	theirs := len(run(t, []byte(content), "pigz", "-6", "-c"))
	require.LessOrEqual(t, len(zipped(t, archive.Options{Threads: 2}, content)), theirs*103/100)
}

func TestAnArchiveWithoutEntriesIsAValidOne(t *testing.T) {
	t.Parallel()
	path, _ := save(t, pack(t, options(archive.TGZ, 1)), "empty.tgz")
	require.Empty(t, run(t, nil, "tar", "-tzf", path))
	path, _ = save(t, pack(t, options(archive.ZIP, 1)), "empty.zip")
	require.Empty(t, run(t, nil, "python3", "-c", pythonDigests, path))
}

func TestAnArchiveTellsNothingAboutWhereItWasMade(t *testing.T) {
	t.Parallel()
	reader := tar.NewReader(bytes.NewReader(pack(t, options(archive.TAR, 1), file{"a.csv", "x"}, file{"ü.csv", "y"})))
	plain, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, tar.FormatUSTAR, plain.Format)
	require.Equal(t, [4]any{0, 0, "", ""}, [4]any{plain.Uid, plain.Gid, plain.Uname, plain.Gname})
	unicode, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, tar.FormatPAX, unicode.Format, "USTAR has ASCII names only")
	require.Equal(t, map[string]string{"path": "ü.csv"}, unicode.PAXRecords)
	require.Equal(t, "\x1f\x8b\x08\x00\x00\x00\x00\x00", string(zipped(t, options(archive.GZIP, 1), "x")[:8]), "no name and no time")
}

func TestAnEntryWithoutTimeHasTheFirstOfItsFormat(t *testing.T) {
	t.Parallel()
	path, _ := save(t, pack(t, archive.Options{Encoding: archive.ZIP}, file{"a.csv", ""}), "a.zip")
	require.Contains(t, run(t, nil, "python3", "-c", pythonDigests, path), " 1980 1 1 0 0 0\n")
	path, _ = save(t, pack(t, archive.Options{Encoding: archive.TAR}, file{"a.csv", ""}), "a.tar")
	require.Contains(t, run(t, nil, "python3", "-c", pythonDigests, path), " 0o644 0\n")
}

func TestZip64IsUsedOnlyWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	const end64 = "PK\x06\x06"
	require.NotContains(t, string(pack(t, options(archive.ZIP, 1), worst()...)), end64)
	var packed bytes.Buffer
	a, err := archive.New(&packed, options(archive.ZIP, 1))
	require.NoError(t, err)
	const entries = 65_536 // one more than the old directory can count
	for i := range entries {
		require.NoError(t, a.Add(fmt.Sprintf("%07d.csv", i), 0, strings.NewReader("")))
	}
	require.NoError(t, a.Close())
	require.Contains(t, packed.String(), end64)
	path, _ := save(t, packed.Bytes(), "many.zip")
	require.Equal(t, entries, strings.Count(run(t, nil, "unzip", "-Z1", path), "\n"))
}

func TestAnEntryMustHaveTheSizeThatWasAnnounced(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
		for announced, want := range map[int64]string{4: "pack a.csv: size of the entry is not the announced one: more than 4 bytes", 6: "5 bytes instead of 6"} {
			a, err := archive.New(io.Discard, options(encoding, 1))
			require.NoError(t, err)
			err = a.Add("a.csv", announced, strings.NewReader("12345"))
			require.ErrorIs(t, err, archive.ErrSize)
			require.ErrorContains(t, err, want)
			require.ErrorIs(t, a.Add("b.csv", 0, strings.NewReader("")), archive.ErrSize, "the first error sticks")
			require.ErrorIs(t, a.Close(), archive.ErrSize)
		}
	}
}

func TestOnlyAZipTakesAnEntryOfUnknownSize(t *testing.T) {
	t.Parallel()
	var announced, streamed bytes.Buffer
	a, err := archive.New(&announced, options(archive.ZIP, 1))
	require.NoError(t, err)
	require.NoError(t, a.Add("a.csv", 5, strings.NewReader("12345")))
	require.NoError(t, a.Close())
	b, err := archive.New(&streamed, options(archive.ZIP, 1))
	require.NoError(t, err)
	entry, err := b.Create("a.csv")
	require.NoError(t, err)
	_, err = io.WriteString(entry, "12345")
	require.NoError(t, err)
	_, err = b.Create("a.csv")
	require.ErrorIs(t, err, archive.ErrName)
	require.NoError(t, b.Close())
	require.Equal(t, announced.Bytes(), streamed.Bytes())
	_, err = b.Create("b.csv")
	require.ErrorContains(t, err, "closed")

	for _, encoding := range []string{archive.TAR, archive.TGZ} {
		a, err := archive.New(io.Discard, options(encoding, 1))
		require.NoError(t, err)
		_, err = a.Create("a.csv")
		require.ErrorIs(t, err, archive.ErrEncoding)
		require.NoError(t, a.Add("a.csv", 5, strings.NewReader("12345")), "nothing was begun")
	}
}

// failing takes so many bytes, and then no more.
type failing struct{ left int }

var errFull = errors.New("disk full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// closer must never be closed by the stage around it.
type closer struct {
	bytes.Buffer
	t *testing.T
}

func (c *closer) Close() error {
	c.t.Error("the inner writer was closed")
	return nil
}

func TestTheFirstErrorOfTheInnerWriterSticks(t *testing.T) {
	t.Parallel()
	content := rows(5 << 20)
	for _, threads := range []int{1, 2} {
		for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
			for _, space := range []int{15, 1000, 700_000} {
				a, err := archive.New(&failing{space}, options(encoding, threads))
				require.NoError(t, err)
				if err = a.Add("a.csv", int64(len(content)), strings.NewReader(content)); err == nil {
					err = a.Close()
				}
				require.ErrorIs(t, err, errFull, "%s with %d bytes", encoding, space)
				require.ErrorIs(t, a.Close(), errFull)
			}
		}
		_, err := archive.Gzip(&failing{0}, options(archive.GZIP, threads))
		require.ErrorIs(t, err, errFull)
		for _, space := range []int{10, 14, 500_000} {
			w, err := archive.Gzip(&failing{space}, options(archive.GZIP, threads))
			require.NoError(t, err)
			for i := 0; i < 5 && err == nil && space > 14; i++ {
				_, err = io.WriteString(w, content[i<<20:(i+1)<<20])
			}
			if err == nil {
				err = w.Close()
			}
			require.ErrorIs(t, err, errFull, "%d bytes", space)
			require.ErrorIs(t, w.Close(), errFull)
			_, err = w.Write([]byte("more"))
			require.ErrorIs(t, err, errFull)
		}
	}
}

// An error of the reader is not hidden behind that of the size.
func TestAnErrorOfTheFileIsReported(t *testing.T) {
	t.Parallel()
	a, err := archive.New(io.Discard, options(archive.ZIP, 2))
	require.NoError(t, err)
	err = a.Add("a.csv", 10, io.MultiReader(strings.NewReader("123"), &broken{}))
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, "pack a.csv: ")
}

// Whoever compares what is read with a checksum knows only behind the last byte that it was wrong.
func TestAnErrorBehindTheLastByteIsReported(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
		for _, content := range []string{"", "1234567890"} {
			a, err := archive.New(io.Discard, options(encoding, 2))
			require.NoError(t, err)
			err = a.Add("a.csv", int64(len(content)), io.MultiReader(strings.NewReader(content), &broken{}))
			require.ErrorIs(t, err, errFull, encoding)
			require.ErrorIs(t, a.Close(), errFull, encoding)
		}
	}
}

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, errFull }

func TestCloseEndsTheArchiveAndLeavesTheInnerWriterOpen(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
		out := &closer{t: t}
		a, err := archive.New(out, options(encoding, 1))
		require.NoError(t, err)
		require.NoError(t, a.Close())
		size := out.Len()
		require.NoError(t, a.Close(), "closing twice is closing once")
		require.Equal(t, size, out.Len())
		require.Error(t, a.Add("a.csv", 0, strings.NewReader("")))
	}
	out := &closer{t: t}
	w, err := archive.Gzip(out, archive.Options{})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.Empty(t, run(t, out.Bytes(), "gunzip", "-c"))
	_, err = w.Write([]byte("x"))
	require.Error(t, err)
}

func TestOptionsAreValidated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options archive.Options
		want    string
		warns   bool
	}{
		"open":                {archive.Options{}, "", false},
		"everything":          {archive.Options{Encoding: "zip", Level: 9, Threads: 2}, "", false},
		"unknown encoding":    {archive.Options{Encoding: "rar"}, "encoding: \"rar\" is not an encoding\n  hint: use none, gzip, tar, tgz or zip", false},
		"level too high":      {archive.Options{Encoding: "gzip", Level: 10}, "compression_level: 10 is out of range\n  hint: use 1 (fast) to 9 (small); the default is 6", false},
		"level too low":       {archive.Options{Level: -1}, "compression_level: -1 is out of range", false},
		"level without use":   {archive.Options{Encoding: "tar", Level: 3}, "compression_level: has no effect with encoding tar", true},
		"level without use 2": {archive.Options{Encoding: "none", Level: 3}, "compression_level: has no effect with encoding none", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := c.options.Validate()
			require.Contains(t, list.Error(), c.want)
			require.Equal(t, c.want != "" && !c.warns, list.Err() != nil)
			_, err := archive.Gzip(io.Discard, c.options)
			require.Equal(t, list.Err() != nil, err != nil)
		})
	}
	for _, encoding := range []string{"", "none", "gzip", "rar"} {
		_, err := archive.New(io.Discard, archive.Options{Encoding: encoding})
		require.Error(t, err, "%q holds one file only", encoding)
	}
}

func TestEncodingsKnowTheirExtensionAndWhetherTheyHoldAllFiles(t *testing.T) {
	t.Parallel()
	for encoding, want := range map[string]struct {
		extension string
		single    bool
	}{"": {"", false}, "none": {"", false}, "gzip": {"gz", false}, "tar": {"tar", true}, "tgz": {"tgz", true}, "zip": {"zip", true}} {
		require.Equal(t, want.extension, archive.Extension(encoding))
		require.Equal(t, want.single, archive.Single(encoding))
	}
}

func TestTimeStaysWhole(t *testing.T) {
	t.Parallel()
	reader := tar.NewReader(bytes.NewReader(pack(t, options(archive.TAR, 1), file{"a.csv", ""})))
	header, err := reader.Next()
	require.NoError(t, err)
	require.True(t, runTime.Truncate(time.Second).Equal(header.ModTime), "cut, not rounded")
}
