package render

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestParquetBudgetLetsALargeBatchInAloneAndOthersWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10, 2)
		b.take(100)
		var in atomic.Int32
		for range 6 {
			go func() {
				b.take(1) // counts as 2
				in.Add(1)
			}()
			synctest.Wait()
		}
		require.Zero(t, in.Load())
		b.give(100)
		synctest.Wait()
		require.EqualValues(t, 5, in.Load())
		b.give(1)
		synctest.Wait()
		require.EqualValues(t, 6, in.Load())
		for range 5 {
			b.give(1)
		}
		b.drain()
	})
}
