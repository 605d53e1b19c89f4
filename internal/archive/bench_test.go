package archive_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/archive"
)

func BenchmarkGzip(b *testing.B) {
	content := rows(32 << 20)
	for _, level := range []int{1, 3, 6, 9} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("level=%d/threads=%d", level, threads), func(b *testing.B) {
				b.SetBytes(int64(len(content)))
				for b.Loop() {
					w, err := archive.Gzip(io.Discard, archive.Options{Level: level, Threads: threads})
					require.NoError(b, err)
					_, err = io.WriteString(w, content)
					require.NoError(b, err)
					require.NoError(b, w.Close())
				}
			})
		}
	}
}

func BenchmarkArchive(b *testing.B) {
	content := rows(32 << 20)
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
		b.Run(encoding, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				a, err := archive.New(io.Discard, options(encoding, 2))
				require.NoError(b, err)
				require.NoError(b, a.Add("a.csv", int64(len(content)), strings.NewReader(content)))
				require.NoError(b, a.Close())
			}
		})
	}
}

// Many small entries: what an entry costs by itself.
func BenchmarkSmallEntries(b *testing.B) {
	content := rows(2_000)
	for _, encoding := range []string{archive.TAR, archive.TGZ, archive.ZIP} {
		b.Run(encoding, func(b *testing.B) {
			a, err := archive.New(io.Discard, options(encoding, 2))
			require.NoError(b, err)
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				require.NoError(b, a.Add(fmt.Sprintf("%07d.csv", i), int64(len(content)), strings.NewReader(content)))
			}
			require.NoError(b, a.Close())
		})
	}
}
