package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCollectorIsPacedByTheLargestStep(t *testing.T) {
	t.Parallel()
	var paces []int
	c := &collector{pace: func(percent int) int { paces = append(paces, percent); return 0 }}
	first, second := c.large(), c.large()
	first()
	require.Equal(t, []int{gcPercent}, paces, "the second goes on")
	second()
	c.large()()
	require.Equal(t, []int{gcPercent, smallPercent, gcPercent, smallPercent}, paces)
}

func TestGOGCGoesBeforeTheCollectorsPace(t *testing.T) {
	t.Setenv("GOGC", "100")
	c := limitMemory(1 << 40) // more than any test needs, for it holds for all of them
	require.Nil(t, c.pace)
	c.large()()
}
