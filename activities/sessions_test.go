package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/secret"
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
