// Package torture_test lets everything go wrong at once, as a seed decides, and looks whether the deliveries are right
// all the same: killed, stopped and frozen workers, a lost host, a full disk, broken lines, wrong and lost answers,
// restarted servers. See TestTorture.
package torture_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/devstack"
)

var (
	seeds = flag.Int("seeds", 5, "how many seeds to run; go test's -parallel says how many at once")
	from  = flag.Uint64("from", 1, "the first seed")
	rows  = flag.Int("rows", 60_000, "rows of each delivery")
	keep  = flag.String("keep", "", "folder for the workers' logs of failed seeds")
)

// What all seeds share: the programs, the rows, and the customer's keys.
var (
	bin     string
	data    string // a Parquet file
	gpgHome string
	pubKey  string
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := prepared(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		code = 1
	}
	os.Exit(code)
}

func prepared(m *testing.M) (_ int, err error) {
	dir, err := os.MkdirTemp("", "torture") // short: gpg-agent's socket has a limited path
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin, data, gpgHome, pubKey = dir, filepath.Join(dir, "data.parquet"), filepath.Join(dir, "g"), filepath.Join(dir, "acme.asc")
	for _, name := range []string{"temporal", "minio"} {
		if _, err := devstack.Build(context.Background(), name, os.Stderr); err != nil {
			return 1, err
		}
	}
	if err := command("go", "build", "-o", dir, "consign/worker"); err != nil {
		return 1, err
	}
	if err := os.Mkdir(gpgHome, 0o700); err != nil {
		return 1, err
	}
	defer func() { _ = exec.Command("gpgconf", "--homedir", gpgHome, "--kill", "all").Run() }()
	if err := gpg("--quick-generate-key", "acme@example.com", "default", "default", "1y"); err != nil {
		return 1, err
	}
	if err := gpg("--output", pubKey, "--armor", "--export", "acme@example.com"); err != nil {
		return 1, err
	}
	if err := makeData(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func gpg(args ...string) error {
	return command("gpg", append([]string{"--homedir", gpgHome, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// patience is how long a seed's runs may take to end once nothing is broken any more: a few missed heartbeats (30 s
// each), a host's timeout and the back-off between, on a machine that is busy with other seeds.
const patience = 4 * time.Minute

// manyRetries is more than a person should have to do in a seed: its logs are kept too, if -keep says where.
const manyRetries = 10

// TestTorture is promises 1 to 6 under faults: it delivers by several orchestrations over two hosts while the seed's
// schedule breaks things, mends everything, retries what is parked as an operator would, and asks the oracle.
func TestTorture(t *testing.T) {
	t.Parallel()
	var score scores
	t.Cleanup(func() { score.print() })
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			w := newWorld(t, seed)
			t.Cleanup(func() {
				if t.Failed() || w.retries > manyRetries {
					w.keepLogs()
				}
			})
			w.suffer()
			unfinished := w.operate()
			violations := append(unfinished, w.judge()...)
			score.add(w, violations, time.Since(begin))
			require.Empty(t, violations, "seed %d: %s", seed, strings.Join(violations, "\n"))
		})
	}
}

// scores adds up what the seeds saw.
type scores struct {
	mu                               sync.Mutex
	seeds, faults, requests, retries int
	restarts                         int
	failed                           []uint64
	longest                          time.Duration
}

func (s *scores) add(w *world, violations []string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seeds++
	s.faults += len(w.faults)
	requests, restarts := w.s3.spoilt()+w.sts.spoilt(), w.hosts[0].starts+w.hosts[1].starts-2
	s.requests += requests
	s.retries += w.retries
	s.restarts += restarts
	s.longest = max(s.longest, took)
	verdict := "ok"
	if len(violations) > 0 {
		s.failed = append(s.failed, w.seed)
		verdict = "FAILED " + strings.Join(violations, "; ")
	}
	fmt.Printf("seed %d: %s, %d faults, %d requests spoilt, workers started again %d times, %d retries by the operator %v, %d steps interrupted, %s\n", //nolint:forbidigo // this is what it is run for
		w.seed, verdict, len(w.faults), requests, restarts, w.retries, w.parkedBy, w.hosts[0].logs.count(interruptedStep)+w.hosts[1].logs.count(interruptedStep), took.Round(100*time.Millisecond))
	for _, f := range w.faults {
		fmt.Println("   ", f) //nolint:forbidigo // likewise
	}
}

// interruptedStep is what a worker logs of each.
const interruptedStep = "Temporal knows of an interrupted step"

func (s *scores) print() {
	fmt.Printf("torture: %d seeds, %d faults, %d requests spoilt, workers started again %d times, %d retries by the operator, longest seed %s; failed seeds: %v\n", //nolint:forbidigo // likewise
		s.seeds, s.faults, s.requests, s.restarts, s.retries, s.longest.Round(time.Second), s.failed)
}
