package e2e_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"consign/workflows"
)

// A line is a way to Temporal that breaks as soon as a run asks for its turn. What is asked then is on its way, and arrives
// when the line is mended.
type line struct {
	operatorservice.UnimplementedOperatorServiceServer
	operator operatorservice.OperatorServiceClient
	address  string
	breaks   sync.Once
	broken   chan struct{} // closed when it breaks
	mends    sync.Once
	whole    chan struct{} // closed when it is mended
	arrived  chan struct{} // closed when what was on its way is answered
}

func newLine(t *testing.T) *line {
	t.Helper()
	temporal, err := grpc.NewClient(stack.Temporal.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	beyond, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: workflowservice.NewWorkflowServiceClient(temporal)})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &line{
		operator: operatorservice.NewOperatorServiceClient(temporal), address: listener.Addr().String(),
		broken: make(chan struct{}), whole: make(chan struct{}), arrived: make(chan struct{}),
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(l.pass))
	workflowservice.RegisterWorkflowServiceServer(server, beyond)
	operatorservice.RegisterOperatorServiceServer(server, l)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		l.mend()
		server.Stop()
		_ = temporal.Close()
	})
	return l
}

// ListSearchAttributes is what a worker asks when it starts.
func (l *line) ListSearchAttributes(ctx context.Context, in *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return l.operator.ListSearchAttributes(ctx, in)
}

func (l *line) mend() { l.mends.Do(func() { close(l.whole) }) }

func (l *line) pass(ctx context.Context, in any, info *grpc.UnaryServerInfo, beyond grpc.UnaryHandler) (any, error) {
	takes := false
	if strings.HasSuffix(info.FullMethod, "/ExecuteMultiOperation") {
		l.breaks.Do(func() {
			takes = true
			close(l.broken)
		})
	}
	if takes {
		defer close(l.arrived)
		<-l.whole
		return beyond(context.WithoutCancel(ctx), in)
	}
	select {
	case <-l.broken:
		select {
		case <-l.whole:
			return beyond(ctx, in)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	default:
	}
	asking, cut := context.WithCancel(ctx)
	defer cut()
	go func() {
		select {
		case <-l.broken:
			cut()
		case <-asking.Done():
		}
	}()
	return beyond(asking, in)
}

// TestATurnThatIsTakenTooLateKeepsNobodyWaiting: the worker that asks for a run's turn is cut off until another one has asked
// for it and the run is parked, which gives the turn back; then the first one's request arrives.
func TestATurnThatIsTakenTooLateKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.data("data.parquet", nastyRows(100))
	later := s.bucket + "-later"
	s.inTurn(later, "")
	l := newLine(t)
	s.wrap = []string{"env", "CONSIGN_TEMPORAL_ADDRESS=" + l.address}
	s.worker()
	s.start("1")
	<-l.broken
	s.wrap = nil
	s.secondHost()
	eventually(t, "1 is parked", func() bool { return s.progressOf(s.turns("1")).State == workflows.Parked })
	s.turnEnds()

	l.mend()
	<-l.arrived
	require.NoError(t, stack.S3.MakeBucket(t.Context(), later))
	s.start("2")
	eventually(t, "2 has delivered", func() bool { return s.status(s.turns("2")) == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED })
	require.Equal(t, workflows.Parked, s.progressOf(s.turns("1")).State)
	require.Equal(t, 0, s.starter("retry", s.id("turns")+"/1").code)
	s.send(s.id("turns"), "--run-key", "1")
	s.turnEnds()
}
