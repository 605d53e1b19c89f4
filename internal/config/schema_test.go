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
	for _, file := range append(files, "../../examples/consign.yaml") {
		if v := instance(t, file); v != nil {
			require.NoError(t, s.Validate(v), file)
		}
	}
}

func TestTheSchemaRefusesWhatASchemaCanSee(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for _, name := range []string{
		"sse-unknown", "sse-unknown-key", "source-type-unknown", "tags-as-mapping", "temporal-api-key-in-plain", "text-where-boolean-is-meant",
		"text-where-number-is-meant", "unknown-key-at-the-top", "unknown-key-close-to-another", "unknown-key-not-close", "unknown-key-that-is-a-setting",
		"user-policy-unknown", "yaml-item-is-text", "yaml-list-is-a-mapping", "yaml-mapping-is-a-list", "yaml-text-is-a-list",
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
