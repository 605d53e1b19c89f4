package activities

import (
	"context"
	"time"

	"consign/internal/awsrole"
)

// AssumeRoleInput says which role to try, and where.
type AssumeRoleInput struct {
	Target Target `json:"target"`
	TryKey string `json:"try_key"` // the key under which an upload is opened and aborted
}

// AssumeRoleResult says who we are at Amazon, and never with which keys.
type AssumeRoleResult struct {
	Account           string    `json:"account"`
	ARN               string    `json:"arn"`
	Region            string    `json:"region"`
	Expires           time.Time `json:"expires,omitzero"`
	ExternalIDChecked bool      `json:"external_id_checked"` // the role cannot be assumed without its external ID
}

// AssumeRole proves that the delivery can be made before any work is done for it: the role lets us in with its external
// ID and not without, the bucket is there, and an upload with the real settings may be opened. It leaves nothing behind.
func (s *Steps) AssumeRole(ctx context.Context, in AssumeRoleInput) (_ AssumeRoleResult, err error) {
	defer s.fail(ctx, "AssumeRole", &err)
	s.sessions.forget(sessionKey(in.Target)) // a retry is about what was mended meanwhile
	who, err := s.identity(ctx, in.Target)
	if err != nil {
		return AssumeRoleResult{}, err
	}
	result := AssumeRoleResult{Account: who.Account, ARN: who.ARN, Expires: who.Expires}
	if result.ExternalIDChecked, err = s.checkExternalID(ctx, in.Target); err != nil {
		return AssumeRoleResult{}, err
	}
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return AssumeRoleResult{}, err
	}
	result.Region = bucket.Region()
	return result, bucket.Try(ctx, in.TryKey)
}

// identity asks who we are. Keys of a store that has no STS of its own are nobody's business but that store's.
func (s *Steps) identity(ctx context.Context, t Target) (awsrole.Identity, error) {
	o, err := s.role(t)
	if err != nil {
		return awsrole.Identity{}, err
	}
	if o.RoleARN == "" && o.STSEndpoint == "" && t.Upload.Endpoint != "" {
		return awsrole.Identity{}, nil
	}
	session, err := s.session(ctx, t)
	if err != nil {
		return awsrole.Identity{}, err
	}
	return session.Identity(ctx)
}

// checkExternalID refuses a role that lets us in without its external ID: it would let anybody in who persuades us to
// name it (the confused deputy).
func (s *Steps) checkExternalID(ctx context.Context, t Target) (bool, error) {
	c, err := s.options.Config()
	if err != nil {
		return false, err
	}
	if check, err := c.VerifiesExternalID(t.Credential); err != nil || !check {
		return false, err
	}
	o, err := s.role(t)
	if err != nil {
		return false, err
	}
	return true, awsrole.VerifyExternalID(ctx, o)
}
