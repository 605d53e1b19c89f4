package awsrole

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"consign/internal/awsclient"
	"consign/internal/awserror"
)

// role assumes a role. It is a provider of credentials, for a cache.
type role struct {
	input  sts.AssumeRoleInput
	client *sts.Client

	mu      sync.Mutex
	arn     string    // of the session, as STS names it; MinIO names none
	expires time.Time // the session's real end, before the cache moves it
}

func newRole(o Options, client *sts.Client) *role {
	r := &role{client: client, input: sts.AssumeRoleInput{
		RoleArn: &o.RoleARN, RoleSessionName: aws.String(cmp.Or(o.SessionName, "consign")), ExternalId: awsclient.Optional(o.ExternalID), Policy: awsclient.Optional(o.Policy),
	}}
	if o.Duration > 0 {
		r.input.DurationSeconds = aws.Int32(int32(o.Duration / time.Second)) // STS refuses more than 12 hours
	}
	return r
}

// Retrieve assumes the role anew.
func (r *role) Retrieve(ctx context.Context) (aws.Credentials, error) {
	out, err := r.client.AssumeRole(ctx, &r.input)
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.Credentials
	if c == nil || c.AccessKeyId == nil || c.SecretAccessKey == nil || c.SessionToken == nil || c.Expiration == nil {
		return aws.Credentials{}, &awserror.Error{Cause: ErrServer, Detail: "STS answered without credentials"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expires = *c.Expiration
	if out.AssumedRoleUser != nil && out.AssumedRoleUser.Arn != nil {
		r.arn = *out.AssumedRoleUser.Arn
	}
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		CanExpire: true, Expires: *c.Expiration, Source: "AssumeRole",
	}, nil
}

// HandleFailToRefresh goes on with the old session, which is renewed early, for as long as it really lasts: STS may be
// back by then. The next request tries again.
func (r *role) HandleFailToRefresh(_ context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	r.mu.Lock()
	old.Expires = r.expires
	r.mu.Unlock()
	if !old.HasKeys() || old.Expired() {
		return aws.Credentials{}, err
	}
	return old, nil
}

// Identity is who a session is, without anything secret.
type Identity struct {
	Account string // empty with stores that have none
	ARN     string
	Expires time.Time // zero: never
}

// Identity assumes the role, if that has not been done, and returns who we are. Plain keys are looked up with STS
// (GetCallerIdentity, which needs no right); a store's own STS may not know that question, and the identity is empty.
func (s *Session) Identity(ctx context.Context) (Identity, error) {
	c, err := s.cache.Retrieve(ctx)
	if err != nil {
		return Identity{}, s.o.fail("get credentials", err)
	}
	if s.role != nil {
		s.role.mu.Lock()
		defer s.role.mu.Unlock()
		id := Identity{ARN: cmp.Or(s.role.arn, s.o.RoleARN), Expires: s.role.expires}
		id.Account = accountOf(id.ARN)
		return id, nil
	}
	id := Identity{}
	if c.CanExpire {
		id.Expires = c.Expires
	}
	out, err := s.client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		err = s.o.fail("look up identity", err)
		var e *awserror.Error
		if s.o.STSEndpoint != "" && errors.As(err, &e) && notImplemented[e.Code] {
			return id, nil
		}
		return Identity{}, err
	}
	id.Account, id.ARN = aws.ToString(out.Account), aws.ToString(out.Arn)
	return id, nil
}

// notImplemented is how stores answer to GetCallerIdentity.
var notImplemented = map[string]bool{"InvalidAction": true, "NotImplemented": true, "MethodNotAllowed": true, "UnsupportedOperation": true, "InvalidParameterValue": true}

// accountOf returns the fifth field of an ARN.
func accountOf(arn string) string {
	if fields := strings.Split(arn, ":"); len(fields) > 4 {
		return fields[4]
	}
	return ""
}

// wrongExternalID is what nobody's trust policy should accept.
const wrongExternalID = "consign-probe-of-a-wrong-external-id"

// denyAll is the policy of a session that must not come to be.
const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

// VerifyExternalID tries to assume the role without the external ID, and with a wrong one. It returns nil if both are
// denied, and ErrOpenRole if one succeeds: then anybody who learns the role's ARN could have us write there for them.
// Any other failure is returned as it is; nothing has been verified then.
func VerifyExternalID(ctx context.Context, o Options) error {
	o = o.withDefaults()
	source, err := o.source(ctx)
	if err != nil {
		return err
	}
	o.Policy, o.Duration = denyAll, shortest
	for _, probe := range []struct{ id, text string }{{"", "without an external ID"}, {wrongExternalID, "with a wrong external ID"}} {
		o.ExternalID = probe.id
		_, err := newRole(o, o.newClient(source)).Retrieve(ctx)
		if err == nil {
			return fmt.Errorf("assume role %s %s: %w", o.RoleARN, probe.text, ErrOpenRole)
		}
		if err = o.fail("assume role "+o.RoleARN+" "+probe.text, err); !errors.Is(err, ErrDenied) || errors.Is(err, ErrOwnRole) {
			return err
		}
	}
	return nil
}

// shortest is the shortest session that STS gives.
const shortest = 15 * time.Minute
