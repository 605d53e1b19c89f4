package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Pool keeps used engines for whoever opens the same source next. To start one takes more processor time than to run a small
// query, and finding out about CSV files means reading them. An engine is used again only if nothing of a query can be left in
// it, and only while its files are as it has seen them.
//
// Sources that are not files are opened as by the function Open.
type Pool struct {
	dir   string
	size  int
	clock func() time.Time

	mu   sync.Mutex
	out  int       // engines in use
	made int       // counts the folders
	idle []*pooled // the one used last comes last
}

// A pooled is an engine of a pool.
type pooled struct {
	*instance
	key   string // the options that it was started with
	files []seen // nil: it is not used again
	spill string // its folder
}

// NewPool returns a pool whose engines spill into folders below dir, and which keeps an engine only while there are at most
// size of them, with those in use. dir must exist; what is in it belongs to the pool. The clock tells it which files have just
// been written.
func NewPool(dir string, size int, clock func() time.Time) *Pool {
	return &Pool{dir: dir, size: size, clock: clock}
}

// Open opens the source as the function Open does. Options.TempDir is the pool's to choose.
func (p *Pool) Open(ctx context.Context, o Options) (Source, error) {
	if o.Type != TypeDuckDB {
		return Open(ctx, o)
	}
	if err := errors.Join(o.Validate().Err(), ctx.Err()); err != nil {
		return nil, err
	}
	k, err := p.take(ctx, o)
	if err != nil {
		return nil, err
	}
	return &engine{instance: k.instance, users: 1, giveBack: func(clean bool) error { return p.giveBack(k, clean) }}, nil
}

// take returns an engine that has seen the files as they are, or a new one.
func (p *Pool) take(ctx context.Context, o Options) (*pooled, error) {
	o.TempDir = ""
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	key, files := string(text), look(o.Tables, p.clock())
	k, spill, err := p.find(key, files)
	if k != nil || err != nil {
		return k, err
	}
	o.TempDir = spill
	i, err := newInstance(ctx, o)
	k = &pooled{instance: i, key: key, files: files, spill: spill}
	if err != nil {
		return nil, errors.Join(err, p.forget(k))
	}
	if !slices.EqualFunc(i.files, files, func(name string, f seen) bool { return name == f.name }) {
		k.files = nil // the engine's patterns find other files than ours
	}
	return k, nil
}

// find returns an idle engine, or the folder for a new one, for which idle ones make room.
func (p *Pool) find(key string, files []seen) (_ *pooled, spill string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at, k := range slices.Backward(p.idle) {
		if k.key == key && slices.Equal(k.files, files) {
			if err := makeRoom(k.spill); err != nil { // somebody may have tidied up
				return nil, "", err
			}
			p.idle = slices.Delete(p.idle, at, at+1)
			p.out++
			return k, "", nil
		}
	}
	for len(p.idle) > 0 && len(p.idle)+p.out >= p.size {
		oldest := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		if err := oldest.end(); err != nil {
			return nil, "", err
		}
	}
	p.made++
	spill = filepath.Join(p.dir, fmt.Sprint(p.made))
	if err := makeRoom(spill); err != nil {
		return nil, "", err
	}
	p.out++
	return nil, spill, nil
}

func makeRoom(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make room for what a query spills: %w", err)
	}
	return nil
}

// giveBack keeps an engine or ends it.
func (p *Pool) giveBack(k *pooled, clean bool) error {
	spilt, err := os.ReadDir(k.spill)
	if !clean || k.files == nil || err != nil || len(spilt) > 0 {
		return p.forget(k)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out--
	if len(p.idle)+p.out >= p.size {
		return k.end()
	}
	p.idle = append(p.idle, k)
	return nil
}

// forget ends an engine that is in use.
func (p *Pool) forget(k *pooled) error {
	p.mu.Lock()
	p.out--
	p.mu.Unlock()
	return k.end()
}

// Close ends the engines that nobody uses. Those in use end as they are given back.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, k := range p.idle {
		errs = append(errs, k.end())
	}
	p.idle, p.size = nil, 0
	return errors.Join(errs...)
}

func (k *pooled) end() error {
	if k.instance != nil {
		k.close()
	}
	if err := os.RemoveAll(k.spill); err != nil {
		return fmt.Errorf("remove what a query has spilt: %w", err)
	}
	return nil
}

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
