package demo

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
)

// told is a history whose only event has a payload.
type told struct {
	payload string
	read    bool
}

func (h *told) HasNext() bool { return !h.read }

func (h *told) Next() (*historypb.HistoryEvent, error) {
	h.read = true
	payloads := &commonpb.Payloads{Payloads: []*commonpb.Payload{{Data: []byte(h.payload)}}}
	return &historypb.HistoryEvent{EventId: 7, Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{Input: payloads},
	}}, nil
}

func TestASecretInAHistoryIsFound(t *testing.T) {
	t.Parallel()
	unspeakable := map[string]string{"the key": "s3cr3t"}
	events, err := search(&told{payload: `{"name":"weekly"}`}, unspeakable)
	require.NoError(t, err)
	require.Equal(t, 1, events)

	_, err = search(&told{payload: `{"name":"a s3cr3t b"}`}, unspeakable)
	require.ErrorIs(t, err, ErrTold)
	require.ErrorContains(t, err, "event 7")
	require.ErrorContains(t, err, "the key")
	require.NotContains(t, err.Error(), "s3cr3t")
}
