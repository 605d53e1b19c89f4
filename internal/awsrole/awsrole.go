// Package awsrole is who we are at Amazon: keys, or the role of a customer, assumed with an external ID for one run.
//
// Sessions live in this process only. They are renewed in it well before they expire, and never leave it.
package awsrole

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"consign/internal/awsclient"
	"consign/internal/awserror"
	"consign/internal/secret"
)

// Options say who to be.
type Options struct {
	Region      string // of STS; empty: the first region of the role's partition
	STSEndpoint string // of an S3-compatible store; empty: Amazon's

	RoleARN     string // the role to assume; empty: the keys themselves
	ExternalID  string
	SessionName string // see SessionName
	Policy      string // see SessionPolicy; empty: all that the role may do
	Duration    time.Duration

	// Keys to begin with. Without them Base's session, and without that the AWS default chain.
	AccessKeyID, SecretAccessKey, SessionToken secret.Text
	Base                                       *Options
	Own                                        bool // the keys and the role are ours, and no customer's: errors say so

	HTTPClient *http.Client  // nil: one of our own
	Attempts   int           // tries of one request; 0: three
	Early      time.Duration // a session is renewed so long before it expires; 0: five minutes, less a random part
}

// Digest tells options apart: equal digests make equal sessions. It cannot be turned back into secrets, and still never leaves
// the process.
func (o Options) Digest() string {
	h := sha256.New()
	for at := &o; at != nil; at = at.Base {
		_, _ = fmt.Fprintf(h, "%q %q %q %q %q %q %d %q %q %q\n", at.Region, at.STSEndpoint, at.RoleARN, at.ExternalID, at.SessionName, at.Policy, at.Duration,
			at.AccessKeyID.Reveal(), at.SecretAccessKey.Reveal(), at.SessionToken.Reveal())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// AtAmazon reports whether the STS is Amazon's, be it by an endpoint of somebody's own network.
func (o Options) AtAmazon() bool {
	u, err := url.Parse(o.STSEndpoint)
	return o.STSEndpoint == "" || err == nil && strings.Contains(u.Hostname(), ".amazonaws.")
}

const (
	defaultRegion   = "us-east-1"
	defaultAttempts = 3
	// defaultEarly is longer than any single request but a part of gigabytes takes: S3 checks a session when a request
	// begins. Sessions of 15 minutes, the shortest, still last ten.
	defaultEarly = 5 * time.Minute
	// jitter keeps many runs from renewing at one moment.
	jitter = 0.5
)

// A Session is an identity. It is safe for concurrent use.
type Session struct {
	o      Options
	role   *role // nil: keys
	cache  *aws.CredentialsCache
	client *sts.Client // with the session's own credentials
}

// New prepares the session; it asks nobody. The first use assumes the role: Identity, or a request to S3.
func New(ctx context.Context, o Options) (*Session, error) {
	o = o.withDefaults()
	source, err := o.source(ctx)
	if err != nil {
		return nil, err
	}
	s := &Session{o: o}
	if o.RoleARN == "" {
		s.cache = aws.NewCredentialsCache(source)
	} else {
		s.role = newRole(o, o.newClient(source))
		s.cache = aws.NewCredentialsCache(s.role, func(c *aws.CredentialsCacheOptions) {
			c.ExpiryWindow, c.ExpiryWindowJitterFrac = o.Early, jitter
		})
	}
	s.client = o.newClient(s.Credentials())
	return s, nil
}

func (o Options) withDefaults() Options {
	o.Region = cmp.Or(o.Region, PartitionRegion(o.RoleARN))
	o.Attempts = cmp.Or(o.Attempts, defaultAttempts)
	o.Early = cmp.Or(o.Early, defaultEarly)
	if o.HTTPClient == nil {
		o.HTTPClient = awsclient.NewAPI(httpTimeout)
	}
	return o
}

// PartitionRegion returns a region in which STS knows a role, and whoever may assume it.
func PartitionRegion(arn string) string {
	switch Partition(arn) {
	case "aws-cn":
		return "cn-north-1"
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-eusc":
		return "eusc-de-east-1"
	}
	return defaultRegion
}

// everywhere are the regions that every account of their partition has. The others, and all that come, an account has to opt
// into: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
var everywhere = []string{
	"us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1",
	"eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
	"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
	"cn-north-1", "cn-northwest-1",
}

// regionName is how the regions are called that there may be a choice about: those of governments have four words.
var regionName = regexp.MustCompile(`^[a-z]{2}-[a-z]+-\d+$`)

// Beside returns the options with a region, if they have none: the bucket's, unless that is one that accounts have to opt into.
// The bucket's account has, but if ours has not, Amazon's STS there does not know our keys. Sessions are good in all regions.
func (o Options) Beside(bucket string) Options {
	switch {
	case o.Region != "":
	case o.STSEndpoint == "" && regionName.MatchString(bucket) && !slices.Contains(everywhere, bucket):
		o.Region = defaultRegion
	default:
		o.Region = bucket
	}
	return o
}

// source returns what we are before any role.
func (o Options) source(ctx context.Context) (aws.CredentialsProvider, error) {
	switch {
	case !o.AccessKeyID.IsZero():
		return credentials.NewStaticCredentialsProvider(o.AccessKeyID.Reveal(), o.SecretAccessKey.Reveal(), o.SessionToken.Reveal()), nil
	case o.Base != nil:
		base, err := New(ctx, *o.Base)
		if err != nil {
			return nil, err
		}
		return base.Credentials(), nil
	}
	return newChain(ctx)
}

// Credentials returns the session's keys, cached and renewed. Its errors are this package's and hold no secret.
func (s *Session) Credentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		c, err := s.cache.Retrieve(ctx)
		if err != nil {
			return aws.Credentials{}, s.o.fail("get credentials", err)
		}
		return c, nil
	})
}

// httpTimeout bounds a try. STS answers within a second, or something is wrong.
const httpTimeout = 15 * time.Second

func (o Options) newClient(creds aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{
		Region: o.Region, BaseEndpoint: awsclient.Optional(o.STSEndpoint), Credentials: awserror.Marked(creds),
		HTTPClient: o.HTTPClient, Retryer: awsclient.Retryer(o.Attempts), APIOptions: []func(*middleware.Stack) error{readBareErrors},
	})
}
