package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(Schema())
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("consign.schema.json", document))
	s, err := c.Compile("consign.schema.json")
	require.NoError(t, err)
	return s
}

// instance reads a file as an editor does; nil if it is no YAML, or empty.
func instance(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var v any
	if yaml.Unmarshal(text, &v) != nil || v == nil {
		return nil
	}
	out, err := json.Marshal(v)
	require.NoError(t, err)
	v, err = jsonschema.UnmarshalJSON(strings.NewReader(string(out)))
	require.NoError(t, err)
	return v
}

func TestTheSchemaTakesEveryGoodConfiguration(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	files, err := filepath.Glob("testdata/*.good.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range append(files, "../../examples/consign.yaml", "../../deploy/consign/consign.yaml") {
		if v := instance(t, file); v != nil {
			require.NoError(t, s.Validate(v), file)
		}
	}
}

func TestTheSchemaRefusesWhatASchemaCanSee(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for _, name := range []string{
		"acl-unknown", "alert-negative", "boolean-where-text-is-meant", "bucket-owner-too-short", "campaign-without-groups",
		"compression-level-too-high", "compression-level-too-low", "credential-missing", "credential-type-missing", "credential-type-unknown",
		"cron-of-four-fields", "data-template-missing", "delimiter-of-two-characters", "duration-unreadable", "duration-without-unit",
		"encoding-unknown", "escape-of-two-characters", "external-id-too-short", "external-id-with-a-space", "file-format-unknown",
		"fraction-where-number-is-meant", "line-ending-unknown", "mapping-where-text-is-meant", "name-begins-with-a-point", "name-missing",
		"name-too-long", "name-with-a-slash", "notify-without-workflow", "number-where-text-is-meant", "on-conflict-unknown", "on-empty-unknown",
		"on-unwritable-unknown", "overlap-unknown", "parquet-compression-unknown", "plugin-missing", "plugin-unknown", "prefix-begins-with-a-slash",
		"prefix-with-a-question-mark", "prefix-with-a-star", "public-key-in-plain", "query-missing", "query-pii-twice", "query-source-missing",
		"quote-mode-unknown", "row-number-as-text", "schedule-without-cron", "secret-from-nowhere", "secret-in-plain", "secret-inline",
		"secret-number", "secret-unknown-key", "several-problems-at-once", "size-negative", "size-unknown-unit", "source-postgres-dsn-in-plain",
		"source-table-without-files", "source-type-missing", "source-type-unknown", "split-rows-negative", "split-rows-too-many", "sse-unknown-key",
		"sse-unknown", "tags-as-mapping", "template-destination-missing", "temporal-api-key-in-plain", "text-where-boolean-is-meant",
		"text-where-number-is-meant", "unknown-key-at-the-top", "unknown-key-close-to-another", "unknown-key-hides-a-missing-one",
		"unknown-key-not-close", "unknown-key-that-is-a-setting", "user-policy-twice", "user-policy-unknown", "user-without-policies",
		"worker-runs-negative", "worker-threads-too-many", "yaml-item-is-text", "yaml-key-in-capitals", "yaml-key-in-two-cases",
		"yaml-list-is-a-mapping", "yaml-mapping-is-a-list", "yaml-root-is-a-list", "yaml-root-is-text", "yaml-text-is-a-list",
		"yes-where-boolean-is-meant", "zeros-that-were-written",
	} {
		require.Error(t, s.Validate(instance(t, "testdata/"+name+".bad.yaml")), name)
	}
}

func TestEveryWordIsAboutAKey(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(Schema())
	require.NoError(t, err)
	for key, said := range words {
		require.Contains(t, string(text), `"`+key+`":{`, key)
		quoted, err := json.Marshal(said)
		require.NoError(t, err)
		require.Contains(t, string(text), string(quoted), key)
	}
}
