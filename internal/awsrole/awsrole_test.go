package awsrole_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/devstack"
	"consign/internal/devstack/trust"
	"consign/internal/secret"
)

// store is the MinIO of all tests of this package.
var store *devstack.S3 //nolint:gochecknoglobals // set once by TestMain

func TestMain(m *testing.M) {
	os.Exit(func() int {
		// The default chain is asked for on a host that has nothing to offer.
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
			os.Unsetenv(name)
		}
		var err error
		store, err = devstack.StartS3(context.Background(), devstack.S3Options{Log: os.Stderr})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = store.Stop() }()
		return m.Run()
	}())
}

const (
	roleARN  = "arn:aws:iam::210987654321:role/consign"
	baseARN  = "arn:aws:iam::123456789012:role/base"
	external = "the-external-id-7b9f"
	keyID    = "AKIATESTTESTTESTTEST"
	keyValue = "the-very-secret-access-key/0123456789+A"
)

// newSTS starts an STS of the tests, which honours trust policies and external IDs as Amazon's does and MinIO's does
// not.
func newSTS(t *testing.T, roles ...trust.Role) (*trust.STS, string) {
	t.Helper()
	sts := trust.New(trust.Options{
		Users: []trust.User{{ARN: "arn:aws:iam::123456789012:user/consign", Key: keyID, Secret: keyValue}},
		Roles: append([]trust.Role{{ARN: roleARN, ExternalID: external}}, roles...),
	})
	server := httptest.NewServer(sts)
	t.Cleanup(server.Close)
	return sts, server.URL
}

func keys(endpoint string) awsrole.Options {
	return awsrole.Options{STSEndpoint: endpoint, AccessKeyID: secret.New(keyID), SecretAccessKey: secret.New(keyValue), Attempts: 1}
}

func role(endpoint string) awsrole.Options {
	o := keys(endpoint)
	o.RoleARN, o.ExternalID = roleARN, external
	o.SessionName = awsrole.SessionName("run-1", "vips weekly")
	return o
}

func TestARoleIsAssumedOnceWithAllThatWasAsked(t *testing.T) {
	t.Parallel()
	sts, endpoint := newSTS(t)
	o := role(endpoint)
	o.Duration, o.Policy = 30*time.Minute, awsrole.SessionPolicy("acme", "upload", "")
	s, err := awsrole.New(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, sts.Calls(), "New asks nobody")

	id, err := s.Identity(t.Context())
	require.NoError(t, err)
	require.Equal(t, "210987654321", id.Account)
	require.Equal(t, "arn:aws:sts::210987654321:assumed-role/consign/vips-weekly@run-1", id.ARN)
	require.WithinDuration(t, time.Now().Add(30*time.Minute), id.Expires, time.Minute)

	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			_, err := s.Credentials().Retrieve(t.Context())
			require.NoError(t, err)
		})
	}
	wait.Wait()
	calls := sts.Calls()
	require.Len(t, calls, 1)
	require.Equal(t, external, calls[0].ExternalID)
	require.Equal(t, o.Policy, calls[0].Policy)
	require.Equal(t, "vips-weekly@run-1", calls[0].SessionName)
}

func TestKeysAreLookedUp(t *testing.T) {
	t.Parallel()
	_, endpoint := newSTS(t)
	s, err := awsrole.New(t.Context(), keys(endpoint))
	require.NoError(t, err)
	id, err := s.Identity(t.Context())
	require.NoError(t, err)
	require.Equal(t, awsrole.Identity{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/consign"}, id)
}

func TestARoleIsAssumedFromAnotherRole(t *testing.T) {
	t.Parallel()
	sts, endpoint := newSTS(t, trust.Role{ARN: baseARN})
	sts.SetRole(trust.Role{ARN: roleARN, ExternalID: external, Trusts: []string{baseARN}})
	base := keys(endpoint)
	base.RoleARN = baseARN
	o := awsrole.Options{STSEndpoint: endpoint, RoleARN: roleARN, ExternalID: external, Base: &base, Attempts: 1}
	s, err := awsrole.New(t.Context(), o)
	require.NoError(t, err)
	id, err := s.Identity(t.Context())
	require.NoError(t, err)
	require.Equal(t, "210987654321", id.Account)

	_, err = identityOf(t, role(endpoint))
	require.ErrorIs(t, err, awsrole.ErrDenied, "the keys themselves are not trusted")
	sts.RemoveRole(baseARN)
	_, err = identityOf(t, o)
	require.ErrorIs(t, err, awsrole.ErrDenied)
	require.ErrorContains(t, err, baseARN, "it says which role")
}

func identityOf(t *testing.T, o awsrole.Options) (awsrole.Identity, error) {
	t.Helper()
	s, err := awsrole.New(t.Context(), o)
	if err != nil {
		return awsrole.Identity{}, err
	}
	return s.Identity(t.Context())
}

func TestEveryFailureHasAName(t *testing.T) {
	t.Parallel()
	_, endpoint := newSTS(t)
	for name, tc := range map[string]struct {
		change func(*awsrole.Options)
		want   error
	}{
		"another external ID":      {func(o *awsrole.Options) { o.ExternalID = "another" }, awsrole.ErrDenied},
		"no external ID":           {func(o *awsrole.Options) { o.ExternalID = "" }, awsrole.ErrDenied},
		"a role that is not there": {func(o *awsrole.Options) { o.RoleARN += "s" }, awsrole.ErrDenied},
		"a key that is not known":  {func(o *awsrole.Options) { o.AccessKeyID = secret.New("AKIAOTHEROTHEROTHER0") }, awsrole.ErrBadKey},
		"another secret":           {func(o *awsrole.Options) { o.SecretAccessKey = secret.New("another-secret") }, awsrole.ErrSignature},
		"a policy that is too long": {func(o *awsrole.Options) {
			o.Policy = `{"Version":"2012-10-17","Statement":[` + strings.Repeat(" ", 2048) + `]}`
		}, awsrole.ErrRefused},
		"a duration that the role does not allow": {func(o *awsrole.Options) { o.Duration = 12 * time.Hour }, awsrole.ErrRefused},
		"no name of the host":                     {func(o *awsrole.Options) { o.STSEndpoint = "http://sts.invalid" }, awsrole.ErrUnreachable},
		"nobody listens":                          {func(o *awsrole.Options) { o.STSEndpoint = "http://127.0.0.1:1" }, awsrole.ErrUnreachable},
		"TLS where there is none":                 {func(o *awsrole.Options) { o.STSEndpoint = strings.Replace(endpoint, "http:", "https:", 1) }, awsrole.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := role(endpoint)
			tc.change(&o)
			_, err := identityOf(t, o)
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, "assume role "+o.RoleARN)
			requireNoSecret(t, err, o)
		})
	}
}

// answering is an STS that refuses everything with one code, repeats in its message what identifies the caller, and
// believes that it is another time.
func answering(t *testing.T, status int, code string, ahead time.Duration) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>about %s %s</Message></Error></ErrorResponse>`,
			code, r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEveryCodeHasAName(t *testing.T) {
	t.Parallel()
	for code, tc := range map[string]struct {
		status int
		ahead  time.Duration
		want   error
	}{
		"AccessDenied":                {403, 0, awsrole.ErrDenied},
		"InvalidClientTokenId":        {403, 0, awsrole.ErrBadKey},
		"UnrecognizedClientException": {400, 0, awsrole.ErrBadKey},
		"SignatureDoesNotMatch":       {403, 0, awsrole.ErrSignature},
		"InvalidSignatureException":   {403, time.Hour, awsrole.ErrClock},
		"RequestExpired":              {400, 0, awsrole.ErrClock},
		"ExpiredToken":                {403, 0, awsrole.ErrExpired},
		"ExpiredTokenException":       {400, 0, awsrole.ErrExpired},
		"MalformedPolicyDocument":     {400, 0, awsrole.ErrPolicy},
		"PackedPolicyTooLarge":        {400, 0, awsrole.ErrPolicy},
		"RegionDisabledException":     {403, 0, awsrole.ErrRegion},
		"ValidationError":             {400, 0, awsrole.ErrRefused},
		"Throttling":                  {400, 0, awsrole.ErrThrottled},
		"InternalFailure":             {500, 0, awsrole.ErrServer},
		"SomethingNew":                {400, 0, awsrole.ErrOther},
		"SomethingNew5":               {503, 0, awsrole.ErrServer},
		"SomethingNew4":               {429, 0, awsrole.ErrThrottled},
		"SomethingNew3":               {403, 0, awsrole.ErrDenied},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			o := role(answering(t, tc.status, code, tc.ahead))
			o.SessionToken = secret.New("the-session-token-of-the-base")
			_, err := identityOf(t, o)
			require.ErrorIs(t, err, tc.want)
			requireNoSecret(t, err, o)
			var hint interface{ RetryAfter() time.Duration }
			require.ErrorAs(t, err, &hint)
			require.Equal(t, 7*time.Second, hint.RetryAfter())
			var e *awsrole.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, code, e.Code)
		})
	}
}

// requireNoSecret looks into the whole chain: Temporal keeps all of it.
func requireNoSecret(t *testing.T, err error, o awsrole.Options) {
	t.Helper()
	for _, text := range texts(err) {
		for _, s := range []secret.Text{o.AccessKeyID, o.SecretAccessKey, o.SessionToken} {
			if !s.IsZero() {
				require.NotContains(t, text, s.Reveal())
			}
		}
		require.NotContains(t, text, "Signature=")
	}
	var sdk smithy.APIError
	require.False(t, errors.As(err, &sdk), "the SDK's own error is in the chain")
}

func texts(err error) []string {
	if err == nil {
		return nil
	}
	all := []string{fmt.Sprintf("%+v", err)}
	switch e := err.(type) { //nolint:errorlint // walks the chain itself
	case interface{ Unwrap() error }:
		all = append(all, texts(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, texts(inner)...)
		}
	}
	return all
}

func TestTheSessionPolicyIsHonoured(t *testing.T) {
	t.Parallel()
	bucket := fmt.Sprintf("policy-%x", rand.Uint64())
	require.NoError(t, store.MakeBucket(t.Context(), bucket))
	s, err := awsrole.New(t.Context(), awsrole.Options{
		STSEndpoint: store.Endpoint, AccessKeyID: secret.New(store.AccessKey), SecretAccessKey: secret.New(store.SecretKey),
		RoleARN: roleARN, Policy: awsrole.SessionPolicy(bucket, "upload", ""), Duration: 15 * time.Minute,
	})
	require.NoError(t, err)
	id, err := s.Identity(t.Context())
	require.NoError(t, err)
	require.Equal(t, "210987654321", id.Account)
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &store.Endpoint, UsePathStyle: true, Credentials: s.Credentials(),
	})
	key := func(k string) *string { return &k }

	for name, tc := range map[string]struct {
		do      func(ctx context.Context) error
		allowed bool
	}{
		"writing under the prefix": {func(ctx context.Context) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key("upload/a.csv")})
			return err
		}, true},
		"an upload under the prefix": {func(ctx context.Context) error {
			out, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: key("upload/b.csv")})
			if err != nil {
				return err
			}
			_, err = client.ListParts(ctx, &s3.ListPartsInput{Bucket: &bucket, Key: key("upload/b.csv"), UploadId: out.UploadId})
			if err != nil {
				return err
			}
			_, err = client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: key("upload/b.csv")})
			if err != nil {
				return err
			}
			_, err = client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: key("upload/b.csv"), UploadId: out.UploadId})
			return err
		}, true},
		"listing the prefix": {func(ctx context.Context) error {
			_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: key("upload/a.csv")})
			return err
		}, true},
		"writing under another prefix": {func(ctx context.Context) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key("other/a.csv")})
			return err
		}, false},
		"writing beside the prefix": {func(ctx context.Context) error {
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: key("uploads.csv")})
			return err
		}, false},
		"listing another prefix": {func(ctx context.Context) error {
			_, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: key("other")})
			return err
		}, false},
		"deleting": {func(ctx context.Context) error {
			_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: key("upload/a.csv")})
			return err
		}, false},
		"making a bucket": {func(ctx context.Context) error {
			_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: key("another-bucket")})
			return err
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.do(t.Context())
			if tc.allowed {
				require.NoError(t, err)
				return
			}
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			require.Equal(t, "AccessDenied", api.ErrorCode())
		})
	}
}

func TestKeysOfAStoreWhoseSTSKnowsNoIdentityHaveNone(t *testing.T) {
	t.Parallel()
	id, err := identityOf(t, awsrole.Options{
		STSEndpoint: store.Endpoint, AccessKeyID: secret.New(store.AccessKey), SecretAccessKey: secret.New(store.SecretKey), Attempts: 1,
	})
	require.NoError(t, err)
	require.Equal(t, awsrole.Identity{}, id)
}

func TestVerifyExternalIDFindsOpenRoles(t *testing.T) {
	t.Parallel()
	sts, endpoint := newSTS(t, trust.Role{ARN: baseARN})
	require.NoError(t, awsrole.VerifyExternalID(t.Context(), role(endpoint)))
	for _, call := range sts.Calls() {
		require.NotEqual(t, external, call.ExternalID)
		require.Contains(t, call.Policy, "Deny", "a session that comes to be by mistake may do nothing")
	}
	require.Len(t, sts.Calls(), 2)

	open := role(endpoint)
	open.RoleARN = baseARN
	err := awsrole.VerifyExternalID(t.Context(), open)
	require.ErrorIs(t, err, awsrole.ErrOpenRole)
	require.ErrorContains(t, err, baseARN)

	wrong := role(endpoint)
	wrong.SecretAccessKey = secret.New("another")
	require.ErrorIs(t, awsrole.VerifyExternalID(t.Context(), wrong), awsrole.ErrSignature, "nothing is verified by a failure")
	away := role("http://127.0.0.1:1")
	require.ErrorIs(t, awsrole.VerifyExternalID(t.Context(), away), awsrole.ErrUnreachable)
}

// gate is an STS in front of the tests' own that can be shut.
func gate(t *testing.T, roles ...trust.Role) (sts *trust.STS, endpoint string, shut func(bool)) {
	t.Helper()
	sts, behind := newSTS(t, roles...)
	var mu sync.Mutex
	closed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		sts.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	_ = behind
	return sts, server.URL, func(b bool) { mu.Lock(); closed = b; mu.Unlock() }
}

func TestASessionIsRenewedBeforeItExpiresAndUsedWhileItLasts(t *testing.T) {
	t.Parallel()
	sts, endpoint, shut := gate(t)
	o := role(endpoint)
	// The session lasts 15 minutes and is to be renewed half an hour to an hour before its end: at every use.
	o.Duration, o.Early = 15*time.Minute, time.Hour
	s, err := awsrole.New(t.Context(), o)
	require.NoError(t, err)
	first, err := s.Credentials().Retrieve(t.Context())
	require.NoError(t, err)
	second, err := s.Credentials().Retrieve(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, first.SessionToken, second.SessionToken)
	require.Len(t, sts.Calls(), 2)

	shut(true)
	third, err := s.Credentials().Retrieve(t.Context())
	require.NoError(t, err, "the session has 15 minutes left")
	require.Equal(t, second.SessionToken, third.SessionToken)

	shut(false)
	fourth, err := s.Credentials().Retrieve(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, third.SessionToken, fourth.SessionToken)
}

func TestAFailureIsNotRemembered(t *testing.T) {
	t.Parallel()
	_, endpoint, shut := gate(t)
	s, err := awsrole.New(t.Context(), role(endpoint))
	require.NoError(t, err)
	shut(true)
	_, err = s.Identity(t.Context())
	require.ErrorIs(t, err, awsrole.ErrServer)
	shut(false)
	_, err = s.Identity(t.Context())
	require.NoError(t, err)
}

func TestAnExpiredSessionIsNotUsed(t *testing.T) {
	t.Parallel()
	// This STS lives two hours ago: its sessions of an hour have expired when they come.
	past := trust.New(trust.Options{
		Users: []trust.User{{ARN: "arn:aws:iam::123456789012:user/consign", Key: keyID, Secret: keyValue}},
		Roles: []trust.Role{{ARN: roleARN, ExternalID: external}},
		Issue: func(ctx context.Context, granted trust.Call, now time.Time) (trust.Credentials, error) {
			return trust.Invent(ctx, granted, now.Add(-2*time.Hour))
		},
	})
	var mu sync.Mutex
	closed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		past.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s, err := awsrole.New(t.Context(), role(server.URL))
	require.NoError(t, err)
	_, err = s.Credentials().Retrieve(t.Context())
	require.NoError(t, err)
	mu.Lock()
	closed = true
	mu.Unlock()
	_, err = s.Credentials().Retrieve(t.Context())
	require.ErrorIs(t, err, awsrole.ErrServer)
}

func TestACancelledCallerStopsWaiting(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s, err := awsrole.New(t.Context(), role("http://"+listener.Addr().String()))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.Credentials().Retrieve(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, awsrole.ErrUnreachable)
}

// The chain reads the environment, which belongs to the whole process: these tests are not parallel.

func TestAnEmptyDefaultChainIsToldQuickly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a metadata service that accepts, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+listener.Addr().String())
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	begin := time.Now()
	_, err = identityOf(t, awsrole.Options{RoleARN: roleARN, ExternalID: external})
	require.ErrorIs(t, err, awsrole.ErrNoCredentials)
	require.Less(t, time.Since(begin), 3*time.Second)
	_, err = identityOf(t, awsrole.Options{})
	require.ErrorIs(t, err, awsrole.ErrNoCredentials)
}

func TestTheDefaultChainReadsTheEnvironment(t *testing.T) {
	_, endpoint := newSTS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", keyValue)
	o := role(endpoint)
	o.AccessKeyID, o.SecretAccessKey = secret.Text{}, secret.Text{}
	id, err := identityOf(t, o)
	require.NoError(t, err)
	require.Equal(t, "210987654321", id.Account)
}

func TestAProfileThatIsNotThereIsNamed(t *testing.T) {
	t.Setenv("AWS_PROFILE", "nobody")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	_, err := awsrole.New(t.Context(), awsrole.Options{})
	require.ErrorIs(t, err, awsrole.ErrNoCredentials)
	require.ErrorContains(t, err, "nobody")
}
