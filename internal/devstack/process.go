package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second // a server is ready in about a second; a busy machine needs longer
	stopTimeout  = 5 * time.Second
)

// ErrStopped means that a server ended by itself while it should have started.
var ErrStopped = errors.New("ended by itself")

// A process is a server that can be ended and started again with the same arguments. It watches its standard input and
// ends when that does, so it dies with us even if we are killed.
type process struct {
	name  string
	path  string
	args  []string
	env   []string
	ready func(ctx context.Context) error

	mu     sync.Mutex
	cmd    *exec.Cmd
	stdin  io.Closer
	exited chan struct{}
}

// start returns when the server answers.
func (p *process) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := &tail{}
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(append(os.Environ(), "DEVSTACK_STDIN=watch"), p.env...)
	cmd.Stdout, cmd.Stderr = said, said
	// A group of its own: Ctrl-C on a terminal reaches us, and we decide when the server goes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	p.cmd, p.stdin, p.exited = cmd, stdin, exited
	if err := p.await(ctx, said); err != nil {
		p.end(func() { _ = cmd.Process.Kill() })
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

// await asks until the server answers, has ended, or time is up.
func (p *process) await(ctx context.Context, said *tail) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		try, stop := context.WithTimeout(ctx, time.Second)
		err := p.ready(try)
		stop()
		select {
		case <-p.exited: // whoever answered, it was not our server
			return fmt.Errorf("%w: %s", ErrStopped, said)
		case <-ctx.Done():
			return fmt.Errorf("%w; the last answer: %w; it said: %s", ctx.Err(), err, said)
		case <-tick.C:
			if err == nil {
				return nil
			}
		}
	}
}

// stop ends the server for good; what is temporary goes with it.
func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		p.end(func() { _ = p.stdin.Close() })
	}
}

// kill ends the server as a crash would, without a chance to clean up.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		p.end(func() { _ = p.cmd.Process.Kill() })
	}
}

func (p *process) end(how func()) {
	how()
	select {
	case <-p.exited:
	case <-time.After(stopTimeout): // frozen, perhaps
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	p.cmd = nil
}

// signal is for tests that freeze a server (SIGSTOP) and let it go on (SIGCONT).
func (p *process) signal(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("signal %s: %w", p.name, os.ErrProcessDone)
	}
	return p.cmd.Process.Signal(s)
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// A tail keeps the last of what a server says, for the error that reports its end.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const tailSize = 2 << 10

// Write keeps b and never refuses it.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = t.last[over:]
	}
	return len(b), nil
}

// String returns what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
