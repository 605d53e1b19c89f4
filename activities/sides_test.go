package activities

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/plan"
	"consign/internal/receipt"
	"consign/internal/render"
	"consign/internal/table"
	"consign/internal/workspace"
)

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// nastyRows is three columns of what makes rows hard to count.
func nastyRows() (table.Schema, *table.Batch) {
	texts := []string{"plain", "", "two\nlines", "cr\r\nlf", `a "quoted", word`, `back\slash`, "\\", `"`, "\n", "\r", "\"\n\"", "\\\n", "tab\there", "a|b", "\\N", "{}", "last\n"}
	b := &table.Batch{Rows: len(texts) + 1} // and a row of NULLs
	valid := []uint64{1<<len(texts) - 1}
	numbers := make([]int64, b.Rows)
	b.Columns = []table.Vector{
		{Valid: valid, Strings: append(append([]string{}, texts...), "")},
		{Valid: valid, I64: numbers},
		{Valid: valid, Strings: append(append([]string{}, texts...), "")},
	}
	text := table.Type{Kind: table.String}
	return table.Schema{{Name: "first\nname", Type: text}, {Name: "n", Type: table.Type{Kind: table.Int64}}, {Name: "last", Type: text}}, b
}

// rendered writes the rows as the options say.
func rendered(t *testing.T, o render.Options) ([]byte, int) {
	t.Helper()
	schema, batch := nastyRows()
	rows := batch.Rows
	if o.QuoteMode == render.QuoteNone && o.EscapeCharacter == "" { // nothing that needs quotes can be written
		schema, rows = schema[1:2], 3
		batch = &table.Batch{Columns: []table.Vector{{I64: []int64{1, 2, 3}}}, Rows: rows}
	}
	var out bytes.Buffer
	w, err := render.New(schema, o, func(int) (io.WriteCloser, error) { return nopCloser{&out}, nil })
	require.NoError(t, err)
	require.NoError(t, w.Write(batch))
	require.NoError(t, w.Close())
	return out.Bytes(), rows
}

// dialects is every form of text that the settings can ask for, and the other formats.
func dialects() map[string]render.Options {
	all := map[string]render.Options{}
	for _, format := range render.Formats() {
		all[format] = render.Options{FileFormat: format, Delimiter: map[string]string{"custom": ";"}[format], Header: format == "tsv"}
	}
	for _, mode := range []string{render.QuoteAll, render.QuoteAllNonNull, render.QuoteMinimal, render.QuoteNonNumeric, render.QuoteNone} {
		for _, escape := range []string{"", `\`, `"`} {
			if mode == render.QuoteNone && escape == `"` {
				continue
			}
			for _, null := range []string{"", "NULL", `\N`} {
				for _, end := range []string{render.LineLF, render.LineCRLF} {
					for _, header := range []bool{false, true} {
						o := render.Options{FileFormat: "csv", QuoteMode: mode, EscapeCharacter: escape, NullString: null, LineEnding: end, Header: header, BOM: header}
						if o.Validate().Err() == nil {
							all[fmt.Sprintf("csv %s escape %q null %q %s header %t", mode, escape, null, end, header)] = o
						}
					}
				}
			}
		}
	}
	return all
}

func TestAReceiptCountsTheRowsOfEveryDialectThatIsWritten(t *testing.T) {
	t.Parallel()
	forms := dialects()
	require.Greater(t, len(forms), 100)
	for name, o := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if o.QuoteMode == render.QuoteNone && o.EscapeCharacter != "" { // a text equal to the marker cannot be told from it
				o.OnUnwritable = render.UnwritableWrite
			}
			content, rows := rendered(t, o)
			digest := newDigestWriter(io.Discard, sha256.New())
			_, err := digest.Write(content)
			require.NoError(t, err)
			require.NoError(t, digest.Close())
			file := workspace.File{Number: 1, Rows: int64(rows), Bytes: digest.size, SHA256: digest.SHA256(), CRC32C: digest.CRC32C(), Plain: "of the step before"}
			f := Facts{Plan: &plan.Plan{Render: o, Names: plan.Names{Filename: "x"}, ReceiptKey: "x.receipt.json"}}
			made, err := f.sides(Target{}, "d", []workspace.File{file})
			require.NoError(t, err)
			r, err := receipt.Parse(made[0].text)
			require.NoError(t, err)
			require.Empty(t, r.Objects[0].Plain, "it is not encrypted")

			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), content, 0o600))
			root, err := os.OpenRoot(dir)
			require.NoError(t, err)
			defer func() { require.NoError(t, root.Close()) }()
			var last receipt.Check
			require.NoError(t, r.Verify(t.Context(), receipt.Options{Dir: root}, func(c receipt.Check) { last = c }))
			require.Equal(t, receipt.Check{Key: "x", File: "x", Name: "rows", State: receipt.OK, Message: fmt.Sprint(rows)}, last)
		})
	}
}

func facts() *Facts {
	return &Facts{
		Plan: &plan.Plan{
			Orchestration: "weekly", RunKey: "k", DataTemplate: "t", Query: plan.Query{Name: "q", Digest: "digest"},
			Now: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC), Columns: []plan.Column{{Name: "Email", Type: "VARCHAR", From: "email", PII: true}},
			Names:  plan.Names{Prefix: "in", Filename: "weekly", Parts: "{{file_number}}.csv", Encrypted: true},
			Render: render.Options{FileFormat: "tsv"}, Encryption: &plan.Encryption{Recipients: []plan.Recipient{{Key: "destinations[acme].settings.pgp_public_key", Fingerprint: "AB12"}}},
			Settings: []plan.Setting{{Name: "bucket", Value: "b", Where: "consign.yaml:7"}}, ReceiptKey: "in/weekly.receipt.json", ManifestKey: "in/weekly.manifest",
		},
		WorkflowID: "send/weekly/k",
	}
}

func TestSideFilesAreTheSameWheneverTheyAreMade(t *testing.T) {
	t.Parallel()
	files := []workspace.File{
		{Number: 1, Rows: 5, Bytes: 50, SHA256: strings.Repeat("1", 64), Plain: strings.Repeat("2", 64), CRC32C: "AAAAAA=="},
		{Number: 2, Rows: 6, Bytes: 60, SHA256: strings.Repeat("3", 64), Plain: strings.Repeat("4", 64), CRC32C: "AAAAAA=="},
	}
	target := Target{Run: "run"}
	target.Upload.Bucket = "acme"
	made, err := facts().sides(target, "run-1", files)
	require.NoError(t, err)
	again, err := facts().sides(target, "run-1", files)
	require.NoError(t, err)
	require.Equal(t, made, again)
	require.Equal(t, []int{sideReceipt, sideManifest}, []int{made[0].number, made[1].number})
	for _, one := range made {
		key, err := sideKey(facts().Plan.Names, one.number)
		require.NoError(t, err)
		require.Equal(t, one.key, key, "who aborts it later knows the number alone")
	}
	_, err = sideKey(facts().Plan.Names, 3)
	require.Error(t, err)

	r, err := receipt.Parse(made[0].text)
	require.NoError(t, err)
	require.Equal(t, "in/weekly/0000002.csv.pgp", r.Objects[1].Key)
	require.Equal(t, strings.Repeat("4", 64), r.Objects[1].Plain)
	require.Equal(t, []string{"AB12"}, r.Fingerprints)
	require.Equal(t, "\t", r.Format.Dialect.Delimiter)
	require.Equal(t, "minimal", r.Format.Dialect.QuoteMode)
	require.Equal(t, "none", r.Format.Encoding)
	for _, inside := range []string{"consign.yaml", "destinations[acme]", "pii"} {
		require.NotContains(t, string(made[0].text), inside, "a receipt is for somebody else")
	}
	require.Contains(t, string(made[1].text), `"url": "s3://acme/in/weekly/0000002.csv.pgp"`)
}

// Whoever reads the files a year later has nothing else to go by.
func TestAReceiptTellsOfWhatTheFilesAreAndHowTheyAreWritten(t *testing.T) {
	t.Parallel()
	f := facts()
	f.Plan.Campaign, f.Plan.Group = "spring", "north"
	f.StartedAt, f.RenderedAt = f.Plan.Now.Add(time.Second), f.Plan.Now.Add(time.Minute)
	f.Plan.Render = render.Options{FileFormat: "csv", FormulaGuard: true, OnUnwritable: render.UnwritableWrite, Header: true, BOM: true, LineEnding: render.LineCRLF, NullString: "-"}
	told := func() *receipt.Receipt {
		made, err := f.sides(Target{Run: "run"}, "run-1", nil)
		require.NoError(t, err)
		r, err := receipt.Parse(made[0].text)
		require.NoError(t, err)
		return r
	}
	r := told()
	require.Equal(t, []string{"run-1", "send/weekly/k", "run", "k", "weekly", "spring", "north", "t", "q", "digest"},
		[]string{r.DeliveryID, r.WorkflowID, r.RunID, r.RunKey, r.Orchestration, r.Campaign, r.Group, r.DataTemplate, r.Query.Name, r.Query.SHA256})
	require.Equal(t, []time.Time{f.Plan.Now, f.StartedAt, f.RenderedAt}, []time.Time{r.Now, r.StartedAt, r.RenderedAt})
	require.Equal(t, &receipt.Dialect{
		Delimiter: ",", QuoteMode: "minimal", NullString: "-", LineEnding: "crlf", Header: true, BOM: true, FormulaGuard: true, OnUnwritable: "write",
	}, r.Format.Dialect)
	f.Plan.Render = render.Options{FileFormat: render.FormatParquet, ParquetCompression: "zstd"}
	require.Equal(t, receipt.Format{FileFormat: "parquet", Encoding: "none", Compression: "zstd"}, told().Format)
}

func TestOnlyTheSideFilesOfThePlanAreMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  func(*plan.Plan)
		want []int
	}{
		{"neither", func(p *plan.Plan) { p.ReceiptKey, p.ManifestKey = "", "" }, nil},
		{"a receipt", func(p *plan.Plan) { p.ManifestKey = "" }, []int{sideReceipt}},
		{"a manifest", func(p *plan.Plan) { p.ReceiptKey = "" }, []int{sideManifest}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := facts()
			c.set(f.Plan)
			made, err := f.sides(Target{}, "d", nil)
			require.NoError(t, err)
			var numbers []int
			for _, one := range made {
				numbers = append(numbers, one.number)
			}
			require.Equal(t, c.want, numbers)
		})
	}
}
