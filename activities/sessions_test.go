package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/plan"
)

func TestASessionThatIsBeingMadeHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	s := newSessions(time.Now)
	begun, answer, got := make(chan struct{}), make(chan struct{}), make(chan *awsrole.Session, 2)
	first := &awsrole.Session{}
	get := func() {
		session, err := s.get(t.Context(), "a", func(context.Context) (*awsrole.Session, error) {
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
	session, err := s.get(t.Context(), "b", func(context.Context) (*awsrole.Session, error) { return other, nil })
	require.NoError(t, err)
	require.Same(t, other, session)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.get(ctx, "a", nil)
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
	_, err := s.get(t.Context(), "a", func(context.Context) (*awsrole.Session, error) { return nil, denied })
	require.ErrorIs(t, err, denied)
	want := &awsrole.Session{}
	got, err := s.get(t.Context(), "a", func(context.Context) (*awsrole.Session, error) { return want, nil })
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
	_, err := s.resolve(ctx, nil, plan.Request{})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.describeInPlace(ctx, nil, nil)
	require.ErrorIs(t, err, context.Canceled, "nor does a campaign")
	require.Len(t, s.describe, 1, "and the place is the other's still")
}
