package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/grpc"

	"consign/internal/config"
)

// hasAll is the operator's service of a namespace that has all search attributes.
type hasAll struct {
	operatorservice.OperatorServiceClient
}

func (hasAll) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest, ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	kinds := map[string]enums.IndexedValueType{}
	for _, a := range attributes() {
		kinds[a.Name] = a.kind
	}
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: kinds}, nil
}

// Temporal is a stand-in: the real one takes new search attributes within two seconds, at a moment that nobody can choose.
func TestARunThatIsStartedBeforeTemporalTakesTheSearchAttributesIsToldHowToWait(t *testing.T) {
	t.Parallel()
	unmapped := serviceerror.NewInvalidArgument("Namespace default has no mapping defined for search attribute ConsignState")
	for taken, says := range map[error]string{
		nil: unmapped.Error(),
		serviceerror.NewInvalidArgument("invalid search attribute: ConsignState"): "Temporal does not take them yet (namespace default)",
	} {
		temporal := &mocks.Client{}
		temporal.On("OperatorService").Return(hasAll{})
		temporal.On("CountWorkflow", mock.Anything, mock.Anything).Return(&workflowservice.CountWorkflowExecutionsResponse{}, taken)
		err := (&app{}).notStarted(t.Context(), config.Temporal{Namespace: "default"}, temporal, unmapped)
		require.ErrorContains(t, err, says)
		var e *exit
		if taken == nil {
			require.NotErrorAs(t, err, &e, "it is about something else")
			continue
		}
		require.ErrorAs(t, err, &e)
		require.Equal(t, exitFailed, e.status)
		require.Equal(t, "starter setup waits until it does", e.hint)
	}
}
