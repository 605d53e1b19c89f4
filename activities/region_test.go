package activities

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/devstack/trust"
)

// amazon is STS in all regions, of which our account has opted into none.
type amazon struct {
	sts   *trust.STS
	asked []string // hosts
}

var optIn = []string{"sts.eu-south-1.amazonaws.com", "sts.me-central-1.amazonaws.com", "sts.ap-southeast-7.amazonaws.com"}

// RoundTrip answers in the place of the network.
func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.asked = append(a.asked, r.URL.Host)
	answer := httptest.NewRecorder()
	if slices.Contains(optIn, r.URL.Host) {
		answer.WriteHeader(http.StatusForbidden)
		_, err := answer.WriteString(`<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error></ErrorResponse>`)
		return answer.Result(), err
	}
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	a.sts.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// A bucket's owner has opted into its region, and we need not have: STS there does not know the keys of an account that has not.
func TestARoleIsAskedForWhereOurKeysAreKnown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	store := s.config.Credentials[1].STSEndpoint
	s.config.Credentials[1].STSEndpoint = ""
	for region, want := range map[string]string{
		"":               "us-east-1",
		"eu-west-1":      "eu-west-1",
		"eu-south-1":     "us-east-1",
		"me-central-1":   "us-east-1",
		"ap-southeast-7": "us-east-1",
	} {
		s.target.Upload.Region = region
		o, err := s.steps().role(s.target)
		require.NoError(t, err)
		network := &amazon{sts: s.sts}
		o.HTTPClient, o.Attempts = &http.Client{Transport: network}, 1
		session, err := awsrole.New(t.Context(), o)
		require.NoError(t, err)
		_, err = session.Identity(t.Context())
		require.NoError(t, err, "for a bucket in %q", region)
		require.Equal(t, []string{"sts." + want + ".amazonaws.com"}, network.asked)
	}
	// What somebody says counts, and the names of other partitions and stores are their own.
	for _, region := range []string{"us-gov-west-1", "cn-northwest-1", "eusc-de-east-1", "us-iso-east-1", "garage"} {
		s.target.Upload.Region = region
		o, err := s.steps().role(s.target)
		require.NoError(t, err)
		require.Equal(t, region, o.Region)
	}
	s.target.Upload.Region, s.config.Credentials[1].Region = "eu-west-1", "eu-south-1"
	o, err := s.steps().role(s.target)
	require.NoError(t, err)
	require.Equal(t, "eu-south-1", o.Region)
	s.target.Upload.Region, s.config.Credentials[1].Region, s.config.Credentials[1].STSEndpoint = "eu-south-1", "", store
	o, err = s.steps().role(s.target)
	require.NoError(t, err)
	require.Equal(t, "eu-south-1", o.Region)
}

// What follows a delivery is asked of services beside the bucket, as ourselves.
func TestOurOwnRoleIsAskedForWhereOurKeysAreKnown(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.config.Credentials[1].STSEndpoint = ""
	s.target.Upload.Region = "eu-south-1"
	for _, credential := range []string{"", "acme"} {
		o, err := s.steps().askerRole(s.target, credential)
		require.NoError(t, err)
		require.Equal(t, "us-east-1", o.Region, "as %q", credential)
	}
}
