package archive

import (
	"archive/zip"
	"io"
	"time"
)

// mode is that of every entry: anybody may read, the owner may write.
const mode = 0o644

// zipStart is the first time that a zip entry can have.
var zipStart = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// A zipped archive is archive/zip's, with our deflate inside it. Sizes follow the content (a data descriptor) and stand
// in the directory at the end; archive/zip uses Zip64 there when a size, an offset or the count needs it, never else.
type zipped struct {
	zip      *zip.Writer
	modified time.Time
}

func newZip(w io.Writer, o Options) *zipped {
	z := &zipped{zip: zip.NewWriter(w), modified: o.Modified.UTC()}
	if z.modified.Before(zipStart) {
		z.modified = zipStart
	}
	encoders := newEncoders(o)
	z.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return newDeflater(w, encoders), nil
	})
	return z
}

func (z *zipped) create(name string, _ int64) (io.Writer, error) {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.modified}
	header.SetMode(mode)
	return z.zip.CreateHeader(header)
}

func (z *zipped) close() error { return z.zip.Close() }
