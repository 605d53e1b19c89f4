package upload_test

import (
	"encoding/base64"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/upload"
)

// A test of memory cannot share the process with others: it is not parallel.
func TestMemoryDoesNotDependOnTheSizeOfTheFile(t *testing.T) {
	peak := func(size int64) uint64 {
		bucket := newBucket(t)
		opts := options(bucket)
		opts.PartSize = 16 * mib
		b := open(t, opts)
		path, o := file(t, size)
		f, err := os.Open(path)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		id, err := b.Start(t.Context(), o)
		require.NoError(t, err)
		defer debug.SetGCPercent(debug.SetGCPercent(20))
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		highest, calls := uint64(0), 0
		_, err = b.Send(t.Context(), o, id, f, func(int64) {
			if calls++; calls%100 == 0 { // several times a part
				runtime.ReadMemStats(&now)
				highest = max(highest, now.HeapAlloc)
			}
		})
		require.NoError(t, err)
		require.NoError(t, b.Abort(t.Context(), o.Key, id))
		return highest - min(highest, before.HeapAlloc)
	}
	small, large := peak(64*mib), peak(256*mib)
	t.Logf("heap above the start: %d KiB for 64 MiB, %d KiB for 256 MiB", small>>10, large>>10)
	require.Less(t, large, uint64(8*mib), "less than half a part; four are under way")
}

// file writes a file of pseudo-random bytes and says what it is as an object.
func file(tb testing.TB, size int64) (string, upload.Object) {
	tb.Helper()
	f, err := os.CreateTemp(tb.TempDir(), "")
	require.NoError(tb, err)
	defer func() { _ = f.Close() }()
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	block := content(mib)
	n, err := io.CopyN(io.MultiWriter(f, crc), &repeat{block: block}, size)
	require.NoError(tb, err)
	sum := crc.Sum(nil)
	return f.Name(), upload.Object{Key: "file", Size: n, CRC32C: base64.StdEncoding.EncodeToString(sum), Delivery: "d"}
}

// repeat reads one block again and again.
type repeat struct {
	block []byte
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

// BenchmarkSend is the whole of an upload into MinIO on loopback; SetBytes makes it MB/s.
func BenchmarkSend(b *testing.B) {
	bucket := newBucket(b)
	opts := options(bucket)
	opts.PartSize = 16 * mib
	target := open(b, opts)
	path, o := file(b, 512*mib)
	f, err := os.Open(path)
	require.NoError(b, err)
	defer func() { _ = f.Close() }()
	b.SetBytes(o.Size)
	for b.Loop() {
		id, err := target.Start(b.Context(), o)
		require.NoError(b, err)
		_, err = target.Send(b.Context(), o, id, f, nil)
		require.NoError(b, err)
		_, err = target.Complete(b.Context(), o, id)
		require.NoError(b, err)
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM") {
				b.Log(strings.TrimSpace(line))
			}
		}
	}
}
