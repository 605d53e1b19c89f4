package awsclient

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// ByProxy is for a transport's OnProxyConnectResponse. Of what a proxy answers that lets nobody through Go repeats the words alone
// ("Forbidden"), as if the service had said them.
func ByProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: fmt.Errorf("%s answers %s", proxy.Host, answer.Status)}
}
