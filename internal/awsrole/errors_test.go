package awsrole_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"consign/internal/awserror"
	"consign/internal/awsrole"
	"consign/internal/devstack/trust"
	"consign/internal/secret"
)

// resetting is a server that takes a request and resets its connection.
func resetting(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // RST instead of FIN
		}
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEveryFailureHasAName(t *testing.T) {
	t.Parallel()
	_, endpoint := newSTS(t)
	unknown := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(unknown.Close)
	unknown.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains about the client that does not trust it
	reset := resetting(t)
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
		"a certificate that nobody trusts":        {func(o *awsrole.Options) { o.STSEndpoint = unknown.URL }, awsrole.ErrUnreachable},
		"a connection that is reset":              {func(o *awsrole.Options) { o.STSEndpoint = reset }, awsrole.ErrUnreachable},
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

// Whoever owns the role has no part in the key with which we ask for it, unless it is one that they gave us.
func TestAnErrorTellsOurOwnIdentityFromTheirs(t *testing.T) {
	t.Parallel()
	sts, endpoint := newSTS(t, trust.Role{ARN: baseARN})
	sts.SetRole(trust.Role{ARN: roleARN, ExternalID: external, Trusts: []string{baseARN, "arn:aws:iam::123456789012:user/consign"}})
	otherKey := func(o awsrole.Options) awsrole.Options { o.AccessKeyID = secret.New("AKIAOTHEROTHEROTHER0"); return o }
	otherSecret := func(o awsrole.Options) awsrole.Options { o.SecretAccessKey = secret.New("another-secret"); return o }
	by := func(base awsrole.Options) awsrole.Options {
		return awsrole.Options{STSEndpoint: endpoint, RoleARN: roleARN, ExternalID: external, Base: &base, Attempts: 1}
	}
	between := func(arn string, o awsrole.Options) awsrole.Options { o.RoleARN = arn; return o }
	refused := func(o awsrole.Options) awsrole.Options { o.ExternalID = "another"; return o }
	ours := func(o awsrole.Options) awsrole.Options { o.Own = true; return o }
	for name, tc := range map[string]struct {
		options awsrole.Options
		own     error // nil: it is theirs
		want    error
	}{
		"their key":                            {otherKey(role(endpoint)), nil, awsrole.ErrBadKey},
		"their key, without a role":            {otherKey(keys(endpoint)), nil, awsrole.ErrBadKey},
		"their secret":                         {otherSecret(role(endpoint)), nil, awsrole.ErrSignature},
		"their role, by their key":             {refused(role(endpoint)), nil, awsrole.ErrDenied},
		"their role, by ours":                  {refused(by(keys(endpoint))), nil, awsrole.ErrDenied},
		"their role, by a role of ours":        {refused(by(between(baseARN, keys(endpoint)))), nil, awsrole.ErrDenied},
		"our key":                              {by(otherKey(keys(endpoint))), awsrole.ErrOwnKey, awsrole.ErrBadKey},
		"our secret":                           {by(otherSecret(keys(endpoint))), awsrole.ErrOwnSecret, awsrole.ErrSignature},
		"our key, for a role in between":       {by(between(baseARN, otherKey(keys(endpoint)))), awsrole.ErrOwnKey, awsrole.ErrBadKey},
		"the role in between":                  {by(between(baseARN+"s", keys(endpoint))), awsrole.ErrOwnRole, awsrole.ErrDenied},
		"a role that nobody else has, and key": {ours(otherKey(role(endpoint))), awsrole.ErrOwnKey, awsrole.ErrBadKey},
		"a role that nobody else has":          {ours(refused(role(endpoint))), awsrole.ErrOwnRole, awsrole.ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := identityOf(t, tc.options)
			require.ErrorIs(t, err, tc.want)
			for _, own := range []error{awsrole.ErrOwnKey, awsrole.ErrOwnSecret, awsrole.ErrOwnRole} {
				require.Equal(t, own == tc.own, errors.Is(err, own), err.Error()) //nolint:errorlint // which of the three
			}
		})
	}
}

// Ceph's STS answers in S3's form, and so does every store that has no STS.
func TestACodeIsReadAlsoWhereNothingIsAroundTheError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		answer string
		want   error
		says   string
	}{
		"a role that is not there":    {404, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchEntity</Code><Message></Message></Error>`, awsrole.ErrRefused, "the settings (NoSuchEntity)"},
		"a trust policy that refuses": {403, `<Error><Code>AccessDenied</Code><Message>No.</Message></Error>`, awsrole.ErrDenied, "may not be assumed: No (AccessDenied)"},
		"a store without an STS":      {405, `<Error><Code>MethodNotAllowed</Code></Error>`, awsrole.ErrRefused, "(MethodNotAllowed)"},
		"an answer of STS":            {400, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>MalformedPolicyDocument</Code></Error></ErrorResponse>`, awsrole.ErrPolicy, "(MalformedPolicyDocument)"},
		"an answer that says nothing": {404, `<html></html>`, awsrole.ErrOther, "STS answered with an error (HTTP 404)"},
		"an answer that has no bytes": {405, ``, awsrole.ErrOther, "STS answered with an error (HTTP 405)"},
		"an answer that breaks off":   {400, `<Error><Code>NoSuchEn`, awsrole.ErrOther, "STS answered with an error (HTTP 400)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.answer))
			}))
			t.Cleanup(server.Close)
			_, err := identityOf(t, role(server.URL))
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestAStoreThatDoesNotKnowTheQuestionLeavesItsKeysWithoutAName(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMethodNotAllowed)
		_, _ = w.Write([]byte(`<Error><Code>MethodNotAllowed</Code></Error>`))
	}))
	t.Cleanup(server.Close)
	id, err := identityOf(t, keys(server.URL))
	require.NoError(t, err)
	require.Zero(t, id)
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
			require.Equal(t, strings.Contains(code, "Signature"), !strings.Contains(err.Error(), "about"), "STS repeats what was signed for these codes")
			var hint interface{ RetryAfter() time.Duration }
			require.ErrorAs(t, err, &hint)
			require.Equal(t, 7*time.Second, hint.RetryAfter())
			var e *awserror.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, code, e.Code)
		})
	}
}

// TestNobodySendsASignedRequestElsewhere: what is signed for one host, with its session token, is no other's to see.
func TestNobodySendsASignedRequestElsewhere(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var told atomic.Value
		elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			told.Store(r.Method + " " + r.Header.Get("X-Amz-Security-Token"))
		}))
		t.Cleanup(elsewhere.Close)
		sts := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/latest", status))
		t.Cleanup(sts.Close)
		o := role(sts.URL)
		o.SessionToken = secret.New("the-session-token-of-the-base")
		_, err := identityOf(t, o)
		require.Nil(t, told.Load(), status)
		require.ErrorIs(t, err, awsrole.ErrOther, status)
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
	require.NotErrorAs(t, err, &sdk, "the SDK's own error is in the chain")
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
