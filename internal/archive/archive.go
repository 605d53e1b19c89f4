// Package archive packs files: each into a gzip of its own, or all of them into one tar, tgz or zip.
//
// The same files give the same bytes, whatever the number of threads and whichever machine: the content is cut into
// blocks of a fixed size that are compressed on their own, entries carry the time that they are given, owner 0 and mode
// 0644, and nothing says where they were made.
package archive

import (
	"errors"
	"fmt"
	"io"
	"time"

	"consign/internal/problem"
)

// The values of Options.Encoding.
const (
	None = "none" // each file as it is
	GZIP = "gzip" // each file on its own
	TAR  = "tar"
	TGZ  = "tgz"
	ZIP  = "zip"
)

// DefaultLevel is the compression level of an Options that has none.
const DefaultLevel = 6

// ErrSize says that an entry has more or fewer bytes than it was announced with.
var ErrSize = errors.New("size of the entry is not the announced one")

// ErrEncoding says that an encoding cannot be made by the function that was called.
var ErrEncoding = errors.New("not an encoding for this")

// errClosed answers what comes after Close.
var errClosed = errors.New("the archive is closed")

// Options are how to pack. The zero value packs at DefaultLevel on one thread.
type Options struct {
	Encoding string    `json:"encoding,omitempty"`
	Level    int       `json:"compression_level,omitempty"` // 1 (fast) to 9 (small); 0: DefaultLevel
	Threads  int       `json:"-"`                           // how many blocks are compressed at once; 0: 1
	Modified time.Time `json:"-"`                           // the time of every entry; zero: the first that the format knows
}

// Validate returns what is wrong with o. An empty encoding is one that is not decided yet.
func (o Options) Validate() problem.List {
	var list problem.List
	switch o.Encoding {
	case "", GZIP, TGZ, ZIP:
	case None, TAR:
		if o.Level != 0 {
			list.Warn("compression_level", "has no effect with encoding %s", o.Encoding)
		}
	default:
		list.AddHint("encoding", "use none, gzip, tar, tgz or zip", "%q is not an encoding", o.Encoding)
	}
	if o.Level < 0 || o.Level > 9 {
		list.AddHint("compression_level", "use 1 (fast) to 9 (small); the default is 6", "%d is out of range", o.Level)
	}
	return list
}

// Extension returns what ends the name of a file with the encoding, without dot: "gz", "tar", "tgz", "zip", or nothing.
func Extension(encoding string) string {
	switch encoding {
	case GZIP:
		return "gz"
	case TAR, TGZ, ZIP:
		return encoding
	}
	return ""
}

// Single reports whether the encoding makes one archive of all files.
func Single(encoding string) bool {
	return encoding == TAR || encoding == TGZ || encoding == ZIP
}

// An Archive is a tar, tgz or zip while it is written. The first error sticks.
type Archive struct {
	container container
	names     map[string]bool
	buffer    []byte
	closed    bool
	err       error
}

// A container is the format of an archive.
type container interface {
	// create begins an entry and returns the writer of its content, which is written before the next call.
	create(name string, size int64) (io.Writer, error)
	close() error
}

// copyBuffer is large enough that neither a system call nor the tar layer around it is felt.
const copyBuffer = 1 << 18

// New begins an archive in w.
func New(w io.Writer, o Options) (*Archive, error) {
	if err := o.Validate().Err(); err != nil {
		return nil, err
	}
	a := &Archive{names: make(map[string]bool), buffer: make([]byte, copyBuffer)}
	switch o.Encoding {
	case TAR:
		a.container = newTar(w, o)
	case TGZ:
		zipped, err := Gzip(w, o)
		if err != nil {
			return nil, err
		}
		a.container = newTgz(zipped, o)
	case ZIP:
		a.container = newZip(w, o)
	default:
		return nil, fmt.Errorf("%w: an archive of several files cannot be %q", ErrEncoding, o.Encoding)
	}
	return a, nil
}

// Add packs what r holds, which must be size bytes, as the entry name. A name that does not stay inside the folder into
// which somebody unpacks, or that is there already, is refused with ErrName.
func (a *Archive) Add(name string, size int64, r io.Reader) error {
	w, err := a.create(name, size)
	if err != nil {
		return err
	}
	if a.err = a.fill(w, size, r); a.err != nil {
		a.err = fmt.Errorf("pack %s: %w", name, a.err)
	}
	return a.err
}

// Create begins the entry name, whose size is not known yet, and returns the writer of its content, which is written
// before the next call. Only a zip can have such entries: else it is refused with ErrEncoding. Names are as in Add.
func (a *Archive) Create(name string) (io.Writer, error) {
	if _, ok := a.container.(*zipped); !ok && a.err == nil && !a.closed {
		return nil, fmt.Errorf("%w: the size of %s is not known", ErrEncoding, name)
	}
	return a.create(name, 0)
}

func (a *Archive) create(name string, size int64) (w io.Writer, err error) {
	switch {
	case a.err != nil:
		return nil, a.err
	case a.closed:
		return nil, errClosed
	}
	if err := checkName(name, a.names); err != nil {
		return nil, err
	}
	a.names[name] = true
	if w, err = a.container.create(name, size); err != nil {
		a.err = fmt.Errorf("pack %s: %w", name, err)
	}
	return w, a.err
}

func (a *Archive) fill(w io.Writer, size int64, r io.Reader) error {
	n, err := io.CopyBuffer(onlyWriter{w}, io.LimitReader(r, size), a.buffer)
	switch {
	case err != nil:
		return err
	case n < size:
		return fmt.Errorf("%w: %d bytes instead of %d", ErrSize, n, size)
	}
	// A file that has grown must not be cut off quietly, and a reader may tell only behind the last byte that they were wrong.
	more, err := io.ReadFull(r, a.buffer[:1])
	switch {
	case more > 0:
		return fmt.Errorf("%w: more than %d bytes", ErrSize, size)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// onlyWriter hides every other method, so that io.CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// Close ends the archive and leaves the inner writer open. An archive without entries is a valid empty one.
func (a *Archive) Close() error {
	if a.closed || a.err != nil {
		return a.err
	}
	a.closed = true
	a.err = a.container.close()
	return a.err
}
