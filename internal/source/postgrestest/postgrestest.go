// Package postgrestest starts a PostgreSQL server of its own for tests.
package postgrestest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// Password is the password of the server's only user.
const Password = "correct-horse-battery"

// ErrMissing says that no PostgreSQL is installed where Debian, Alpine and Homebrew put it, nor in the PATH.
var ErrMissing = errors.New("no PostgreSQL server is installed")

// readyLine is what the server writes when it takes connections.
const readyLine = "database system is ready to accept connections"

// portTaken is what the server writes when somebody else has its port.
const portTaken = "Address already in use"

const portTries = 5

// A Server is a running PostgreSQL.
type Server struct {
	Port int
	bin  string
	dir  string
	cmd  *exec.Cmd
}

// Start makes a database cluster in a temporary folder and starts a server for it, on a free port of the loopback
// interface and a Unix socket. Stop it.
func Start(ctx context.Context) (*Server, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	who, err := credential()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir}
	if err := s.start(ctx, who); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, who *syscall.Credential) error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o600); err != nil {
		return err
	}
	if who != nil {
		if err := errors.Join(os.Chown(s.dir, int(who.Uid), int(who.Gid)), os.Chown(password, int(who.Uid), int(who.Gid))); err != nil {
			return err
		}
	}
	init := s.command(ctx, who, "initdb", "--pgdata", s.data(), "--username", "tester", "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s.listen(ctx, who, freePort)
}

// listen starts the server on a port that is free, and on another one if somebody takes it in between.
func (s *Server) listen(ctx context.Context, who *syscall.Credential, free func(context.Context) (int, error)) (err error) {
	for range portTries {
		if s.Port, err = free(ctx); err != nil {
			return err
		}
		s.cmd = s.command(ctx, who, "postgres", "-D", s.data(), "-k", s.dir, "-h", "127.0.0.1", "-p", strconv.Itoa(s.Port), "-F")
		if err = s.waitReady(); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// waitReady starts the server and reads its log until it says that it is ready.
func (s *Server) waitReady() error {
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	lines, seen := bufio.NewScanner(log), strings.Builder{}
	for lines.Scan() {
		if strings.Contains(lines.Text(), readyLine) {
			go func() { // the server stops when nobody reads its log
				for lines.Scan() {
				}
			}()
			return nil
		}
		seen.WriteString(lines.Text() + "\n")
	}
	_ = s.cmd.Wait() // it has said why
	s.cmd = nil
	if strings.Contains(seen.String(), portTaken) {
		return fmt.Errorf("start on port %d: %w", s.Port, syscall.EADDRINUSE)
	}
	return fmt.Errorf("the server did not start: %s", seen.String())
}

func (s *Server) command(ctx context.Context, who *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + s.bin}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// DSN returns the URL of the database postgres, by TCP.
func (s *Server) DSN() string {
	return fmt.Sprintf("postgres://tester:%s@127.0.0.1:%d/postgres?sslmode=disable", Password, s.Port)
}

// SocketDSN returns the same by the Unix socket.
func (s *Server) SocketDSN() string {
	return fmt.Sprintf("host=%s port=%d user=tester password=%s dbname=postgres", s.dir, s.Port, Password)
}

// SQL runs statements with psql and returns its output: rows as lines, columns parted by |, NULL as "NULL".
func (s *Server) SQL(ctx context.Context, statements string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-P", "null=NULL", "-f", "-", s.DSN())
	cmd.Stdin = strings.NewReader(statements)
	cmd.Env = []string{"LC_ALL=C", "PGTZ=UTC", "PGCLIENTENCODING=UTF8"}
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("psql: %w: %s", err, failed.Stderr)
	}
	return string(out), err
}

// Stop ends the server at once and removes its folder.
func (s *Server) Stop() {
	s.quit()
	_ = os.RemoveAll(s.dir)
}

func (s *Server) quit() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // immediate shutdown
		_ = s.cmd.Wait()
	}
}

func findBinaries() (string, error) {
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/libexec/postgresql*/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql@*/bin/initdb"} {
		match, _ := filepath.Glob(pattern)
		found = append(found, match...)
	}
	if len(found) > 0 {
		sort.Strings(found) // the newest is last
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("%w: install the package postgresql", ErrMissing)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// credential returns whom to run the server as: PostgreSQL refuses to run as root. nil: ourselves.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil // no change of user is not an error
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("there is neither a user postgres nor nobody to run the server as")
}

func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
