package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// noteKept is the note of a run that is over and whose files stay for a while.
const noteKept = "kept"

// Kept says what of a finished run stays on the host, and since when.
type Kept struct {
	Delivery string    `json:"delivery"`
	Ended    time.Time `json:"ended"` // when the run did; how long its files stay counts from here
}

// Keep ends the lease of a run that is over and leaves of its files only those of the named steps of a delivery. It may
// be called twice: the first call says when the run ended.
func (r *Run) Keep(delivery string, ended time.Time, steps ...string) (Kept, error) {
	dir, err := r.folder(delivery)
	if err != nil {
		return Kept{}, err
	}
	kept, found, err := r.Kept()
	if err != nil {
		return Kept{}, err
	}
	if !found || kept.Delivery != delivery {
		kept = Kept{Delivery: delivery, Ended: ended.UTC()}
		if err := r.Note(noteKept, kept); err != nil { // first: what a crash leaves is a kept run, to be cleaned again
			return Kept{}, err
		}
	}
	stays := []string{runFile, noteKept + ".json", leaseFile, delivery}
	if err := removeBut(r.dir, stays); err != nil {
		return Kept{}, fmt.Errorf("workspace: keep %s: %w", r.RunID, err)
	}
	if err := removeBut(dir, steps); err != nil {
		return Kept{}, fmt.Errorf("workspace: keep %s: %w", r.RunID, err)
	}
	return kept, r.host.Release(r)
}

// Holds reports whether the run has a folder of the delivery. One that was kept may have been taken for want of room.
func (r *Run) Holds(delivery string) bool {
	_, err := os.Stat(filepath.Join(r.dir, delivery))
	return !errors.Is(err, fs.ErrNotExist)
}

// removeBut removes what is in a folder, but for some names.
func removeBut(dir string, stays []string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if !slices.Contains(stays, entry.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}

// Kept returns what of the run is kept, and whether anything is.
func (r *Run) Kept() (kept Kept, found bool, err error) {
	found, err = r.Noted(noteKept, &kept)
	return kept, found, err
}

// Unkeep makes the run one that is under way again: somebody has reset its workflow to before its end.
func (r *Run) Unkeep() error {
	return r.Forget(noteKept)
}

// Find returns the folder of a run that is here already. It answers ErrMissing if it is not.
func (h *Host) Find(runID string) (*Run, error) {
	runs, err := h.Runs()
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if r.RunID == runID && r.unreadable != nil {
			return nil, r.unreadable
		}
		if r.RunID == runID && r.WorkflowID != "" {
			return r, nil
		}
	}
	return nil, fmt.Errorf("workspace: run %s: %w", runID, ErrMissing)
}

// Evict removes the kept run that ended first, and reports whether there was one: kept files are never in the way of a
// run that needs the room.
func (h *Host) Evict() (bool, error) {
	runs, err := h.Runs()
	if err != nil {
		return false, err
	}
	var oldest *Run
	var since time.Time
	for _, r := range runs {
		kept, found, err := r.Kept()
		if err != nil || !found { // a note that cannot be read is the janitor's to remove
			continue
		}
		if oldest == nil || kept.Ended.Before(since) {
			oldest, since = r, kept.Ended
		}
	}
	if oldest == nil {
		return false, nil
	}
	return true, oldest.Remove()
}

// makeRoom answers Room's error if there is none even without kept files. The oldest of these go first.
func (h *Host) makeRoom() error {
	for {
		err := h.Room()
		if err == nil || !errors.Is(err, ErrNoSpace) {
			return err
		}
		if evicted, evictErr := h.Evict(); evictErr != nil || !evicted {
			return errors.Join(err, evictErr)
		}
	}
}

// Link takes over a finished file of another step, of another run perhaps, without copying it: finished files are never
// written again. It is entered in the journal by whoever has compared it, with Enter.
func (s *Step) Link(from *Step, f File) error {
	to := filepath.Join(s.dir, f.Name)
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("workspace: link %s: %w", f.Name, err)
	}
	err := os.Link(filepath.Join(from.dir, f.Name), to)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("workspace: link %s: %w", f.Name, ErrMissing)
	}
	if err != nil {
		return fmt.Errorf("workspace: link %s: %w", f.Name, Space(err))
	}
	return nil
}
