package activities

import (
	"context"
	"time"
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
	defer s.renew(in.Target)(&err)
	result, err := s.check(ctx, in, func(Check) {})
	if err != nil {
		s.probes.forget(in.Target.Credential)
		return AssumeRoleResult{}, err
	}
	return result, nil
}
