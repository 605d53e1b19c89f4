package awsrole_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/secret"
)

func TestTheSessionPolicyIsHonoured(t *testing.T) {
	t.Parallel()
	bucket := fmt.Sprintf("policy-%x", rand.Uint64())
	require.NoError(t, store.MakeBucket(t.Context(), bucket))
	s, err := awsrole.New(t.Context(), awsrole.Options{
		STSEndpoint: store.Endpoint, AccessKeyID: secret.New(store.AccessKey), SecretAccessKey: secret.New(store.SecretKey),
		RoleARN: roleARN, Policy: awsrole.SessionPolicy(roleARN, bucket, "upload", ""), Duration: 15 * time.Minute,
	})
	require.NoError(t, err)
	id, err := s.Identity(t.Context())
	require.NoError(t, err)
	require.Equal(t, "210987654321", id.Account)
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &store.Endpoint, UsePathStyle: true, Credentials: s.Credentials(),
	})
	key := func(k string) *string { return &k }

	for name, tc := range map[string]struct {
		do      func(ctx context.Context) error
		allowed bool
	}{
		"writing under the prefix": {func(ctx context.Context) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key("upload/a.csv")})
			return err
		}, true},
		"an upload under the prefix": {func(ctx context.Context) error {
			out, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: key("upload/b.csv")})
			if err != nil {
				return err
			}
			_, err = client.ListParts(ctx, &s3.ListPartsInput{Bucket: &bucket, Key: key("upload/b.csv"), UploadId: out.UploadId})
			if err != nil {
				return err
			}
			_, err = client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: key("upload/b.csv")})
			if err != nil {
				return err
			}
			_, err = client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: key("upload/b.csv"), UploadId: out.UploadId})
			return err
		}, true},
		"listing the prefix": {func(ctx context.Context) error {
			_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: key("upload/a.csv")})
			return err
		}, true},
		"writing under another prefix": {func(ctx context.Context) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key("other/a.csv")})
			return err
		}, false},
		"writing beside the prefix": {func(ctx context.Context) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key("uploads.csv")})
			return err
		}, false},
		"listing another prefix": {func(ctx context.Context) error {
			_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: key("other")})
			return err
		}, false},
		"deleting": {func(ctx context.Context) error {
			_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: key("upload/a.csv")})
			return err
		}, false},
		"making a bucket": {func(ctx context.Context) error {
			_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: key("another-bucket")})
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.do(t.Context())
			if tc.allowed {
				require.NoError(t, err)
				return
			}
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			require.Equal(t, "AccessDenied", api.ErrorCode())
		})
	}
}
