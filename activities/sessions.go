package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"consign/internal/awserror"
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
	held map[string]*heldSession
}

// heldSession is a session, or the one that is just being made: a run waits for its own, and nobody for another's.
type heldSession struct {
	used time.Time
	made chan struct{} // closed when session or err is there
	of   string        // what the session was made of: another is made when that has changed

	session *awsrole.Session
	err     error
}

func newSessions(clock func() time.Time) *sessions {
	return &sessions{clock: clock, held: map[string]*heldSession{}}
}

// get returns the session called key, made if there is none of these options: a key or an external ID that was corrected in
// the configuration counts from the next step on.
func (s *sessions) get(ctx context.Context, key string, o awsrole.Options) (*awsrole.Session, error) {
	return s.make(ctx, key, o.Digest(), func(ctx context.Context) (*awsrole.Session, error) { return awsrole.New(ctx, o) })
}

func (s *sessions) make(ctx context.Context, key, of string, open func(context.Context) (*awsrole.Session, error)) (*awsrole.Session, error) {
	for {
		h, mine := s.hold(key, of)
		if mine {
			h.session, h.err = open(ctx)
			if h.err != nil {
				s.drop(key, h)
			}
			close(h.made)
			return h.session, h.err
		}
		select {
		case <-h.made:
			if h.err == nil { // else it may be the other's own end: try
				return h.session, nil
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// hold returns the place of key's session, and whether it is the caller who makes it.
func (s *sessions) hold(key, of string) (_ *heldSession, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	for k, h := range s.held {
		if now.Sub(h.used) > sessionIdle {
			delete(s.held, k)
		}
	}
	h, ok := s.held[key]
	fresh := !ok || h.of != of
	if fresh {
		h = &heldSession{made: make(chan struct{}), of: of}
		s.held[key] = h
	}
	h.used = now
	return h, fresh
}

// drop forgets a session that could not be made, so that the next one who asks tries again.
func (s *sessions) drop(key string, h *heldSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[key] == h {
		delete(s.held, key)
	}
}

// of returns what the session called key was made of; empty if there is none.
func (s *sessions) of(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.held[key]; ok {
		return h.of
	}
	return ""
}

// forget drops the session called key: its credential may have been changed.
func (s *sessions) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, key)
}

// errKeyChanged: the key that was refused is not the one in the configuration any more.
var errKeyChanged = errors.New("the credential was changed meanwhile")

// renew is called when a step begins, and what it returns when the step has ended. After a failure that drops the run's
// session, so that the next try assumes the role anew: it may have expired, or the role may have been made again or
// granted more meanwhile. It costs one request. A key that was refused because another had taken its place while the step
// was at work is no reason to park: the next try reads the new one.
func (s *Steps) renew(t Target) func(*error) {
	after := s.renewal(sessionKey(t), func() (awsrole.Options, error) { return s.role(t) })
	return func(err *error) {
		*err = s.whose(t, *err)
		after(err)
	}
}

func (s *Steps) renewal(key string, role func() (awsrole.Options, error)) func(*error) {
	before := s.sessions.of(key)
	return func(err *error) {
		if *err == nil {
			return
		}
		used := cmp.Or(before, s.sessions.of(key)) // the step's own, if it began with none
		s.sessions.forget(key)
		if used == "" || !keyRefused(*err) {
			return
		}
		if o, refused := role(); refused != nil || o.Digest() != used {
			*err = fmt.Errorf("%w: %w", errKeyChanged, *err)
		}
	}
}

// errSession: the store does not know the key of a session, which its own STS should have handed out.
var errSession = errors.New("the session of the role")

// whose tells the key of a role's session, which the store does not know, from a key that we were given.
func (s *Steps) whose(t Target, err error) error {
	if !errors.Is(err, upload.ErrBadKey) || errors.Is(err, errSession) { // it has been told already
		return err
	}
	if o, unread := s.role(t); unread != nil || o.RoleARN == "" {
		return err
	}
	return fmt.Errorf("%w: %w", errSession, err)
}

// keyRefused reports whether a service did not accept the key that a request was signed with.
func keyRefused(err error) bool {
	for _, cause := range []error{
		awsrole.ErrBadKey, awsrole.ErrSignature, upload.ErrBadKey, upload.ErrSignature, awserror.ErrBadKey, awserror.ErrSignature,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}
