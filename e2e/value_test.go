package e2e_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAValueOf64MiBIsDelivered: by a worker with the default worker.memory, among ordinary rows.
func TestAValueOf64MiBIsDelivered(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	for _, format := range []string{"csv", "parquet"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.data("data.parquet", "SELECT i AS id FROM range(1, 4) t(i)")
			encoding := ""
			if format == "csv" {
				encoding = ", encoding: gzip"
			}
			wide := fmt.Sprintf("SELECT id, CASE id WHEN 2 THEN repeat('x', %d) ELSE 'y' END AS v FROM", size)
			s.sends(strings.Replace(unsorted, "SELECT * FROM", wide, 1), "wide-{site}", "platform", "file_format: "+format+encoding, "filename: wide")
			w := s.worker()
			c := s.send(s.id("wide"), "--run-key", "k")
			require.EqualValues(t, 3, c.Rows)
			got := s.get(c.Objects[0].Key)
			if format == "parquet" {
				require.Equal(t, size+2, one[int](t, duck(t), "SELECT sum(length(v))::INTEGER FROM read_parquet('"+got+"')"))
			} else {
				requireWideCSV(t, got, "id,v\n1,y\n2,"+strings.Repeat("x", size)+"\n3,y\n")
			}
			require.Equal(t, 0, w.stop())
		})
	}
}

func requireWideCSV(t *testing.T, path, want string) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	text, err := io.ReadAll(unzipped)
	require.NoError(t, err)
	require.True(t, string(text) == want, "%d bytes, not %d, or others", len(text), len(want)) //nolint:testifylint // 64 MiB make no message
}
