package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/table"
)

var schemas = map[string]table.Schema{"vips": schema, "spring treatment": schema}

func wholeCampaign() plan.Request {
	return plan.Request{Campaign: "Spring Sale", RunKey: "2026-11-23", RunID: "0193-run", Now: now}
}

// twoTemplates lets the group be delivered twice, the second time under the given name.
func twoTemplates(t *testing.T, first, second string) *config.Config {
	t.Helper()
	return write(t,
		`filename: "{{campaign_name}}/{{group_name}}.ndjson"`, `filename: "`+first+`"`,
		"orchestrations:", `  - {name: post, destination: acme, available_to_campaigns: true, allow_business_users: true, settings: {file_format: csv, filename: "`+second+`"}}
orchestrations:`,
		"data_templates: [mail]}", "data_templates: [mail, post]}",
		"{name: control, query: vips}", "{name: control, query: vips, data_templates: [mail]}")
}

func TestTheRunsOfACampaignAreEveryGroupToEachOfItsTemplates(t *testing.T) {
	t.Parallel()
	c := twoTemplates(t, "{{campaign_name}}/{{group_name}}.ndjson", "{{campaign_name}}/{{group_name}}.csv")
	all, err := plan.Requests(c, wholeCampaign())
	require.NoError(t, err)
	var names, ids []string
	for _, r := range all {
		names, ids = append(names, r.Orchestration), append(ids, r.RunID)
		require.Equal(t, now, r.Now)
		require.Equal(t, "2026-11-23", r.RunKey)
	}
	require.Equal(t, []string{"Spring Sale/treatment/mail", "Spring Sale/treatment/post", "Spring Sale/control/mail"}, names)
	require.Equal(t, []string{"0193-run-1", "0193-run-2", "0193-run-3"}, ids)

	p, err := plan.MakeCampaign(c, wholeCampaign(), schemas)
	require.NoError(t, err)
	require.Equal(t, []string{"treatment", "control"}, []string{p.Groups[0].Name, p.Groups[1].Name})
	require.Equal(t, "upload/crm/Spring_Sale/treatment.ndjson", p.Groups[0].Deliveries[0].FirstKey())
	require.Equal(t, "upload/crm/Spring_Sale/treatment.csv", p.Groups[0].Deliveries[1].FirstKey())
	require.Equal(t, "upload/crm/Spring_Sale/control.ndjson", p.Groups[1].Deliveries[0].FirstKey())
}

func TestThePlanOfACampaignIsThatOfItsRuns(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	p, err := plan.MakeCampaign(c, wholeCampaign(), schemas)
	require.NoError(t, err)
	require.Equal(t, []plan.Notify{{WorkflowID: "crm", Signal: "campaign-completed"}}, p.Notify)
	require.Equal(t, []plan.Group{{Name: "control", Query: "vips", Deliveries: []*plan.Plan{}}}, p.Groups[1:], "listed, not delivered")
	r := requests["campaign"]
	r.RunID += "-1"
	alone, err := plan.Make(c, r, schema)
	require.NoError(t, err)
	require.Equal(t, alone, p.Groups[0].Deliveries[0])
	require.Equal(t, alone.RequestedBy, p.RequestedBy)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	for _, secret := range hidden {
		require.NotContains(t, string(text), secret)
	}
	for _, g := range p.Groups {
		for _, d := range g.Deliveries {
			d.Loaders = nil // render's own tests have them
		}
	}
	var shown strings.Builder
	p.Print(&shown)
	golden(t, "campaign-whole.txt", shown.String())
}

func TestACampaignIsRefusedWhole(t *testing.T) {
	t.Parallel()
	dana := wholeCampaign()
	dana.RequestedBy = "dana"
	unknown := wholeCampaign()
	unknown.Campaign = "Summer"
	users := "\nusers: [{name: dana, policies: [amp360-user]}, {name: ann, policies: [ampiq-user]}]\ncampaigns:"
	ann := wholeCampaign()
	ann.RequestedBy = "ann"
	for name, c := range map[string]struct {
		config *config.Config
		r      plan.Request
		is     error
		says   string
	}{
		"a campaign that is not there":                  {load(t, "testdata/consign.yaml"), unknown, config.ErrNotFound, `campaign "Summer"`},
		"a requester who may only start orchestrations": {write(t, "\ncampaigns:", users), dana, plan.ErrRefused, "group treatment to mail: refused: access denied: no policy of dana"},
		"a requester who may not use one of the templates": {
			write(t, "\ncampaigns:", users, "data_templates: [mail]}", "data_templates: [mail, post]}", "orchestrations:",
				`  - {name: post, destination: acme, available_to_campaigns: true, settings: {file_format: csv, filename: "{{campaign_name}}/{{group_name}}.csv"}}`+"\norchestrations:"),
			ann, plan.ErrRefused, "group treatment to post: refused: ",
		},
		"two runs that would write one object": {
			twoTemplates(t, "{{now|format:'yyyy'}}/{{campaign_name}}/{{group_name}}.csv", "2026/{{campaign_name}}/{{group_name}}.csv"),
			wholeCampaign(), plan.ErrConfiguration,
			"file 1 of group treatment to mail and file 1 of group treatment to post would both be called s3://acme-inbound/upload/crm/2026/Spring_Sale/treatment.csv",
		},
		"a run whose object is the other's success file": {
			twoTemplates(t, "{{campaign_name}}/{{group_name}}.csv", "{{campaign_name}}/{{group_name}}.csv.DONE"),
			wholeCampaign(), plan.ErrConfiguration, "the success file of group treatment to mail and file 1 of group treatment to post would both be called",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.MakeCampaign(c.config, c.r, schemas)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestOneNameInTwoBucketsIsNoCollision(t *testing.T) {
	t.Parallel()
	c := write(t, "bucket: acme-inbound, ", "", "settings: {file_format: ndjson, ", "settings: {bucket: one, file_format: ndjson, ",
		"settings: {file_format: csv, encoding: gzip", "settings: {bucket: other, file_format: csv, encoding: gzip", "settings: {file_format: parquet,", "settings: {bucket: other, file_format: parquet,",
		"data_templates: [mail]}", "data_templates: [mail, post]}", "orchestrations:",
		`  - {name: post, destination: acme, available_to_campaigns: true, settings: {bucket: two, file_format: ndjson, filename: "{{campaign_name}}/{{group_name}}.ndjson"}}`+"\norchestrations:")
	_, err := plan.MakeCampaign(c, wholeCampaign(), schemas)
	require.NoError(t, err)
}
