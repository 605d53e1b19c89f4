package torture_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A fault is one thing that goes wrong, and for how long.
type fault struct {
	at, lasts time.Duration
	kind      faultKind
	host      int       // of the faults that hit one host
	front     frontMode // of the faults of S3 and STS
	wire      wireMode  // of the faults of a connection to Temporal
	harm      harmMode  // of the faults of a file
	run       int       // the delivery whose run somebody aborts
}

type faultKind int

const (
	killWorker faultKind = iota // kill -9, and started again
	stopWorker                  // SIGTERM, and started again
	freezeWorker
	spoilS3
	spoilSTS
	breakTemporalWire
	restartS3
	restartTemporal
	fillDisk // of host 1, whose disk is small
	loseHost // kill -9, and its disk is gone: a fresh one
	harmFile // of a run that is under way
	abortRun // by an operator
	faultKinds
)

var faultNames = [...]string{"kill -9", "SIGTERM", "SIGSTOP", "S3", "STS", "wire to Temporal", "S3 restarted", "Temporal restarted", "disk full", "host lost", "files", "abort"}

func (f fault) String() string {
	what := faultNames[f.kind]
	switch f.kind {
	case spoilS3, spoilSTS:
		what += " " + frontNames[f.front]
	case breakTemporalWire:
		what += fmt.Sprintf(" of host %d %s", f.host, [...]string{"whole", "cut", "frozen", "slow", "very slow"}[f.wire])
	case harmFile:
		what += fmt.Sprintf(" of host %d %s", f.host, harmNames[f.harm])
	case abortRun:
		what += " of " + deliveries()[f.run].name
	case restartS3, restartTemporal, faultKinds:
	case killWorker, stopWorker, freezeWorker, fillDisk, loseHost:
		what += fmt.Sprintf(" host %d", f.host)
	}
	return fmt.Sprintf("%s at %.1fs for %.1fs", what, f.at.Seconds(), f.lasts.Seconds())
}

const (
	faultsFrom = 4 // faults a seed, at least
	faultsMore = 6 // and up to so many more
	stage      = 14 * time.Second
	longest    = 6 * time.Second
	smallDisk  = 1                // the host whose disk is small
	asleep     = 40 * time.Second // beyond a heartbeat: when a worker wakes up, others have its steps
)

// draw makes the seed's schedule: the same for the same seed, in order of time.
func draw(seed uint64) []fault {
	r := rand.New(rand.NewPCG(seed, 1))
	faults := make([]fault, faultsFrom+r.IntN(faultsMore))
	for i := range faults {
		f := fault{
			at: time.Duration(r.Int64N(int64(stage))).Round(time.Millisecond), lasts: (200*time.Millisecond + time.Duration(r.Int64N(int64(longest)))).Round(time.Millisecond),
			kind: faultKind(r.IntN(int(faultKinds))), host: r.IntN(2), front: frontMode(1 + r.IntN(int(frontModesCount)-1)), wire: wireMode(1 + r.IntN(4)),
			harm: harmMode(r.IntN(int(harmModes))), run: r.IntN(len(deliveries())),
		}
		if f.kind == fillDisk || f.kind == loseHost {
			f.host = smallDisk
		}
		switch sleeps := r.IntN(4); {
		case f.kind == loseHost, f.kind == freezeWorker && sleeps > 1:
			f.lasts *= 3 // beyond host_timeout, at times
		case f.kind == freezeWorker && sleeps == 1:
			f.lasts += asleep
		}
		faults[i] = f
	}
	slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return faults
}

func TestASeedIsAlwaysTheSameSchedule(t *testing.T) {
	t.Parallel()
	once, again := draw(7), draw(7)
	require.Equal(t, once, again)
	require.NotEqual(t, draw(7), draw(8))
	seen := map[faultKind]bool{}
	for seed := range uint64(100) {
		for _, f := range draw(seed) {
			seen[f.kind] = true
			require.NotEmpty(t, f.String())
		}
	}
	require.Len(t, seen, int(faultKinds), "every kind comes up")
}
