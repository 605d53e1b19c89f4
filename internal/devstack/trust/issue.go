package trust

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Credentials are those of a session.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	Expiration                                 time.Time
}

// An Issuer makes the credentials of a session that was granted.
type Issuer func(ctx context.Context, granted Call, now time.Time) (Credentials, error)

// Invent makes credentials that only this server honours.
func Invent(_ context.Context, granted Call, now time.Time) (Credentials, error) {
	return Credentials{
		AccessKeyID: "ASIA" + rand.Text()[:16], SecretAccessKey: rand.Text() + rand.Text(), SessionToken: rand.Text(),
		Expiration: now.Add(granted.Duration).Truncate(time.Second),
	}, nil
}

// From has credentials made by the STS of an S3 store such as MinIO, whose AssumeRole the user calls that key and secret
// name: they work there, and are held to the session policy.
func From(endpoint, key, secret string) Issuer {
	c := sts.New(sts.Options{
		BaseEndpoint: aws.String(endpoint), Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
	return func(ctx context.Context, granted Call, _ time.Time) (Credentials, error) {
		in := &sts.AssumeRoleInput{
			RoleArn: aws.String(granted.RoleARN), RoleSessionName: aws.String(granted.SessionName),
			DurationSeconds: aws.Int32(int32(granted.Duration / time.Second)),
		}
		if granted.Policy != "" {
			in.Policy = aws.String(granted.Policy)
		}
		out, err := c.AssumeRole(ctx, in)
		if err != nil {
			return Credentials{}, fmt.Errorf("have %s make credentials: %w", endpoint, err)
		}
		return Credentials{
			AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
			SessionToken: *out.Credentials.SessionToken, Expiration: *out.Credentials.Expiration,
		}, nil
	}
}
