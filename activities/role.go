package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// AssumeRoleInput says which role to try, and where.
type AssumeRoleInput struct {
	Target Target `json:"target"`
	TryKey string `json:"try_key"` // the key under which an upload is opened and aborted
	// Again says that the run has asked for the step before.
	Again bool `json:"again,omitempty"`
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
	ctx, end := watched(ctx, "AssumeRole")
	defer end()
	s.sessions.forget(sessionKey(in.Target)) // a retry is about what was mended meanwhile
	defer s.renew(in.Target)(&err)
	result, err := s.check(ctx, in, func(Check) {})
	if err != nil {
		s.probes.forget(in.Target.Credential)
		return AssumeRoleResult{}, err
	}
	if in.Again || activity.GetInfo(ctx).Attempt > 1 {
		in.Target.Upload.Region = result.Region
		s.abortTrials(ctx, in)
	}
	return result, nil
}

// abortTrials ends what earlier tries have opened without hearing so: Upload, which would find it, may never come. What cannot be
// looked for now is left to it all the same.
func (s *Steps) abortTrials(ctx context.Context, in AssumeRoleInput) {
	ctx, end := context.WithTimeout(ctx, abandonWithin)
	defer end()
	bucket, err := s.bucket(ctx, in.Target)
	if err == nil {
		err = bucket.AbortStrays(ctx, in.TryKey, "")
	}
	if err != nil {
		activity.GetLogger(ctx).Warn("uploads with which the rights were tried may be open", "error", err)
	}
}
