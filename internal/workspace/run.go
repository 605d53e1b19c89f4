package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// A Run is the folder of one workflow run.
type Run struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`

	host       *Host
	dir        string
	unreadable error
}

const (
	runFile   = "run.json"
	leaseFile = "lease"
)

// validName is what runs (by Temporal: a UUID), their deliveries and their steps are called. Nothing else may become a folder's
// name: these come with the input of a step, which anybody writes who reaches Temporal.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// Run returns the folder of a run and makes it if needed.
func (h *Host) Run(workflowID, runID string) (*Run, error) {
	if !validName.MatchString(runID) {
		return nil, fmt.Errorf("workspace: %q is not a run id", runID)
	}
	r := &Run{WorkflowID: workflowID, RunID: runID, host: h, dir: filepath.Join(h.dir, runsDir, runID)}
	return r, r.describe()
}

// describe makes the folder, and says in it whose it is.
func (r *Run) describe() error {
	if err := r.host.held(); err != nil { // MkdirAll would make a workspace that is gone anew
		return err
	}
	if _, err := os.Stat(filepath.Join(r.dir, runFile)); err == nil {
		return nil
	}
	r.host.mu.Lock() // several steps of one run may begin at the same time
	defer r.host.mu.Unlock()
	text, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(r.dir, 0o700)
	}
	if err == nil {
		err = writeFile(filepath.Join(r.dir, runFile), text)
	}
	if err != nil {
		_ = os.Remove(r.dir) // unless there is something in it
		return fmt.Errorf("workspace: run %s: %w", r.RunID, Space(err))
	}
	return nil
}

// justMade is how long a folder may be without its description.
const justMade = time.Minute

// InUse reports whether a step of the run is at work in this process, or this process has made or changed its folder just now.
func (r *Run) InUse(now time.Time) bool {
	if len(r.attempts()) > 0 {
		return true
	}
	r.host.mu.Lock()
	found := r.host.found[r.RunID]
	r.host.mu.Unlock()
	info, err := os.Stat(r.dir)
	return !found && err == nil && now.Sub(info.ModTime()) < justMade
}

// Runs returns the runs that have a folder here, for the janitor. A folder that a crash left without its description is
// returned with an empty WorkflowID; so is one whose description cannot be read for now, see Unreadable.
func (h *Host) Runs() ([]*Run, error) {
	entries, err := os.ReadDir(filepath.Join(h.dir, runsDir))
	if err != nil {
		return nil, fmt.Errorf("workspace %s: %w", h.dir, err)
	}
	var runs []*Run
	for _, entry := range entries {
		dir := filepath.Join(h.dir, runsDir, entry.Name())
		r := &Run{}
		text, err := os.ReadFile(filepath.Join(dir, runFile))
		switch {
		case err == nil:
			_ = json.Unmarshal(text, r) // half of one is what a crash left
		case errors.Is(err, fs.ErrNotExist) && !ours(dir):
			continue
		case !errors.Is(err, fs.ErrNotExist):
			r.unreadable = fmt.Errorf("workspace: run %s: %w", entry.Name(), err)
		}
		r.RunID, r.host, r.dir = entry.Name(), h, dir
		runs = append(runs, r)
	}
	return runs, nil
}

// temporalID is what Temporal calls a run.
var temporalID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// ours reports whether a folder without a description is a run's all the same: a crash may leave one that is empty, or half
// described, or take the description away. Another folder is somebody's, and nobody cleans it.
func ours(dir string) bool {
	entries, err := os.ReadDir(dir)
	half := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == runFile+".part" })
	return err == nil && (len(entries) == 0 || half || temporalID.MatchString(filepath.Base(dir)))
}

// Unreadable returns why the description of a run that Runs has found cannot be read: nobody knows then whose the folder is.
func (r *Run) Unreadable() error { return r.unreadable }

// Remove ends the lease and removes every file of the run. A run that is not there is success.
func (r *Run) Remove() error {
	// The description goes last: what a crash leaves behind still says whose it is.
	err := removeBut(r.dir, []string{runFile})
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.RemoveAll(r.dir)
	}
	if err != nil {
		return fmt.Errorf("workspace: remove %s: %w", r.RunID, err)
	}
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	delete(r.host.leases, r.RunID)
	delete(r.host.found, r.RunID)
	r.host.wake()
	return nil
}

// Shed ends the lease and removes the files of the run but for its notes and the named steps of its deliveries, for a run
// that is over and of which something is still to be done elsewhere.
func (r *Run) Shed(steps ...string) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("workspace: run %s: %w", r.RunID, err)
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != attemptsDir {
			err = errors.Join(err, removeBut(filepath.Join(r.dir, entry.Name()), steps))
		}
	}
	if err != nil {
		return fmt.Errorf("workspace: shed %s: %w", r.RunID, err)
	}
	return r.host.Release(r)
}

// folder returns the path of a delivery, or of a step of it.
func (r *Run) folder(names ...string) (string, error) {
	for _, name := range names {
		if !validName.MatchString(name) {
			return "", fmt.Errorf("workspace: %q is not the name of a delivery or a step", name)
		}
	}
	return filepath.Join(append([]string{r.dir}, names...)...), nil
}

// RemoveFiles removes the files of one step of a delivery and leaves its journal: plain files go once the encrypted ones
// are there, and a later attempt at the step that made them still has to know that it is done.
func (r *Run) RemoveFiles(delivery, step string) error {
	dir, err := r.folder(delivery, step)
	if err == nil {
		err = removeBut(dir, []string{journalFile})
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("workspace: remove files of %s of %s: %w", step, delivery, err)
	}
	return nil
}

// RemoveStep removes one step of a delivery, with its journal.
func (r *Run) RemoveStep(delivery, step string) error {
	dir, err := r.folder(delivery, step)
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return fmt.Errorf("workspace: remove %s of %s: %w", step, delivery, err)
	}
	return nil
}

// RemoveOthers removes every delivery of the run but the one named: what an earlier, given-up attempt has left. How often
// processes have died of them is forgotten with them: a delivery that was planned anew asks another query, perhaps.
func (r *Run) RemoveOthers(delivery string) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("workspace: run %s: %w", r.RunID, err)
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != delivery && entry.Name() != attemptsDir {
			if err := os.RemoveAll(filepath.Join(r.dir, entry.Name())); err != nil {
				return fmt.Errorf("workspace: remove %s: %w", entry.Name(), err)
			}
			r.forgetDeaths()
		}
	}
	return nil
}

// Note keeps a small value with the run, for the janitor of a later process. It holds no secret.
func (r *Run) Note(name string, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		err = writeFile(filepath.Join(r.dir, name+".json"), text)
	}
	if err != nil {
		return fmt.Errorf("workspace: note %s: %w", name, err)
	}
	return nil
}

// Noted reads a value that Note has kept, and reports whether there is one. One that was damaged on the disk is as if it
// were not there, for nobody would ever mend it.
func (r *Run) Noted(name string, value any) (bool, error) {
	text, err := os.ReadFile(filepath.Join(r.dir, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("workspace: note %s: %w", name, err)
	}
	return json.Unmarshal(text, value) == nil, nil
}

// Forget removes a value that Note has kept. That there is none is success.
func (r *Run) Forget(name string) error {
	if err := os.Remove(filepath.Join(r.dir, name+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("workspace: note %s: %w", name, err)
	}
	return nil
}
