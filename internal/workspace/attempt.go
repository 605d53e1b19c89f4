package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// attemptsDir holds a note for each attempt at a step that is under way in this process, or was when it died.
const attemptsDir = "attempts"

// ErrSuperseded is the cause of an attempt's end when a later attempt at the same step begins in the same process: the
// server has given the earlier one up (a lost heartbeat, say) before it noticed.
var ErrSuperseded = errors.New("a later attempt at this step has begun")

// ErrOver is the cause of an attempt's end when its run is over: a host that was frozen, say, learns it when it wakes.
var ErrOver = errors.New("the run is over")

// An Attempt is a step at work.
type Attempt struct {
	host *Host
	key  string
	note string
	stop context.CancelCauseFunc
	over chan struct{}
}

// Begin notes that an attempt at a step is under way, so that the next process on this disk can tell the server at once
// that it died (Interrupted). An earlier attempt at the same step in this process is stopped and waited for: two never
// write the same files. token is the server's name for the attempt.
func (r *Run) Begin(ctx context.Context, step string, token []byte) (context.Context, *Attempt, error) {
	h := r.host
	a := &Attempt{host: h, key: r.RunID + "/" + step, note: filepath.Join(r.dir, attemptsDir, step), over: make(chan struct{})}
	for {
		h.mu.Lock()
		earlier := h.running[a.key]
		if earlier == nil {
			ctx, a.stop = context.WithCancelCause(ctx)
			h.running[a.key] = a
			delete(h.found, r.RunID) // what is in its folder is this process's from now on, see InUse
			h.mu.Unlock()
			break
		}
		h.mu.Unlock()
		earlier.stop(ErrSuperseded)
		select {
		case <-earlier.over:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	err := r.describe() // an earlier attempt may have removed all
	if err == nil {
		err = os.MkdirAll(filepath.Dir(a.note), 0o700)
	}
	if err == nil {
		err = writeFile(a.note, token)
	}
	if err != nil {
		a.End()
		return nil, nil, fmt.Errorf("workspace: begin %s: %w", step, Space(err))
	}
	return ctx, a, nil
}

// Stop ends all attempts at the run's steps in this process and waits for them, so that nothing of the run is made any
// more while it is cleaned up. It returns the cause of ctx's end if that is first.
func (r *Run) Stop(ctx context.Context) error {
	for _, a := range r.attempts() {
		a.stop(ErrOver)
		select {
		case <-a.over:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Vacate does something with the files of a run at which nothing is at work, and reports whether it was so. A step that makes
// files anew, and so stops all others first, waits for it.
func (r *Run) Vacate(do func() error) (bool, error) {
	const step = "vacate"
	h := r.host
	a := &Attempt{
		host: h, key: r.RunID + "/" + step, note: filepath.Join(r.dir, attemptsDir, step),
		stop: func(error) {}, over: make(chan struct{}), // it is short
	}
	h.mu.Lock()
	for key := range h.running {
		if strings.HasPrefix(key, r.RunID+"/") {
			h.mu.Unlock()
			return false, nil
		}
	}
	h.running[a.key] = a
	h.mu.Unlock()
	defer a.End()
	return true, do()
}

// attempts are those at the run's steps that are under way.
func (r *Run) attempts() []*Attempt {
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	var all []*Attempt
	for key, a := range r.host.running {
		if strings.HasPrefix(key, r.RunID+"/") {
			all = append(all, a)
		}
	}
	return all
}

// End says that the attempt is over, however it ended.
func (a *Attempt) End() {
	_ = os.Remove(a.note) // a note that stays is answered by the server: no such attempt
	_ = os.Remove(a.note + deathsExt)
	a.host.mu.Lock()
	defer a.host.mu.Unlock()
	delete(a.host.running, a.key)
	a.stop(nil)
	close(a.over)
}

// deathsExt is the extension of the file beside a note that counts the processes which have died of, or during, this step of
// this run, with no attempt between them that ended.
const deathsExt = ".deaths"

// Dead is an attempt that the last process on this disk did not end.
type Dead struct {
	Token  []byte // the server's name for the attempt
	Run    string // the run's id
	Step   string
	Deaths int // how many attempts in a row have ended so, with this one
}

// Interrupted returns the attempts that the last process on this disk did not end, and forgets them. Call it before the first
// Begin.
func (h *Host) Interrupted() ([]Dead, error) {
	notes, err := fs.Glob(os.DirFS(h.dir), path.Join(runsDir, "*", attemptsDir, "*")) // the folder's name is no pattern
	if err != nil {
		return nil, fmt.Errorf("workspace %s: %w", h.dir, err)
	}
	var dead []Dead
	for _, note := range notes {
		note = filepath.Join(h.dir, note)
		if filepath.Ext(note) == deathsExt {
			continue
		}
		token, err := os.ReadFile(note)
		if err == nil && filepath.Ext(note) == "" {
			dead = append(dead, Dead{Token: token, Run: filepath.Base(filepath.Dir(filepath.Dir(note))), Step: filepath.Base(note), Deaths: died(note + deathsExt)})
		}
		if err := os.Remove(note); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("workspace %s: %w", h.dir, err)
		}
	}
	return dead, nil
}

// died adds one to a count, a byte to a file, and returns it. On a full disk it stays as it is.
func died(count string) int {
	before, _ := os.ReadFile(count) // none, the first time
	_ = writeFile(count, append(before, 'x'))
	return len(before) + 1
}

// forgetDeaths takes away what died has counted for the run.
func (r *Run) forgetDeaths() {
	counts, _ := fs.Glob(os.DirFS(r.dir), path.Join(attemptsDir, "*"+deathsExt)) // an error is one of the pattern
	for _, count := range counts {
		_ = os.Remove(filepath.Join(r.dir, count))
	}
}
