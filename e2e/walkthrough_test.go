package e2e_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/plan"
	"consign/workflows"
)

// A desk is a folder of configuration that a team fills file by file, asking starter after each.
type desk struct {
	*site
	gpg string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{site: newSite(t)}
	d.data("data.parquet", `SELECT i AS id, 'customer-' || i || '@personal.example' AS email, CASE WHEN i % 10 = 0 THEN NULL ELSE 'says "hello", ' || i END AS note, i % 10 = 0 AS control FROM range(1000) t(i)`)
	d.gpg = d.gpgHome()
	d.config = d.path("conf")
	d.add("10-servers", fmt.Sprintf(`
temporal: {address: %q, task_queue: %s}
workspace: {dir: ../workspace}
sources:
  - {name: crm, type: duckdb, tables: [{name: customers, files: ../data.parquet}]}
users:
  - {name: dana, policies: [amp360-user, restrict-pii-access]}
  - {name: max, policies: [ampiq-user]}
  - {name: eve, policies: [datagrid-operator, restrict-data-exports]}
  - {name: olga, policies: [datagrid-operator]}
`, stack.Temporal.Address, d.name))
	return d
}

// add writes a file of the configuration. {site} stands for the site's name.
func (d *desk) add(name, text string) {
	d.t.Helper()
	d.write(filepath.Join("conf", name+".yaml"), strings.ReplaceAll(text, "{site}", d.name))
}

// says runs a command that must end with a status, and returns all that it said.
func (d *desk) says(status int, args ...string) string {
	d.t.Helper()
	a := d.starter(args...)
	require.Equal(d.t, status, a.code, "starter %s\n%s\n%s\n%s", strings.Join(args, " "), a.out, a.err, d.logs)
	return a.out + a.err
}

// destinationForm is a destination with every field that its form has.
func (d *desk) destinationForm(allow string) string {
	return fmt.Sprintf(`
destinations:
  - name: acme
    description: sends query results and campaigns to Acme's bucket
    plugin: amazon-s3
    credential: acme
    settings:
      bucket: %s
      prefix: upload
      region: us-east-1
      endpoint: %q
      path_style: true
      sse: none
      acl: none
      storage_class: STANDARD
      tags: [{name: sender, value: consign}]
      on_conflict: fail
      file_format: custom
      delimiter: ";"
      quote_mode: all_non_null
      escape_character: ""
      null_string: "NULL"
      header: true
      bom: false
      line_ending: crlf
      formula_guard: true
      on_unwritable: fail
      row_number: {column: line}
      on_empty: fail
      encoding: gzip
      compression_level: 9
      pgp_public_key: {file: ../acme.asc}
      pgp_aead: false
      success_file: true
      manifest: true
      receipt: true
    %s
`, d.bucket, d.endpoint, allow)
}

// rows reads a delivered object as Acme does.
func (d *desk) rows(key string) [][]string {
	d.t.Helper()
	packed, err := os.ReadFile(d.decrypt(d.gpg, d.get(key)))
	require.NoError(d.t, err)
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(d.t, err)
	reader := csv.NewReader(unpacked)
	reader.Comma = ';'
	rows, err := reader.ReadAll()
	require.NoError(d.t, err)
	return rows
}

// TestATeamSetsUpADestinationAndSendsAsThreeUsers is the way of a marketing-data team from nothing to a campaign, by the
// commands alone: a credential, a destination, a data template, who may use them, a query's result sent by one user, a
// campaign by another, and a refusal for everybody who may not.
func TestATeamSetsUpADestinationAndSendsAsThreeUsers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)

	// A credential, with an external ID of its own.
	external := strings.TrimSpace(d.starter("external-id").out)
	require.NotEmpty(t, external)
	d.add("20-credential", fmt.Sprintf(`
credentials:
  - {name: platform, type: iam-credential, access_key_id: {env: PLATFORM_ID}, secret_access_key: {file: ../secret}}
  - {name: acme, type: iam-role-to-role, base: platform, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: %q, sts_endpoint: %q}
`, external, stack.S3.Endpoint))
	d.says(0, "validate")

	// A destination: what its owner has to grant, and whether it works.
	d.add("30-destination", d.destinationForm("allow_business_users: false"))
	d.says(0, "validate")
	require.Contains(t, d.says(0, "policy", "acme", "--principal", "arn:aws:iam::111122223333:role/platform"), external)
	require.Contains(t, d.says(0, "test", "acme"), "s3://"+d.bucket+"/upload")
	require.Empty(t, d.keys(), "a test leaves nothing")

	// Templates, a query, an orchestration and a campaign.
	d.add("40-templates", `
data_templates:
  - name: weekly
    destination: acme
    allow_business_users: true
    settings: {filename: "{{query_name}}_{{now|format:'yyyy-MM-dd'}}.csv.gz"}
  - name: campaigns
    destination: acme
    allow_business_users: true
    available_to_campaigns: true
    columns: [{from: email, to: Email}, {from: id, to: CustomerID}, {to: source, value: "{{campaign_name}}"}]
    settings: {filename: "{{campaign_name}}_{{group_name}}.csv.gz"}
`)
	d.add("50-sends", `
queries:
  - {name: all, source: crm, sql: "SELECT id, email, note FROM customers ORDER BY id", pii: [email], alerts: {fail_below: 1000, warn_above: 10}}
segments:
  - {name: treated, source: crm, sql: "SELECT id, email FROM customers WHERE NOT control ORDER BY id", pii: [email]}
  - {name: control, source: crm, sql: "SELECT id, email FROM customers WHERE control ORDER BY id", pii: [email]}
orchestrations:
  - {name: "weekly-{site}", query: all, data_template: weekly}
campaigns:
  - name: "Sale {site}"
    groups:
      - {name: treatment, segment: treated, data_templates: [campaigns]}
      - {name: control, segment: control}
`)
	d.says(0, "validate")
	d.worker()
	weekly, sale := "weekly-"+d.name, "Sale "+d.name

	// Nobody but an operator may use what is not allowed to business users.
	require.Contains(t, d.says(2, "send", weekly, "--run-key", "k0"), "--as")
	require.Contains(t, d.says(3, "send", weekly, "--as", "dana", "--run-key", "k1", "--wait"), "does not allow business users")
	d.add("30-destination", d.destinationForm("allow_business_users: true"))
	require.Contains(t, d.says(3, "send", weekly, "--as", "dana", "--run-key", "k2", "--wait"), "restricted access to personal data")
	require.Empty(t, d.keys(), "who is refused has sent nothing")
	d.add("30-destination", d.destinationForm("allow_business_users: true\n    allow_limited_pii: true"))
	d.allowLimited("40-templates")

	// A query's result, as one user.
	planned := d.says(0, "plan", weekly, "--as", "dana", "--at", "2026-11-23T06:00:00Z")
	for _, want := range []string{"upload/all_2026-11-23.csv.gz.pgp", "destination acme", "data template weekly", "personal data", "allowed by amp360-user"} {
		require.Contains(t, planned, want)
	}
	require.NotContains(t, planned, "@personal.example")
	sent := d.send(weekly, "--as", "dana", "--run-key", "k3")
	require.EqualValues(t, 1000, sent.Rows)
	require.NotEmpty(t, sent.Warnings, "more rows than warn_above")
	rows := d.rows(sent.Objects[0].Key)
	require.Equal(t, []string{"line", "id", "email", "note"}, rows[0])
	require.Equal(t, []string{"1", "0", "customer-0@personal.example", "NULL"}, rows[1])
	require.Equal(t, []string{"1000", "999", "customer-999@personal.example", `says "hello", 999`}, rows[1000])
	require.Equal(t, "dana", d.recorded(weekly, "k3").Access.User)

	// A campaign, as another, who may not send the orchestration.
	require.Contains(t, d.says(3, "send", weekly, "--as", "max", "--run-key", "k4", "--wait"), "max")
	require.Contains(t, d.says(3, "campaign", sale, "--as", "dana", "--run-key", "k5", "--wait"), "dana")
	d.says(0, "campaign", sale, "--as", "max", "--run-key", "k6", "--wait")
	key := fmt.Sprintf("upload/Sale_%s_treatment.csv.gz.pgp", d.name) // a blank is no letter of a key
	require.Contains(t, d.keys(), key+".DONE")
	rows = d.rows(key)
	require.Equal(t, []string{"line", "Email", "CustomerID", "source"}, rows[0])
	require.Len(t, rows, 901)
	require.Equal(t, []string{"900", "customer-999@personal.example", "999", sale}, rows[900])

	// A third is refused whatever it is, and nothing more has arrived.
	before := d.keys()
	require.Contains(t, d.says(3, "send", weekly, "--as", "eve", "--run-key", "k7", "--wait"), "restrict-data-exports")
	require.Contains(t, d.says(3, "campaign", sale, "--as", "eve", "--run-key", "k8", "--wait"), "restrict-data-exports")
	require.Contains(t, d.says(3, "send", weekly, "--as", "nobody", "--run-key", "k9", "--wait"), "nobody")
	require.Equal(t, before, d.keys())
	d.nothingLeft()
}

// allowLimited allows what restrict-pii-access asks for to every template of a file.
func (d *desk) allowLimited(name string) {
	d.t.Helper()
	text, err := os.ReadFile(d.path(filepath.Join("conf", name+".yaml")))
	require.NoError(d.t, err)
	d.add(name, strings.ReplaceAll(string(text), "allow_business_users: true", "allow_business_users: true\n    allow_limited_pii: true"))
}

// recorded is the plan that a run has kept in its history: who asked, and why that was allowed.
func (d *desk) recorded(orchestration, key string) plan.Plan {
	d.t.Helper()
	var p plan.Plan
	for _, event := range eventsOf(d.t, workflows.OrchestrationID(orchestration, key)) {
		if done := event.GetActivityTaskCompletedEventAttributes(); done != nil {
			require.NoError(d.t, json.Unmarshal(done.GetResult().GetPayloads()[0].GetData(), &p))
			return p
		}
	}
	require.FailNow(d.t, "no step was done")
	return p
}
