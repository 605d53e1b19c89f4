package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATargetOfACampaignThatNeverComesIsReported(t *testing.T) {
	d, _ := newCampaign(t, "a")
	d.broken["signal"] = []error{passing("no such workflow")}
	d.absent = true
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, []string{target}, c.NotNotified)
	require.Equal(t, 1, d.calls["signal"])
}

func TestACompletionOfManyObjectsHasRoomInAPayload(t *testing.T) {
	groups := make([]string, 40)
	for i := range groups {
		groups[i] = fmt.Sprint("g", i)
	}
	d, _ := newCampaign(t, groups...)
	d.plan.Archive.Encoding, d.plan.Encryption = "none", nil
	d.rendered.Files = 201
	d.plan.Upload.Bucket = strings.Repeat("b", 63)
	d.longKey = strings.Repeat("k", 1000)
	c, err := d.runCampaign()
	require.NoError(t, err)
	require.Equal(t, 40*201, c.ObjectCount)
	require.True(t, c.ObjectsTruncated)
	for _, g := range c.Groups[:40] {
		require.NotEmpty(t, g.Deliveries[0].Objects)
		require.True(t, g.Deliveries[0].ObjectsTruncated)
		require.Equal(t, 201, g.Deliveries[0].ObjectCount)
	}
	text, err := json.Marshal(d.ended[0])
	require.NoError(t, err)
	require.Less(t, len(text), 1<<20)
}

// TestAllTargetsCanBeToldOfManyObjectsAtOnce: a task whose signals are more than gRPC's 4 MB is refused for ever.
func TestAllTargetsCanBeToldOfManyObjectsAtOnce(t *testing.T) {
	d := newDelivery(t)
	d.plan.Notify = slices.Repeat(d.plan.Notify, 20)
	d.rendered.Files = 200
	d.longKey = strings.Repeat("k", 1000)
	c, err := d.run()
	require.NoError(t, err)
	require.Len(t, c.Objects, 200, "the result is one")
	require.False(t, c.ObjectsTruncated)
	require.Len(t, d.heard, 20)
	text, err := json.Marshal(d.heard)
	require.NoError(t, err)
	require.Less(t, len(text), 3<<20)
	require.True(t, d.heard[0].ObjectsTruncated)
	require.NotEmpty(t, d.heard[0].Objects)
	require.Equal(t, 200, d.heard[0].ObjectCount)
}
