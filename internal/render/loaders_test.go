package render

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/redshift/redshifttest"
	"consign/internal/table"
)

var update = flag.Bool("update", false, "write the golden files")

// TestLoaderStatements compares what is printed for each reader with golden files, so that a change shows in a review.
func TestLoaderStatements(t *testing.T) {
	t.Parallel()
	schema := table.Schema{
		{Name: "customer id", Type: of(table.String)},
		{Name: `a"b'c`, Type: dec(18, 2)},
		{Name: "at", Type: of(table.TimestampTZ)},
		{Name: "tags", Type: listOf(of(table.String))},
		{Name: "raw", Type: of(table.Blob)},
	}
	for name, c := range map[string]struct {
		o  Options
		at Location
	}{
		"csv":            {Options{FileFormat: FormatCSV, Header: true}, Location{URL: "s3://acme-inbound/upload/vips"}},
		"csv-gzip-pgp":   {Options{FileFormat: FormatCSV, Header: true, NullString: "NULL"}, Location{URL: "s3://acme/o'brien/vips", Encoding: "gzip", Encrypted: true, Table: "vips", Region: "eu-west-1"}},
		"csv-all-crlf":   {Options{FileFormat: FormatCSV, QuoteMode: QuoteAll, LineEnding: LineCRLF}, Location{URL: "s3://acme/vips.csv", Encoding: "tgz"}},
		"csv-escape":     {Options{FileFormat: FormatCSV, EscapeCharacter: `\`, Header: true}, Location{URL: "s3://acme/vips.csv"}},
		"tsv-redshift":   {Options{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`}, Location{URL: "s3://acme/vips.tsv"}},
		"custom-none":    {Options{FileFormat: FormatCustom, Delimiter: "\x01", QuoteMode: QuoteNone, NullString: "NULL"}, Location{URL: "s3://acme/vips.txt"}},
		"csv-caret":      {Options{FileFormat: FormatCSV, QuoteMode: QuoteNone, EscapeCharacter: "^"}, Location{URL: "s3://acme/vips.csv"}},
		"csv-bom":        {Options{FileFormat: FormatCSV, BOM: true}, Location{URL: "s3://acme/vips.csv"}},
		"ndjson":         {Options{FileFormat: FormatNDJSON}, Location{URL: "s3://acme/vips.ndjson", Encoding: "gzip"}},
		"json":           {Options{FileFormat: FormatJSON}, Location{URL: "s3://acme/vips.json"}},
		"parquet":        {Options{FileFormat: FormatParquet}, Location{URL: "s3://acme/vips/"}},
		"parquet-region": {Options{FileFormat: FormatParquet}, Location{URL: "s3://acme/vips/", Region: "eu-west-1"}},
		"parquet-gzip":   {Options{FileFormat: FormatParquet}, Location{URL: "s3://acme/vips.parquet", Encoding: "gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, c.o.Validate().Err())
			var b strings.Builder
			for _, l := range c.o.Loaders(schema, c.at) {
				require.NotEqual(t, l.Statement == "", l.Impossible == "", "%s: a statement or a reason, never both", l.Name)
				fmt.Fprintf(&b, "== %s\n", l.Name)
				if l.Impossible != "" {
					fmt.Fprintf(&b, "impossible: %s\n", l.Impossible)
					continue
				}
				fmt.Fprintln(&b, l.Statement)
				for _, n := range l.Notes {
					fmt.Fprintf(&b, "note: %s\n", n)
				}
			}
			golden := filepath.Join("testdata", "loaders", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

func TestTheCopyOfADeliveryIsOneThatRedshiftReads(t *testing.T) {
	t.Parallel()
	at := Location{
		URL: "s3://acme/o'brien/vips.manifest", Manifest: true, Table: `"crm"."vips"`, Region: "eu-west-1",
		Role: "'arn:aws:iam::111122223333:role/load,arn:aws:iam::210987654321:role/read'",
	}
	columns := []string{"customer id", `a"b'c`, "x;--"}
	text := func(more map[string]string) map[string]string {
		all := map[string]string{"DELIMITER": ",", "ENCODING": "UTF8", "DATEFORMAT": "auto", "TIMEFORMAT": "auto", "MANIFEST": "", "REGION": "eu-west-1"}
		maps.Copy(all, more)
		return all
	}
	for name, c := range map[string]struct {
		o        Options
		encoding string
		want     map[string]string
	}{
		"csv":         {Options{FileFormat: FormatCSV, Header: true}, "none", text(map[string]string{"FORMAT": "CSV", "QUOTE": `"`, "NULL": "", "IGNOREHEADER": "1"})},
		"csv in gzip": {Options{FileFormat: FormatCSV, NullString: "it's"}, "gzip", text(map[string]string{"FORMAT": "CSV", "QUOTE": `"`, "NULL": "it's", "GZIP": ""})},
		"tsv with escapes": {
			Options{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`}, "",
			text(map[string]string{"ESCAPE": "", "DELIMITER": `\t`}),
		},
		"ndjson in gzip": {Options{FileFormat: FormatNDJSON}, "gzip", map[string]string{"FORMAT": "JSON", "GZIP": "", "MANIFEST": "", "REGION": "eu-west-1"}},
		"parquet":        {Options{FileFormat: FormatParquet}, "none", map[string]string{"FORMAT": "PARQUET", "MANIFEST": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := at
			at.Encoding = c.encoding
			l := c.o.Copy(columns, at)
			require.Empty(t, l.Impossible)
			read, err := redshifttest.ParseCopy(strings.TrimSuffix(l.Statement, ";"))
			require.NoError(t, err, l.Statement)
			require.Equal(t, redshifttest.Copy{
				Table: []string{"crm", "vips"}, Columns: columns, From: at.URL, Role: strings.Trim(at.Role, "'"), Options: c.want,
			}, read)
		})
	}
}

func TestThereIsNoCopyOfWhatRedshiftCannotRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		at   Location
		says string
	}{
		"encrypted files":      {Options{FileFormat: FormatCSV}, Location{Encoding: "gzip", Encrypted: true}, "decrypt"},
		"a tar":                {Options{FileFormat: FormatCSV}, Location{Encoding: "tar"}, "unpack tar"},
		"a tgz":                {Options{FileFormat: FormatParquet}, Location{Encoding: "tgz"}, "unpack tgz"},
		"a zip":                {Options{FileFormat: FormatNDJSON}, Location{Encoding: "zip"}, "unpack zip"},
		"Parquet within gzip":  {Options{FileFormat: FormatParquet}, Location{Encoding: "gzip"}, "Parquet within gzip"},
		"a JSON array":         {Options{FileFormat: FormatJSON}, Location{}, "ndjson"},
		"CSV with a backslash": {Options{FileFormat: FormatCSV, EscapeCharacter: `\`}, Location{}, "doubled quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.o.Copy([]string{"a"}, c.at)
			require.Contains(t, l.Impossible, c.says)
			require.Empty(t, l.Statement)
		})
	}
}
