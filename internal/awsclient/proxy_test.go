package awsclient_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/awsclient"
)

func TestAProxyThatLetsNobodyThroughIsNamed(t *testing.T) {
	t.Parallel()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	c := awsclient.New(&http.Transport{Proxy: http.ProxyURL(u), OnProxyConnectResponse: awsclient.ByProxy}, 0)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://bucket.s3.amazonaws.com/", nil)
	require.NoError(t, err)
	_, err = c.Do(request)
	require.ErrorContains(t, err, "proxyconnect tcp: "+u.Host+" answers 403 Forbidden")
}
