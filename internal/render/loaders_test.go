package render

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
