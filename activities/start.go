package activities

import (
	"errors"
	"fmt"
	"time"

	"consign/internal/config"
)

// ErrStart is wrapped by the error about a run that was started as none may be, by another program than ours: it could not
// be told from others, or would not wait for its turn. Only another start helps.
var ErrStart = errors.New("not started as a run is")

// A start is what whoever starts a run has given.
type start struct {
	id      string // of the workflow
	want    string // the id of a run of that name and key
	key     string
	keyless bool   // no key was given
	again   string // workflow id of the run whose files are sent again
	now     time.Time
}

// check sees that one key is one run: the workflow id, by which Temporal knows that a run was there before, says the same as
// the input. Without a key each start is a run of its own, whatever it is called.
func (s start) check() error {
	key, numbered := s.key, false
	if s.again != "" {
		key = Unnumbered(key)
		numbered = Unnumbered(s.id) == Unnumbered(s.again) // each number is a delivery of its own
	}
	if err := config.CheckRunKey(key); err != nil {
		return fmt.Errorf("%w: run_key %w", ErrStart, err)
	}
	if s.id != s.want && !s.keyless && !numbered {
		return fmt.Errorf("%w: its workflow id is %s, and that of this name and run_key is %s", ErrStart, s.id, s.want)
	}
	if s.now.IsZero() {
		return fmt.Errorf("%w: at is %s, which is no time", ErrStart, s.now.Format(time.RFC3339))
	}
	return nil
}
