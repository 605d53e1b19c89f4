package plan_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/stretchr/testify/require"

	"consign/internal/config"
	"consign/internal/plan"
)

// today is when files are sent again: days after they were made.
var today = now.Add(72 * time.Hour)

func first(t *testing.T, c *config.Config, orchestration string) *plan.Plan {
	t.Helper()
	p, err := plan.Make(c, request(orchestration), schema)
	require.NoError(t, err)
	return p
}

func TestFilesAreSentAgainUnderTheirOwnNames(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	for _, orchestration := range []string{"vips weekly", "parts", "archive", "parts-in-archive"} {
		p := first(t, c, orchestration)
		again, err := plan.Again(c, plan.Request{RunKey: "2026-11-23~2"}, p, today)
		require.NoError(t, err)
		want := *p
		want.RunKey = "2026-11-23~2"
		require.Equal(t, &want, again, "all but the key is as it was")
	}
}

func TestAGroupsFilesAreSentAgain(t *testing.T) {
	t.Parallel()
	c := load(t, "testdata/consign.yaml")
	p, err := plan.Make(c, requests["campaign"], schema)
	require.NoError(t, err)
	again, err := plan.Again(c, plan.Request{RunKey: "2026-11-23"}, p, today)
	require.NoError(t, err)
	require.Equal(t, p, again)
	_, err = plan.Again(c, plan.Request{RunKey: "2026-11-23", To: "weekly"}, p, today)
	require.ErrorIs(t, err, plan.ErrConfiguration)
	require.ErrorContains(t, err, `data template "weekly" is not available to campaigns`)
}

// elsewhere is another destination and data templates for the files of "vips weekly".
const elsewhere = `data_templates:
  - name: moved
    destination: keys
    columns: [{from: customer_id, to: CustomerID}, {from: email}, {to: source, value: "{{query_name}} of {{orchestration_name}}"}]
    settings: {file_format: csv, encoding: gzip, prefix: vault, filename: "again/{{query_name}}_{{now|format:'yyyy'}}_{{run_id}}.csv.gz", success_file: true}
`

func TestFilesMayGoElsewhereAndToOthers(t *testing.T) {
	t.Parallel()
	c := write(t, "data_templates:\n", elsewhere)
	p := first(t, c, "vips weekly")
	again, err := plan.Again(c, plan.Request{RunKey: "k", To: "moved"}, p, today)
	require.NoError(t, err)
	require.Equal(t, "moved", again.DataTemplate)
	require.Equal(t, "keys", again.Destination.Name)
	require.Equal(t, "keys-inbound", again.Upload.Bucket)
	require.Equal(t, "vault/again/vips_2026_0193-run.csv.gz.pgp", again.FirstKey(), "by the time and the id of the run whose files they are")
	require.Equal(t, again.FirstKey()+".DONE", again.SuccessKey)
	require.Len(t, again.Encryption.Recipients, 1)
	require.False(t, p.Encryption.SameRecipients(again.Encryption))
	require.Equal(t, p.Columns, again.Columns)
	require.Contains(t, again.Loaders[0].Statement+again.Loaders[0].Impossible+again.Loaders[3].Statement, "keys-inbound")

	third, err := plan.Again(c, plan.Request{RunKey: "k3"}, again, today)
	require.NoError(t, err)
	require.Equal(t, "moved", third.DataTemplate, "a redelivery's own files go where they went")
}

func TestFilesAreNotSentAgainUnderTheNamesOfAnothersDelivery(t *testing.T) {
	t.Parallel()
	c := write(t, "data_templates:\n", strings.Replace(elsewhere, "{{run_id}}", "of_the_day", 1), "orchestrations:\n",
		"orchestrations:\n  - {name: the other, query: vips, data_template: moved}\n")
	p := first(t, c, "vips weekly")
	_, err := plan.Again(c, plan.Request{RunKey: "k", To: "moved"}, p, today)
	require.ErrorIs(t, err, plan.ErrConfiguration)
	require.ErrorContains(t, err, `data template "moved": the files would have the names that orchestration the other delivers under`)

	c = write(t, "data_templates:\n", strings.Replace(elsewhere, "{{run_id}}", "{{orchestration_name}}", 1), "orchestrations:\n",
		"orchestrations:\n  - {name: the other, query: vips, data_template: moved}\n")
	_, err = plan.Again(c, plan.Request{RunKey: "k", To: "moved"}, p, today)
	require.NoError(t, err)
}

func TestOtherFilesAreNotSentAgain(t *testing.T) {
	t.Parallel()
	p := first(t, load(t, "testdata/consign.yaml"), "vips weekly")
	weekly := "{file_format: csv, encoding: gzip, filename:"
	for name, c := range map[string]struct{ from, to, says string }{
		"another format":      {weekly, "{file_format: tsv, encoding: gzip, filename:", `file_format is tsv, and was csv when they were made`},
		"another dialect":     {weekly, "{file_format: csv, quote_mode: all, encoding: gzip, filename:", `quote_mode is all, and was minimal when they were made`},
		"no header":           {weekly, "{file_format: csv, header: false, encoding: gzip, filename:", `header is false, and was true when they were made`},
		"a marker for NULL":   {weekly, "{file_format: csv, null_string: none, encoding: gzip, filename:", `null_string is "none", and was not set when they were made`},
		"another encoding":    {weekly, "{file_format: csv, encoding: none, filename:", `encoding is none, and was gzip when they were made`},
		"another level":       {weekly, "{file_format: csv, compression_level: 9, encoding: gzip, filename:", `compression_level is 9, and was 6 when they were made`},
		"another column":      {"{from: email}, {to: source", "{from: email, to: mail}, {to: source", `columns is customer_id as CustomerID, email as mail, `},
		"another constant":    {`value: "{{query_name}} of`, `value: "{{query_name}} from`, `columns is `},
		"a split":             {weekly, "{file_format: csv, split: {rows: 5}, split_filename: '{{file_number}}.csv.gz', encoding: gzip, filename:", `split.rows is 5, and was not set when they were made`},
		"another query":       {"{name: vips weekly, query: vips,", "{name: vips weekly, query: wide,", `query is wide, and was vips when they were made`},
		"a numbered row":      {weekly, "{file_format: csv, row_number: {column: n}, encoding: gzip, filename:", `row_number is n, and was not set when they were made`},
		"guarded formulas":    {weekly, "{file_format: csv, formula_guard: true, encoding: gzip, filename:", `formula_guard is true, and was false when they were made`},
		"a byte order mark":   {weekly, "{file_format: csv, bom: true, encoding: gzip, filename:", `bom is true, and was false when they were made`},
		"another line ending": {weekly, "{file_format: csv, line_ending: crlf, encoding: gzip, filename:", `line_ending is crlf, and was lf when they were made`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Again(write(t, c.from, c.to), plan.Request{RunKey: "k"}, p, today)
			require.ErrorIs(t, err, plan.ErrOtherFiles)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestAnArchiveMayNotBeRenamedWithItsEntries(t *testing.T) {
	t.Parallel()
	p := first(t, load(t, "testdata/consign.yaml"), "parts-in-archive")
	c := write(t, `split_filename: "{{query_name}}-{{file_number}}.csv"`, `split_filename: "part-{{file_number}}.csv"`)
	_, err := plan.Again(c, plan.Request{RunKey: "k"}, p, today)
	require.ErrorContains(t, err, "the name within the archive is part-0000001.csv, and was vips-0000001.csv when they were made")
}

func TestATemplateThatDoesNotFitTheRunIsRefused(t *testing.T) {
	t.Parallel()
	c := write(t, "data_templates:\n", strings.Replace(elsewhere, "prefix: vault,", "prefix: vault, storage_class: STANDARD_IA,", 1),
		"query: vips, data_template: weekly,", "query: vips, data_template: weekly, settings: {storage_class: GLACIER_IR},")
	_, err := plan.Again(c, plan.Request{RunKey: "k", To: "moved"}, first(t, c, "vips weekly"), today)
	require.ErrorIs(t, err, plan.ErrConfiguration)
	require.ErrorContains(t, err, "storage_class: is set by data template moved")
	require.ErrorContains(t, err, "and again by orchestration vips weekly")
}

// Of two levels that name keys in different ways, neither may be forgotten.
func TestATemplateThatNamesAnotherKeyThanTheOrchestrationIsRefused(t *testing.T) {
	t.Parallel()
	c := write(t, "data_templates:\n", elsewhere, "query: vips, data_template: weekly,",
		"query: vips, data_template: weekly, settings: {pgp_public_keys: [{file: keys/acme.asc}, {file: keys/until-2030.asc}]},")
	_, err := plan.Again(c, plan.Request{RunKey: "k", To: "moved"}, first(t, c, "vips weekly"), today)
	require.ErrorIs(t, err, plan.ErrConfiguration)
	require.ErrorContains(t, err, "pgp_public_keys: is set by orchestration vips weekly")
	require.ErrorContains(t, err, "and pgp_public_key by destination keys")
}

func TestAChangedQueryIsOnlyWorthAWarning(t *testing.T) {
	t.Parallel()
	p := first(t, load(t, "testdata/consign.yaml"), "parts")
	c := write(t, "{name: wide, source: warehouse, sql: SELECT 'from the SQL' AS hidden}", "{name: wide, source: warehouse, sql: SELECT 'from the SQL' AS other}")
	again, err := plan.Again(c, plan.Request{RunKey: "k"}, p, today)
	require.NoError(t, err)
	require.Equal(t, p.Query, again.Query, "the files are of the query as it was")
	require.Contains(t, again.Warnings, "the query wide was changed since the files were made: they are what it was then")
}

func TestAccessIsDecidedAnew(t *testing.T) {
	t.Parallel()
	p := first(t, load(t, "testdata/consign.yaml"), "vips weekly")
	c := write(t, "campaigns:\n", "users: [{name: dana, policies: [amp360-user]}]\ncampaigns:\n", "    allow_business_users: true\n    columns: [{from: customer_id", "    columns: [{from: customer_id")
	_, err := plan.Again(c, plan.Request{RunKey: "k", RequestedBy: "dana"}, p, today)
	require.ErrorIs(t, err, plan.ErrRefused)
}

func TestRecipientsAreComparedByTheirKeys(t *testing.T) {
	t.Parallel()
	key := func(fingerprints ...string) *plan.Encryption {
		e := &plan.Encryption{}
		for _, f := range fingerprints {
			e.Recipients = append(e.Recipients, plan.Recipient{Key: "somewhere else " + f, Fingerprint: f})
		}
		return e
	}
	require.True(t, key("a", "b").SameRecipients(key("b", "a")))
	require.False(t, key("a").SameRecipients(key("a", "b")))
	require.False(t, key("a").SameRecipients(nil))
	require.True(t, (*plan.Encryption)(nil).SameRecipients(nil))
	aead := key("a")
	aead.AEAD = true
	require.False(t, aead.SameRecipients(key("a")))
	require.True(t, key("a").SameRecipients(aead))

	old, replaced := key("a", "b"), key("b", "a")
	old.Recipients[1].EncryptsTo, replaced.Recipients[0].EncryptsTo = "subkey", "another subkey"
	require.False(t, old.SameRecipients(replaced))
	require.True(t, old.SameRecipients(key("a", "b")), "a plan of an earlier version does not tell")
}

// TestWhoCannotReadAEADAnyMoreIsAnotherRecipient: a customer who goes back to an older program sends the same key, which says so.
func TestWhoCannotReadAEADAnyMoreIsAnotherRecipient(t *testing.T) {
	t.Parallel()
	made := func() time.Time { return now.Add(-time.Hour) }
	e, err := openpgp.NewEntity("Somebody", "", "", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, AEADConfig: &packet.AEADConfig{}, Time: made})
	require.NoError(t, err)
	c := write(t, "pgp_public_key:", "pgp_aead: true\n      pgp_public_key:")
	send := func() {
		var certificate bytes.Buffer
		require.NoError(t, e.Serialize(&certificate))
		require.NoError(t, os.WriteFile(c.Destinations[1].Settings.PGPPublicKey.File, certificate.Bytes(), 0o600))
	}
	send()
	p := first(t, c, "archive")
	require.True(t, p.Encryption.AEAD)
	for name, identity := range e.Identities {
		signature := *identity.SelfCertifications[0].Packet
		signature.SEIPDv2 = false
		require.NoError(t, signature.SignUserId(name, e.PrimaryKey, e.PrivateKey, nil))
		identity.SelfCertifications = []*packet.VerifiableSignature{packet.NewVerifiableSig(&signature)}
	}
	send()
	again, err := plan.Again(c, plan.Request{RunKey: "k"}, p, today)
	require.NoError(t, err)
	require.Contains(t, strings.Join(again.Warnings, "\n"), "pgp_aead has no effect")
	require.Equal(t, p.Encryption.Recipients, again.Encryption.Recipients)
	require.False(t, p.Encryption.SameRecipients(again.Encryption))
	third, err := plan.Again(c, plan.Request{RunKey: "k"}, again, today)
	require.NoError(t, err)
	require.True(t, third.Encryption.SameRecipients(again.Encryption))
}

func TestWhatFollowedADeliveryDoesNotFollowItsRedelivery(t *testing.T) {
	t.Parallel()
	c := write(t, "data_template: parts}", `data_template: parts, downstream: [{redshift: {workgroup: reports, database: dev, table: vips}}]}`)
	p := first(t, c, "parts")
	require.NotEmpty(t, p.Downstream)
	again, err := plan.Again(c, plan.Request{RunKey: "k~2"}, p, today)
	require.NoError(t, err)
	require.Empty(t, again.Downstream, "its rows would be loaded twice")
	require.Contains(t, strings.Join(again.Warnings, "\n"), "downstream: ")
}
