package activities

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"consign/internal/plan"
)

// changingSource is a source of one CSV file, of which all is delivered: as the orchestration text, as parquet, and by
// the names of two columns as named.
const changingSource = `sources:
  - {name: files, type: duckdb, tables: [{name: t, files: t.csv}]}
queries:
  - {name: all, source: files, sql: SELECT * FROM t}
credentials:
  - {name: theirs, type: iam-credential, access_key_id: {file: t.csv}, secret_access_key: {file: t.csv}}
destinations:
  - {name: acme, plugin: amazon-s3, credential: theirs, settings: {bucket: acme-inbound}}
data_templates:
  - {name: as-they-are, destination: acme}
  - {name: named, destination: acme, columns: [{from: id}, {from: email}]}
orchestrations:
  - {name: text, query: all, data_template: as-they-are, settings: {file_format: csv}}
  - {name: parquet, query: all, data_template: as-they-are, settings: {file_format: parquet}}
  - {name: named, query: all, data_template: named, settings: {file_format: csv}}
`

func TestARunDeliversTheColumnsThatItWasPlannedWith(t *testing.T) {
	t.Parallel()
	const before = "id,email,phone\n1,a@example.com,555\n"
	for name, c := range map[string]struct{ orchestration, now, says string }{
		"other rows":                   {"text", "id,email,phone\n2,b@example.com,556\n3,c@example.com,557\n", ""},
		"other rows, as Parquet":       {"parquet", "id,email,phone\n2,b@example.com,556\n", ""},
		"two that have changed places": {"text", "id,phone,email\n1,555,a@example.com\n", `column 2 is "phone" BIGINT, and not "email" VARCHAR`},
		"one that came":                {"text", "id,email,phone,ssn\n1,a@example.com,555,x\n", "4, and not 3"},
		"one that went":                {"parquet", "id,email\n1,a@example.com\n", "2, and not 3"},
		"one of another name":          {"text", "id,mail,phone\n1,a@example.com,555\n", `column 2 is "mail" VARCHAR, and not "email" VARCHAR`},
		"another type in text":         {"text", "id,email,phone\nx,a@example.com,555\n", ""},
		"another type in Parquet":      {"parquet", "id,email,phone\nx,a@example.com,555\n", `column 1 is "id" VARCHAR, and not "id" BIGINT`},
		"by name, wherever they are":   {"named", "phone,email,ssn,id\n555,a@example.com,x,1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "t.csv")
			require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(changingSource), 0o600))
			p := newPacker(t, dir)
			made, err := Resolve(t.Context(), p.config(t), plan.Request{Orchestration: c.orchestration, RunID: "r", Now: p.now}, 256<<20, 1)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(c.now), 0o600))
			_, err = p.env.ExecuteActivity(p.steps.Render, RenderInput{
				Folder: Folder{Run: "r", WorkflowID: "send/r", Delivery: "r-1"}, Query: made.Query, Render: made.Render, Columns: made.Columns,
			})
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, "PlanStale", failed.Type())
			require.True(t, failed.NonRetryable())
			require.ErrorContains(t, err, "query all: "+ErrOtherColumns.Error()+": "+c.says)
		})
	}
}
