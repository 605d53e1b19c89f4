package archive

import (
	"archive/tar"
	"bufio"
	"io"
	"time"
)

// A tarball writes USTAR headers, which every reader since 1988 knows, and PAX records only for what USTAR cannot say:
// names that are not ASCII or too long, sizes over 8 GiB. archive/tar decides that for each entry.
type tarball struct {
	tar      *tar.Writer
	modified time.Time
	finish   func() error // ends what is around the tar
}

func newTar(w io.Writer, o Options) *tarball {
	out := bufio.NewWriterSize(w, copyBuffer)
	return &tarball{tar: tar.NewWriter(out), modified: epoch(o.Modified), finish: out.Flush}
}

func newTgz(zipped io.WriteCloser, o Options) *tarball {
	return &tarball{tar: tar.NewWriter(zipped), modified: epoch(o.Modified), finish: zipped.Close}
}

// epoch returns t in whole seconds, because a fraction would need a PAX record.
func epoch(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0)
	}
	return t.Truncate(time.Second)
}

func (t *tarball) create(name string, size int64) (io.Writer, error) {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: mode, ModTime: t.modified}
	return t.tar, t.tar.WriteHeader(header)
}

func (t *tarball) close() error {
	if err := t.tar.Close(); err != nil {
		return err
	}
	return t.finish()
}
