package upload

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"consign/internal/awsclient"
)

// Time limits of a connection. None is on a whole request: how long a part takes is up to its size and the line.
const (
	dialTimeout     = 10 * time.Second
	tlsTimeout      = 10 * time.Second
	idleTimeout     = 90 * time.Second
	idlePerHost     = 8           // times the connections of one upload: several runs send to one host
	continueTimeout = time.Second // S3 may refuse before a part's body is sent
	writeBuffer     = 128 << 10   // a thirtieth of the system calls that the default, 4 KiB, makes
)

func newHTTPClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return awsclient.New(&stallTransport{
		limit: o.Stall,
		inner: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			OnProxyConnectResponse: awsclient.ByProxy,
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    tlsTimeout,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			ExpectContinueTimeout:  continueTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConns:           0,
			MaxIdleConnsPerHost:    idlePerHost * o.Concurrency,
			WriteBufferSize:        writeBuffer,
			DisableCompression:     true,
		},
	}, 0)
}

// stallTransport gives up a try in which no byte moves for limit, in either direction. A connection that died without
// a word would otherwise hold a part for ever.
type stallTransport struct {
	inner http.RoundTripper
	limit time.Duration
}

// RoundTrip is one try.
func (t *stallTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	watch := &watch{limit: t.limit, timer: time.AfterFunc(t.limit, func() { cancel(errStalled) }), cancel: cancel}
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &watched{ReadCloser: req.Body, watch: watch}
	}
	resp, err := t.inner.RoundTrip(out)
	if err != nil {
		watch.stop()
		return nil, stalled(ctx, err)
	}
	resp.Body = &watched{ReadCloser: resp.Body, watch: watch, ctx: ctx, last: true}
	return resp, nil
}

// stalled returns errStalled if that is why err happened.
func stalled(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return err
}

type watch struct {
	limit  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (w *watch) moved() { w.timer.Reset(w.limit) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// watched is a body whose movement is noticed.
type watched struct {
	io.ReadCloser
	watch *watch
	ctx   context.Context // of the answer: tells a stall from another end
	last  bool            // the answer's body: when it is closed, the try is over
}

// Read notices movement.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.watch.moved()
	}
	if err != nil && w.last && !errors.Is(err, io.EOF) {
		err = stalled(w.ctx, err)
	}
	return n, err
}

// Close ends the try with the answer's body.
func (w *watched) Close() error {
	err := w.ReadCloser.Close()
	if w.last {
		w.watch.stop()
	}
	return err
}

// stallError is a timeout to the SDK, which tries again.
type stallError struct{}

var errStalled error = stallError{}

func (stallError) Error() string   { return "no byte moved for too long" }
func (stallError) Timeout() bool   { return true }
func (stallError) Temporary() bool { return true }
