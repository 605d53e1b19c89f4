package activities

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/config"
	"consign/internal/devstack/trust"
	"consign/internal/encrypt"
	"consign/internal/upload"
)

const (
	shutRole = "arn:aws:iam::210987654321:role/consign"
	openRole = "arn:aws:iam::210987654321:role/open"
)

// A stage for AssumeRole: an STS that honours trust policies, and an S3 that refuses everything.
type stage struct {
	sts    *trust.STS
	config *config.Config
	now    time.Time
	target Target
	code   string // of the store's refusal
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{code: "AccessDenied", now: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)}
	s.sts = trust.New(trust.Options{
		Users: []trust.User{{ARN: "arn:aws:iam::111122223333:user/consign", Key: "AKIAPLATFORM", Secret: "platform-secret"}},
		Roles: []trust.Role{{ARN: shutRole, ExternalID: "the-right-one"}},
	})
	sts := httptest.NewServer(s.sts)
	t.Cleanup(sts.Close)
	s3 := httptest.NewServer(http.HandlerFunc(s.refuses))
	t.Cleanup(s3.Close)
	path := filepath.Join(t.TempDir(), "consign.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
credentials:
  - {name: keys, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: SECRET}}
  - {name: acme, type: iam-role-to-role, base: keys, role_arn: "`+shutRole+`", external_id: the-right-one, sts_endpoint: "`+sts.URL+`", verify_external_id: true}
`), 0o600))
	c, problems, err := config.Load(path, func(name string) (string, bool) {
		value, ok := map[string]string{"ID": "AKIAPLATFORM", "SECRET": "platform-secret"}[name]
		return value, ok
	})
	require.NoError(t, err)
	require.NoError(t, problems.Err())
	s.config = c
	s.target = Target{
		Run: "run", Orchestration: "weekly", Credential: "acme", Prefix: "in",
		Upload: upload.Options{Bucket: "acme-inbound", Region: "us-east-1", Endpoint: s3.URL, PathStyle: true, Attempts: 1},
	}
	return s
}

// refuses answers as S3 does to somebody who may nothing, or as STS.
func (s *stage) refuses(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusForbidden)
	answer := `<Error><Code>%s</Code><Message>No.</Message></Error>`
	if r.URL.Path == "/" {
		answer = `<ErrorResponse>` + answer + `</ErrorResponse>`
	}
	fmt.Fprintf(w, answer, s.code)
}

// stsSays has STS refuse whatever it is asked.
func (s *stage) stsSays(code string) {
	s.config.Credentials[1].STSEndpoint, s.code = s.target.Upload.Endpoint, code
}

// read has other keys read for the platform.
func (s *stage) read(id, secret string) {
	keys := &s.config.Credentials[0]
	keys.AccessKeyID, keys.SecretAccessKey = config.Secret{Inline: id}, config.Secret{Inline: secret}
}

// ended is what becomes of a step's error before it is explained.
func (s *stage) ended(err error) error {
	s.steps().renew(s.target)(&err)
	return err
}

func (s *stage) steps() *Steps {
	return New(Options{Config: func() (*config.Config, error) { return s.config, nil }, Clock: func() time.Time { return s.now }})
}

// probed counts how often the role was asked for without its external ID.
func (s *stage) probed() int {
	n := 0
	for _, c := range s.sts.Calls() {
		if c.Action == "AssumeRole" && c.ExternalID == "" {
			n++
		}
	}
	return n
}

func (s *stage) check(t *testing.T, steps *Steps, refused error) {
	t.Helper()
	o, err := steps.role(s.target)
	require.NoError(t, err)
	require.NotEmpty(t, o.Policy)
	_, err = steps.checkExternalID(t.Context(), s.target, o, func(Check) {})
	if refused != nil {
		require.ErrorIs(t, err, refused)
		return
	}
	require.NoError(t, err)
}

func TestTheSessionIsAskedForInThePartitionOfTheRole(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for role, want := range map[string]string{
		shutRole: "arn:aws:s3:::acme-inbound/in/*",
		"arn:aws-us-gov:iam::210987654321:role/consign": "arn:aws-us-gov:s3:::acme-inbound/in/*",
		"arn:aws-cn:iam::210987654321:role/consign":     "arn:aws-cn:s3:::acme-inbound/in/*",
	} {
		s.config.Credentials[1].RoleARN = role
		for _, key := range []string{"", "alias/acme"} {
			s.target.Upload.KMSKeyID = key
			o, err := s.steps().role(s.target)
			require.NoError(t, err)
			require.Contains(t, o.Policy, want)
		}
	}
}

func TestTheExternalIDIsProbedOnceADay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	steps := s.steps()
	for range 3 {
		s.check(t, steps, nil)
	}
	require.Equal(t, 1, s.probed())
	s.now = s.now.Add(probeEvery - time.Second)
	s.check(t, steps, nil)
	require.Equal(t, 1, s.probed())
	s.now = s.now.Add(time.Second)
	s.check(t, steps, nil)
	require.Equal(t, 2, s.probed())
	s.check(t, s.steps(), nil) // another worker asks for itself
	require.Equal(t, 3, s.probed())
}

func TestARoleThatWasFoundOpenIsProbedAtEveryTry(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	steps := s.steps()
	s.sts.SetRole(trust.Role{ARN: shutRole})
	s.check(t, steps, awsrole.ErrOpenRole)
	s.check(t, steps, awsrole.ErrOpenRole)
	require.Equal(t, 2, s.probed())
	s.sts.SetRole(trust.Role{ARN: shutRole, ExternalID: "the-right-one"})
	s.check(t, steps, nil)
	s.check(t, steps, nil)
	require.Equal(t, 3, s.probed())
}

func TestAChangedExternalIDIsAnotherProbe(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	steps := s.steps()
	s.check(t, steps, nil)
	s.sts.SetRole(trust.Role{ARN: shutRole, ExternalID: "another-one"})
	s.config.Credentials[1].ExternalID = "another-one"
	s.check(t, steps, nil)
	require.Equal(t, 2, s.probed())
}

func TestARetryAfterAnyRefusalProbesAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	steps := s.steps()
	env := newEnvironment(steps)
	for want := range 2 {
		_, err := env.ExecuteActivity(steps.AssumeRole, AssumeRoleInput{Target: s.target, TryKey: "in/try"})
		require.ErrorContains(t, err, "access denied")
		require.Equal(t, want+1, s.probed())
	}
}

func TestOnlyWhatTheCustomerHasIsTheCustomersToMend(t *testing.T) {
	t.Parallel()
	const other = "AKIAOTHER"
	for name, tc := range map[string]struct {
		spoil       func(*stage)
		check, kind string
		want        Attribution
	}{
		"our key, with which their role is asked for": {func(s *stage) { s.read(other, "platform-secret") }, CheckCredentials, "AccessKeyUnknown", Platform},
		"our secret": {func(s *stage) { s.read("AKIAPLATFORM", "another") }, CheckCredentials, "SecretKeyWrong", Platform},
		"the role in between": {func(s *stage) {
			s.config.Credentials[0].RoleARN, s.config.Credentials[0].STSEndpoint = shutRole+"s", s.config.Credentials[1].STSEndpoint
		}, CheckCredentials, "RoleDenied", Platform},
		"our key, whose time is up":             {func(s *stage) { s.stsSays("ExpiredToken") }, CheckCredentials, "CredentialsExpired", Platform},
		"our clock":                             {func(s *stage) { s.stsSays("RequestExpired") }, CheckCredentials, "ClockWrong", Platform},
		"our identity, which STS does not take": {func(s *stage) { s.stsSays("InvalidIdentityToken") }, CheckCredentials, "NoCredentials", Platform},
		"their role":                            {func(s *stage) { s.config.Credentials[1].ExternalID = "another" }, CheckRole, "RoleDenied", Customer},
		"the key that they gave us": {func(s *stage) {
			s.target.Credential, s.config.Credentials[0].STSEndpoint = "keys", s.config.Credentials[1].STSEndpoint
			s.read(other, "platform-secret")
		}, CheckCredentials, "AccessKeyUnknown", Customer},
		"the key that they gave us, at the store": {func(s *stage) { s.target.Credential, s.code = "keys", "InvalidAccessKeyId" }, CheckUpload, "AccessKeyUnknown", Customer},
		"the session of the role":                 {func(s *stage) { s.code = "InvalidAccessKeyId" }, CheckUpload, "AccessKeyUnknown", Configuration},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			tc.spoil(s)
			reported := 0
			_, err := s.steps().check(t.Context(), AssumeRoleInput{Target: s.target, TryKey: "in/try"}, func(c Check) {
				if c.State == CheckFailed {
					reported++
					require.Equal(t, tc.check, c.Name, c.Message)
					require.Equal(t, tc.kind, c.Failure.Type, c.Message)
					require.Equal(t, tc.want, c.Failure.Attribution, c.Message)
				}
			})
			require.Error(t, err)
			require.Equal(t, 1, reported)
			failed, _ := explain("Upload", s.ended(err))
			require.Equal(t, tc.want, failed.Attribution, "and so it is when a run's step has failed")
			require.LessOrEqual(t, strings.Count(failed.Message, errSession.Error()), 1, failed.Message)
		})
	}
}

// What follows a delivery is asked as one of us, whatever kind of credential that is.
func TestWhoeverAsksAfterADeliveryIsOneOfUs(t *testing.T) {
	t.Parallel()
	for kind, spoil := range map[string]func(*stage){
		"RoleDenied":       func(s *stage) { s.config.Credentials[1].ExternalID = "another" },
		"AccessKeyUnknown": func(s *stage) { s.read("AKIAOTHER", "platform-secret") },
	} {
		s := newStage(t)
		spoil(s)
		creds, err := s.steps().asker(t.Context(), s.target, "acme")
		require.NoError(t, err)
		_, err = creds.Retrieve(t.Context())
		require.Error(t, err)
		failed, _ := explain("InvokeLambda", err)
		require.Equal(t, kind, failed.Type)
		require.Equal(t, Platform, failed.Attribution)
	}
}

func TestWhatWasTriedIsToldInWords(t *testing.T) {
	t.Parallel()
	no := false
	for name, c := range map[string]struct {
		change                        func(keys, role *config.Credential, target *Target)
		credentials, role, externalID string
	}{
		"a role": {
			func(*config.Credential, *config.Credential, *Target) {},
			"ok: access key and secret are there", "ok: assumed " + shutRole + " with the external ID", "ok: the role is refused to us without the external ID, and with a wrong one",
		},
		"a role by way of one of ours": {
			func(keys, role *config.Credential, _ *Target) {
				keys.RoleARN, keys.ExternalID, keys.STSEndpoint = shutRole, "the-right-one", role.STSEndpoint
			},
			"ok: by way of " + shutRole, "ok: assumed " + shutRole + " with the external ID", "ok: the role is refused to us without the external ID, and with a wrong one",
		},
		"a role of which nobody is to try the external ID": {
			func(_, role *config.Credential, _ *Target) { role.VerifyExternalID = &no },
			"ok: access key and secret are there", "ok: assumed " + shutRole + " with the external ID",
			"skipped: a store's own STS may ignore external IDs; verify_external_id: true tries it all the same",
		},
		"a role of keys that they gave us": {
			func(keys, role *config.Credential, target *Target) {
				keys.RoleARN, keys.STSEndpoint, target.Credential = openRole, role.STSEndpoint, "keys"
			},
			"ok: access key and secret are there", "ok: assumed " + openRole + ", without an external ID", "skipped: there is no external ID",
		},
		"keys of a store": {
			func(_, _ *config.Credential, target *Target) { target.Credential = "keys" },
			"ok: access key and secret are there", "skipped: the keys are used as they are; the store has no STS that could say whose they are", "skipped: there is no role",
		},
		"keys of a store that has an STS": {
			func(keys, role *config.Credential, target *Target) {
				target.Credential, keys.STSEndpoint = "keys", role.STSEndpoint
			},
			"ok: access key and secret are there", "ok: the keys are those of arn:aws:iam::111122223333:user/consign", "skipped: there is no role",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.sts.SetRole(trust.Role{ARN: openRole})
			c.change(&s.config.Credentials[0], &s.config.Credentials[1], &s.target)
			told := map[string]string{}
			_, err := s.steps().check(t.Context(), AssumeRoleInput{Target: s.target, TryKey: "in/try"}, func(c Check) { told[c.Name] = c.State + ": " + c.Message })
			require.ErrorIs(t, err, upload.ErrAccessDenied)
			delete(told, CheckUpload)
			require.Equal(t, map[string]string{
				CheckCredentials: c.credentials, CheckRole: c.role, CheckExternalID: c.externalID, CheckRegion: "ok: us-east-1: as the settings say",
			}, told)
		})
	}
}

func TestChecksAreReportedInOrderUntilOneFails(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	var got []Check
	run := func() error {
		got = nil
		_, err := CheckTarget(context.WithoutCancel(t.Context()), s.config, func() time.Time { return s.now },
			AssumeRoleInput{Target: s.target, TryKey: "in/try"}, func(c Check) { got = append(got, c) })
		return err
	}
	require.ErrorIs(t, run(), upload.ErrAccessDenied)
	names := []string{}
	for _, c := range got {
		names = append(names, c.Name+" "+c.State)
		require.NotEmpty(t, c.Message)
		require.NotContains(t, c.Message, "platform-secret")
	}
	require.Equal(t, []string{"credentials ok", "role ok", "external_id ok", "region ok", "upload failed"}, names)
	require.Equal(t, "AccessDenied", got[4].Failure.Type)

	s.sts.SetRole(trust.Role{ARN: shutRole, ExternalID: "another-one"})
	require.ErrorIs(t, run(), awsrole.ErrDenied)
	require.Len(t, got, 2)
	require.Equal(t, "RoleDenied", got[1].Failure.Type)

	s.config.Credentials[0].SecretAccessKey = config.Secret{File: filepath.Join(t.TempDir(), "nowhere")}
	require.ErrorIs(t, run(), config.ErrSecret)
	require.Len(t, got, 1)
	require.Equal(t, CheckCredentials, got[0].Name)
}

// TestWhoeverTriesADestinationIsNotToldToRetryARun: there is none.
func TestWhoeverTriesADestinationIsNotToldToRetryARun(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		config.ErrSecret, encrypt.ErrKey, errSession, errKeyChanged,
		awsrole.ErrOpenRole, awsrole.ErrOwnRole, awsrole.ErrDenied, awsrole.ErrNoCredentials, awsrole.ErrNoneYet, awsrole.ErrOwnKey, awsrole.ErrBadKey, awsrole.ErrOwnSecret,
		awsrole.ErrSignature, awsrole.ErrClock, awsrole.ErrExpired, awsrole.ErrPolicy, awsrole.ErrRegion, awsrole.ErrRefused, awsrole.ErrServer, awsrole.ErrOther,
		awsrole.ErrThrottled, awsrole.ErrUnreachable,
		upload.ErrBadKey, upload.ErrSignature, upload.ErrClock, upload.ErrExpired, upload.ErrKMS, upload.ErrAccessDenied, upload.ErrNoSuchBucket, upload.ErrWrongRegion,
		upload.ErrRefused, upload.ErrThrottled, upload.ErrUnreachable, upload.ErrBusy, upload.ErrServer, upload.ErrOther, errors.New("of no known kind"),
	} {
		advice := FailedCheck(CheckUpload, err).Failure.Advice
		require.NotEmpty(t, advice)
		require.NotRegexp(t, "retry|replan|it is tried again", advice)
	}
	require.Equal(t, "See whether the bucket was renamed or deleted; correct the destination and test again, or ask the customer to make it and test again.",
		FailedCheck(CheckUpload, upload.ErrNoSuchBucket).Failure.Advice)
}

// TestAParkedRunIsNotSaidToBeTriedAgain: only a person lets it go on.
func TestAParkedRunIsNotSaidToBeTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range causes {
		if !c.permanent && (strings.Contains(c.advice, "tried again") || strings.HasPrefix(c.advice, "Nothing")) {
			require.Regexp(t, "parked.*retry", c.advice)
		}
	}
}
