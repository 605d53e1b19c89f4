package awsrole_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/devstack/trust"
	"consign/internal/secret"
)

const (
	roleARN  = "arn:aws:iam::210987654321:role/consign"
	baseARN  = "arn:aws:iam::123456789012:role/base"
	external = "the-external-id-7b9f"
	keyID    = "AKIATESTTESTTESTTEST"
	keyValue = "the-very-secret-access-key/0123456789+A"
)

func TestARoleIsAssumedOnceWithAllThatWasAsked(t *testing.T) {
	t.Parallel()
	sts, endpoint := newSTS(t)
	o := role(endpoint)
	o.Duration, o.Policy = 30*time.Minute, awsrole.SessionPolicy(o.RoleARN, "acme", "upload", "")
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

func TestKeysOfAStoreWhoseSTSKnowsNoIdentityHaveNone(t *testing.T) {
	t.Parallel()
	id, err := identityOf(t, awsrole.Options{
		STSEndpoint: store.Endpoint, AccessKeyID: secret.New(store.AccessKey), SecretAccessKey: secret.New(store.SecretKey), Attempts: 1,
	})
	require.NoError(t, err)
	require.Equal(t, awsrole.Identity{}, id)
}

// Nobody has asked the role for anything then.
func TestADenialOfOurOwnRoleProvesNothingOfTheirs(t *testing.T) {
	t.Parallel()
	_, endpoint := newSTS(t)
	base := keys(endpoint)
	base.RoleARN = baseARN // which is not there
	err := awsrole.VerifyExternalID(t.Context(), awsrole.Options{STSEndpoint: endpoint, RoleARN: roleARN, ExternalID: external, Base: &base, Attempts: 1})
	require.ErrorIs(t, err, awsrole.ErrOwnRole)
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
