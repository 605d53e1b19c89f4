package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/secret"
	"consign/internal/upload"
)

func TestASessionThatIsBeingMadeHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSessions(time.Now)
	begun, answer, got := make(chan struct{}), make(chan struct{}), make(chan *awsrole.Session, 2)
	first := &awsrole.Session{}
	get := func() {
		session, err := s.make(t.Context(), "a", "", func(context.Context) (*awsrole.Session, error) {
			close(begun) // twice would panic
			<-answer
			return first, nil
		})
		if err == nil {
			got <- session
		}
	}
	go get()
	<-begun
	go get() // waits for the same

	other := &awsrole.Session{}
	session, err := s.make(t.Context(), "b", "", func(context.Context) (*awsrole.Session, error) { return other, nil })
	require.NoError(t, err)
	require.Same(t, other, session)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.make(ctx, "a", "", nil)
	require.ErrorIs(t, err, context.Canceled, "who waits may give up")

	close(answer)
	for range 2 {
		require.Same(t, first, <-got)
	}
}

func TestASessionThatCouldNotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSessions(time.Now)
	denied := errors.New("denied")
	_, err := s.make(t.Context(), "a", "", func(context.Context) (*awsrole.Session, error) { return nil, denied })
	require.ErrorIs(t, err, denied)
	want := &awsrole.Session{}
	got, err := s.make(t.Context(), "a", "", func(context.Context) (*awsrole.Session, error) { return want, nil })
	require.NoError(t, err)
	require.Same(t, want, got)
}

// A thousand runs that begin at once must not start a thousand engines.
func TestAQueryIsDescribedWhenAnEngineHasAPlace(t *testing.T) {
	t.Parallel()
	s := New(Options{Clock: time.Now, Engines: 1})
	s.describe <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.describeInPlace(ctx, nil, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, s.describe, 1, "and the place is the other's still")
}

// A key that was corrected in the configuration counts at once: the run's session was made of the old one.
func TestASessionIsMadeAnewWhenItsCredentialHasChanged(t *testing.T) {
	t.Parallel()
	s := newSessions(time.Now)
	options := func(key string) awsrole.Options {
		return awsrole.Options{Region: "eu-west-1", AccessKeyID: secret.New("AKIAOURS"), SecretAccessKey: secret.New(key)}
	}
	first, err := s.get(t.Context(), "run", options("old"))
	require.NoError(t, err)
	same, err := s.get(t.Context(), "run", options("old"))
	require.NoError(t, err)
	require.Same(t, first, same)
	corrected, err := s.get(t.Context(), "run", options("new"))
	require.NoError(t, err)
	require.NotSame(t, first, corrected)
	keys, err := corrected.Credentials().Retrieve(t.Context())
	require.NoError(t, err)
	require.Equal(t, "new", keys.SecretAccessKey)
}

func TestAFailureForgetsTheSession(t *testing.T) {
	t.Parallel()
	steps := New(Options{Config: emptyConfig, Clock: time.Now})
	target := Target{Run: "run"}
	first, err := steps.sessions.get(t.Context(), sessionKey(target), awsrole.Options{AccessKeyID: secret.New("a"), SecretAccessKey: secret.New("b")})
	require.NoError(t, err)
	denied := errors.New("denied") // by a role that was deleted and made again under its name, say
	steps.renew(target)(&denied)
	again, err := steps.sessions.get(t.Context(), sessionKey(target), awsrole.Options{AccessKeyID: secret.New("a"), SecretAccessKey: secret.New("b")})
	require.NoError(t, err)
	require.NotSame(t, first, again)
}

// TestASessionIsKeptForAnHourAfterItsLastUse: a worker has one for each of its runs, and those of runs that went on elsewhere are
// dropped by nobody else.
func TestASessionIsKeptForAnHourAfterItsLastUse(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newSessions(func() time.Time { return now })
	get := func(key string) {
		_, err := s.make(t.Context(), key, "", func(context.Context) (*awsrole.Session, error) { return &awsrole.Session{}, nil })
		require.NoError(t, err)
	}
	get("idle")
	for range 3 {
		get("used")
		now = now.Add(sessionIdle - time.Minute)
	}
	get("used")
	require.Len(t, s.held, 1)
	now = now.Add(sessionIdle - time.Minute)
	first := s.held["used"]
	get("used")
	require.Same(t, first, s.held["used"])
}

// TestASessionThatCouldNotBeMadeDropsNoOther: its credential was corrected while it was made.
func TestASessionThatCouldNotBeMadeDropsNoOther(t *testing.T) {
	t.Parallel()
	s := newSessions(time.Now)
	denied := errors.New("denied")
	corrected := &awsrole.Session{}
	_, err := s.make(t.Context(), "a", "old", func(ctx context.Context) (*awsrole.Session, error) {
		_, err := s.make(ctx, "a", "new", func(context.Context) (*awsrole.Session, error) { return corrected, nil })
		require.NoError(t, err)
		return nil, denied
	})
	require.ErrorIs(t, err, denied)
	got, err := s.make(t.Context(), "a", "new", nil)
	require.NoError(t, err)
	require.Same(t, corrected, got)
}

// TestAKeyOfTheRolesSessionIsNotTheCustomersToMend, whichever step the store refuses it in: its STS has handed it out.
func TestAKeyOfTheRolesSessionIsNotTheCustomersToMend(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	failed, _ := explain("Upload", s.ended(fmt.Errorf("upload in/x: %w", upload.ErrBadKey)))
	require.Equal(t, Configuration, failed.Attribution)
	s.target.Credential = "keys"
	failed, _ = explain("Upload", s.ended(fmt.Errorf("upload in/x: %w", upload.ErrBadKey)))
	require.Equal(t, Customer, failed.Attribution, "they gave us this one")
}

// TestAKeyIsComparedWithTheOneThatTheStepUsed: another step of the run has a session of the new key by then.
func TestAKeyIsComparedWithTheOneThatTheStepUsed(t *testing.T) {
	t.Parallel()
	steps := New(Options{Config: emptyConfig, Clock: time.Now})
	options := func(key string) awsrole.Options {
		return awsrole.Options{AccessKeyID: secret.New("AKIAOURS"), SecretAccessKey: secret.New(key)}
	}
	_, err := steps.sessions.get(t.Context(), "run", options("old"))
	require.NoError(t, err)
	ended := steps.renewal("run", func() (awsrole.Options, error) { return options("new"), nil })
	_, err = steps.sessions.get(t.Context(), "run", options("new"))
	require.NoError(t, err)
	refused := error(upload.ErrBadKey)
	ended(&refused)
	require.ErrorIs(t, refused, errKeyChanged, "the next try has the new one")
}
