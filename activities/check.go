package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"consign/internal/awsrole"
	"consign/internal/config"
)

// The checks of AssumeRole, in the order in which they are made.
const (
	CheckCredentials = "credentials" // what we have to begin with
	CheckRole        = "role"        // it lets us in
	CheckExternalID  = "external_id" // and nobody else
	CheckRegion      = "region"      // the bucket is there
	CheckUpload      = "upload"      // an upload with the real settings may be opened, filled, listed and aborted
)

// How a check ended.
const (
	CheckOK      = "ok"
	CheckFailed  = "failed"
	CheckSkipped = "skipped" // there was nothing to check, and Message says why
)

// A Check is one thing that was tried before any work is done for a delivery, and what came of it.
type Check struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Message string   `json:"message"`
	Failure *Failure `json:"failure,omitempty"` // of a failed one
	Err     error    `json:"-"`                 // likewise
}

// FailedCheck is a check that ended with err, explained as the step's failure would be, but for what to do: whoever tries a
// destination has no run to retry.
func FailedCheck(name string, err error) Check {
	f, _ := explain("AssumeRole", err)
	f.Advice = strings.NewReplacer( // the longer words first
		parked, "",
		"retry with replan", "test again",
		"retry, with replan if the destination's settings have changed", "test again",
		"retry", "test again",
		"it is tried again", "a run tries it again",
	).Replace(f.Advice)
	return Check{Name: name, State: CheckFailed, Message: f.Message, Failure: &f, Err: err}
}

// CheckTarget makes the checks of AssumeRole outside of a run, and reports each as soon as it is made, with the failed
// one as the last. The external ID is always tried. The error is the failed check's.
func CheckTarget(ctx context.Context, c *config.Config, clock func() time.Time, in AssumeRoleInput, report func(Check)) (AssumeRoleResult, error) {
	s := New(Options{Config: func() (*config.Config, error) { return c, nil }, Clock: clock})
	return s.check(ctx, in, report)
}

// check is what AssumeRole does.
func (s *Steps) check(ctx context.Context, in AssumeRoleInput, report func(Check)) (AssumeRoleResult, error) {
	o, err := s.role(in.Target)
	if err != nil {
		report(FailedCheck(CheckCredentials, err))
		return AssumeRoleResult{}, err
	}
	who, err := s.checkIdentity(ctx, in.Target, o, report)
	if err != nil {
		return AssumeRoleResult{}, err
	}
	result := AssumeRoleResult{Account: who.Account, ARN: who.ARN, Expires: who.Expires}
	if result.ExternalIDChecked, err = s.checkExternalID(ctx, in.Target, o, report); err != nil {
		report(FailedCheck(CheckExternalID, err))
		return AssumeRoleResult{}, err
	}
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		report(FailedCheck(CheckRegion, err))
		return AssumeRoleResult{}, err
	}
	result.Region = bucket.Region()
	how := "found"
	if in.Target.Upload.Region != "" {
		how = "as the settings say"
	}
	report(Check{Name: CheckRegion, State: CheckOK, Message: fmt.Sprintf("%s: %s", result.Region, how)})
	if err := s.whose(in.Target, bucket.Try(ctx, in.TryKey)); err != nil {
		report(FailedCheck(CheckUpload, err))
		return result, err
	}
	report(Check{
		Name: CheckUpload, State: CheckOK,
		Message: "s3://" + in.Target.Upload.Bucket + "/" + in.TryKey + ": opened, sent one part, listed, aborted; nothing is left",
	})
	return result, nil
}

// checkIdentity tries what we have to begin with and, if there is one, the role: one question to STS answers both.
func (s *Steps) checkIdentity(ctx context.Context, t Target, o awsrole.Options, report func(Check)) (awsrole.Identity, error) {
	who, err := s.identity(ctx, t, o)
	if err != nil && ours(err) {
		report(FailedCheck(CheckCredentials, err))
		return who, err
	}
	report(Check{Name: CheckCredentials, State: CheckOK, Message: origin(o)})
	switch {
	case err != nil:
		report(FailedCheck(CheckRole, err))
	case o.RoleARN == "" && who.ARN == "":
		report(Check{Name: CheckRole, State: CheckSkipped, Message: "the keys are used as they are; the store has no STS that could say whose they are"})
	case o.RoleARN == "":
		report(Check{Name: CheckRole, State: CheckOK, Message: "the keys are those of " + who.ARN})
	default:
		report(Check{Name: CheckRole, State: CheckOK, Message: "assumed " + o.RoleARN + with(o)})
	}
	return who, err
}

// ours reports whether an error is about our own credentials: STS did not get as far as the role.
func ours(err error) bool {
	for _, cause := range []error{
		config.ErrSecret, awsrole.ErrOwnRole, awsrole.ErrNoCredentials, awsrole.ErrNoneYet, awsrole.ErrBadKey, awsrole.ErrSignature, awsrole.ErrExpired, awsrole.ErrClock,
	} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

func origin(o awsrole.Options) string {
	switch {
	case !o.AccessKeyID.IsZero():
		return "access key and secret are there"
	case o.Base != nil && o.Base.RoleARN != "":
		return "by way of " + o.Base.RoleARN
	case o.Base != nil:
		return origin(*o.Base)
	default:
		return "found by the AWS default chain"
	}
}

func with(o awsrole.Options) string {
	if o.ExternalID == "" {
		return ", without an external ID"
	}
	return " with the external ID"
}

// identity asks who we are. Where a store has no STS of its own nobody can say, and the identity is empty.
func (s *Steps) identity(ctx context.Context, t Target, o awsrole.Options) (awsrole.Identity, error) {
	if o.RoleARN == "" && o.STSEndpoint == "" && t.Upload.Endpoint != "" {
		return awsrole.Identity{}, nil
	}
	session, err := s.sessions.get(ctx, sessionKey(t), o)
	if err != nil {
		return awsrole.Identity{}, err
	}
	return session.Identity(ctx)
}

// checkExternalID refuses a role that lets us in without its external ID: it would let anybody in who persuades us to
// name it (the confused deputy). A role that was found shut is asked again a day later.
func (s *Steps) checkExternalID(ctx context.Context, t Target, o awsrole.Options, report func(Check)) (bool, error) {
	c, err := s.options.Config()
	if err != nil {
		return false, err
	}
	switch check, err := c.VerifiesExternalID(t.Credential); {
	case err != nil:
		return false, err
	case !check:
		report(Check{Name: CheckExternalID, State: CheckSkipped, Message: whyNot(o)})
		return false, nil
	}
	key := probeKey(t.Credential, o)
	if s.probes.fresh(key) {
		return true, nil
	}
	if err := awsrole.VerifyExternalID(ctx, o); err != nil {
		return true, err
	}
	s.probes.note(key)
	report(Check{Name: CheckExternalID, State: CheckOK, Message: "the role is refused to us without the external ID, and with a wrong one"})
	return true, nil
}

func whyNot(o awsrole.Options) string {
	switch {
	case o.RoleARN == "":
		return "there is no role"
	case o.ExternalID == "":
		return "there is no external ID"
	case o.STSEndpoint != "":
		return "a store's own STS may ignore external IDs; verify_external_id: true tries it all the same"
	default:
		return "verify_external_id is false"
	}
}
