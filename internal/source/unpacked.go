package source

import (
	"compress/gzip"
	"io"
	"os"
	"strings"
)

// unpacked opens a file of a table, for what the engine does not find out, and unpacks what it reads of one that is packed. It
// returns nil for what cannot be read, which the engine complains about, and for a pipe: to open one would be to wait.
func unpacked(name string) io.ReadCloser {
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	if !strings.HasSuffix(strings.ToLower(name), ".gz") {
		return file
	}
	in, err := gzip.NewReader(file)
	if err != nil {
		_ = file.Close() // it was only read
		return nil
	}
	return struct {
		io.Reader
		io.Closer
	}{in, file}
}
