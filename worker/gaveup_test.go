package main

import (
	"context"
	"fmt"
	"maps"
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
	other map[string]enums.IndexedValueType // of search attributes that are not as they should be
	mute  func()                            // if there is one, it is called when the namespace is asked for, which is not answered
}

func (f *forgetful) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *forgetful) DescribeNamespace(ctx context.Context, _ *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	if f.mute != nil {
		f.mute()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &workflowservice.DescribeNamespaceResponse{
		NamespaceInfo: &namespacepb.NamespaceInfo{Name: "default"},
		Config:        &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(30 * 24 * time.Hour)},
	}, nil
}

func (f *forgetful) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	known := map[string]enums.IndexedValueType{}
	for _, a := range workflows.Attributes() {
		known[a.GetName()] = a.GetValueType()
	}
	maps.Copy(known, f.other)
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

// serve serves it until the test ends, and returns the configuration of a worker there.
func (f *forgetful) serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, f)
	operatorservice.RegisterOperatorServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	dir := t.TempDir()
	path := filepath.Join(dir, "consign.yaml")
	text := fmt.Sprintf("temporal: {address: %q}\nworkspace: {dir: %q}\n", listener.Addr(), filepath.Join(dir, "workspace"))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// A value of another type is refused with the task that closes the run, for ever, when all is delivered.
func TestAWorkerDoesNotStartWhereNoRunCouldEnd(t *testing.T) {
	t.Parallel()
	for name, is := range map[string]enums.IndexedValueType{"ConsignRows": enums.INDEXED_VALUE_TYPE_KEYWORD, "ConsignState": enums.INDEXED_VALUE_TYPE_INT} {
		code, err := run(t.Context(), (&forgetful{other: map[string]enums.IndexedValueType{name: is}}).serve(t), t.Output())
		require.Equal(t, exitFailed, code)
		require.ErrorContains(t, err, name+" as "+is.String()+" and not as ")
		require.ErrorContains(t, err, "search-attribute remove --namespace default --name "+name)
	}
}

// The SDK stops asking after two minutes of such answers. A process that lived on would do nothing, and no supervisor would
// start it again.
func TestAWorkerThatTemporalDoesNotKnowAnyMoreEnds(t *testing.T) {
	t.Parallel()
	temporal := &forgetful{}
	path := temporal.serve(t)
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
