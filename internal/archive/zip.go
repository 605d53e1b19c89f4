package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
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
	out      *onlyWriter // what zip writes to
	modified time.Time
}

func newZip(w io.Writer, o Options) *zipped {
	out := &onlyWriter{w}
	z := &zipped{zip: zip.NewWriter(out), out: out, modified: o.Modified.UTC()}
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

// close holds the end of the archive back until offsets that stand elsewhere say so.
func (z *zipped) close() error {
	if err := z.zip.Flush(); err != nil {
		return err
	}
	var end bytes.Buffer
	w := z.out.Writer
	z.out.Writer = &end
	if err := z.zip.Close(); err != nil {
		return err
	}
	announceOffsets(end.Bytes())
	_, err := w.Write(end.Bytes())
	return err
}

// The bytes of APPNOTE.TXT, which is what describes zip.
const (
	directoryEntry = 46        // section 4.3.12, before name, extra fields and comment
	directoryEnd   = 22        // section 4.3.16, without comment
	directoryEnd64 = 56 + 20   // sections 4.3.14 and 4.3.15: in front of it, if the archive needs them
	elsewhere      = 1<<32 - 1 // a size or an offset that stands in the extra field of Zip64
)

// announceOffsets changes the directory at the end of an archive: archive/zip puts the offset of an entry over 4 GiB into
// its extra field, as it does the sizes, but also where it would be without one. The field may not have it then (section
// 4.5.3): 7-Zip calls the headers wrong, and .NET takes nothing from such a field and so calls the entry corrupt.
func announceOffsets(archive []byte) {
	end := len(archive) - directoryEnd
	size := uint64(binary.LittleEndian.Uint32(archive[end+12:]))
	if size == elsewhere {
		end -= directoryEnd64
		size = binary.LittleEndian.Uint64(archive[end+40:])
	}
	for directory := archive[end-int(size) : end]; len(directory) > 0; {
		length := directoryEntry
		for _, at := range []int{28, 30, 32} {
			length += int(binary.LittleEndian.Uint16(directory[at:]))
		}
		if binary.LittleEndian.Uint32(directory[24:]) == elsewhere {
			binary.LittleEndian.PutUint32(directory[42:], elsewhere)
		}
		directory = directory[length:]
	}
}
