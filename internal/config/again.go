package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"consign/internal/problem"
)

// A Reader reads a configuration again and again, as every step of a run does. It reads the files each time, and parses
// and checks them only when a byte has changed: with a thousand orchestrations that takes longer than a small send.
type Reader struct {
	path        string
	environment func(string) (string, bool)

	mu       sync.Mutex
	read     []fileText   // what loaded was made of
	buffer   bytes.Buffer // for what is only compared
	loaded   *Config
	warnings problem.List
}

type fileText struct {
	path string
	text []byte
}

// NewReader returns a Reader of the configuration that Load would load. The environment does not change meanwhile.
func NewReader(path string, environment func(string) (string, bool)) *Reader {
	return &Reader{path: path, environment: environment}
}

// Load does what the function Load does. All callers share the configuration, and none changes it.
func (r *Reader) Load() (*Config, problem.List, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != nil && r.same() {
		return r.loaded, r.warnings, nil
	}
	r.loaded = nil
	// What is remembered is read before what is loaded: a file that changes in between is loaded again the next time.
	read, err := r.files()
	if err == nil {
		err = lasting(read)
	}
	if err != nil {
		return nil, nil, err
	}
	c, problems, err := Load(r.path, r.environment)
	if err != nil || c == nil {
		return nil, problems, err
	}
	for _, q := range slices.Concat(c.Queries, c.Segments) {
		if q.SQLFile != "" {
			read = append(read, fileText{q.SQLFile, []byte(q.SQL)})
		}
	}
	r.read, r.loaded, r.warnings = read, c, problems
	return c, problems, nil
}

// lasting refuses what can be read only once, such as a pipe: the next time it is empty, and an empty configuration is valid.
func lasting(files []fileText) error {
	for _, f := range files {
		if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s can be read once, and every step reads the configuration: name a file", ErrNoConfig, f.path)
		}
	}
	return nil
}

// same reports whether the files are what they were.
func (r *Reader) same() bool {
	paths, err := r.paths(r.read)
	if err != nil || len(paths) != len(r.read) {
		return false
	}
	for i, f := range r.read {
		if f.path != paths[i] {
			return false
		}
		if text, err := readInto(&r.buffer, f.path); err != nil || !bytes.Equal(text, f.text) {
			return false
		}
	}
	return true
}

// files reads the configuration's files.
func (r *Reader) files() ([]fileText, error) {
	paths, err := r.paths(nil)
	if err != nil {
		return nil, err
	}
	texts := make([]fileText, 0, len(paths))
	var errs error
	for _, path := range paths {
		text, err := readFile(path)
		errs = errors.Join(errs, err)
		texts = append(texts, fileText{path, text})
	}
	return texts, errs
}

// paths are the configuration's files, and those of queries that were read beside them the last time.
func (r *Reader) paths(last []fileText) ([]string, error) {
	paths, err := locate(r.path, r.environment)
	if err != nil {
		return nil, err
	}
	for _, f := range last[min(len(paths), len(last)):] {
		paths = append(paths, f.path)
	}
	return paths, nil
}
