// Package awsclient asks services that answer as Amazon's do, and may be anybody's.
package awsclient

import (
	"net/http"
	"time"
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
