package awsrole_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
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

// TestALinkOfTheDefaultChainThatFailsIsNamed: who has chosen it does not look for keys elsewhere.
func TestALinkOfTheDefaultChainThatFailsIsNamed(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home) // of SSO's tokens
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	for name, c := range map[string]struct {
		profile     string
		environment map[string]string
		says        []string
	}{
		"a web identity": {
			"",
			map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": roleARN},
			[]string{"the web identity (AWS_WEB_IDENTITY_TOKEN_FILE) gives none"},
		},
		"a profile's web identity": {
			"web_identity_token_file = /nowhere/token\nrole_arn = " + roleARN, nil,
			[]string{"the profile's web_identity_token_file gives none"},
		},
		"an SSO session": {
			"sso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = consign", nil,
			[]string{"the profile's SSO session gives none", "aws sso login", home, "no such file"},
		},
		"a role by an SSO session": {
			"role_arn = " + roleARN + "\nsource_profile = sso\n[profile sso]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = consign\n" +
				"[sso-session s]\nsso_start_url = https://example.awsapps.com/start\nsso_region = eu-west-1", nil,
			[]string{"the profile's SSO session gives none"},
		},
		"a role by what a profile names": {
			"role_arn = " + roleARN + "\ncredential_source = Environment", nil,
			[]string{"the profile's credential_source gives none"},
		},
		"a program": {
			"credential_process = sh -c 'echo s3cr3t; exit 1'", nil,
			[]string{"the profile's credential_process gives none"},
		},
		"a container": {
			"",
			map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/token"},
			[]string{"the container's service for credentials gives none"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			require.NoError(t, os.WriteFile(file, []byte("[default]\n"+c.profile+"\n"), 0o600))
			t.Setenv("AWS_CONFIG_FILE", file)
			for variable, value := range c.environment {
				t.Setenv(variable, value)
			}
			_, err := identityOf(t, awsrole.Options{})
			require.ErrorIs(t, err, awsrole.ErrNoCredentials)
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), "neither environment")
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
}

// TestALinkOfTheDefaultChainThatDoesNotAnswerMayDoSoLater: a pod's web identity and a profile's role ask STS, whose outages are
// waited out.
func TestALinkOfTheDefaultChainThatDoesNotAnswerMayDoSoLater(t *testing.T) {
	dir := t.TempDir()
	token, profiles := filepath.Join(dir, "token"), filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(token, []byte("a.b.c"), 0o600))
	require.NoError(t, os.WriteFile(profiles, []byte("[default]\nrole_arn = "+roleARN+"\nsource_profile = keys\n"+
		"[profile keys]\naws_access_key_id = "+keyID+"\naws_secret_access_key = "+keyValue+"\n"), 0o600))
	ill := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }))
	t.Cleanup(ill.Close)
	for variable, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(variable, value)
	}
	for name, environment := range map[string]map[string]string{
		"a web identity":   {"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": roleARN, "AWS_CONFIG_FILE": "/dev/null"},
		"a profile's role": {"AWS_CONFIG_FILE": profiles},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range environment {
				t.Setenv(variable, value)
			}
			for endpoint, want := range map[string]error{"http://127.0.0.1:1": awsrole.ErrUnreachable, ill.URL: awsrole.ErrServer} {
				t.Setenv("AWS_ENDPOINT_URL_STS", endpoint)
				_, err := identityOf(t, awsrole.Options{})
				require.ErrorIs(t, err, want)
			}
		})
	}
}

// TestAnInstanceThatDoesNotGiveItsCredentialsForNowIsAskedAgain: its service limits how often it may be asked, and one that
// answers is the right one. That the instance has no role is for a person.
func TestAnInstanceThatDoesNotGiveItsCredentialsForNowIsAskedAgain(t *testing.T) {
	profiles := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(profiles, []byte("[default]\nrole_arn = "+roleARN+"\ncredential_source = Ec2InstanceMetadata\n"), 0o600))
	for variable, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"} {
		t.Setenv(variable, value)
	}
	for _, file := range []string{"/dev/null", profiles} {
		t.Setenv("AWS_CONFIG_FILE", file)
		for status, want := range map[int]error{
			http.StatusServiceUnavailable: awsrole.ErrNoneYet, http.StatusTooManyRequests: awsrole.ErrNoneYet, http.StatusNotFound: awsrole.ErrNoCredentials,
		} {
			instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPut {
					http.Error(w, "not now", status)
					return
				}
				w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
				_, _ = w.Write([]byte("token"))
			}))
			t.Cleanup(instance.Close)
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.URL)
			_, err := identityOf(t, awsrole.Options{})
			require.ErrorIs(t, err, want)
			if errors.Is(want, awsrole.ErrNoneYet) {
				require.ErrorContains(t, err, "gives none: it answers with status "+strconv.Itoa(status))
			}
		}
	}
}

// TestAProfilesInstanceThatIsNoneIsNotTakenForSTS, which is not asked at all.
func TestAProfilesInstanceThatIsNoneIsNotTakenForSTS(t *testing.T) {
	profiles := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(profiles, []byte("[default]\nrole_arn = "+roleARN+"\ncredential_source = Ec2InstanceMetadata\n"), 0o600))
	for variable, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": profiles,
		"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
	} {
		t.Setenv(variable, value)
	}
	_, err := identityOf(t, awsrole.Options{})
	require.ErrorIs(t, err, awsrole.ErrNoneYet)
	require.ErrorContains(t, err, "the profile's credential_source gives none")
}

// TestTheInstanceIsNotAskedByAProxy, which answered for a host that is no instance: its 503 was waited out for a quarter of an
// hour, and one on an instance of its own would give the credentials of that.
func TestTheInstanceIsNotAskedByAProxy(t *testing.T) {
	const child = "CONSIGN_TEST_PROXIED" // the environment's proxy is read once in a process
	if os.Getenv(child) != "" {
		_, err := identityOf(t, awsrole.Options{})
		require.ErrorIs(t, err, awsrole.ErrNoCredentials)
		return
	}
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "no such host", http.StatusServiceUnavailable)
	}))
	t.Cleanup(proxy.Close)
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheInstanceIsNotAskedByAProxy$")
	again.Env = []string{
		child + "=1", "HTTP_PROXY=" + proxy.URL, "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://metadata.invalid", "AWS_REGION=eu-west-1",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Zero(t, asked.Load())
}

// TestTheChainWritesNothingPastTheLog: a program has one place for messages, and the SDK has another.
func TestTheChainWritesNothingPastTheLog(t *testing.T) {
	const child = "CONSIGN_TEST_SILENT"
	if os.Getenv(child) != "" {
		_, err := identityOf(t, awsrole.Options{})
		require.ErrorIs(t, err, awsrole.ErrNoCredentials)
		return
	}
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no tokens here", http.StatusForbidden) // after which the SDK asks by the service's first version, and warns
	}))
	t.Cleanup(metadata.Close)
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheChainWritesNothingPastTheLog$")
	again.Env = []string{
		child + "=1", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata.URL, "AWS_REGION=eu-west-1", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "SDK")
}
