package source

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCSVFilesAreReadByOneCallThoughSomeHaveNoQuotesOrPoints: two files of 90 MB, of which one had a value between quotes and the
// other none, or one a number with a point, were more than the memory of a worker by default: the engine looked at each once more.
func TestCSVFilesAreReadByOneCallThoughSomeHaveNoQuotesOrPoints(t *testing.T) {
	t.Parallel()
	conn := openEngine(t, Options{TempDir: t.TempDir()})
	for name, c := range map[string]struct {
		contents []string
		one      bool
	}{
		"no quotes":             {[]string{"a,b\nx,1\n", "a,b\ny,2\n"}, true},
		"none in the first":     {[]string{"a,b\nx,1\n", "a,b\n\"y\",2\n"}, true},
		"none in the last":      {[]string{"a,b\n\"y,z\",2\n", "a,b\n\"q\"\"q\",3\n", "a,b\nx,1\n"}, true},
		"whole numbers in one":  {[]string{"a,b\nx,1\n", "a,b\ny,0.5\n", "a,b\nz,2\n"}, true},
		"in one within a value": {[]string{"a,b\nx 5\",1\n", "a,b\n\"y\",2\n"}, false},
	} {
		dir := t.TempDir()
		var paths []string
		for i, content := range c.contents {
			paths = append(paths, filepath.Join(dir, strconv.Itoa(i)+".csv"))
			require.NoError(t, os.WriteFile(paths[i], []byte(content), 0o600))
		}
		call, _, err := readCSV(t.Context(), conn, Table{Name: "t", Files: filepath.Join(dir, "*.csv")}, paths)
		require.NoError(t, err, name)
		require.Equal(t, !c.one, strings.Contains(call, byName), "%s: %s", name, call)
	}
}
