package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The release of s5cmd that is measured, and that the module in bench/s5cmd pins: go.mod holds what ships.
const (
	s5cmdModule  = "github.com/peak/s5cmd/v2"
	s5cmdVersion = "v2.3.0"
)

// peers are the programs of the peers, with the Debian packages that have them.
func peers() [][2]string {
	return [][2]string{
		{"pigz", "pigz"}, {"gpg", "gnupg"}, {"zip", "zip"}, {"unzip", "unzip"}, {"tar", "tar"}, {"psql", "postgresql"}, {"aws", "awscli"},
	}
}

// install installs the peers that are missing: Debian's by apt, which only root may do, and s5cmd by Go.
func (w *world) install(ctx context.Context) error {
	var missing []string
	for _, p := range peers() {
		if _, err := exec.LookPath(p[0]); err != nil {
			missing = append(missing, p[1])
		}
	}
	if len(missing) > 0 {
		command := "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends " + strings.Join(missing, " ")
		if os.Getuid() != 0 {
			return fmt.Errorf("%s missing; as root: %s", strings.Join(missing, ", "), command)
		}
		w.say("installs %s\n", strings.Join(missing, ", "))
		if out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command, err, out)
		}
	}
	return w.installS5cmd(ctx)
}

// installS5cmd builds it into .tools, where the development servers are.
func (w *world) installS5cmd(ctx context.Context) error {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), ".tools", "s5cmd-"+s5cmdVersion)
	w.s5cmd = filepath.Join(folder, "s5cmd")
	if _, err := os.Stat(w.s5cmd); err == nil {
		return nil
	}
	w.say("builds s5cmd %s, once\n", s5cmdVersion)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(folder, "building") // another process may build the same
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-ldflags=-s -w -X "+s5cmdModule+"/version.Version="+s5cmdVersion,
		"-o", filepath.Join(aside, "s5cmd"), s5cmdModule)
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "bench", "s5cmd")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build s5cmd: %w\n%s", err, out)
	}
	return errors.Join(os.Rename(filepath.Join(aside, "s5cmd"), w.s5cmd), os.Remove(aside))
}
