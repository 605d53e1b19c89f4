package connect_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"consign/internal/config"
	"consign/internal/connect"
)

// certificate writes a certificate that signs itself, and its key, as PEM files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"temporal.example"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	return write(t, "cert.pem", "CERTIFICATE", der), write(t, "key.pem", "EC PRIVATE KEY", keyDER)
}

func write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAPlainAddressIsNotEncrypted(t *testing.T) {
	t.Parallel()
	o, err := connect.Options(config.Temporal{Address: "127.0.0.1:7233", Namespace: "n"}, quiet())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:7233", o.HostPort)
	require.Equal(t, "n", o.Namespace)
	require.Nil(t, o.ConnectionOptions.TLS)
	require.Nil(t, o.Credentials)
}

func TestBothSidesProveWhoTheyAre(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	o, err := connect.Options(config.Temporal{TLS: &config.TLS{CA: cert, Cert: cert, Key: key, ServerName: "temporal.example"}}, quiet())
	require.NoError(t, err)

	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	ours, theirs := net.Pipe()
	server := tls.Server(theirs, &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: o.ConnectionOptions.TLS.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert,
		MinVersion: tls.VersionTLS12,
	})
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(t.Context()) }()
	require.NoError(t, tls.Client(ours, o.ConnectionOptions.TLS).HandshakeContext(t.Context()))
	require.NoError(t, <-done)
}

func TestAnAPIKeyThatWasChangedIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("first\n"), 0o600))
	server := &namespaces{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})))
	workflowservice.RegisterWorkflowServiceServer(g, server)
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)

	o, err := connect.Options(config.Temporal{
		Address: listener.Addr().String(), Namespace: "n", APIKey: config.Secret{File: path}, TLS: &config.TLS{CA: cert, ServerName: "temporal.example"},
	}, quiet())
	require.NoError(t, err)
	c, err := client.Dial(o)
	require.NoError(t, err)
	defer c.Close()
	for _, want := range []string{"first", "second"} {
		require.NoError(t, os.WriteFile(path, []byte(want+"\n"), 0o600))
		_, err = c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "n"})
		require.NoError(t, err)
		require.Equal(t, "Bearer "+want, server.key.Load())
	}
}

func TestMessagesAreNotCompressed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	seen := &compressions{}
	g := grpc.NewServer(grpc.StatsHandler(seen))
	workflowservice.RegisterWorkflowServiceServer(g, &namespaces{})
	go func() { _ = g.Serve(listener) }()
	t.Cleanup(g.Stop)

	o, err := connect.Options(config.Temporal{Address: listener.Addr().String(), Namespace: "n"}, quiet())
	require.NoError(t, err)
	c, err := client.Dial(o)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: strings.Repeat("n", 10_000)})
	require.NoError(t, err)
	require.NotEmpty(t, seen.all())
	for _, compression := range seen.all() {
		require.Contains(t, []string{"", encoding.Identity}, compression)
	}
}

// compressions notes how the requests to a server are compressed.
type compressions struct {
	mu   sync.Mutex
	seen []string
}

func (c *compressions) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

func (c *compressions) HandleRPC(_ context.Context, s stats.RPCStats) {
	if header, ok := s.(*stats.InHeader); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen = append(c.seen, header.Compression)
	}
}

func (c *compressions) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (c *compressions) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *compressions) HandleConn(context.Context, stats.ConnStats)                       {}

// namespaces is a Temporal that notes by which key it was asked.
type namespaces struct {
	workflowservice.UnimplementedWorkflowServiceServer
	key atomic.Value
}

func (n *namespaces) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (n *namespaces) DescribeNamespace(ctx context.Context, _ *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	said, _ := metadata.FromIncomingContext(ctx)
	n.key.Store(strings.Join(said.Get("authorization"), ","))
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func TestAnAPIKeyIsReadFromItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte("k\n"), 0o600))
	o, err := connect.Options(config.Temporal{APIKey: config.Secret{File: path}}, quiet())
	require.NoError(t, err)
	require.NotNil(t, o.Credentials)
}

func TestWhatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	for name, c := range map[string]struct {
		temporal config.Temporal
		want     string
	}{
		"no such authority":         {config.Temporal{TLS: &config.TLS{CA: "nowhere.pem"}}, "temporal.tls: ca: open nowhere.pem"},
		"an authority that is none": {config.Temporal{TLS: &config.TLS{CA: key}}, "it holds no PEM certificate"},
		"a certificate alone":       {config.Temporal{TLS: &config.TLS{Cert: cert}}, "one needs the other"},
		"a key that is none":        {config.Temporal{TLS: &config.TLS{Cert: cert, Key: cert}}, "cannot be used for TLS"},
		"no such API key":           {config.Temporal{APIKey: config.Secret{File: "nowhere"}}, "temporal.api_key: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := connect.Options(c.temporal, quiet())
			require.ErrorContains(t, err, c.want)
		})
	}
}
