package activities

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
	"consign/internal/upload"
)

// kmsRights are the resources on which a session policy lets KMS's keys be used, each with its condition.
func kmsRights(t *testing.T, policy string) []string {
	t.Helper()
	var p struct {
		Statement []struct {
			Action, Resource []string
			Condition        map[string]map[string][]string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(policy), &p))
	var rights []string
	for _, s := range p.Statement {
		if !slices.Contains(s.Action, "kms:GenerateDataKey") {
			continue
		}
		require.Contains(t, s.Action, "kms:Decrypt")
		for _, r := range s.Resource {
			for _, via := range s.Condition["StringLike"]["kms:ViaService"] {
				r += " via " + via
			}
			rights = append(rights, r)
		}
	}
	return rights
}

// S3 asks KMS in the name of the session, whose policy takes away what the role may and the policy does not say. Many a bucket
// encrypts with a key of its own whoever writes to it.
func TestASessionMayUseTheKeyThatABucketHasOfItsOwn(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:eu-west-1:210987654321:key/1234abcd"
	s := newStage(t)
	store := s.config.Credentials[1].STSEndpoint
	for name, tc := range map[string]struct {
		sts    string
		upload upload.Options
		want   []string
	}{
		"the bucket's own":                         {upload: upload.Options{}, want: []string{"* via s3.*"}},
		"the bucket's own, and said so":            {upload: upload.Options{SSE: "none"}, want: []string{"* via s3.*"}},
		"Amazon's STS by an endpoint in a network": {sts: "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com", want: []string{"* via s3.*"}},
		"a key of the settings":                    {upload: upload.Options{SSE: "kms", KMSKeyID: key}, want: []string{key}},
		"an alias":                                 {upload: upload.Options{KMSKeyID: "alias/acme"}, want: []string{"* via s3.*"}},
		"S3's own keys":                            {upload: upload.Options{SSE: "s3"}},
		"a store that is not Amazon's":             {sts: store},
		"a key of a store that is not Amazon's":    {sts: store, upload: upload.Options{KMSKeyID: "acme"}},
	} {
		s.config.Credentials[1].STSEndpoint = tc.sts
		tc.upload.Bucket = "acme-inbound"
		s.target.Upload = tc.upload
		o, err := s.steps().role(s.target)
		require.NoError(t, err)
		require.Equal(t, tc.want, kmsRights(t, o.Policy), name)
	}
}

// MinIO encrypts with keys that have names, and refuses a policy with a right that it does not know.
func TestARoleOfAStoreIsAssumedForObjectsThatAreEncryptedWithItsKey(t *testing.T) {
	t.Parallel()
	store, err := s3Store()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "consign.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
credentials:
  - {name: acme, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: SECRET}, role_arn: "arn:minio:iam:::role/acme", sts_endpoint: "`+store.Endpoint+`"}
`), 0o600))
	c, problems, err := config.Load(path, func(name string) (string, bool) {
		value, ok := map[string]string{"ID": store.AccessKey, "SECRET": store.SecretKey}[name]
		return value, ok
	})
	require.NoError(t, err)
	require.NoError(t, problems.Err())
	steps := New(Options{Config: func() (*config.Config, error) { return c, nil }, Clock: time.Now})
	for _, key := range []string{"", "acme"} {
		target := Target{
			Run: "run" + key, Orchestration: "weekly", Credential: "acme", Prefix: "in", Upload: upload.Options{Bucket: "acme", Endpoint: store.Endpoint, KMSKeyID: key},
		}
		session, err := steps.session(t.Context(), target)
		require.NoError(t, err)
		_, err = session.Identity(t.Context())
		require.NoError(t, err, "with the key %q", key)
	}
}
