package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"consign/internal/awsrole"
	"consign/internal/devstack"
	"consign/internal/devstack/trust"
	"consign/internal/secret"
)

const (
	testRole   = "arn:aws:iam::210987654321:role/consign"
	testSecret = "writer-secret-4711"
)

// A customer is a bucket's owner: an S3 store, an STS that honours external IDs, and a key.
type customer struct {
	store *devstack.S3
	sts   string
}

func newCustomer(t *testing.T) *customer {
	t.Helper()
	store, err := devstack.StartS3(t.Context(), devstack.S3Options{Log: os.Stderr})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Stop()) })
	require.NoError(t, store.MakeBucket(t.Context(), "acme-inbound"))
	allow := func(actions string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":["arn:aws:s3:::acme-inbound/*","arn:aws:s3:::acme-nowhere/*"]}]}`
	}
	require.NoError(t, store.AddUser(t.Context(), "writer", testSecret, allow(`"s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts"`)))
	require.NoError(t, store.AddUser(t.Context(), "reader", testSecret, allow(`"s3:GetObject"`)))
	sts := httptest.NewServer(trust.New(trust.Options{
		Users: []trust.User{{ARN: "arn:aws:iam::111122223333:user/consign", Key: "writer", Secret: testSecret}},
		Roles: []trust.Role{{ARN: testRole, ExternalID: "the-right-one"}, {ARN: testRole + "-open"}},
		Issue: trust.From(store.Endpoint, "writer", testSecret),
	}))
	t.Cleanup(sts.Close)
	return &customer{store, sts.URL}
}

// kms answers as Amazon's S3 does to somebody who may write but not use the key.
func kms(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::210987654321:assumed-role/consign/acme@test is not authorized to perform: `+
			`kms:GenerateDataKey on resource: arn:aws:kms:us-east-1:210987654321:key/1234abcd because no resource-based policy allows the kms:GenerateDataKey action</Message></Error>`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// publicKey makes a key that was good for an hour, a while ago or from now.
func publicKey(t *testing.T, made time.Time) string {
	t.Helper()
	e, err := openpgp.NewEntity("Acme", "", "in@acme.example", &packet.Config{KeyLifetimeSecs: 3600, Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return made }})
	require.NoError(t, err)
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	require.NoError(t, err)
	require.NoError(t, e.Serialize(w))
	require.NoError(t, w.Close())
	path := filepath.Join(t.TempDir(), "acme.asc")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// A setup is one destination as somebody configured it.
type setupOf struct {
	key, role, externalID, settings string
	endpoint                        string
}

func (s setupOf) write(t *testing.T, c *customer) string {
	t.Helper()
	credential := "keys"
	roles := ""
	if s.role != "" {
		credential = "acme-role"
		roles = fmt.Sprintf("  - {name: acme-role, type: iam-role-to-role, base: keys, role_arn: %q, external_id: %q, sts_endpoint: %q, verify_external_id: true}\n", s.role, s.externalID, c.sts)
	}
	if s.endpoint == "" {
		s.endpoint = c.store.Endpoint
	}
	path := filepath.Join(t.TempDir(), "consign.yaml")
	require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(`credentials:
  - {name: keys, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: SECRET}}
%sdestinations:
  - {name: acme, plugin: amazon-s3, credential: %s, settings: {endpoint: %q, path_style: true, file_format: csv, %s}}
`, roles, credential, s.endpoint, s.settings)), 0o600))
	return path
}

func (s setupOf) environment(name string) (string, bool) {
	value, ok := map[string]string{"ID": s.key, "SECRET": testSecret}[name]
	return value, ok
}

func (s setupOf) run(t *testing.T, c *customer, args ...string) (status int, out, messages string) {
	t.Helper()
	var o, m bytes.Buffer
	status = run(t.Context(), append([]string{"--config", s.write(t, c)}, args...), strings.NewReader(""), &o, &m, s.environment)
	require.NotContains(t, o.String()+m.String(), testSecret)
	return status, o.String(), m.String()
}

const inbound = "bucket: acme-inbound, prefix: in"

func TestEveryRefusalHasAnExplanationOfItsOwn(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	expired := publicKey(t, time.Now().Add(-48*time.Hour))
	seen := map[string]string{}
	for name, tc := range map[string]struct {
		setup   setupOf
		check   string // the one that fails
		kind    string
		says    []string
		missing string // the action
		where   string
	}{
		"wrong key": {
			setup: setupOf{key: "nobody", settings: inbound}, check: "upload", kind: "AccessKeyUnknown", says: []string{"the access key is not known"},
		},
		"wrong external ID": {
			setup: setupOf{key: "writer", role: testRole, externalID: "the-wrong-one", settings: inbound}, check: "role", kind: "RoleDenied",
			says: []string{"the role may not be assumed"}, missing: "sts:AssumeRole", where: "trust policy",
		},
		"a role that is open to anybody": {
			setup: setupOf{key: "writer", role: testRole + "-open", externalID: "the-right-one", settings: inbound}, check: "external_id", kind: "RoleOpenToAnyone",
			says: []string{"without an external ID"}, missing: "sts:AssumeRole", where: "trust policy",
		},
		"no bucket": {
			setup: setupOf{key: "writer", settings: "bucket: acme-nowhere, region: us-east-1"}, check: "upload", kind: "NoSuchBucket", says: []string{"there is no such bucket"},
		},
		"no PutObject": {
			setup: setupOf{key: "reader", settings: inbound}, check: "upload", kind: "AccessDenied",
			says: []string{"needs s3:PutObject on arn:aws:s3:::acme-inbound/in/consign-test"}, missing: "s3:PutObject", where: "permission policy",
		},
		"no right to the KMS key": {
			setup: setupOf{key: "writer", settings: inbound + ", region: us-east-1, sse: {kms_key_id: 'arn:aws:kms:us-east-1:210987654321:key/1234abcd'}", endpoint: kms(t)},
			check: "upload", kind: "KMSKeyDenied", says: []string{"the encryption key cannot be used"}, missing: "kms:GenerateDataKey", where: "key policy",
		},
		"no right to the KMS key of the bucket": {
			setup: setupOf{key: "writer", settings: inbound + ", region: us-east-1", endpoint: kms(t)},
			check: "upload", kind: "KMSKeyDenied", says: []string{"the encryption key cannot be used", "key/1234abcd"}, missing: "kms:GenerateDataKey", where: "key policy",
		},
		"expired PGP key": {
			setup: setupOf{key: "writer", settings: inbound + ", pgp_public_key: {file: " + expired + "}"}, check: "pgp_key", kind: "PublicKeyUnusable", says: []string{"expired", "extend it"},
		},
	} {
		status, out, messages := tc.setup.run(t, c, "-o", "json", "test", "acme")
		require.Equal(t, exitFailed, status, "%s: %s%s", name, out, messages)
		require.Contains(t, messages, "deliveries to acme would fail")
		var result tested
		require.NoError(t, json.Unmarshal([]byte(out), &result), name)
		require.False(t, result.OK)
		require.Len(t, result.Places, 1)
		checks := result.Places[0].Checks
		last := checks[len(checks)-1]
		require.Equal(t, "failed", last.State)
		require.Equal(t, tc.check, last.Name, name)
		require.Equal(t, tc.kind, last.Failure.Type, name)
		for _, words := range tc.says {
			require.Contains(t, last.Message, words, name)
		}
		if tc.missing == "" {
			require.Nil(t, result.Places[0].Missing, name)
		} else {
			require.Equal(t, tc.missing, result.Places[0].Missing.Action, name)
			require.Contains(t, result.Places[0].Missing.Where, tc.where, name)
			require.NotEmpty(t, result.Places[0].Missing.Policy.Statement)
		}
		seen[last.Message] = name
	}
	require.Len(t, seen, 7, "that of the key is the same, whoever has chosen it")
}

// The statement that is missing is said of a place whatever else is wrong there.
func TestAMissingStatementIsNotForgottenForAnUnusableKey(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	expired := publicKey(t, time.Now().Add(-48*time.Hour))
	_, out, _ := setupOf{key: "reader", settings: inbound + ", pgp_public_key: {file: " + expired + "}"}.run(t, c, "-o", "json", "test", "acme")
	var result tested
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.NotNil(t, result.Places[0].Missing, out)
	require.Equal(t, "s3:PutObject", result.Places[0].Missing.Action)
}

// The key with which their role is asked for is ours: nothing that its owner grants would help.
func TestAKeyOfOursIsNotTheOwnersFault(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	status, out, messages := setupOf{key: "nobody", role: testRole, externalID: "the-right-one", settings: inbound}.run(t, c, "test", "acme")
	require.Equal(t, exitFailed, status)
	require.Contains(t, out, "failed   credentials: ")
	require.Contains(t, out, "whose to mend: platform")
	require.Contains(t, out, "The access key is our own")
	require.NotContains(t, out, "missing: ")
	require.NotContains(t, messages, "policy")
	require.Contains(t, messages, "not for the bucket's owner to mend")
}

func TestAGoodDestinationPassesAndKeepsNothing(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	s := setupOf{key: "writer", role: testRole, externalID: "the-right-one", settings: inbound + ", pgp_public_key: {file: " + publicKey(t, time.Now().Add(-time.Minute)) + "}"}
	status, out, messages := s.run(t, c, "test", "acme")
	require.Equal(t, exitDone, status, out+messages)
	require.Empty(t, messages)
	for _, line := range []string{
		"s3://acme-inbound/in, as destination acme says", "ok       credentials: ", "ok       role: assumed " + testRole, "ok       external_id: ",
		"ok       region: us-east-1", "ok       upload: ", "ok       pgp_key: ", "not tried: ", "acme is ready for deliveries",
	} {
		require.Contains(t, out, line)
	}
	bucket := "acme-inbound"
	objects, err := c.store.Client().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	require.NoError(t, err)
	require.Empty(t, objects.Contents)
	uploads, err := c.store.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	require.NoError(t, err)
	require.Empty(t, uploads.Uploads)

	status, out, _ = s.run(t, c, "policy", "acme", "--ask")
	require.Equal(t, exitDone, status)
	require.Contains(t, out, `"arn:aws:iam::111122223333:user/consign"`)
	require.Contains(t, out, `"the-right-one"`)
}

// The secrets are the worker's, and whoever tries this may not have them.
func TestASecretThatIsNotHereIsNotTheOwnersFault(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	setup := setupOf{key: "writer", settings: inbound}
	var out, messages bytes.Buffer
	status := run(t.Context(), []string{"--config", setup.write(t, c), "test", "acme"}, strings.NewReader(""), &out, &messages, func(string) (string, bool) { return "", false })
	require.Equal(t, exitFailed, status)
	require.Contains(t, messages.String(), "whether deliveries to acme would work could not be tried")
	require.Contains(t, messages.String(), "run this where the worker's secrets are")
	require.NotContains(t, messages.String(), "grant")
}

func TestARefusalIsPrintedWithTheReadyPolicy(t *testing.T) {
	t.Parallel()
	c := newCustomer(t)
	status, out, _ := setupOf{key: "reader", settings: inbound}.run(t, c, "test", "acme")
	require.Equal(t, exitFailed, status)
	require.Contains(t, out, "failed   upload: ")
	require.Contains(t, out, "whose to mend: customer")
	require.Contains(t, out, "missing: s3:PutObject on arn:aws:s3:::acme-inbound/in/consign-test")
	_, policy, ok := strings.Cut(out, "it should read:\n")
	require.True(t, ok)
	policy, _, _ = strings.Cut(policy, "not tried:")
	require.Contains(t, policy, `"arn:aws:s3:::acme-inbound/in/*"`)
	require.NoError(t, json.Unmarshal([]byte(policy), new(any)))
}

func TestASessionIsTrustedByItsRole(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]string{
		"arn:aws:sts::111122223333:assumed-role/consign/i-1": "arn:aws:iam::111122223333:role/consign",
		"arn:aws:iam::111122223333:user/consign":             "arn:aws:iam::111122223333:user/consign",
		"":                                                   "",
	} {
		require.Equal(t, want, roleOf(arn))
	}
}

func TestWeAreLookedUpInThePartitionOfTheirRole(t *testing.T) {
	t.Parallel()
	keys := &awsrole.Options{AccessKeyID: secret.New("AKIAOURS"), SecretAccessKey: secret.New("ours")}
	for role, want := range map[string]string{
		"arn:aws:iam::210987654321:role/consign":        "us-east-1",
		"arn:aws-us-gov:iam::210987654321:role/consign": "us-gov-west-1",
		"arn:aws-cn:iam::210987654321:role/consign":     "cn-north-1",
		"arn:aws-eusc:iam::210987654321:role/consign":   "eusc-de-east-1",
	} {
		require.Equal(t, want, baseOf(awsrole.Options{RoleARN: role, Base: keys}).Region)
		require.Equal(t, want, baseOf(awsrole.Options{RoleARN: role}).Region, "by the default chain")
		require.Equal(t, "eu-west-1", baseOf(awsrole.Options{RoleARN: role, Base: keys, Region: "eu-west-1"}).Region)
	}
}
