package workflows_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

// TestAPlanMayWaitForItsPlace: a thousand runs that begin together ask the source one after the other, and the last ones
// must not be taken for dead.
func TestAPlanMayWaitForItsPlace(t *testing.T) {
	d := newDelivery(t)
	var mu sync.Mutex
	infos := map[string]activity.Info{}
	d.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		mu.Lock()
		defer mu.Unlock()
		infos[info.ActivityType.Name] = *info
	})
	_, err := d.run()
	require.NoError(t, err)
	plan := infos["Plan"]
	require.GreaterOrEqual(t, plan.Deadline.Sub(plan.StartedTime), 30*time.Minute)
	require.NotZero(t, infos["AssumeRole"])
	for name, info := range infos {
		require.Equal(t, 30*time.Second, info.HeartbeatTimeout, "%s: a host that is gone is noticed all the same", name)
	}
}
