package devstack_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"consign/internal/devstack"
)

func TestStartBringsBothServersUp(t *testing.T) {
	t.Parallel()
	build(t, "temporal", "minio") // not part of what is measured
	begin := time.Now()
	s, err := devstack.Start(t.Context(), devstack.Options{Temporal: true, S3: true, Log: os.Stderr})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	// 3 s is the promise; other tests share the machine.
	require.Less(t, time.Since(begin), 10*time.Second)
	t.Logf("ready after %s", time.Since(begin))

	c := dial(t, s.Temporal)
	answer, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	require.NoError(t, err)
	require.Equal(t, map[string]enumspb.IndexedValueType{
		"ConsignOrchestration": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"ConsignCampaign":      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"ConsignDestination":   enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"ConsignState":         enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"ConsignRunKey":        enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"ConsignRows":          enumspb.INDEXED_VALUE_TYPE_INT,
	}, answer.GetCustomAttributes())

	require.Contains(t, fetch(t, s.Temporal.UIAddress), "<html")
	require.Contains(t, fetch(t, s.Temporal.UIAddress+"/api/v1/namespaces/default"), "NAMESPACE_STATE_REGISTERED")
	require.NoError(t, s.S3.MakeBucket(t.Context(), "inbound"))
}

func TestStoppingTwiceIsHarmlessAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s, err := devstack.StartS3(t.Context(), devstack.S3Options{})
	require.NoError(t, err)
	require.DirExists(t, s.Dir)
	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop())
	require.NoDirExists(t, s.Dir)
	require.Zero(t, s.PID())
	_, err = s.Client().ListBuckets(t.Context(), &s3.ListBucketsInput{})
	require.Error(t, err)
}

func build(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := devstack.Build(t.Context(), name, os.Stderr)
		require.NoError(t, err)
	}
}

func dial(t *testing.T, s *devstack.Temporal) client.Client {
	t.Helper()
	c, err := s.Client(t.Context())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}

func put(ctx context.Context, t *testing.T, c *s3.Client, bucket, key, body string) error {
	t.Helper()
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(body)})
	return err
}
