package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lookEvery is how often a host that is short of disk looks again: nobody tells it when space becomes free.
const lookEvery = time.Second

// Admit waits until the host has room for one more run and takes the place until Forgo gives it back. Room means: fewer
// leases than Options.Runs, less than Options.MaxBytes in use, Options.MinFree on the disk. Where kept files leave no room,
// the oldest of them go. refused, if not nil, is told why the disk has none, about once in lookEvery.
func (h *Host) Admit(ctx context.Context, refused func(error)) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		changed, ok, err := h.admitted()
		if ok {
			return nil
		}
		if err != nil && refused != nil {
			refused(err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-ticker.C:
		}
	}
}

// admitted takes a place, or tells what to wait for, and what the disk lacks.
func (h *Host) admitted() (changed <-chan struct{}, ok bool, err error) {
	h.mu.Lock()
	full := len(h.leases)+h.taken >= h.options.Runs
	changed = h.changed
	if !full {
		h.taken++
	}
	h.mu.Unlock()
	if full {
		return changed, false, nil
	}
	if err := h.makeRoom(); err != nil { // a disk that cannot be looked at has no room either
		h.mu.Lock()
		h.taken-- // without a word: whoever waits would find no room either, and wake the others by it, for ever
		h.mu.Unlock()
		return changed, false, err
	}
	return nil, true, nil
}

// Forgo gives back a place that Admit took.
func (h *Host) Forgo() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taken--
	h.wake()
}

// wake tells whoever waits in Admit to look again. h.mu is held.
func (h *Host) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// Room answers ErrNoSpace if the disk or Options.MaxBytes leaves no room for another run.
func (h *Host) Room() error {
	if err := h.held(); err != nil {
		return err
	}
	var fsinfo unix.Statfs_t
	if err := unix.Statfs(h.dir, &fsinfo); err != nil {
		return fmt.Errorf("workspace %s: %w", h.dir, err)
	}
	free := int64(fsinfo.Bavail) * fsinfo.Bsize // no disk has 2^63 bytes
	if free < h.options.MinFree {
		return fmt.Errorf("%w: %d bytes free on the disk of %s, %d wanted", ErrNoSpace, free, h.dir, h.options.MinFree)
	}
	if err := h.writable(); err != nil {
		return err
	}
	if h.options.MaxBytes == 0 {
		return nil
	}
	used, err := h.Used()
	if err != nil {
		return err
	}
	if used >= h.options.MaxBytes {
		return fmt.Errorf("%w: %d bytes in use, workspace.max_bytes is %d", ErrNoSpace, used, h.options.MaxBytes)
	}
	return nil
}

// writable tries what the next run begins with: a disk may have bytes and no inodes, or have become read-only.
func (h *Host) writable() error {
	err := os.MkdirAll(h.Spill(), 0o700) // somebody may have tidied up
	var probe *os.File
	if err == nil {
		probe, err = os.CreateTemp(h.Spill(), "probe-")
	}
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return fmt.Errorf("workspace %s: %w", h.dir, Space(err))
	}
	return nil
}

// Used returns the bytes of all files of all runs, and of what engines have spilt. A file that two runs share is counted once.
func (h *Host) Used() (int64, error) {
	var total int64
	shared := map[uint64]bool{}
	for _, dir := range []string{runsDir, spillDir} {
		err := filepath.WalkDir(filepath.Join(h.dir, dir), func(_ string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				info, infoErr := entry.Info()
				if infoErr == nil && !counted(shared, info) {
					total += info.Size()
				}
				err = infoErr
			}
			if errors.Is(err, fs.ErrNotExist) { // removed while we looked
				return nil
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("workspace %s: %w", h.dir, err)
		}
	}
	return total, nil
}

// counted reports whether a file with several names has been seen under another one.
func counted(shared map[uint64]bool, info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Nlink < 2 {
		return false
	}
	seen := shared[stat.Ino]
	shared[stat.Ino] = true
	return seen
}

// Lease makes the run count against Options.Runs until Release or Remove, also across a restart of the process. Taking
// it again is fine. A place that Admit gave stays taken beside it until Forgo.
func (h *Host) Lease(r *Run) error {
	if err := writeFile(filepath.Join(r.dir, leaseFile), nil); err != nil {
		return fmt.Errorf("workspace: lease %s: %w", r.RunID, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leases[r.RunID] = true
	return nil
}

// Leased reports whether the run counts against Options.Runs.
func (h *Host) Leased(r *Run) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leases[r.RunID]
}

// Release ends the run's lease and leaves its files: a parked run waits for a person and must not hold up others.
func (h *Host) Release(r *Run) error {
	if err := os.Remove(filepath.Join(r.dir, leaseFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("workspace: release %s: %w", r.RunID, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.leases, r.RunID)
	h.wake()
	return nil
}

// ForgetRemoved gives back the places of runs whose folders somebody has removed by hand.
func (h *Host) ForgetRemoved() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.leases {
		_, err := os.Stat(filepath.Join(h.dir, runsDir, id, leaseFile)) // written before the lease counts, and removed after
		switch {
		case errors.Is(err, fs.ErrNotExist):
			delete(h.leases, id)
			h.wake()
		case err != nil:
			return fmt.Errorf("workspace: lease of %s: %w", id, err)
		}
	}
	return nil
}

func (h *Host) findLeases() error {
	runs, err := h.Runs()
	if err != nil {
		return err
	}
	for _, r := range runs {
		h.found[r.RunID] = true
		if _, err := os.Stat(filepath.Join(r.dir, leaseFile)); err == nil {
			h.leases[r.RunID] = true
		}
	}
	return nil
}
