package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Temporal is a stand-in: a real one takes minutes to forget a worker.
func TestAWorkerKnowsAnotherOneByItsHostsQueue(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		identity string
		after    time.Duration
		want     string
	}{
		"itself":                          {"a (pid 1)", time.Hour, ""},
		"the process that died before":    {"a (pid 0)", -time.Second, ""},
		"one whose last poll outlived it": {"a (pid 0)", time.Minute, ""},
		"another":                         {"b (pid 1)", time.Hour, "b (pid 1)"},
	} {
		temporal := &mocks.Client{}
		temporal.On("DescribeTaskQueue", mock.Anything, "consign@host-1", mock.Anything).Return(&workflowservice.DescribeTaskQueueResponse{
			Pollers: []*taskqueue.PollerInfo{{Identity: c.identity, LastAccessTime: timestamppb.New(start.Add(c.after))}},
		}, nil)
		require.Equal(t, c.want, twinOf(t.Context(), temporal, "consign@host-1", "a (pid 1)", start), name)
	}
}
