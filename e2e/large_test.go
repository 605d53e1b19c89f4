//go:build large

package e2e_test

import "testing"

// TestFiveThousandObjects is the most that a delivery is promised to have. It takes minutes, so make test-large runs it.
func TestFiveThousandObjects(t *testing.T) {
	t.Parallel()
	newSite(t).many(5000)
}
