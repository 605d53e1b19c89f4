package awserror

import (
	"net/http"
	"time"
)

// NewClient returns a client for signed requests, whose answers are bounded. It goes nowhere else than they are signed for: an
// answer that sends it on is the answer. Go would follow, and give whoever is named there the session's token, and by 307 the
// body.
func NewClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     bounded{transport},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
