package problem_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/problem"
)

func TestAProblemReadsAsOneSentenceWithAHint(t *testing.T) {
	p := problem.Problem{Where: "consign.yaml:12", Key: "destinations[acme].settings.quote_mode", Message: `"some" is not a quote mode`, Hint: "use minimal"}
	require.Equal(t, "consign.yaml:12: destinations[acme].settings.quote_mode: \"some\" is not a quote mode\n  hint: use minimal", p.Error())
}

func TestAListIsAnErrorOnlyIfAProblemIsAReasonToRefuse(t *testing.T) {
	var list problem.List
	require.NoError(t, list.Err())
	list.Warn("quote_mode", "cannot be read back")
	require.NoError(t, list.Err())
	list.Add("delimiter", "%q is a quote", `"`)
	list.AddHint("escape_character", "leave it empty", "equals the delimiter")

	err := fmt.Errorf("configuration: %w", list.Err())
	var back problem.List
	require.ErrorAs(t, err, &back)
	require.Len(t, back, 2)
	require.Len(t, list.Warnings(), 1)
	require.Equal(t, "delimiter: \"\\\"\" is a quote\nescape_character: equals the delimiter\n  hint: leave it empty", errors.Unwrap(err).Error())
}
