package naming_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/naming"
)

// moment is a Sunday evening in Los Angeles and a Monday morning in UTC.
var moment = time.Date(2026, 11, 23, 5, 4, 9, 87_654_321, time.UTC)

func values() naming.Variables {
	return naming.Variables{
		Now: moment, CampaignName: "Spring Sale 2026", GroupName: "treatment", OrchestrationName: "vips-weekly",
		QueryName: "vips", RunID: "run-1", FileNumber: 42,
	}
}

func render(t *testing.T, text string) string {
	t.Helper()
	template, err := naming.Parse(text)
	require.NoError(t, err)
	require.Equal(t, text, template.String())
	name, err := template.Render(values())
	require.NoError(t, err)
	return name
}

func TestATemplateIsTextWithExpressionsInIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ template, want string }{
		"text is literal":                         {"daily/customers.csv", "daily/customers.csv"},
		"single braces are text":                  {"a{b}c", "a{b}c"},
		"text keeps its spaces":                   {"my file.csv", "my file.csv"},
		"text may be any language":                {"größe_顧客.csv", "größe_顧客.csv"},
		"campaign_name":                           {"{{campaign_name}}", "Spring_Sale_2026"},
		"group_name":                              {"{{group_name}}", "treatment"},
		"orchestration_name":                      {"{{orchestration_name}}", "vips-weekly"},
		"query_name":                              {"{{query_name}}", "vips"},
		"run_id":                                  {"{{run_id}}", "run-1"},
		"file_number has seven digits":            {"{{file_number}}.csv", "0000042.csv"},
		"blanks inside the braces do not matter":  {"{{  query_name\t}}", "vips"},
		"expressions may touch":                   {"{{query_name}}{{file_number}}", "vips0000042"},
		"now is UTC":                              {"{{now|format:'yyyy-MM-dd_HHmmss'}}", "2026-11-23_050409"},
		"now without a format":                    {"{{now}}", "2026-11-23T05:04:09+00:00"},
		"now in a zone without a format":          {"{{ now | local:'Asia/Kolkata' }}", "2026-11-23T10:34:09+05:30"},
		"local shifts to the zone":                {"{{now|local:'America/Los_Angeles'|format:'yyyy-MM-dd HH a Z'}}", "2026-11-22 21 PM -0800"},
		"next_day is tomorrow":                    {"{{now|next_day|format:'yyyyMMdd'}}", "20261124"},
		"next_day twice":                          {"{{now|next_day|next_day|format:'yyyyMMdd'}}", "20261125"},
		"next_day counts in the zone it is in":    {"{{now|local:'America/Los_Angeles'|next_day|format:'MM-dd'}}", "11-23"},
		"next_day before local":                   {"{{now|next_day|local:'America/Los_Angeles'|format:'MM-dd'}}", "11-23"},
		"a quote is doubled inside an argument":   {"{{now|format:'HH''h''mm'}}", "05h04"},
		"double quotes hold single ones":          {`{{now|format:"yyyy-MM-dd'T'HH"}}`, "2026-11-23T05"},
		"a doubled double quote":                  {`{{now|format:"yyyy""MM"}}`, `2026"11`},
		"blanks around the argument":              {"{{ now | format : 'yyyy' }}", "2026"},
		"braces in a pattern do not end it":       {"{{now|format:'yyyy}}MM'}}", "2026}}11"},
		"a folder made by a format":               {"{{now|format:'yyyy/MM/dd'}}/{{query_name}}", "2026/11/23/vips"},
		"the example of the documents":            {"{{query_name}}_{{now|format:'yyyy-MM-dd'}}.csv.gz", "vips_2026-11-23.csv.gz"},
		"the second example of the documents":     {"{{campaign_name}}_{{group_name}}.csv", "Spring_Sale_2026_treatment.csv"},
		"an expression at the very end and start": {"{{query_name}}-{{query_name}}", "vips-vips"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, render(t, c.template))
		})
	}
}

func TestABrokenTemplateIsRefusedWithTheCharacterAndTheWayOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ template, want string }{
		"empty":                        {"", "it is empty"},
		"not UTF-8":                    {"a\xff", "it is not UTF-8 text"},
		"unknown variable":             {"a_{{querry}}", `character 5: there is no variable "querry": the variables are now, campaign_name, group_name, orchestration_name, query_name, run_id and file_number`},
		"case matters":                 {"{{Now}}", `character 3: there is no variable "Now"`},
		"characters are not bytes":     {"äöü{{x}}", `character 6: there is no variable "x"`},
		"no variable":                  {"{{}}", "character 3: the name of a variable is missing"},
		"three braces":                 {"{{{now}}}", "character 3: the name of a variable is missing"},
		"never closed":                 {"abc{{now", "character 4: {{ without the }}"},
		"never opened":                 {"abc}}", "character 4: }} without the {{"},
		"one brace closes nothing":     {"{{now}", `character 6: '}' is not expected here: write | before a filter or }} to end the expression`},
		"two words":                    {"{{now now}}", "character 7: 'n' is not expected here"},
		"unknown filter":               {"{{now|upper}}", `character 7: there is no filter "upper": the filters are local, next_day and format`},
		"missing filter":               {"{{now|}}", "character 7: the name of a filter is missing"},
		"local without a zone":         {"{{now|local}}", "character 7: local needs a time zone: write local:'America/Los_Angeles'"},
		"local with an unknown zone":   {"{{now|local:'Mars/Olympus'}}", `character 7: there is no time zone "Mars/Olympus": write an IANA name`},
		"local with the machine's":     {"{{now|local:'Local'}}", `there is no time zone "Local"`},
		"local with an empty zone":     {"{{now|local:''}}", `there is no time zone ""`},
		"local with a path":            {"{{now|local:'../../etc/passwd'}}", "there is no time zone"},
		"next_day with an argument":    {"{{now|next_day:'2'}}", "character 7: next_day takes no argument"},
		"format without a pattern":     {"{{now|format}}", "character 7: format needs a pattern"},
		"format with an empty pattern": {"{{now|format:''}}", "character 15: the pattern is empty"},
		"format is the last filter":    {"{{now|format:'yyyy'|next_day}}", "character 21: format must be the last filter"},
		"a filter on text":             {"{{query_name|format:'yyyy'}}", "character 14: query_name takes no filter"},
		"argument without quotes":      {"{{now|format:yyyy}}", "character 14: the argument of a filter stands in quotes"},
		"argument never ends":          {"{{now|format:'yyyy}}", "character 14: the quote that ends the argument is missing"},
		"argument is missing":          {"{{now|format:", "character 14: the argument of a filter stands in quotes"},
		"quotes that are not doubled":  {"{{now|format:'yyyy'T'HH'}}", "character 20: only | or }} may follow the argument; a quote inside it is written twice: ''"},
		"unknown letter":               {"{{now|format:'yyyy-QQ'}}", `character 20: "QQ" is not known: the letters are yyyy YYYY MM dd HH hh mm ss SSS DDD EEE a Z ZZ`},
		"letter after doubled quotes":  {"{{now|format:'''T''Q'}}", `character 20: "Q" is not known`},
		"text never ends":              {"{{now|format:'yyyy''T'}}", "character 19: the quote that ends the text in the pattern is missing"},
		"the zone's name":              {"{{now|format:'ZZZ'}}", "character 15: ZZZ would be the zone's name, which holds a /: write Z or ZZ"},
		"letters of week years":        {"{{now|format:'xxxx'}}", `"xxxx" is not known`},
		"other alphabets are no text":  {"{{größe}}", `character 3: there is no variable "gr"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := naming.Parse(c.template)
			require.ErrorIs(t, err, naming.ErrTemplate)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAnErrorReadsAsOneSentence(t *testing.T) {
	t.Parallel()
	_, err := naming.Parse("{{now|fmt:'yyyy'}}")
	require.EqualError(t, err, `not a usable filename template: character 7: there is no filter "fmt": the filters are local, next_day and format`)
}

func TestAVariableWithoutValueIsRefusedWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"now":                "character 6: now has no value: the run has no time",
		"campaign_name":      "character 6: campaign_name has no value: only the deliveries of a campaign have one",
		"group_name":         "character 6: group_name has no value: only the deliveries of a campaign have one",
		"orchestration_name": "character 6: orchestration_name has no value: the deliveries of a campaign have none",
		"query_name":         "character 6: query_name has no value: this delivery has no query",
		"run_id":             "character 6: run_id has no value: the run has not begun",
		"file_number":        "character 6: file_number has no value: only the files of a split are numbered",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Parallel()
			template, err := naming.Parse("a/ {{" + variable + "}}")
			require.NoError(t, err)
			_, err = template.Render(naming.Variables{})
			require.ErrorIs(t, err, naming.ErrTemplate)
			require.ErrorContains(t, err, want)
		})
	}
}

func TestUsesTellsWhatATemplateAsksFor(t *testing.T) {
	t.Parallel()
	template, err := naming.Parse("query_name {{now}} {{file_number}}")
	require.NoError(t, err)
	require.True(t, template.Uses("now"))
	require.True(t, template.Uses("file_number"))
	require.False(t, template.Uses("query_name"), "text is not a variable")
}

func TestNowMayComeInAnyZoneAndIsRenderedAsUTC(t *testing.T) {
	t.Parallel()
	template, err := naming.Parse("{{now|format:'yyyy-MM-dd HH:mm Z'}}")
	require.NoError(t, err)
	name, err := template.Render(naming.Variables{Now: moment.In(time.FixedZone("", -8*3600))})
	require.NoError(t, err)
	require.Equal(t, "2026-11-23 05:04 +0000", name)
}
