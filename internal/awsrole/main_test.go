package awsrole_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"consign/internal/awsrole"
	"consign/internal/devstack"
	"consign/internal/devstack/trust"
	"consign/internal/secret"
)

// store is the MinIO of all tests of this package.
var store *devstack.S3

func TestMain(m *testing.M) {
	os.Exit(func() int {
		// The default chain is asked for on a host that has nothing to offer.
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
			_ = os.Unsetenv(name)
		}
		var err error
		store, err = devstack.StartS3(context.Background(), devstack.S3Options{Log: os.Stderr})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = store.Stop() }()
		return m.Run()
	}())
}

// newSTS starts an STS of the tests, which honours trust policies and external IDs as Amazon's does and MinIO's does
// not.
func newSTS(t *testing.T, roles ...trust.Role) (*trust.STS, string) {
	t.Helper()
	sts := trust.New(trust.Options{
		Users: []trust.User{{ARN: "arn:aws:iam::123456789012:user/consign", Key: keyID, Secret: keyValue}},
		Roles: append([]trust.Role{{ARN: roleARN, ExternalID: external}}, roles...),
	})
	server := httptest.NewServer(sts)
	t.Cleanup(server.Close)
	return sts, server.URL
}

func keys(endpoint string) awsrole.Options {
	return awsrole.Options{STSEndpoint: endpoint, AccessKeyID: secret.New(keyID), SecretAccessKey: secret.New(keyValue), Attempts: 1}
}

func role(endpoint string) awsrole.Options {
	o := keys(endpoint)
	o.RoleARN, o.ExternalID = roleARN, external
	o.SessionName = awsrole.SessionName("run-1", "vips weekly")
	return o
}

func identityOf(t *testing.T, o awsrole.Options) (awsrole.Identity, error) {
	t.Helper()
	s, err := awsrole.New(t.Context(), o)
	if err != nil {
		return awsrole.Identity{}, err
	}
	return s.Identity(t.Context())
}

// gate is an STS in front of the tests' own that can be shut.
func gate(t *testing.T, roles ...trust.Role) (sts *trust.STS, endpoint string, shut func(bool)) {
	t.Helper()
	sts, behind := newSTS(t, roles...)
	var mu sync.Mutex
	closed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		sts.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	_ = behind
	return sts, server.URL, func(b bool) { mu.Lock(); closed = b; mu.Unlock() }
}
