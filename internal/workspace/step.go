package workspace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A File is a finished file of a step, as its journal has it.
type File struct {
	Name   string    `json:"name"`             // within the step's folder, if it is on the disk
	Number int       `json:"number"`           // 1, 2, ... over the delivery
	Rows   int64     `json:"rows"`             //
	Bytes  int64     `json:"bytes"`            //
	SHA256 string    `json:"sha256"`           // hex; empty for what only the next step reads
	CRC32C string    `json:"crc32c"`           // base64, big-endian, as S3 writes it
	Sums   []byte    `json:"sums,omitempty"`   // CRC32C of each MiB, the last may be less: four bytes each, big-endian
	Plain  string    `json:"plain,omitempty"`  // SHA-256 before encryption
	Upload string    `json:"upload,omitempty"` // the upload that sends it; set by the upload's journal only
	Opened time.Time `json:"opened,omitzero"`  // when that upload was opened
}

// A Step is the folder of one step of one delivery. Files are written aside and renamed when they are whole; the
// journal then says what they are, forced to the disk (fsync) line by line. The data itself is not forced: after a
// power cut a file may differ from its journal, and whoever reads it compares (ErrCorrupt) and has it made again.
type Step struct {
	dir     string
	journal string
	mu      sync.Mutex // one line at a time
}

const journalFile = "journal.ndjson"

// A line says one thing. A bit of it may flip on the disk as one of a file may, and so it has a checksum.
type line struct {
	File json.RawMessage `json:"file,omitempty"`
	Done json.RawMessage `json:"done,omitempty"`
	Sum  string          `json:"sum,omitempty"` // of what it says; earlier releases wrote none
}

func newLine(file *File, done any) (l line, err error) {
	if file != nil {
		l.File, err = json.Marshal(file)
	} else {
		l.Done, err = json.Marshal(done)
	}
	l.Sum = l.sum()
	return l, err
}

func (l line) sum() string {
	said := crc32.Update(crc32.Checksum(l.File, castagnoli), castagnoli, l.Done)
	return fmt.Sprintf("%08x", said)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entries are what lines of a journal say.
type entries struct {
	files    []File
	finished bool
	result   json.RawMessage // of a step that is finished
}

// add reads lines. One that a crash cut off, or that was damaged, is as if it were not there.
func (e *entries) add(text []byte) {
	for one := range bytes.Lines(text) {
		var l line
		if json.Unmarshal(one, &l) != nil || l.Sum != "" && l.Sum != l.sum() {
			continue
		}
		var f File
		if l.File != nil && json.Unmarshal(l.File, &f) == nil {
			e.files = append(e.files, f)
		}
		if l.Done != nil {
			e.finished, e.result = true, l.Done
		}
	}
}

// Step returns the folder of a step, made if needed.
func (r *Run) Step(delivery, step string) (*Step, error) {
	dir, err := r.folder(delivery, step)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("workspace: %s: %w", step, Space(err))
	}
	return &Step{dir: dir, journal: filepath.Join(dir, journalFile)}, nil
}

// Files returns the finished files, in the order in which they were finished. If the step said Done, its result is
// decoded into done and finished is true. A line that a crash cut off is as if it were not there.
func (s *Step) Files(done any) (files []File, finished bool, err error) {
	text, err := os.ReadFile(s.journal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("workspace: journal: %w", err)
	}
	var e entries
	e.add(text)
	if e.finished && done != nil {
		if err := json.Unmarshal(e.result, done); err != nil {
			return nil, false, fmt.Errorf("workspace: journal: result: %w", err)
		}
	}
	return e.files, e.finished, nil
}

// Clear removes everything the step has written, for a step that begins anew.
func (s *Step) Clear() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("workspace: clear: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("workspace: clear: %w", Space(err))
	}
	return nil
}

// Create opens a file aside. Finish gives it its name.
func (s *Step) Create(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, name+".part"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("workspace: create %s: %w", name, Space(err))
	}
	return f, nil
}

// Finish gives files that were written and closed their names, and enters them in the journal with one fsync.
func (s *Step) Finish(files ...File) error {
	for _, f := range files {
		if err := os.Rename(filepath.Join(s.dir, f.Name+".part"), filepath.Join(s.dir, f.Name)); err != nil {
			return fmt.Errorf("workspace: finish %s: %w", f.Name, Space(err))
		}
	}
	return s.Enter(files...)
}

// Enter adds files to the journal without touching them: an upload notes which upload sends what, and a step whose files
// went through the next one at once notes what they were.
func (s *Step) Enter(files ...File) error {
	lines := make([]line, len(files))
	for i := range files {
		var err error
		if lines[i], err = newLine(&files[i], nil); err != nil {
			return fmt.Errorf("workspace: journal: %w", err)
		}
	}
	return s.enter(lines...)
}

// Done enters the step's result in the journal. The step is not done again after that.
func (s *Step) Done(result any) error {
	l, err := newLine(nil, result)
	if err != nil {
		return fmt.Errorf("workspace: journal: %w", err)
	}
	return s.enter(l)
}

func (s *Step) enter(lines ...line) error {
	// The line before may be one that a crash cut off: begin on a line of our own.
	text := []byte("\n")
	for _, l := range lines {
		one, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("workspace: journal: %w", err)
		}
		text = append(append(text, one...), '\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := os.OpenFile(s.journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		err = writeOut(f, text)
	}
	if err != nil {
		return fmt.Errorf("workspace: journal: %w", Space(err))
	}
	return nil
}

// Open opens a finished file for reading. It answers ErrMissing if the file is not there, and ErrCorrupt if its size is
// not the journal's.
func (s *Step) Open(file File) (*os.File, error) {
	f, err := os.Open(filepath.Join(s.dir, file.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("workspace: open %s: %w", file.Name, ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("workspace: open %s: %w", file.Name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("workspace: open %s: %w", file.Name, err), f.Close())
	}
	if info.Size() != file.Bytes {
		return nil, errors.Join(fmt.Errorf("workspace: open %s: %w: %d bytes, not %d", file.Name, ErrCorrupt, info.Size(), file.Bytes), f.Close())
	}
	return f, nil
}

// writeFile writes a small file whole: aside, forced to the disk, renamed.
func writeFile(path string, text []byte) error {
	aside := path + ".part"
	f, err := os.OpenFile(aside, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return Space(err)
	}
	if err = writeOut(f, text); err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		_ = os.Remove(aside) // of a full disk it would be the last straw
	}
	return Space(err)
}

// writeOut writes to a file, forces it to the disk and closes it.
func writeOut(f *os.File, text []byte) error {
	_, err := f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
