// Package connect turns the configuration's words about Temporal into a client's options.
package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"consign/internal/config"
)

// ErrTLS is wrapped by every error about certificates.
var ErrTLS = errors.New("cannot be used for TLS")

// Options returns the options of a client of the configured Temporal. Certificates are read now, the API key for each request.
func Options(t config.Temporal, logger *slog.Logger) (client.Options, error) {
	options := client.Options{HostPort: t.Address, Namespace: t.Namespace, Logger: log.NewStructuredLogger(logger)}
	// Messages are small: to compress them, as the SDK would, takes a twentieth of the processor time of many small sends.
	options.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	if t.TLS != nil {
		settings, err := tlsConfig(*t.TLS)
		if err != nil {
			return client.Options{}, fmt.Errorf("temporal.tls: %w", err)
		}
		options.ConnectionOptions.TLS = settings
	}
	if !t.APIKey.IsZero() {
		if _, err := t.APIKey.Read(); err != nil {
			return client.Options{}, fmt.Errorf("temporal.api_key: %w", err)
		}
		options.Credentials = client.NewAPIKeyDynamicCredentials(func(context.Context) (string, error) {
			key, err := t.APIKey.Read() // as it is by then: keys are changed without a restart
			if err != nil {
				return "", fmt.Errorf("temporal.api_key: %w", err)
			}
			return key.Reveal(), nil
		})
	}
	return options, nil
}

// Reason is why Temporal could not be reached. Of a name that leads nowhere gRPC says nothing but nameless, and of a proxy's
// address not whose it is.
func Reason(ctx context.Context, t config.Temporal, err error) error {
	if proxy, _ := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: t.Address}}); proxy != nil { // as gRPC asks
		return fmt.Errorf("by the proxy %s (HTTPS_PROXY, NO_PROXY): %w", proxy.Host, err)
	}
	host, _, addressErr := net.SplitHostPort(t.Address)
	if addressErr != nil || !strings.Contains(err.Error(), nameless) {
		return err
	}
	if _, lookupErr := net.DefaultResolver.LookupHost(ctx, host); lookupErr != nil {
		return lookupErr
	}
	return err
}

const nameless = "no children to pick from"

func tlsConfig(t config.TLS) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s %w: it holds no PEM certificate", t.CA, ErrTLS)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, fmt.Errorf("cert and key %w: one needs the other", ErrTLS)
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("cert %s, key %s %w: %w", t.Cert, t.Key, ErrTLS, err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}
