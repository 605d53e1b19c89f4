package plan_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/access"
	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/encrypt"
	"consign/internal/naming"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/table"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	now    = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	schema = table.Schema{
		{Name: "customer_id", Type: table.Type{Kind: table.Int64}},
		{Name: "email", Type: table.Type{Kind: table.String}},
		{Name: "total", Type: table.Type{Kind: table.Decimal, Precision: 18, Scale: 2}},
	}
	// secrets are all that must never be seen in a plan.
	secrets = map[string]string{"ACME_ID": "AKIAHIDDEN", "ACME_SECRET": "hidden-key", "WAREHOUSE_DSN": "postgres://u:hidden@h/db"}
	hidden  = []string{"AKIAHIDDEN", "hidden-key", "postgres://", "external-id-7b9f", "from the SQL", "BEGIN PGP"}
)

func environment(name string) (string, bool) {
	value, ok := secrets[name]
	return value, ok
}

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	c, list, err := config.Load(path, environment)
	require.NoError(t, err)
	require.NoError(t, list.Err())
	return c
}

// write loads a configuration that is the usual one with other texts in it.
func write(t *testing.T, replacements ...string) *config.Config {
	t.Helper()
	text, err := os.ReadFile("testdata/consign.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	changed := strings.NewReplacer(replacements...).Replace(string(text))
	require.NotEqual(t, string(text), changed, "nothing was replaced")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(changed), 0o600))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "keys"), os.DirFS("testdata/keys")))
	return load(t, filepath.Join(dir, "consign.yaml"))
}

func request(orchestration string) plan.Request {
	return plan.Request{Orchestration: orchestration, RunKey: "2026-11-23", RunID: "0193-run", Now: now}
}

var requests = map[string]plan.Request{
	"one-file":         request("vips weekly"),
	"parts":            request("parts"),
	"archive":          request("archive"),
	"parts-in-archive": request("parts-in-archive"),
	"campaign": {
		Campaign: "Spring Sale", Group: "treatment", DataTemplate: "mail", Now: now, RunID: "0193-run", RunKey: "2026-11-23",
	},
}

func TestPlansAreWhatTheyWere(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.Make(c, r, schema)
			require.NoError(t, err)
			require.Len(t, p.Loaders, 5)
			shown := *p
			shown.Loaders = nil // render's own tests have them
			text, err := json.MarshalIndent(shown, "", "  ")
			require.NoError(t, err)
			golden(t, name+".json", string(text)+"\n")
			golden(t, name+".txt", shown.String())

			again, err := plan.Make(load(t, "testdata/consign.yaml"), r, schema)
			require.NoError(t, err)
			require.Equal(t, p, again, "a plan is pure")
		})
	}
}

func TestLoadersAreToldWhereTheFilesAre(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for name, want := range map[string][2]string{ // what Redshift and DuckDB read
		"one-file": {"s3://acme-inbound/upload/crm/vips_2026-11-23.csv.gz.manifest'", "s3://acme-inbound/upload/crm/vips_2026-11-23.csv.gz'"},
		"parts":    {"s3://acme-inbound/upload/crm/parts.manifest'", "s3://acme-inbound/upload/crm/parts/**'"},
		"archive":  {"s3://keys-inbound/archive_2026-11-23_060000.tgz.pgp'", "s3://keys-inbound/archive_2026-11-23_060000.tgz.pgp'"},
	} {
		p, err := plan.Make(c, requests[name], schema)
		require.NoError(t, err)
		require.Contains(t, p.Loaders[0].Statement, want[0])
		require.Contains(t, p.Loaders[3].Statement, want[1])
		require.Contains(t, p.String(), "to load into "+p.Loaders[0].Name)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestNoSecretIsInAPlan(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for name, r := range requests {
		p, err := plan.Make(c, r, schema)
		require.NoError(t, err)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		for _, word := range hidden {
			for _, seen := range []string{string(text), p.String(), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", *p)} {
				require.NotContains(t, seen, word, name)
			}
		}
	}
}

func TestAPlanSurvivesTheHistory(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for name, r := range requests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.Make(c, r, schema)
			require.NoError(t, err)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			var back plan.Plan
			require.NoError(t, json.Unmarshal(text, &back))
			again, err := json.Marshal(&back)
			require.NoError(t, err)
			require.JSONEq(t, string(text), string(again))
			for _, number := range []int{1, 2, 5000} {
				want, err := p.Names.Key(number)
				require.NoError(t, err)
				key, err := back.Names.Key(number)
				require.NoError(t, err)
				require.Equal(t, want, key)
			}
			require.Equal(t, p.String(), back.String())
		})
	}
}

func TestAWidePlanStaysSmall(t *testing.T) {
	t.Parallel()
	var wide table.Schema
	for i := range 300 {
		wide = append(wide, table.Column{Name: fmt.Sprintf("a_column_with_a_long_name_%04d", i), Type: table.Type{Kind: table.String}})
	}
	p, err := plan.Make(load(t, "testdata/consign.yaml"), request("parts"), wide)
	require.NoError(t, err)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.Less(t, len(text), 100_000)
}

func TestWhatCannotBePlannedSaysWhy(t *testing.T) {
	t.Parallel()
	campaign := func(change func(*plan.Request)) plan.Request {
		r := requests["campaign"]
		change(&r)
		return r
	}
	runningOf := func(orchestration, id string) plan.Request {
		r := request(orchestration)
		r.RunID = id
		return r
	}
	running := func(id string) plan.Request { return runningOf("vips weekly", id) }
	for _, test := range []struct {
		name    string
		request plan.Request
		schema  table.Schema
		replace []string
		want    error
		says    string
	}{
		{"an orchestration that is not there", request("vip"), schema, nil, config.ErrNotFound, `orchestration "vip"`},
		{"a campaign that is not there", campaign(func(r *plan.Request) { r.Campaign = "Summer" }), schema, nil, config.ErrNotFound, `campaign "Summer"`},
		{"a group that is not there", campaign(func(r *plan.Request) { r.Group = "x" }), schema, nil, config.ErrNotFound, `group "x"`},
		{"a template that the group does not use", campaign(func(r *plan.Request) { r.DataTemplate = "weekly" }), schema, nil, config.ErrNotFound, `data template "weekly"`},
		{"a group that is not delivered", campaign(func(r *plan.Request) { r.Group = "control" }), schema, nil, config.ErrNotFound, `data template "mail"`},
		{"a column that the query does not have", request("vips weekly"), schema[1:], nil, render.ErrColumn, "customer_id"},
		{"a pii column that the query does not have", request("archive"), schema[:1], nil, plan.ErrConfiguration, `pii: there is no column called "email"`},
		{
			"a type that Parquet cannot hold", request("parts"),
			table.Schema{{Name: "span", Type: table.Type{Kind: table.Interval}}},
			nil, render.ErrUnsupportedType, "span",
		},
		{
			"two columns of one name", request("archive"), append(schema[1:2:2], schema[1]),
			nil, render.ErrColumn, "email",
		},
		{
			"a key that has expired", request("archive"), schema,
			[]string{"acme.asc", "until-2030.asc", "yyyy-MM-dd", "yyyy"},
			nil, "",
		},
		{"a key that can only sign", request("archive"), schema, []string{"acme.asc", "sign-only.asc"}, encrypt.ErrNoEncryption, "destinations[keys].settings.pgp_public_key"},
		{"a key that is not there", request("archive"), schema, []string{"acme.asc", "nobody.asc"}, config.ErrSecret, "nobody.asc"},
		{"a name that S3 refuses", running(strings.Repeat("x", 1100)), schema, []string{"{{query_name}}_", "{{run_id}}"}, naming.ErrName, "bytes"},
		{"an entry that is a drive to Windows", runningOf("parts-in-archive", "C"), schema, []string{"{{query_name}}-{{file_number}}", "{{run_id}}:{{file_number}}"}, archive.ErrName, "absolute"},
		{"an entry that no file system takes", runningOf("parts-in-archive", strings.Repeat("x", 250)), schema, []string{"{{query_name}}-{{file_number}}", "{{run_id}}-{{file_number}}"}, archive.ErrName, "262 bytes"},
		{"a name that climbs", running("."), schema, []string{"{{query_name}}_", ".{{run_id}}/"}, naming.ErrName, ".."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, "testdata/consign.yaml")
			if test.replace != nil {
				c = write(t, test.replace...)
			}
			p, err := plan.Make(c, test.request, test.schema)
			if test.want == nil {
				require.NoError(t, err)
				test.request.Now = time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)
				_, err = plan.Make(c, test.request, test.schema)
				require.ErrorIs(t, err, encrypt.ErrExpired)
				return
			}
			require.Nil(t, p)
			require.ErrorIs(t, err, test.want)
			require.ErrorIs(t, err, plan.ErrConfiguration)
			require.NotErrorIs(t, err, plan.ErrRefused)
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestAKeyThatEndsSoonIsAWarning(t *testing.T) {
	t.Parallel()
	c := write(t, "acme.asc", "until-2030.asc")
	r := request("archive")
	r.Now = time.Date(2029, 12, 15, 0, 0, 0, 0, time.UTC)
	p, err := plan.Make(c, r, schema)
	require.NoError(t, err)
	require.Contains(t, strings.Join(p.Warnings, "\n"), "expires on 2030-01-01")
	require.Contains(t, p.String(), "warning: destinations[keys].settings.pgp_public_key: the key 9D70D5406D4663E67B8504DD49FE31C81C5E0995 expires on 2030-01-01")
}

func TestNowIsOneInstantInUTC(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Los_Angeles")
	require.NoError(t, err)
	r := request("vips weekly")
	r.Now = time.Date(2026, 11, 22, 22, 0, 0, 0, zone)
	p, err := plan.Make(load(t, "testdata/consign.yaml"), r, schema)
	require.NoError(t, err)
	require.Equal(t, now, p.Now)
	require.Equal(t, "upload/crm/vips_2026-11-23.csv.gz", p.FirstKey())
}

func TestTheRequesterIsAskedFirst(t *testing.T) {
	t.Parallel()
	users := "users:\n  - {name: dana, policies: [amp360-user]}\n  - {name: carl, policies: [ampiq-user]}\n  - {name: olga, policies: [datagrid-operator]}\n  - {name: rita, policies: [datagrid-operator, restrict-pii-access]}\n"
	for _, test := range []struct {
		name, by string
		request  plan.Request
		users    bool
		allowed  string // the rule, or
		says     string // why not
	}{
		{"nobody in particular, without users", "", requests["one-file"], false, access.Operator, ""},
		{"nobody in particular, with users", "", requests["one-file"], true, "", "a run must say who asks for it"},
		{"nobody in particular, said aloud", access.Unspecified, requests["one-file"], true, "", "a run must say who asks for it"},
		{"the schedule, with users", access.Schedule, requests["one-file"], true, access.Operator, ""},
		{"somebody unknown", "eve", requests["one-file"], true, "", `user "eve"`},
		{"a business user's orchestration", "dana", requests["one-file"], true, access.AMP360User, ""},
		{"a business user's orchestration to where none may", "dana", requests["archive"], true, "", `the destination "keys" does not allow business users`},
		{"a business user's orchestration through what none may use", "dana", requests["parts"], true, "", `the data template "parts" does not allow business users`},
		{"a campaign by who may only start orchestrations", "dana", requests["campaign"], true, "", "no policy of dana allows to start campaigns"},
		{"a campaign by who may", "carl", requests["campaign"], true, access.AmpIQUser, ""},
		{"an operator anywhere", "olga", requests["archive"], true, access.Operator, ""},
		{"a restriction that beats a grant", "rita", requests["archive"], true, "", "restricted access to personal data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := load(t, "testdata/consign.yaml")
			if test.users {
				c = write(t, "workspace:", users+"workspace:")
			}
			r := test.request
			r.RequestedBy = test.by
			p, err := plan.Make(c, r, schema)
			if test.allowed == "" {
				require.ErrorIs(t, err, plan.ErrRefused)
				require.NotErrorIs(t, err, plan.ErrConfiguration)
				require.ErrorContains(t, err, test.says)
				return
			}
			require.NoError(t, err)
			require.True(t, p.Access.Allowed)
			require.Equal(t, test.allowed, p.Access.Rule)
			require.NotEmpty(t, p.RequestedBy)
		})
	}
}

func TestQueryOfFindsTheQueryOfTheRun(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for name, want := range map[string]string{"one-file": "vips", "parts": "wide", "campaign": "spring treatment"} {
		q, err := plan.QueryOf(c, requests[name])
		require.NoError(t, err)
		require.Equal(t, want, q.Name)
	}
	_, err := plan.QueryOf(c, request("nobody"))
	require.ErrorIs(t, err, config.ErrNotFound)
	require.ErrorIs(t, err, plan.ErrConfiguration)
}

// TestAKeyMustBeGoodOnTheDayThatARunIsPlannedFor: a schedule may make up for a time before the key was made, and a key that
// was good then may have expired.
func TestAKeyMustBeGoodOnTheDayThatARunIsPlannedFor(t *testing.T) {
	t.Parallel()
	day := func(year int, month time.Month) time.Time { return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC) }
	c := write(t, "acme.asc", "until-2030.asc")
	for name, test := range map[string]struct {
		now, today time.Time
		want       error
	}{
		"for a day before the key was made":  {day(2025, time.June), day(2026, time.June), nil},
		"by a key that was good on that day": {day(2029, time.June), day(2030, time.June), encrypt.ErrExpired},
		"for a day on which it has expired":  {day(2030, time.June), day(2026, time.June), encrypt.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request("archive")
			r.Now, r.Today = test.now, test.today
			p, err := plan.Make(c, r, schema)
			require.ErrorIs(t, err, test.want)
			if test.want == nil {
				require.Equal(t, test.now, p.Now)
			}
		})
	}
}
