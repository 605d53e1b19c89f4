package trust_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"consign/internal/devstack"
	"consign/internal/devstack/trust"
)

const (
	guarded = "arn:aws:iam::210987654321:role/consign"
	open    = "arn:aws:iam::210987654321:role/path/to/open"
	chained = "arn:aws:iam::210987654321:role/chained"
	worker  = "arn:aws:iam::123456789012:user/worker"
	guest   = "arn:aws:iam::123456789012:user/guest"
)

func options() trust.Options {
	return trust.Options{
		Users: []trust.User{{ARN: worker, Key: "AKIAWORKER", Secret: "worker-secret"}, {ARN: guest, Key: "AKIAGUEST", Secret: "guest-secret"}},
		Roles: []trust.Role{
			{ARN: guarded, ExternalID: "7b9f", Trusts: []string{worker}},
			{ARN: open, Longest: 12 * time.Hour},
			{ARN: chained, Trusts: []string{open}, Longest: 12 * time.Hour},
		},
	}
}

func TestATrustPolicyDecidesWhoMayAssume(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t, options())
	ours, theirs := client(endpoint, "AKIAWORKER", "worker-secret", ""), client(endpoint, "AKIAGUEST", "guest-secret", "")
	for _, c := range []struct {
		name     string
		who      *sts.Client
		role, id string
		code     string
	}{
		{"the right external ID is let in", ours, guarded, "7b9f", ""},
		{"a wrong external ID is refused", ours, guarded, "7b9e", "AccessDenied"},
		{"no external ID is refused", ours, guarded, "", "AccessDenied"},
		{"somebody who is not trusted is refused", theirs, guarded, "7b9f", "AccessDenied"},
		{"a role that is not there is refused alike", ours, guarded + "s", "7b9f", "AccessDenied"},
		{"an open role takes any external ID", theirs, open, "7b9f", ""},
		{"an open role takes none", ours, open, "", ""},
		{"a user is not the role that is trusted", ours, chained, "", "AccessDenied"},
		{"a wrong secret is noticed", client(endpoint, "AKIAWORKER", "guest-secret", ""), open, "", "SignatureDoesNotMatch"},
		{"an unknown key is noticed", client(endpoint, "AKIANOBODY", "worker-secret", ""), open, "", "InvalidClientTokenId"},
		{"a session that nobody gave is noticed", client(endpoint, "AKIAWORKER", "worker-secret", "x"), open, "", "InvalidClientTokenId"},
		{"a malformed role is noticed", ours, "arn:aws:iam::1:role/x", "", "ValidationError"},
		{"a malformed external ID is noticed", ours, open, "a b", "ValidationError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := c.who.AssumeRole(t.Context(), ask(c.role, c.id))
			if c.code != "" {
				requireCode(t, c.code, err)
				return
			}
			require.NoError(t, err)
			require.Len(t, *out.Credentials.AccessKeyId, 20)
			require.WithinDuration(t, time.Now().Add(time.Hour), *out.Credentials.Expiration, time.Minute)
		})
	}
}

func TestARefusalReadsAsAmazons(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t, options())
	_, err := client(endpoint, "AKIAWORKER", "worker-secret", "").AssumeRole(t.Context(), ask(guarded, ""))
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "User: "+worker+" is not authorized to perform: sts:AssumeRole on resource: "+guarded, refused.ErrorMessage())
	require.ErrorContains(t, err, "StatusCode: 403")
}

func TestASessionIsSomebody(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t, options())
	me, err := client(endpoint, "AKIAWORKER", "worker-secret", "").GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	require.Equal(t, worker, *me.Arn)
	require.Equal(t, "123456789012", *me.Account)

	out, err := client(endpoint, "AKIAWORKER", "worker-secret", "").AssumeRole(t.Context(), ask(open, ""))
	require.NoError(t, err)
	require.Equal(t, "arn:aws:sts::210987654321:assumed-role/open/session", *out.AssumedRoleUser.Arn)
	session := clientOf(endpoint, out.Credentials)
	me, err = session.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	require.Equal(t, *out.AssumedRoleUser.Arn, *me.Arn)
	require.Equal(t, *out.AssumedRoleUser.AssumedRoleId, *me.UserId)
	require.Equal(t, "210987654321", *me.Account)

	// A session may assume what trusts its role, for an hour at most.
	_, err = session.AssumeRole(t.Context(), ask(chained, ""))
	require.NoError(t, err)
	long := ask(chained, "")
	long.DurationSeconds = aws.Int32(2 * 3600)
	_, err = session.AssumeRole(t.Context(), long)
	requireCode(t, "ValidationError", err)
	require.ErrorContains(t, err, "role chaining")
}

func TestLimitsAreAmazons(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t, options())
	c := client(endpoint, "AKIAWORKER", "worker-secret", "")
	for _, limit := range []struct {
		name   string
		change func(*sts.AssumeRoleInput)
		says   string
	}{
		{"a session of less than 15 minutes", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }, "durationSeconds"},
		{"a session longer than the role allows", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }, "MaxSessionDuration"},
		{"a session name with a space", func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") }, "roleSessionName"},
		{"a session name of one letter", func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a") }, "roleSessionName"},
		{"a policy of more than 2048 letters", func(in *sts.AssumeRoleInput) { in.Policy = aws.String(strings.Repeat(" ", 2049)) }, "policy"},
	} {
		t.Run(limit.name, func(t *testing.T) {
			t.Parallel()
			in := ask(guarded, "7b9f")
			limit.change(in)
			_, err := c.AssumeRole(t.Context(), in)
			requireCode(t, "ValidationError", err)
			require.ErrorContains(t, err, limit.says)
		})
	}
}

func TestAccessCanBeWithdrawnAndGivenAgain(t *testing.T) {
	t.Parallel()
	s, endpoint := serve(t, options())
	c := client(endpoint, "AKIAWORKER", "worker-secret", "")
	s.RemoveRole(open)
	_, err := c.AssumeRole(t.Context(), ask(open, ""))
	requireCode(t, "AccessDenied", err)
	s.SetRole(trust.Role{ARN: open, ExternalID: "new"})
	_, err = c.AssumeRole(t.Context(), ask(open, "new"))
	require.NoError(t, err)
	calls := s.Calls()
	require.Len(t, calls, 2)
	require.Equal(t, "AccessDenied", calls[0].Code)
	require.Equal(t, trust.Call{
		Action: "AssumeRole", Caller: worker, RoleARN: open, ExternalID: "new", SessionName: "session", Duration: time.Hour,
	}, calls[1])
}

func TestASessionExpires(t *testing.T) {
	t.Parallel()
	o := options()
	o.Issue = func(ctx context.Context, granted trust.Call, now time.Time) (trust.Credentials, error) {
		granted.Duration = -time.Minute
		return trust.Invent(ctx, granted, now)
	}
	_, endpoint := serve(t, o)
	out, err := client(endpoint, "AKIAWORKER", "worker-secret", "").AssumeRole(t.Context(), ask(open, ""))
	require.NoError(t, err)
	_, err = clientOf(endpoint, out.Credentials).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	requireCode(t, "ExpiredToken", err)
}

func TestAClockThatIsOffIsNoticed(t *testing.T) {
	t.Parallel()
	o := options()
	o.Now = func() time.Time { return time.Now().Add(-6 * time.Minute) }
	_, endpoint := serve(t, o)
	_, err := client(endpoint, "AKIAWORKER", "worker-secret", "").AssumeRole(t.Context(), ask(open, ""))
	requireCode(t, "SignatureDoesNotMatch", err)
}

func TestAnIssuerThatFailsIsOurTroubleNotTheCallers(t *testing.T) {
	t.Parallel()
	o := options()
	o.Issue = func(context.Context, trust.Call, time.Time) (trust.Credentials, error) {
		return trust.Credentials{}, errors.New("out of order")
	}
	_, endpoint := serve(t, o)
	_, err := client(endpoint, "AKIAWORKER", "worker-secret", "").AssumeRole(t.Context(), ask(open, ""))
	requireCode(t, "InternalFailure", err)
}

func TestAnUnsignedOrUnknownRequestIsRefused(t *testing.T) {
	t.Parallel()
	_, endpoint := serve(t, options())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader("Action=AssumeRole"))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
	require.Equal(t, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>`+
		`<Code>MissingAuthenticationToken</Code><Message>Request is missing Authentication Token</Message></Error>`+
		`<RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ErrorResponse>`, string(body))
	_, err = client(endpoint, "AKIAWORKER", "worker-secret", "").GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	requireCode(t, "InvalidAction", err)
}

func TestSessionsFromAStoreWorkThere(t *testing.T) {
	t.Parallel()
	store, err := devstack.StartS3(t.Context(), devstack.S3Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Stop()) })
	require.NoError(t, store.MakeBucket(t.Context(), "inbound"))
	o := options()
	o.Issue = trust.From(store.Endpoint, store.AccessKey, store.SecretKey)
	_, endpoint := serve(t, o)
	in := ask(guarded, "7b9f")
	in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::inbound/upload/*"}]}`)
	out, err := client(endpoint, "AKIAWORKER", "worker-secret", "").AssumeRole(t.Context(), in)
	require.NoError(t, err)
	c := store.ClientOf(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("inbound"), Key: aws.String("upload/a"), Body: strings.NewReader("a")})
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("inbound"), Key: aws.String("a"), Body: strings.NewReader("a")})
	requireCode(t, "AccessDenied", err)
	_, err = clientOf(endpoint, out.Credentials).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
}

func serve(t *testing.T, o trust.Options) (*trust.STS, string) {
	t.Helper()
	s := trust.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func client(endpoint, key, secret, token string) *sts.Client {
	return sts.New(sts.Options{
		BaseEndpoint: aws.String(endpoint), Region: "eu-central-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
	})
}

func clientOf(endpoint string, c *types.Credentials) *sts.Client {
	return client(endpoint, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

func ask(role, externalID string) *sts.AssumeRoleInput {
	in := &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("session")}
	if externalID != "" {
		in.ExternalId = aws.String(externalID)
	}
	return in
}

func requireCode(t *testing.T, code string, err error) {
	t.Helper()
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.ErrorCode())
}
