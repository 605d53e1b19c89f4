package upload

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
)

// dialing is a bucket whose store is reached by dial, whatever its host.
func dialing(o Options, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Bucket {
	o.Bucket, o.Region, o.Attempts = "acme-inbound", "us-east-1", 1
	b := &Bucket{o: o.withDefaults(), http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
	b.client = b.newClient(credentials.NewStaticCredentialsProvider("key", "secret", ""), o.Region)
	return b
}

// A store without a host for each bucket takes the key's first folder for the bucket, of which the bucket's owner knows nothing.
func TestABucketThatIsAskedForAsAHostIsSaidToBe(t *testing.T) {
	t.Parallel()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(`<Error><Code>NoSuchBucket</Code><Message>The bucket does not exist</Message></Error>`))
		}
	}))
	t.Cleanup(store.Close)
	there := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, store.Listener.Addr().String())
	}
	nowhere := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "acme-inbound.store.example", IsNotFound: true}}
	}
	const byHost = "the bucket is asked for as the host acme-inbound.store.example: a store without a host for each bucket needs path_style: true"
	for name, tc := range map[string]struct {
		options Options
		says    bool
	}{
		"by its host":   {Options{Endpoint: "http://store.example:9000"}, true},
		"by the path":   {Options{Endpoint: "http://store.example:9000", PathStyle: true}, false},
		"of an address": {Options{Endpoint: "http://127.0.0.1:9000"}, false},
		"of Amazon":     {Options{}, false},
	} {
		for _, dial := range []func(context.Context, string, string) (net.Conn, error){there, nowhere} {
			b := dialing(tc.options, dial)
			_, err := b.findRegion(t.Context())
			require.Error(t, err)
			require.Equal(t, tc.says, strings.Contains(err.Error(), byHost), "%s: %s", name, err)
			err = b.Try(t.Context(), "upload/k")
			require.Error(t, err)
			require.Equal(t, tc.says, strings.Contains(err.Error(), byHost), "%s: %s", name, err)
		}
	}
	err := dialing(Options{Endpoint: "http://store.example"}, there).Try(t.Context(), "upload/k")
	require.ErrorIs(t, err, ErrNoSuchBucket)
	err = dialing(Options{Endpoint: "http://store.example"}, nowhere).Try(t.Context(), "upload/k")
	require.ErrorIs(t, err, ErrUnreachable)
}

func TestWordsThatTheSDKHasMadeUpAreNotTheStores(t *testing.T) {
	t.Parallel()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message></Message></Error>`)) // as Ceph's
	}))
	t.Cleanup(store.Close)
	err := dialing(Options{Endpoint: store.URL}, new(net.Dialer).DialContext).Try(t.Context(), "k")
	require.ErrorIs(t, err, ErrAccessDenied)
	require.ErrorContains(t, err, "s3:PutObject on arn:aws:s3:::acme-inbound/k (AccessDenied, HTTP 403)")
}
