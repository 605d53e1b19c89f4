package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgressFollowsSeveralFilesForwardsAndBack(t *testing.T) {
	t.Parallel()
	p := &progress{total: 30}
	first, second := p.follow(), p.follow()
	for _, bytes := range []int64{5, 10, 5, 10} { // the part from 5 on is sent twice
		first(bytes)
	}
	second(20)
	require.EqualValues(t, 30, p.now().Bytes)
	require.LessOrEqual(t, p.now().Bytes, p.now().Total)
}
