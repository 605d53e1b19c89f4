// Package awsclient asks services that answer as Amazon's do, and may be anybody's.
package awsclient

import (
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// New returns a client for signed requests, whose answers are bounded, and a try of which ends after timeout; 0: never. It
// goes nowhere else than they are signed for: an answer that sends it on is the answer. Go would follow, and give whoever is
// named there the session's token, and by 307 the body.
func New(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     bounded{transport},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Services of Amazon take a connection within a second, or something is wrong.
const (
	dialTimeout = 5 * time.Second
	maxBackoff  = 3 * time.Second
)

// NewAPI returns a client as New does, for small requests and answers.
func NewAPI(timeout time.Duration) *http.Client {
	return New(&http.Transport{
		Proxy: http.ProxyFromEnvironment, OnProxyConnectResponse: ByProxy, TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: time.Minute,
		// A connection may be silent for as long as a function works: keep-alives tell a dead one.
		DialContext: (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
	}, timeout)
}

// Retryer tries a request of such a client so often.
func Retryer(attempts int) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = attempts, maxBackoff, ratelimit.None
	})
}

// Optional returns nil for an empty string: the SDK's word for not given.
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
