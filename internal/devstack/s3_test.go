package devstack_test

import (
	"io"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"consign/internal/devstack"
)

const (
	arn       = "arn:aws:iam::000000000000:role/any" // MinIO ignores it
	everyKey  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::inbound/*"}]}`
	uploadKey = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::inbound/upload/*"}]}`
)

func TestAnAssumedRoleMayDoWhatItsSessionPolicyAllows(t *testing.T) {
	t.Parallel()
	s := startS3(t)
	require.NoError(t, s.AddUser(t.Context(), "acme", "acme-secret-key", everyKey))
	for _, who := range []struct{ name, key, secret string }{
		{"the owner assumes", s.AccessKey, s.SecretKey},
		{"a user assumes", "acme", "acme-secret-key"},
	} {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			c := assume(t, s, who.key, who.secret, uploadKey)
			require.NoError(t, put(t.Context(), t, c, "inbound", "upload/a.csv", "a"))
			require.ErrorContains(t, put(t.Context(), t, c, "inbound", "elsewhere/a.csv", "a"), "AccessDenied")
		})
	}
}

func TestAUserMayDoWhatItsPolicyAllows(t *testing.T) {
	t.Parallel()
	s := startS3(t)
	require.NoError(t, s.AddUser(t.Context(), "acme", "acme-secret-key", uploadKey))
	require.NoError(t, s.AddUser(t.Context(), "acme", "acme-secret-key", uploadKey), "twice is harmless")
	c := s.ClientOf("acme", "acme-secret-key", "")
	require.NoError(t, put(t.Context(), t, c, "inbound", "upload/a.csv", "a"))
	require.ErrorContains(t, put(t.Context(), t, c, "inbound", "a.csv", "a"), "AccessDenied")
	require.ErrorContains(t, s.AddUser(t.Context(), "acme", "short", uploadKey), "add user acme")
}

func TestARestartedStoreHasItsObjectsAndAddress(t *testing.T) {
	t.Parallel()
	s := startS3(t)
	endpoint, pid := s.Endpoint, s.PID()
	require.NoError(t, put(t.Context(), t, s.Client(), "inbound", "a.csv", "before"))
	s.Kill()
	require.Zero(t, s.PID())
	require.DirExists(t, s.Dir)
	for range 2 { // when it is down, and when it runs
		require.NoError(t, s.Restart(t.Context()))
		require.Equal(t, endpoint, s.Endpoint)
		require.NotEqual(t, pid, s.PID())
		object, err := s.Client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("inbound"), Key: aws.String("a.csv")})
		require.NoError(t, err)
		body, err := io.ReadAll(object.Body)
		require.NoError(t, err)
		require.NoError(t, object.Body.Close())
		require.Equal(t, "before", string(body))
	}
}

func TestAFolderOfOnesOwnIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, want := range []int{0, 1} {
		s, err := devstack.StartS3(t.Context(), devstack.S3Options{Dir: dir})
		require.NoError(t, err)
		buckets, err := s.Client().ListBuckets(t.Context(), &s3.ListBucketsInput{})
		require.NoError(t, err)
		require.Len(t, buckets.Buckets, want)
		require.NoError(t, s.MakeBucket(t.Context(), "kept"))
		require.NoError(t, s.MakeBucket(t.Context(), "kept"), "twice is harmless")
		require.NoError(t, s.Stop())
	}
}

func startS3(t *testing.T) *devstack.S3 {
	t.Helper()
	s, err := devstack.StartS3(t.Context(), devstack.S3Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	require.NoError(t, s.MakeBucket(t.Context(), "inbound"))
	return s
}

func assume(t *testing.T, s *devstack.S3, key, secret, policy string) *s3.Client {
	t.Helper()
	c := sts.New(sts.Options{
		BaseEndpoint: aws.String(s.Endpoint), Region: devstack.Region,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
	role, err := c.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(arn), RoleSessionName: aws.String("test"), Policy: aws.String(policy),
	})
	require.NoError(t, err)
	return s.ClientOf(*role.Credentials.AccessKeyId, *role.Credentials.SecretAccessKey, *role.Credentials.SessionToken)
}
