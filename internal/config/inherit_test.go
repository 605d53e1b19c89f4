package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheHighestLevelThatSetsASettingIsFinal asks for every combination of levels that set one setting.
func TestTheHighestLevelThatSetsASettingIsFinal(t *testing.T) {
	t.Parallel()
	base := `
credentials: [{name: role, type: iam-role-to-role, role_arn: "arn:aws:iam::210987654321:role/consign", external_id: 7b9f}]
sources: [{name: s, type: duckdb, database: a.duckdb}]
queries: [{name: q, source: s, sql: SELECT 1}]
destinations: [{name: d, plugin: amazon-s3, credential: role, settings: {bucket: b-1, file_format: csv%s}}]
data_templates: [{name: t, destination: d, settings: {%s}}]
orchestrations: [{name: o, query: q, data_template: t, settings: {%s}}]
`
	for _, test := range []struct {
		d, t, o bool
		want    string // the level that counts
		clash   []string
	}{
		{false, false, false, ByDefault, nil},
		{true, false, false, "destination d", nil},
		{false, true, false, "data template t", nil},
		{false, false, true, "orchestration o", nil},
		{true, true, false, "", []string{"data_templates[t].settings.encoding: is set already by destination d"}},
		{true, false, true, "", []string{"orchestrations[o].settings.encoding: is set already by destination d"}},
		{false, true, true, "", []string{"orchestrations[o].settings.encoding: is set already by data template t"}},
		{true, true, true, "", []string{
			"data_templates[t].settings.encoding: is set already by destination d",
			"orchestrations[o].settings.encoding: is set already by destination d",
		}},
	} {
		t.Run(fmt.Sprintf("destination %t, template %t, orchestration %t", test.d, test.t, test.o), func(t *testing.T) {
			t.Parallel()
			set := func(is bool, value string) string {
				if is {
					return "encoding: " + value
				}
				return ""
			}
			first := set(test.d, "tar")
			if first != "" {
				first = ", " + first
			}
			dir := folder(t, map[string]string{"consign.yaml": fmt.Sprintf(base, first, set(test.t, "tgz"), set(test.o, "zip"))})
			if test.clash != nil {
				says := refused(t, dir, from(nil))
				for _, clash := range test.clash {
					require.Contains(t, says, clash)
				}
				return
			}
			c := good(t, dir, from(nil))
			e := c.Effective(&c.Destinations[0], &c.DataTemplates[0], &c.Orchestrations[0])
			origin := e.Origins["encoding"]
			require.Equal(t, test.want, origin.Level)
			want := map[string]string{ByDefault: "none", "destination d": "tar", "data template t": "tgz", "orchestration o": "zip"}[test.want]
			require.Equal(t, want, *e.Settings.Encoding)
			if test.want == ByDefault {
				require.Equal(t, ByDefault, origin.String())
				return
			}
			line := map[string]string{"destination d": "5", "data template t": "6", "orchestration o": "7"}[test.want]
			require.True(t, strings.HasSuffix(origin.String(), "consign.yaml:"+line+")"), origin.String())
		})
	}
}

// everything is a settings block with every setting in it, as the documents write them.
const everything = `
bucket: acme-inbound
prefix: upload
region: eu-central-1
endpoint: "https://s3.example.com"
path_style: true
sse: {mode: kms, kms_key_id: key}
acl: bucket-owner-full-control
storage_class: STANDARD_IA
tags: [{name: Team, value: CRM}]
bucket_owner: "012345678901"
on_conflict: fail
file_format: custom
delimiter: ";"
quote_mode: all
escape_character: '\'
null_string: "NULL"
header: false
bom: true
line_ending: crlf
formula_guard: true
on_unwritable: write
parquet_compression: zstd
row_number: {column: n}
on_empty: skip
encoding: gzip
compression_level: 9
filename: all.csv
split: {rows: 10}
split_filename: "{{file_number}}.csv"
pgp_public_key: {file: a.asc}
pgp_public_keys: [{file: b.asc}, {env: KEY}]
pgp_aead: true
success_file: true
manifest: true
receipt: true
`

func TestEverySettingIsReadShownAndComposed(t *testing.T) {
	t.Parallel()
	text := "destinations:\n  - name: d\n    settings:\n      " + strings.ReplaceAll(strings.TrimSpace(everything), "\n", "\n      ")
	r := &reader{report: &report{places: newPlaces()}, environment: from(nil), config: &Config{}}
	require.NoError(t, r.read([]string{folderFile(t, text)}))
	require.Empty(t, r.list)
	c := r.config
	c.places = r.places
	e := c.Effective(&c.Destinations[0], nil, nil)
	var shown []string
	for _, s := range e.List() {
		shown = append(shown, s.Name+"="+s.Value)
		require.Equal(t, "destination d", s.Origin.Level, s.Name)
	}
	require.Len(t, shown, reflect.TypeFor[Settings]().NumField(), "the list above has every setting")
	require.Contains(t, shown, "sse=KMS key key")
	require.Contains(t, shown, "tags=Team=CRM")
	require.Contains(t, shown, "split=10 rows")
	require.Contains(t, strings.Join(shown, "\n"), "b.asc, $KEY")

	// A stage's option that no setting reaches would be a setting that is ignored.
	owned := map[string]bool{"Threads": true, "Attempts": true, "Stall": true, "Modified": true, "SplitMegabytes": true}
	for _, options := range []any{e.Settings.Render([]Column{{From: "a"}}), e.Settings.Upload(S3{PartSize: 1, Concurrency: 1}), e.Settings.Archive()} {
		v := reflect.ValueOf(options)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "Header" {
				require.False(t, v.Field(i).Bool())
				continue
			}
			require.NotEqual(t, owned[name], !v.Field(i).IsZero(), "%T.%s", options, name)
		}
	}
}

func folderFile(t *testing.T, text string) string {
	t.Helper()
	return folder(t, map[string]string{"consign.yaml": text}) + "/consign.yaml"
}

func TestDefaultsAreThoseOfTheFormat(t *testing.T) {
	t.Parallel()
	for format, want := range map[string][]string{
		"csv":     {"quote_mode=minimal", "header=true", "line_ending=lf", "bom=false", "formula_guard=false", "on_unwritable=fail"},
		"parquet": {"parquet_compression=snappy"},
		"ndjson":  {},
	} {
		e := Effective{Settings: Settings{FileFormat: new(format)}, Origins: map[string]Origin{}}
		e.complete()
		var got []string
		for _, s := range e.List() {
			got = append(got, s.Name+"="+s.Value)
		}
		require.Subset(t, got, want)
		require.Subset(t, got, []string{"encoding=none", "on_empty=write", "on_conflict=overwrite", "sse=none", "acl=none", "success_file=false"})
		require.Len(t, got, 10+len(want), got)
	}
}

func TestNamesFollowFromTheSettings(t *testing.T) {
	t.Parallel()
	split := &Split{Rows: 10}
	const usual, campaign = "{{orchestration_name}}_{{now|format:'yyyy-MM-dd_HHmmss'}}", "{{campaign_name}}_{{group_name}}"
	for _, test := range []struct {
		name     string
		settings Settings
		campaign bool
		filename string
		parts    string
	}{
		{"nothing but a format", Settings{FileFormat: new("csv")}, false, usual + ".csv", ""},
		{"a campaign", Settings{FileFormat: new("parquet")}, true, campaign + ".parquet", ""},
		{"gzip", Settings{FileFormat: new("tsv"), Encoding: new("gzip")}, false, usual + ".tsv.gz", ""},
		{"an archive", Settings{FileFormat: new("csv"), Encoding: new("tgz")}, false, usual + ".tgz", ""},
		{"a name of one's own", Settings{FileFormat: new("csv"), Filename: new("x.dat")}, false, "x.dat", ""},
		{"a split", Settings{FileFormat: new("csv"), Split: split}, false, usual, "{{file_number}}.csv"},
		{"a split in gzip", Settings{FileFormat: new("csv"), Encoding: new("gzip"), Split: split}, true, campaign, "{{file_number}}.csv.gz"},
		{"a split in an archive", Settings{FileFormat: new("csv"), Encoding: new("zip"), Split: split}, false, usual + ".zip", "{{file_number}}.csv"},
		{
			"a split in one template",
			Settings{FileFormat: new("csv"), Split: split, Filename: new("{{now|format:'yyyy/MM'}}/a/{{file_number}}.csv")},
			false, "{{now|format:'yyyy/MM'}}/a", "{{file_number}}.csv",
		},
		{
			"a split in two templates",
			Settings{FileFormat: new("csv"), Split: split, Filename: new("a/b"), SplitFilename: new("p{{file_number}}")},
			false, "a/b", "p{{file_number}}",
		},
		{
			"parts with a name, in the usual folder",
			Settings{FileFormat: new("csv"), Split: split, SplitFilename: new("p{{file_number}}")},
			false, usual, "p{{file_number}}",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			n := test.settings.Naming(test.campaign)
			require.Equal(t, test.filename, n.Filename)
			require.Equal(t, test.parts, n.Parts)
		})
	}
}
