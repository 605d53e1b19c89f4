package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"consign/workflows"
)

// forgetful is a Temporal that knows its namespace until somebody polls it: a server whose database is restored. A real one
// does so on no request. It hands out no work.
type forgetful struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	polls atomic.Int64
}

func (f *forgetful) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *forgetful) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{
		NamespaceInfo: &namespacepb.NamespaceInfo{Name: "default"},
		Config:        &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(30 * 24 * time.Hour)},
	}, nil
}

func (f *forgetful) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	known := map[string]enums.IndexedValueType{}
	for _, name := range workflows.Attributes() {
		known[name] = enums.INDEXED_VALUE_TYPE_KEYWORD
	}
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: known}, nil
}

func (f *forgetful) PollActivityTaskQueue(context.Context, *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	f.polls.Add(1)
	return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound("default")).Err()
}

func (f *forgetful) PollWorkflowTaskQueue(context.Context, *workflowservice.PollWorkflowTaskQueueRequest) (*workflowservice.PollWorkflowTaskQueueResponse, error) {
	f.polls.Add(1)
	return nil, serviceerror.ToStatus(serviceerror.NewNamespaceNotFound("default")).Err()
}

// The SDK stops asking after two minutes of such answers. A process that lived on would do nothing, and no supervisor would
// start it again.
func TestAWorkerThatTemporalDoesNotKnowAnyMoreEnds(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	temporal, server := &forgetful{}, grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, temporal)
	operatorservice.RegisterOperatorServiceServer(server, temporal)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	dir := t.TempDir()
	path := filepath.Join(dir, "consign.yaml")
	text := fmt.Sprintf("temporal: {address: %q}\nworkspace: {dir: %q}\n", listener.Addr(), filepath.Join(dir, "workspace"))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, err := run(t.Context(), path, t.Output())
		assert.Equal(t, exitFailed, code)
		assert.ErrorIs(t, err, errGaveUp)
		assert.ErrorContains(t, err, "Namespace default is not found")
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Minute):
		t.Errorf("the process lives on, after %d polls", temporal.polls.Load())
	}
}
