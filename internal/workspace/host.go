// Package workspace is the part of a host's disk where runs keep their files while they are made.
//
// One process owns a workspace at a time (a lock that the kernel drops with the process), under an id that lives on
// the same disk: a worker that comes back finds its files under its old name, and a disk that is gone takes the name
// with it. Everything is 0700 and 0600: these are other people's customers.
package workspace

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// The errors that callers act upon.
var (
	// ErrLocked means that another process works in this workspace.
	ErrLocked = errors.New("workspace is in use by another process")
	// ErrGone means that the workspace is not the folder any more that was opened.
	ErrGone = errors.New("the folder that this worker has locked is gone")
	// ErrNoSpace means that the disk, the quota or workspace.max_bytes is exhausted.
	ErrNoSpace = errors.New("no space left in the workspace")
	// ErrCorrupt means that a file of the workspace is not what its journal says.
	ErrCorrupt = errors.New("workspace file differs from its journal")
	// ErrForeign means that the folder is somebody's, and has never been a workspace.
	ErrForeign = errors.New("a folder with somebody's files in it, where the workspace's own would be")
	// ErrMissing means that the workspace does not hold the files of this run.
	ErrMissing = errors.New("workspace does not hold the run's files")
)

// Options is what a host may use.
type Options struct {
	Dir      string // made if it is not there
	MaxBytes int64  // all runs together; 0: what the disk has
	Runs     int    // runs at once on this host; 0: 1
	MinFree  int64  // bytes of free disk below which no further run is taken; 0: 64 MiB
}

// A Host is one workspace, locked.
type Host struct {
	dir     string
	id      string
	options Options
	lock    *os.File

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever a place may have become free
	taken   int           // places promised by Admit and not yet turned into a lease
	leases  map[string]bool
	found   map[string]bool // runs whose folders were there when the host was opened
	running map[string]*Attempt
}

const (
	idFile   = "host-id"
	lockFile = "lock"
	runsDir  = "runs"
	spillDir = "spill"
	minFree  = 64 << 20
)

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Open makes the workspace if needed, locks it and reads the host's id. It answers ErrLocked if another process has it.
func Open(o Options) (*Host, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("workspace %s: %w", o.Dir, err)
	}
	if err := errors.Join(leads(dir), vacant(dir)); err != nil {
		return nil, fmt.Errorf("workspace %s: %w", o.Dir, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, runsDir), 0o700); err != nil {
		return nil, fmt.Errorf("workspace %s: %w", o.Dir, Space(err))
	}
	lock, err := takeLock(filepath.Join(dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("workspace %s: %w", o.Dir, err)
	}
	id, err := hostID(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("workspace %s: %w", o.Dir, err), lock.Close())
	}
	if err := makeEmpty(filepath.Join(dir, spillDir)); err != nil { // what is there was a crash's
		return nil, errors.Join(fmt.Errorf("workspace %s: %w", o.Dir, Space(err)), lock.Close())
	}
	o.Runs, o.MinFree = max(o.Runs, 1), cmp.Or(o.MinFree, minFree)
	h := &Host{
		dir: dir, id: id, options: o, lock: lock, changed: make(chan struct{}),
		leases: map[string]bool{}, found: map[string]bool{}, running: map[string]*Attempt{},
	}
	return h, h.findLeases()
}

// leads refuses a link to nothing, which is what there is of a disk that is not mounted: to make its folder fails because there is
// something of that name.
func leads(dir string) error {
	for _, path := range []string{dir, filepath.Join(dir, runsDir), filepath.Join(dir, spillDir)} {
		to, err := os.Readlink(path)
		if err != nil { // it is none
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s is a link to %s, which is not there: %w", path, to, err)
		}
	}
	return nil
}

// vacant refuses a folder that is about to become a workspace and holds somebody's files where ours are to be: what is in
// there is cleaned up.
func vacant(dir string) error {
	for _, ours := range []string{idFile, lockFile} { // people remove the id from a copy
		if _, err := os.Stat(filepath.Join(dir, ours)); err == nil {
			return nil
		}
	}
	for _, name := range []string{runsDir, spillDir} {
		entries, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "lost+found" }) { // of a disk of its own
			return fmt.Errorf("%w: %s", ErrForeign, filepath.Join(dir, name))
		}
	}
	return nil
}

// spillName is what engines' folders are called, and what Room tries the disk with.
var spillName = regexp.MustCompile(`^([0-9]+|probe-[0-9]+)$`)

// makeEmpty makes a folder, or removes from it what engines have spilt: the folder may be a disk of its own.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if spillName.MatchString(e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, Space(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // the lock was not taken, nothing was written
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return f, nil
}

func hostID(dir string) (string, error) {
	path := filepath.Join(dir, idFile)
	text, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(text))
		if !validID.MatchString(id) {
			return "", fmt.Errorf("%s holds no host id: remove the file if no run is under way on this host", path)
		}
		return id, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	id := "host-" + hex.EncodeToString(random[:])
	return id, writeFile(path, []byte(id+"\n"))
}

// held answers an error if the folder is not the one that was locked: another disk lies there, or somebody has removed it.
// Files in a new one would be under nobody's lock, and their host's id on no disk.
func (h *Host) held() error {
	locked, err := h.lock.Stat()
	if err != nil {
		return fmt.Errorf("workspace %s: %w", h.dir, err)
	}
	there, err := os.Stat(filepath.Join(h.dir, lockFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("workspace %s: %w", h.dir, err)
	}
	if err != nil || !os.SameFile(locked, there) {
		return fmt.Errorf("workspace %s: %w: start the worker again when its disk is there", h.dir, ErrGone)
	}
	return nil
}

// ID returns the host's id: stable across restarts, gone with the disk. Task queues are named after it.
func (h *Host) ID() string { return h.id }

// Dir returns the workspace's folder, absolute.
func (h *Host) Dir() string { return h.dir }

// Spill returns the folder for what query engines spill to the disk. It is empty when the host is opened.
func (h *Host) Spill() string { return filepath.Join(h.dir, spillDir) }

// Close unlocks the workspace. Its files stay.
func (h *Host) Close() error {
	if err := h.lock.Close(); err != nil {
		return fmt.Errorf("workspace %s: %w", h.dir, err)
	}
	return nil
}

// Space turns the operating system's ways to say "full" into ErrNoSpace, once.
func Space(err error) error {
	if !errors.Is(err, ErrNoSpace) && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
