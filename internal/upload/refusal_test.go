package upload

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"
)

const keyARN = "arn:aws:kms:us-east-1:210987654321:key/1234abcd"

func TestARefusalIsReadAsAmazonWordsIt(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]Right{
		"Access Denied": {},
		"User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: kms:GenerateDataKey on resource: " + keyARN +
			" because no resource-based policy allows the kms:GenerateDataKey action": {"kms:GenerateDataKey", keyARN, "resource-based policy"},
		`User: u is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::acme/in/x" because no identity-based policy allows the s3:PutObject action`: {
			"s3:PutObject", "arn:aws:s3:::acme/in/x", "identity-based policy",
		},
		"User: u is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::acme/in/x with an explicit deny in a service control policy": {
			"s3:PutObject", "arn:aws:s3:::acme/in/x", "service control policy",
		},
		"User: u is not authorized to perform: s3:PutObject": {"s3:PutObject", "", ""},
	} {
		require.Equal(t, want, rightOf(said), said)
	}
}

func TestARefusalNamesTheBucketInThePartitionOfItsRegion(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"))
	}))
	t.Cleanup(server.Close)
	for region, want := range map[string]string{
		"eu-west-1": "arn:aws:s3:::acme-inbound/in/x", "us-gov-west-1": "arn:aws-us-gov:s3:::acme-inbound/in/x", "cn-north-1": "arn:aws-cn:s3:::acme-inbound/in/x",
		"us-iso-east-1": "arn:aws-iso:s3:::acme-inbound/in/x", "us-isob-east-1": "arn:aws-iso-b:s3:::acme-inbound/in/x",
	} {
		b, err := new(Connections).Open(t.Context(), credentials.NewStaticCredentialsProvider("id", "secret", ""),
			Options{Bucket: "acme-inbound", Region: region, Endpoint: server.URL, PathStyle: true, Attempts: 1})
		require.NoError(t, err)
		err = b.Try(t.Context(), "in/x")
		require.ErrorContains(t, err, "needs s3:PutObject on "+want)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Right.Resource)
	}
}

func TestARefusalOfTheKeyIsNotOneOfTheBucket(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		cause error
		right Right
	}{
		"Access Denied": {ErrAccessDenied, Right{"s3:PutObject", "arn:aws:s3:::acme-inbound/in/x", ""}},
		"User: u is not authorized to perform: kms:GenerateDataKey on resource: " + keyARN: {ErrKMS, Right{"kms:GenerateDataKey", keyARN, ""}},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code><Message>" + said + "</Message></Error>"))
		}))
		t.Cleanup(server.Close)
		b, err := new(Connections).Open(t.Context(), credentials.NewStaticCredentialsProvider("id", "secret", ""),
			Options{Bucket: "acme-inbound", Region: "us-east-1", Endpoint: server.URL, PathStyle: true, Attempts: 1})
		require.NoError(t, err)
		err = b.Try(t.Context(), "in/x")
		require.ErrorIs(t, err, want.cause)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, want.right, e.Right)
	}
}
