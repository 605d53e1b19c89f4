package devstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// ErrNoCheckout means that the program runs outside its source checkout, without which nothing can be built.
var ErrNoCheckout = errors.New("the source checkout is not there")

// ErrUnknownTool means that no module of ours builds a program of that name.
var ErrUnknownTool = errors.New("no such tool")

// A tool is a program that is built from a module of its own, so that go.mod holds what ships.
type tool struct {
	module string // folder below internal/devstack
	pkg    string
	cold   string // how long a build takes with an empty cache on two cores
}

func tools() map[string]tool {
	return map[string]tool{
		"temporal":      {"temporal", ".", "5 minutes"},
		"minio":         {"minio", ".", "4 minutes"},
		"golangci-lint": {"tools", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint", "3 minutes"},
		"govulncheck":   {"tools", "golang.org/x/vuln/cmd/govulncheck", "half a minute"},
		"workflowcheck": {"tools", "go.temporal.io/sdk/contrib/tools/workflowcheck", "half a minute"},
	}
}

// Build returns the path of a tool, which it builds into .tools at the repository's root unless this very version is
// there. Processes that want the same tool at the same time wait for one build.
func Build(ctx context.Context, name string, log io.Writer) (string, error) {
	t, known := tools()[name]
	if !known {
		return "", fmt.Errorf("build %s: %w", name, ErrUnknownTool)
	}
	root, err := findRoot()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	source := filepath.Join(root, "internal", "devstack", t.module)
	version, err := digest(source, t.pkg)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	folder := filepath.Join(root, ".tools", name+"-"+version)
	path := filepath.Join(folder, name)
	if exists(path) {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	unlock, err := lock(ctx, filepath.Join(root, ".tools", name+".lock"))
	if err != nil {
		return "", fmt.Errorf("build %s: wait for another build: %w", name, err)
	}
	defer unlock()
	if exists(path) { // the other process's
		return path, nil
	}
	if log == nil {
		log = io.Discard
	}
	_, _ = fmt.Fprintf(log, "builds %s, once: about %s on two cores if Go has not built it before, else seconds\n", name, t.cold)
	if err := compile(ctx, source, t.pkg, name, folder, log); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return path, nil
}

// compile builds aside and renames, so that a program that is there is whole. Versions of last week go; younger ones may be
// another process's, which starts them again later.
func compile(ctx context.Context, source, pkg, name, folder string, log io.Writer) error {
	old, err := filepath.Glob(filepath.Join(filepath.Dir(folder), name+"-*"))
	if err != nil {
		return err
	}
	for _, o := range old {
		if stale(o) {
			if err := os.RemoveAll(o); err != nil {
				return err
			}
		}
	}
	aside := folder + ".building"
	begin := time.Now()
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(30 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				_, _ = fmt.Fprintf(log, "still builds %s, for %s now\n", name, now.Sub(begin).Round(time.Second))
			}
		}
	}()
	// -mod=readonly and an empty GOFLAGS: what is pinned is what is built, whatever the caller's settings are.
	// sqlite_fts5 is for Temporal's SQLite, which searches texts; other programs have no such tag.
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-buildvcs=false", "-tags=sqlite_fts5", "-ldflags=-s -w", "-o", filepath.Join(aside, name), pkg)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", source, err, bytes.TrimSpace(out))
	}
	return os.Rename(aside, folder)
}

// digest names a version by what goes into it: the module's files, the compiler and the platform.
func digest(source, pkg string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, pkg)
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(h, "%s %d\n%s", filepath.Base(path), len(content), content)
		return nil
	})
	return hex.EncodeToString(h.Sum(nil))[:12], err
}

// findRoot looks for our go.mod from the working directory upwards (where tests and "make" are), then from where this
// file was compiled.
func findRoot() (string, error) {
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		starts = append(starts, filepath.Dir(file))
	}
	for _, start := range starts {
		if root := rootAbove(start); root != "" {
			return root, nil
		}
	}
	return "", fmt.Errorf("%w: run this inside a clone of the repository (looked for its go.mod above %v)", ErrNoCheckout, starts)
}

func rootAbove(dir string) string {
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(content, []byte("module consign\n")) {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func stale(path string) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) > 7*24*time.Hour
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
