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
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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
	// The SDK writes warnings about the instance's service to standard error, past our log; what they lead to is our error.
	silent := config.WithLogger(logging.Nop{})
	cfg, err := config.LoadDefaultConfig(ctx, silent)
	if err == nil {
		client := imds.NewFromConfig(cfg, func(o *imds.Options) {
			// Never by the proxy of the environment: it answers that it reaches nobody there, or gives what its own host has.
			o.HTTPClient = &http.Client{Timeout: metadataTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
			o.Retryer = aws.NopRetryer{}
		})
		cfg, err = config.LoadDefaultConfig(ctx, silent, config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = client }))
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
		return aws.Credentials{}, noCredentials(c.link(), err)
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

// links are those of the chain that somebody has chosen, by a variable or in a profile: no other one is asked then.
var links = map[aws.CredentialSource]string{
	aws.CredentialSourceEnvVarsSTSWebIDToken: "the web identity (AWS_WEB_IDENTITY_TOKEN_FILE) gives none",
	aws.CredentialSourceProfileSTSWebIDToken: "the profile's web_identity_token_file gives none",
	aws.CredentialSourceSSO:                  "the profile's SSO session gives none: sign in again (aws sso login)",
	aws.CredentialSourceSSOLegacy:            "the profile's SSO session gives none: sign in again (aws sso login)",
	aws.CredentialSourceLogin:                "the profile's session gives none: sign in again (aws login)",
	aws.CredentialSourceProcess:              "the profile's credential_process gives none",
	aws.CredentialSourceHTTP:                 "the container's service for credentials gives none",
	aws.CredentialSourceProfileNamedProvider: "the profile's credential_source gives none",
	aws.CredentialSourceSTSAssumeRole:        "the profile's role gives none",
}

// link says which link the chain leads to; empty if it tries the instance's, as it does where nobody has chosen one.
func (c chain) link() string {
	if origin, ok := c.inner.(aws.CredentialProviderSource); ok {
		for _, source := range origin.ProviderSources() {
			if link, known := links[source]; known {
				return link
			}
		}
	}
	return ""
}

// noCredentials keeps refusals of STS, which have a code, as they are, and so what may pass if the link is the right one: where
// none was chosen, silence means that there is none. Other texts of the chain may quote a profile's lines and are not repeated.
func noCredentials(link string, err error) error {
	var api smithy.APIError
	e := &awserror.Error{Cause: ErrNoCredentials, Detail: "neither environment, profile, web identity, container nor instance has any", Context: awserror.Ended(err)}
	if errors.As(err, &api) {
		e.Code = api.ErrorCode()
	}
	_, known := failures[e.Code]
	var file *fs.PathError
	switch {
	case known, link != "" && passing(err) && !ofHost(err):
		return err
	case link != "" && errors.As(err, &file):
		e.Detail = link + ": " + file.Error()
	case link != "":
		e.Detail = link
	}
	if answer := awserror.AnswerOf(err); passing(err) && (link != "" || answer != nil) {
		e.Cause = ErrNoneYet
		if link == "" {
			e.Detail = "the instance's metadata service gives none"
		}
		if answer != nil {
			e.Detail += fmt.Sprintf(": it answers with status %d", answer.Status)
		}
	}
	return e
}

// ofHost reports whether it was not a service of Amazon's that failed, but the instance's own, a container's, or a program.
func ofHost(err error) bool {
	service := ""
	for op := (*smithy.OperationError)(nil); errors.As(err, &op); err = op.Err { // a role's holds that of what it is assumed with
		service = op.ServiceID
	}
	return service == "" || service == imds.ServiceID
}

// passing reports whether a service may answer the next time.
func passing(err error) bool {
	var unsent *smithyhttp.RequestSendError
	answer := awserror.AnswerOf(err)
	return errors.As(err, &unsent) || awserror.Ended(err) != nil ||
		answer != nil && (answer.Status >= http.StatusInternalServerError || answer.Status == http.StatusTooManyRequests)
}
