package plan_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/plan"
)

func TestDurationsCanBeReadInTheHistory(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(plan.Duration(90 * time.Minute))
	require.NoError(t, err)
	require.JSONEq(t, `"1h30m0s"`, string(text))
	var back plan.Duration
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, 90*time.Minute, time.Duration(back))
	require.Error(t, json.Unmarshal([]byte(`"soon"`), &back))
}

func TestDigestsTellQueriesApart(t *testing.T) {
	t.Parallel()
	require.Len(t, plan.Digest(""), 64)
	require.Equal(t, "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5", plan.Digest("SELECT 1"), "sha256sum says so")
	require.NotEqual(t, plan.Digest("SELECT 1"), plan.Digest("SELECT 1 "))
}
