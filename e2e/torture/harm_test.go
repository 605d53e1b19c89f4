package torture_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A harmMode is what becomes of a file of a run.
type harmMode int

const (
	harmByte   harmMode = iota // another one, as a disk does it
	harmCut                    // half of it is gone, as after a power cut
	harmFiles                  // it is gone, as after somebody has tidied up
	harmFolder                 // and all others of its run
	harmModes
)

var harmNames = [...]string{"a byte wrong", "cut", "removed", "all removed"}

// harm does harm to a file of a run, data or a journal, as soon as there is one while the fault lasts.
func (h *host) harm(f fault, seed uint64) {
	pick := rand.New(rand.NewPCG(seed, uint64(f.at)))
	for deadline := time.Now().Add(f.lasts); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		// A run's folder has those of its deliveries, and these those of steps.
		files, _ := filepath.Glob(filepath.Join(h.workspace(), "runs", "*", "*", "*", "*")) // an error is one of the pattern
		if len(files) == 0 {
			continue
		}
		path := files[pick.IntN(len(files))]
		if err := harmOne(path, f.harm, pick); err == nil {
			_, _ = fmt.Fprintf(h.logs, "the test: %s: %s\n", path, harmNames[f.harm])
			return
		}
	}
}

func harmOne(path string, how harmMode, pick *rand.Rand) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch size := info.Size(); {
	case how == harmFiles:
		return os.Remove(path)
	case how == harmFolder:
		_ = os.RemoveAll(filepath.Dir(filepath.Dir(filepath.Dir(path)))) // others write into it
		return nil
	case size == 0:
		return os.ErrNotExist
	case how == harmCut:
		return os.Truncate(path, size/2)
	default:
		return flip(path, pick.Int64N(size))
	}
}

func flip(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, at); err != nil {
		return err
	}
	one[0] ^= 4
	_, err = f.WriteAt(one, at)
	return err
}

func TestAFileIsHarmed(t *testing.T) {
	t.Parallel()
	pick := rand.New(rand.NewPCG(1, 1))
	for how, want := range map[harmMode]string{harmByte: "", harmCut: "01234", harmFiles: "", harmFolder: ""} {
		run := filepath.Join(t.TempDir(), "run")
		path := filepath.Join(run, "delivery", "step", "file")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("0123456789"), 0o600))
		require.NoError(t, harmOne(path, how, pick))
		text, err := os.ReadFile(path)
		switch how {
		case harmByte:
			require.Len(t, text, 10)
			require.NotEqual(t, "0123456789", string(text))
		case harmCut:
			require.Equal(t, want, string(text))
		case harmFiles, harmFolder, harmModes:
			require.ErrorIs(t, err, os.ErrNotExist)
		}
		require.Equal(t, how != harmFolder, exists(run))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
