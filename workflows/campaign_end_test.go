package workflows_test

import (
	"encoding/json"
	"fmt"
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
