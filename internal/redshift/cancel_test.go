package redshift_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/awserror"
	"consign/internal/redshift"
)

func TestAStatementThatSomebodyCancelsLoadsNothing(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	s.Held = true
	c, l := client(o), load()
	id, err := c.Submit(t.Context(), l, now)
	require.NoError(t, err)
	canceled, err := c.Cancel(t.Context(), l, id)
	require.NoError(t, err)
	require.Equal(t, id, canceled)
	_, err = c.Wait(t.Context(), l, id)
	require.ErrorIs(t, err, redshift.ErrStopped)
	_, err = c.Cancel(t.Context(), l, id)
	require.NoError(t, err, "it is over")
	require.Zero(t, s.Rows("crm.vips"))
}

func TestALoadWhoseAnswerWasLostIsCancelledByItsName(t *testing.T) {
	t.Parallel()
	s, o := warehouse(t)
	s.Held = true
	c, l := client(o), load()
	id, err := c.Cancel(t.Context(), l, "")
	require.NoError(t, err)
	require.Empty(t, id, "it was never submitted")
	require.Empty(t, s.Requests("CancelStatement"))
	s.With(func() { s.Lose = func(operation string, _ int) bool { return operation == "BatchExecuteStatement" } })
	other := load()
	for other.Round = range 3 {
		_, err = c.Submit(t.Context(), other, now)
		require.ErrorIs(t, err, awserror.ErrUnreachable)
	}
	l.Round = 1
	id, err = c.Cancel(t.Context(), l, "")
	require.NoError(t, err)
	require.Equal(t, s.Statement(1), id, "the one of its round")
	_, err = c.Wait(t.Context(), l, id)
	require.ErrorIs(t, err, redshift.ErrStopped)
}
