package awsrole

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"

	"consign/internal/awserror"
)

// Limits of the default chain. Its last link asks 169.254.169.254, which on a host that is not Amazon's does not
// answer, and the SDK would ask for a long time.
const (
	metadataTimeout = 500 * time.Millisecond // of one request; the SDK makes four before it gives up
	chainTimeout    = 30 * time.Second       // for links that ask STS or a program
)

// newChain returns the AWS default chain: environment, shared profile, web identity, container, instance.
func newChain(ctx context.Context) (aws.CredentialsProvider, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err == nil {
		client := imds.NewFromConfig(cfg, func(o *imds.Options) {
			o.HTTPClient = &http.Client{Timeout: metadataTimeout}
			o.Retryer = aws.NopRetryer{}
		})
		cfg, err = config.LoadDefaultConfig(ctx, config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = client }))
	}
	if err != nil {
		return nil, fmt.Errorf("read the AWS default chain: %w", unreadable(err))
	}
	return chain{cfg.Credentials}, nil
}

// chain gives the default chain's failures one name.
type chain struct{ inner aws.CredentialsProvider }

// Retrieve asks the chain.
func (c chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, chainTimeout)
	defer cancel()
	creds, err := c.inner.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, noCredentials(err)
	}
	return creds, nil
}

// unreadable says what keeps the chain from being asked at all. Other texts may quote what a variable or a profile's line
// holds, and are not repeated.
func unreadable(err error) error {
	detail := "an AWS_ variable of the environment, or a line of AWS's files, has a value that its SDK does not take"
	var profile config.SharedConfigProfileNotExistError
	var file *fs.PathError // of AWS_CA_BUNDLE, say
	switch {
	case errors.As(err, &profile):
		detail = "there is no AWS profile " + profile.Profile
	case errors.As(err, &file):
		detail = file.Error()
	}
	return &awserror.Error{Cause: ErrNoCredentials, Detail: detail}
}

// noCredentials keeps refusals of STS, which have a code, as they are. Other texts of the chain may quote a profile's
// lines and are not repeated.
func noCredentials(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) {
		if _, known := failures[api.ErrorCode()]; known {
			return err
		}
	}
	return &awserror.Error{Cause: ErrNoCredentials, Detail: "neither environment, profile, web identity, container nor instance has any", Context: awserror.Ended(err)}
}
