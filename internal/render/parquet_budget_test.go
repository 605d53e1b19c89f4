package render

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestParquetBudgetLetsALargeBatchInAloneAndOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10, 2)
		b.take(100)
		in := 0
		for range 6 {
			go func() {
				b.take(1) // counts as 2
				in++
			}()
			synctest.Wait()
		}
		require.Zero(t, in)
		b.give(100)
		synctest.Wait()
		require.Equal(t, 5, in)
		b.give(1)
		synctest.Wait()
		require.Equal(t, 6, in)
		for range 5 {
			b.give(1)
		}
		b.drain()
	})
}
