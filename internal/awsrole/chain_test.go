package awsrole_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/secret"
)

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
	require.Less(t, time.Since(begin), 8*time.Second, "four requests of half a second; without that limit of ours they take 15")
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

func TestAKeyOfTheDefaultChainIsOurOwn(t *testing.T) {
	_, endpoint := newSTS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOTHEROTHEROTHER0")
	t.Setenv("AWS_SECRET_ACCESS_KEY", keyValue)
	o := role(endpoint)
	o.AccessKeyID, o.SecretAccessKey = secret.Text{}, secret.Text{}
	_, err := identityOf(t, o)
	require.ErrorIs(t, err, awsrole.ErrOwnKey)
}

func TestAProfileThatIsNotThereIsNamed(t *testing.T) {
	t.Setenv("AWS_PROFILE", "nobody")
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	_, err := awsrole.New(t.Context(), awsrole.Options{})
	require.ErrorIs(t, err, awsrole.ErrNoCredentials)
	require.ErrorContains(t, err, "nobody")
}

// The keys are there, and nobody should look for them.
func TestASettingThatTheDefaultChainCannotUseIsNotTakenForKeysThatAreMissing(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", keyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", keyValue)
	for variable, c := range map[string]struct{ value, says string }{
		"AWS_CA_BUNDLE":    {"/nowhere/ca.pem", "open /nowhere/ca.pem: no such file"},
		"AWS_MAX_ATTEMPTS": {"a-few-of-them", "has a value that its SDK does not take"},
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, c.value)
			_, err := awsrole.New(t.Context(), awsrole.Options{})
			require.ErrorIs(t, err, awsrole.ErrNoCredentials)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "neither environment")
			require.NotContains(t, err.Error(), "a-few-of-them")
		})
	}
}
