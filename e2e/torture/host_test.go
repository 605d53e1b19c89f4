package torture_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A host runs one worker on one disk, and starts it again whenever it ends, as a service manager does.
type host struct {
	number int
	config string
	dir    string // its workspace, as the worker sees it
	logs   *buffer
	env    []string

	mu     sync.Mutex
	downs  int // faults that keep the worker down
	cmd    *exec.Cmd
	disk   *exec.Cmd // keeps the small disk of a mount namespace of its own; nil: the machine's disk
	held   io.Closer
	starts int
	closed chan struct{}
	wake   chan struct{}
	gone   chan struct{}
}

const restartAfter = 200 * time.Millisecond // of a worker that has ended

func newHost(t *testing.T, number int, dir, config string, env []string) *host {
	t.Helper()
	h := &host{number: number, dir: dir, config: config, env: env, logs: &buffer{}, closed: make(chan struct{}), wake: make(chan struct{}, 1), gone: make(chan struct{})}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, h.mount())
	go h.supervise()
	t.Cleanup(func() {
		close(h.closed)
		h.signal(syscall.SIGKILL)
		<-h.gone
		h.unmount()
	})
	return h
}

// diskSize leaves room for the runs of a seed above the 64 MiB that a host keeps free.
const diskSize = "160m"

// mount gives the host its disk. A small one is a mount that only a process of its own sees: it outlives the worker, and
// goes with that process.
func (h *host) mount() error {
	if h.number != smallDisk {
		return nil
	}
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
		`mount -t tmpfs -o size=`+diskSize+` tmpfs "$0" && echo ready && exec cat`, h.dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return fmt.Errorf("mount a small disk: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.disk, h.held = cmd, stdin
	return nil
}

func (h *host) unmount() {
	h.mu.Lock()
	disk, held := h.disk, h.held
	h.disk = nil
	h.mu.Unlock()
	if disk != nil {
		_ = held.Close()
		_ = disk.Wait()
	}
}

// workspace is where we see the host's workspace.
func (h *host) workspace() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.disk == nil {
		return h.dir
	}
	return filepath.Join(fmt.Sprintf("/proc/%d/root", h.disk.Process.Pid), h.dir)
}

func (h *host) command() *exec.Cmd {
	args := []string{filepath.Join(bin, "worker"), "--config", h.config}
	if h.disk != nil {
		args = append([]string{"nsenter", "--preserve-credentials", "-U", "-m", "-t", fmt.Sprint(h.disk.Process.Pid), "--"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = h.env
	cmd.Stdout, cmd.Stderr = h.logs, h.logs
	return cmd
}

func (h *host) supervise() {
	defer close(h.gone)
	for {
		select {
		case <-h.closed:
			return
		case <-h.wake:
		case <-time.After(restartAfter):
		}
		h.mu.Lock()
		var cmd *exec.Cmd
		if h.downs == 0 {
			cmd = h.command()
			if cmd.Start() == nil {
				h.cmd = cmd
				h.starts++
			}
		}
		h.mu.Unlock()
		if cmd == nil || cmd.Process == nil {
			continue
		}
		select {
		case <-h.closed: // before it was told to anybody
			_ = cmd.Process.Kill()
		default:
		}
		_ = cmd.Wait()
		h.mu.Lock()
		h.cmd = nil
		h.mu.Unlock()
	}
}

func (h *host) signal(s syscall.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd != nil {
		_ = h.cmd.Process.Signal(s)
	}
}

// down ends the worker by a signal and keeps it from being started again until up.
func (h *host) down(s syscall.Signal) {
	h.mu.Lock()
	h.downs++
	h.mu.Unlock()
	h.signal(s)
}

func (h *host) up() {
	h.mu.Lock()
	h.downs--
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *host) ended() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cmd == nil
}

// lose takes the disk away for good and gives the host a fresh one.
func (h *host) lose() error {
	h.signal(syscall.SIGKILL)
	for !h.ended() {
		<-time.After(10 * time.Millisecond)
	}
	h.unmount()
	return h.mount()
}

// fill fills the small disk to its last byte; the function returned frees it.
func (h *host) fill() func() {
	name := filepath.Join(h.workspace(), "filler")
	if f, err := os.Create(name); err == nil {
		zeros := make([]byte, 1<<20)
		for size := len(zeros); size > 0; {
			if _, err := f.Write(zeros[:size]); err != nil {
				size /= 2
			}
		}
		_ = f.Close()
	}
	return func() { _ = os.Remove(name) }
}

// files are what is left in the workspace, but for what a host keeps.
func (h *host) files() []string {
	var left []string
	for _, folder := range []string{"runs"} {
		entries, _ := os.ReadDir(filepath.Join(h.workspace(), folder)) // a disk that was never used has none
		for _, e := range entries {
			left = append(left, fmt.Sprintf("host %d: %s/%s", h.number, folder, e.Name()))
		}
	}
	return left
}

// buffer is what several may write to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// count is how often a text was said.
func (b *buffer) count(text string) int { return strings.Count(b.String(), text) }
