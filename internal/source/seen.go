package source

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// seen is what a file looked like before an engine found out about it. Only the kernel sets the time of change, so that a file
// whose other time was set back does not pass for the same.
type seen struct {
	name, real        string // real: where links lead, for the engine is locked to that
	device, inode     uint64
	size              int64
	modified, changed unix.Timespec
}

// settled is how long ago a file must have been written for its time to differ from that of a later write: some file systems
// keep whole seconds.
const settled = 2 * time.Second

// look returns the tables' files as they are, sorted as the engine sorts them; nil if a later change may not show. That is so
// of patterns too which the engine may read in another way than we do: its ? is a byte, say.
func look(tables []Table, now time.Time) []seen {
	var files []seen
	for _, t := range tables {
		pattern, err := filepath.Abs(t.Files)
		dir, name := filepath.Split(pattern)
		if err != nil || strings.ContainsAny(dir, `*?[{\`) || strings.ContainsAny(name, `?[{\`) || strings.Contains(name, "**") {
			return nil
		}
		names, err := filepath.Glob(pattern)
		if err != nil {
			return nil
		}
		slices.Sort(names)
		for _, name := range names {
			file, written, err := lookAt(name)
			if err != nil || now.Sub(written) < settled {
				return nil
			}
			files = append(files, file)
		}
	}
	return files
}

// holds reports whether a file still has what it had. Its rights and its links do not matter: a backup may link it while it is
// read.
func (s seen) holds(was seen) bool {
	s.changed = was.changed
	return s == was
}

// lookAtAll looks at files. One that cannot be looked at is left to the engine to complain about.
func lookAtAll(names []string) []seen {
	var files []seen
	for _, name := range names {
		if file, _, err := lookAt(name); err == nil {
			files = append(files, file)
		}
	}
	return files
}

// unchanged answers ErrChanged if a file is not any more what it was: its rows may be of before and after.
func (i *instance) unchanged() error {
	for _, was := range i.was {
		if is, _, err := lookAt(was.name); err != nil || !is.holds(was) {
			return fmt.Errorf("%w: %s", ErrChanged, was.name)
		}
	}
	return nil
}

// lookAt looks at one file, and returns when it was written. It opens the file: what a network's file system knows of a file
// that is not open may be a minute old.
func lookAt(name string) (_ seen, written time.Time, err error) {
	path, err := filepath.EvalSymlinks(name)
	if err != nil {
		return seen{}, time.Time{}, err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // of a pipe, O_NONBLOCK waits for nobody
	if err != nil {
		return seen{}, time.Time{}, err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return seen{}, time.Time{}, err
	}
	written = time.Unix(is.Mtim.Unix())
	if changed := time.Unix(is.Ctim.Unix()); changed.After(written) {
		written = changed
	}
	return seen{name, path, uint64(is.Dev), is.Ino, is.Size, is.Mtim, is.Ctim}, written, nil
}
