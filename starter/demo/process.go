package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopPatience is how long the worker may take to end: it lets running steps note where they are.
const stopPatience = 15 * time.Second

// A process is the worker, which writes what it says into a file.
type process struct {
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// startWorker starts the worker as an operator would: as a process of its own, with the secrets in its environment.
func (w *world) startWorker(n narrator) error {
	log, err := os.Create(w.path("worker.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the worker has its own handle
	path, err := filepath.Abs(w.workerPath)
	if err != nil {
		return err
	}
	cmd := exec.Command(path)
	cmd.Dir = w.dir
	cmd.Env = os.Environ()
	for name, value := range w.environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: Ctrl-C on a terminal reaches the demo, which decides when the worker goes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the worker: %w", err)
	}
	w.worker = &process{cmd: cmd, log: log.Name(), exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(w.worker.exited)
	}()
	w.later(w.worker.stop)
	n.line("A worker, in a process of its own (%d).", cmd.Process.Pid)
	return nil
}

// stop asks the worker to end, as an operator would, and makes sure.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopPatience):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("the worker did not stop within %s", stopPatience)
	}
}

// whileItLives ends the context when the process does: nobody would do then what is waited for.
func (p *process) whileItLives(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// died reports whether the process has ended.
func (p *process) died() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// lastWords is what the worker said before it died; nothing while it lives, for then the starter has said what is wrong.
func (p *process) lastWords() string {
	if !p.died() {
		return ""
	}
	return "; the worker has ended, and said last\n" + p.said()
}

// said returns the last lines that the worker wrote, for when something went wrong.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}
