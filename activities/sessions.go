package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"consign/internal/awsrole"
	"consign/internal/upload"
)

// sessionIdle is how long a session is kept after its last use: the longest pause between two steps of a run that is
// not parked is far shorter, and a forgotten session costs one more AssumeRole.
const sessionIdle = time.Hour

// sessions keeps one assumed role per run and credential in this process. They are refreshed while they are used, and
// never leave the process.
type sessions struct {
	clock func() time.Time

	mu   sync.Mutex
	held map[string]heldSession

	probes *probes // of the roles that they are sessions of
}

type heldSession struct {
	session *awsrole.Session
	used    time.Time
}

func newSessions(clock func() time.Time) *sessions {
	return &sessions{clock: clock, held: map[string]heldSession{}, probes: newProbes(clock)}
}

// get returns the session called key, made by open if there is none.
func (s *sessions) get(ctx context.Context, key string, open func(context.Context) (*awsrole.Session, error)) (*awsrole.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for k, h := range s.held {
		if now.Sub(h.used) > sessionIdle {
			delete(s.held, k)
		}
	}
	if h, ok := s.held[key]; ok {
		s.held[key] = heldSession{h.session, now}
		return h.session, nil
	}
	session, err := open(ctx)
	if err != nil {
		return nil, err
	}
	s.held[key] = heldSession{session, now}
	return session, nil
}

// forget drops the session called key: its credential may have been changed.
func (s *sessions) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, key)
}

// renew drops the run's session if S3 or STS said that it has expired, so that the next try assumes the role anew.
func (s *Steps) renew(t Target, err *error) {
	if errors.Is(*err, upload.ErrExpired) || errors.Is(*err, awsrole.ErrExpired) {
		s.sessions.forget(sessionKey(t))
	}
}
