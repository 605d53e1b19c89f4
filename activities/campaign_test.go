package activities

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/source"
)

// long is as long as a name may be.
const long = "x123456789x123456789x123456789x123456789x123456789x123456789x123"

const sale = `
credentials:
  - {name: keys, type: iam-credential, access_key_id: {env: ID}, secret_access_key: {env: SECRET}}
sources:
  - {name: files, type: duckdb, tables: [{name: people, files: people.csv}]}
segments:
  - {name: all, source: files, sql: SELECT * FROM people}
  - {name: typo, source: files, sql: SELEC * FROM people}
destinations:
  - {name: acme, plugin: amazon-s3, credential: keys, settings: {bucket: acme-inbound, file_format: csv}}
data_templates:
  - {name: mail, destination: acme, available_to_campaigns: true}
  - {name: post, destination: acme, available_to_campaigns: true, settings: {filename: "post/{{campaign_name}}/{{group_name}}.csv"}}
users:
  - {name: omar, policies: [datagrid-operator]}
  - {name: ann, policies: [ampiq-user]}
campaigns:
  - name: Spring Sale
    notify: [{workflow_id: crm}]
    groups: [{name: a, segment: all, data_templates: [mail, post]}, {name: b, segment: all, data_templates: [mail]}, {name: control, segment: all}]
  - {name: ` + long + `, groups: [{name: ` + long + `, segment: all, data_templates: [mail]}]}
  - {name: Typo, groups: [{name: a, segment: all, data_templates: [mail]}, {name: b, segment: typo, data_templates: [mail]}]}
`

// planCampaign runs the step as a worker does.
func planCampaign(t *testing.T, in PlanCampaignInput) (PlanCampaignResult, error) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "people.csv"), []byte("id\n1\n"), 0o600))
	path := filepath.Join(dir, "consign.yaml")
	require.NoError(t, os.WriteFile(path, []byte(sale), 0o600))
	c, problems, err := config.Load(path, func(name string) (string, bool) {
		value, ok := map[string]string{"ID": "AKIAPLATFORM", "SECRET": "platform-secret"}[name]
		return value, ok
	})
	require.NoError(t, err)
	require.NoError(t, problems.Err())
	steps := New(Options{Clock: time.Now, Config: func() (*config.Config, error) { return c, nil }, Memory: 256 << 20, Threads: 1, Pool: source.NewPool(t.TempDir(), 1, time.Now)})
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	env.RegisterActivity(steps.PlanCampaign)
	in.Now, in.Run, in.RunKey = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC), "run", cmp.Or(in.RunKey, "k")
	in.Claim.WorkflowID = cmp.Or(in.Claim.WorkflowID, CampaignTurn(in.Campaign)+"/"+in.RunKey)
	value, err := env.ExecuteActivity(steps.PlanCampaign, in)
	if err != nil {
		return PlanCampaignResult{}, err
	}
	var result PlanCampaignResult
	return result, value.Get(&result)
}

func TestThePlanOfACampaignSaysWhichRunsThereAreAndNoMore(t *testing.T) {
	t.Parallel()
	result, err := planCampaign(t, PlanCampaignInput{Campaign: "Spring Sale", RequestedBy: Requester{Name: "omar"}})
	require.NoError(t, err)
	require.Equal(t, []GroupRuns{
		{Name: "a", Runs: []GroupRun{{"Spring Sale/a/mail", "mail", "acme"}, {"Spring Sale/a/post", "post", "acme"}}},
		{Name: "b", Runs: []GroupRun{{"Spring Sale/b/mail", "mail", "acme"}}},
		{Name: "control"},
	}, result.Groups)
	require.Equal(t, []plan.Notify{{WorkflowID: "crm", Signal: "campaign-completed"}}, result.Notify)
	require.Positive(t, result.Parallel)
	require.Nil(t, result.Turn, "overlap is wait: each group's runs take turns")
	text, err := json.Marshal(result)
	require.NoError(t, err)
	require.Less(t, len(text), 1000)
}

func TestACampaignWhoseRunsCannotBeNamedIsNotPlanned(t *testing.T) {
	t.Parallel()
	_, err := planCampaign(t, PlanCampaignInput{Campaign: long, RequestedBy: Requester{Name: "omar"}, RunKey: strings.Repeat("k", 128)})
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "ConfigurationRefused", failed.Type())
	require.Contains(t, failed.Message(), "Temporal on PostgreSQL takes 255: start the campaign anew with a shorter run key")
}

func TestACampaignIsNotPlannedInPart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		campaign, who, kind, says string
	}{
		"a query that cannot be run":             {"Typo", "omar", "QueryFailed", "query typo, source files"},
		"a requester who may not":                {"Spring Sale", "ann", TypeRefused, "group a to mail: refused"},
		"a requester who is not known":           {"Spring Sale", "nobody", TypeRefused, `user "nobody"`},
		"nobody, where users are configured":     {"Spring Sale", "", TypeRefused, "a run must say who asks for it"},
		"a campaign that is not there yet":       {"Summer", "omar", "ConfigurationRefused", `campaign "Summer"`},
		"an orchestration's name, which is none": {"weekly", "omar", "ConfigurationRefused", `campaign "weekly"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := planCampaign(t, PlanCampaignInput{Campaign: c.campaign, RequestedBy: Requester{Name: c.who}})
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, c.kind, failed.Type())
			require.Equal(t, c.kind != "ConfigurationRefused", failed.NonRetryable(), "another worker may have a newer file")
			require.Contains(t, failed.Message(), c.says)
			var f Failure
			require.NoError(t, failed.Details(&f))
			require.Equal(t, "PlanCampaign", f.Step)
		})
	}
}
