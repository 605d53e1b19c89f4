package defect

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func at(values []int, i int) (_ int, err error) {
	defer Recover(&err)
	return values[i], nil
}

func told(what string) (err error) {
	defer Recover(&err)
	if what != "" {
		panic(what)
	}
	return errors.New("usual")
}

func TestAPanicIsAnErrorThatNamesItsPlaceAndNoValue(t *testing.T) {
	t.Parallel()
	_, err := at(nil, 1678)
	require.ErrorIs(t, err, Err)
	require.Regexp(t, `^a defect of Consign: index out of range at defect_test\.go:\d+$`, err.Error())
	err = told("jane@example.com is not a number")
	require.ErrorIs(t, err, Err)
	require.Regexp(t, `^a defect of Consign: panic at defect_test\.go:\d+$`, err.Error())
	require.EqualError(t, told(""), "usual")
}

func TestAPanicOfAGoroutineIsItsError(t *testing.T) {
	t.Parallel()
	var group errgroup.Group
	group.Go(Guarded(func() error { panic("jane@example.com") }))
	err := group.Wait()
	require.ErrorIs(t, err, Err)
	require.NotContains(t, err.Error(), "jane")
}
