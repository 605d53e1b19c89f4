package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const lookups = `
credentials:
  - {name: role, type: iam-role-to-role, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: 7b9f, base: keys}
  - {name: keys, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: SECRET}, region: eu-west-1}
  - {name: store, type: iam-role-to-role, role_arn: "arn:minio:iam:::role/x", external_id: 7b9f, sts_endpoint: "http://127.0.0.1:9000"}
  - {name: asked, type: iam-role-to-role, role_arn: "arn:minio:iam:::role/x", external_id: 7b9f, sts_endpoint: "http://127.0.0.1:9000", verify_external_id: true}
  - {name: spared, type: iam-role-to-role, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: 7b9f, verify_external_id: false}
  - {name: broken, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: NOT_SET}}
  - {name: on-broken, type: iam-role-to-role, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: 7b9f, base: broken}
sources:
  - {name: warehouse, type: postgres, dsn: {env: DSN}, statement_timeout: 5m}
  - {name: lake, type: duckdb, tables: [{name: t, files: /data/t.csv}]}
  - {name: broken, type: postgres, dsn: {env: NOT_SET}}
queries: [{name: q, source: lake, sql: SELECT 1}]
segments: [{name: s, source: lake, sql: SELECT 2}]
`

func TestWhatStepsLookUp(t *testing.T) {
	t.Parallel()
	c := good(t, folderFile(t, lookups), from(map[string]string{"ID": "AKIA", "SECRET": "hidden", "DSN": "postgres://h"}))

	role, err := c.Role("role")
	require.NoError(t, err)
	require.Equal(t, "arn:aws:iam::210987654321:role/consign", role.RoleARN)
	require.Equal(t, "7b9f", role.ExternalID)
	require.True(t, role.AccessKeyID.IsZero())
	require.Equal(t, "AKIA", role.Base.AccessKeyID.Reveal())
	require.Equal(t, "hidden", role.Base.SecretAccessKey.Reveal())
	require.Equal(t, "eu-west-1", role.Base.Region)
	require.Nil(t, role.Base.Base)
	store, err := c.Role("store")
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:9000", store.STSEndpoint)
	for _, name := range []string{"broken", "on-broken"} {
		_, err = c.Role(name)
		require.ErrorIs(t, err, ErrSecret)
		require.ErrorContains(t, err, "credential broken")
	}

	for name, want := range map[string]bool{"role": true, "keys": false, "store": false, "asked": true, "spared": false} {
		verifies, err := c.VerifiesExternalID(name)
		require.NoError(t, err)
		require.Equal(t, want, verifies, name)
	}

	o, err := c.SourceOptions("warehouse")
	require.NoError(t, err)
	require.Equal(t, "postgres://h", o.DSN.Reveal())
	require.Equal(t, "5m0s", o.StatementTimeout.String())
	o, err = c.SourceOptions("lake")
	require.NoError(t, err)
	require.True(t, o.DSN.IsZero())
	require.Equal(t, "/data/t.csv", o.Tables[0].Files)
	_, err = c.SourceOptions("broken")
	require.ErrorIs(t, err, ErrSecret)

	for name, want := range map[string]string{"q": "SELECT 1", "s": "SELECT 2"} {
		q, err := c.Query(name)
		require.NoError(t, err)
		require.Equal(t, want, q.SQL)
	}
	q, err := c.Query("s")
	require.NoError(t, err)
	require.True(t, q.Segment)
}

func TestWhatIsNotThereIsSaidByName(t *testing.T) {
	t.Parallel()
	c := good(t, folderFile(t, lookups), from(nil))
	for what, look := range map[string]func(string) error{
		"credential":    func(n string) error { _, err := c.Credential(n); return err },
		"destination":   func(n string) error { _, err := c.Destination(n); return err },
		"data template": func(n string) error { _, err := c.DataTemplate(n); return err },
		"orchestration": func(n string) error { _, err := c.Orchestration(n); return err },
		"campaign":      func(n string) error { _, err := c.Campaign(n); return err },
		"user":          func(n string) error { _, err := c.User(n); return err },
		"query":         func(n string) error { _, err := c.Query(n); return err },
		"source":        func(n string) error { _, err := c.SourceOptions(n); return err },
	} {
		err := look("nobody")
		require.ErrorIs(t, err, ErrNotFound)
		require.EqualError(t, err, what+` "nobody": not in the configuration`)
	}
	_, err := c.Role("nobody")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = c.VerifiesExternalID("nobody")
	require.ErrorIs(t, err, ErrNotFound)
}
