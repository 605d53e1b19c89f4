package plan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/plan"
)

func TestAlertsLookAtTheNumberOfRows(t *testing.T) {
	t.Parallel()
	a := plan.Alerts{FailBelow: 10, WarnBelow: 20, WarnAbove: 100, FailAbove: 200}
	for _, test := range []struct {
		rows  int64
		warns string
		fails string
	}{
		{9, "", "9 rows are fewer than fail_below, which is 10"},
		{10, "10 rows are fewer than warn_below, which is 20", ""},
		{20, "", ""},
		{100, "", ""},
		{101, "101 rows are more than warn_above, which is 100", ""},
		{200, "200 rows are more than warn_above, which is 100", ""},
		{201, "", "201 rows are more than fail_above, which is 200"},
	} {
		warnings, err := a.Check(test.rows)
		if test.fails != "" {
			require.EqualError(t, err, test.fails)
			continue
		}
		require.NoError(t, err)
		if test.warns == "" {
			require.Empty(t, warnings)
		} else {
			require.Equal(t, []string{test.warns}, warnings)
		}
	}
	warnings, err := plan.Alerts{}.Check(0)
	require.NoError(t, err)
	require.Empty(t, warnings, "0 is no alert")
}
