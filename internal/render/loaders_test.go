package render

import (
	"compress/gzip"
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
		"csv":          {Options{FileFormat: FormatCSV, Header: true}, Location{URL: "s3://acme-inbound/upload/vips"}},
		"csv-gzip-pgp": {Options{FileFormat: FormatCSV, Header: true, NullString: "NULL"}, Location{URL: "s3://acme/o'brien/vips", Encoding: "gzip", Encrypted: true, Table: "vips", Region: "eu-west-1"}},
		"csv-all-crlf": {Options{FileFormat: FormatCSV, QuoteMode: QuoteAll, LineEnding: LineCRLF}, Location{URL: "s3://acme/vips.csv", Encoding: "tgz"}},
		"csv-escape":   {Options{FileFormat: FormatCSV, EscapeCharacter: `\`, Header: true}, Location{URL: "s3://acme/vips.csv"}},
		"tsv-redshift": {Options{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`}, Location{URL: "s3://acme/vips.tsv"}},
		"custom-none":  {Options{FileFormat: FormatCustom, Delimiter: "\x01", QuoteMode: QuoteNone, NullString: "NULL"}, Location{URL: "s3://acme/vips.txt"}},
		"csv-caret":    {Options{FileFormat: FormatCSV, QuoteMode: QuoteNone, EscapeCharacter: "^"}, Location{URL: "s3://acme/vips.csv"}},
		"csv-bom":      {Options{FileFormat: FormatCSV, BOM: true}, Location{URL: "s3://acme/vips.csv"}},
		"ndjson":       {Options{FileFormat: FormatNDJSON}, Location{URL: "s3://acme/vips.ndjson", Encoding: "gzip"}},
		"json":         {Options{FileFormat: FormatJSON}, Location{URL: "s3://acme/vips.json"}},
		"parquet":      {Options{FileFormat: FormatParquet}, Location{URL: "s3://acme/vips/"}},
		"parquet-gzip": {Options{FileFormat: FormatParquet}, Location{URL: "s3://acme/vips.parquet", Encoding: "gzip"}},
		"parquet-manifest": {
			Options{FileFormat: FormatParquet},
			Location{URL: "s3://acme/vips.parquet", Manifest: "s3://acme/vips.parquet.manifest", Beside: true, Region: "eu-west-1"},
		},
		"csv-receipt": {Options{FileFormat: FormatCSV, Header: true, BOM: true}, Location{URL: "s3://acme/vips.csv", Beside: true}},
		"csv-parts": {
			Options{FileFormat: FormatCSV},
			Location{URL: "s3://acme/vips/", First: "s3://acme/vips/0000001.csv", Manifest: "s3://acme/vips.manifest", Beside: true, Encoding: "gzip"},
		},
		"csv-pgp-manifest": {Options{FileFormat: FormatCSV}, Location{URL: "s3://acme/vips.csv.pgp", Manifest: "s3://acme/vips.csv.pgp.manifest", Beside: true, Encrypted: true}},
		"ndjson-parts":     {Options{FileFormat: FormatNDJSON}, Location{URL: "s3://acme/vips/", First: "s3://acme/vips/1.ndjson.gz", Beside: true, Encoding: "gzip"}},
		"tsv-header":       {Options{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: "NULL", Header: true, LineEnding: LineCRLF}, Location{URL: "s3://acme/vips.tsv"}},
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
		URL: "s3://acme/o'brien/vips", Manifest: "s3://acme/o'brien/vips.manifest", Table: `"crm"."vips"`, Region: "eu-west-1",
		Role: "'arn:aws:iam::111122223333:role/load,arn:aws:iam::210987654321:role/read'",
	}
	columns := []string{"customer id", `a"b'c`, "x;--"}
	schema := table.Schema{}
	for _, name := range columns {
		schema = append(schema, table.Column{Name: name, Type: of(table.String)})
	}
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
			Options{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`},
			"",
			text(map[string]string{"ESCAPE": "", "DELIMITER": `\t`}),
		},
		"ndjson in gzip": {Options{FileFormat: FormatNDJSON}, "gzip", map[string]string{"FORMAT": "JSON", "GZIP": "", "MANIFEST": "", "REGION": "eu-west-1"}},
		"parquet":        {Options{FileFormat: FormatParquet}, "none", map[string]string{"FORMAT": "PARQUET", "MANIFEST": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := at
			at.Encoding = c.encoding
			columns := columns
			if c.o.FileFormat == FormatParquet {
				columns = nil // by their order
			}
			l := c.o.Copy(schema, at)
			require.Empty(t, l.Impossible)
			read, err := redshifttest.ParseCopy(strings.TrimSuffix(l.Statement, ";"))
			require.NoError(t, err, l.Statement)
			require.Equal(t, redshifttest.Copy{
				Table: []string{"crm", "vips"}, Columns: columns, From: at.Manifest, Role: strings.Trim(at.Role, "'"), Options: c.want,
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
			l := c.o.Copy(table.Schema{{Name: "a", Type: of(table.String)}}, c.at)
			require.Contains(t, l.Impossible, c.says)
			require.Empty(t, l.Statement)
		})
	}
}

func TestRedshiftFindsTheKeysOfObjectsInAnyCase(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"customer_id": "FORMAT AS JSON 'auto'\n", "CustomerID": "FORMAT AS JSON 'auto ignorecase'\n"} {
		l := Options{FileFormat: FormatNDJSON}.Loaders(table.Schema{{Name: name, Type: of(table.String)}}, Location{URL: "s3://acme/vips.ndjson", Region: "eu-west-1"})
		require.Contains(t, l[0].Statement, want)
	}
}

// partsOnDisk writes three rows as three files of a delivery, and returns the first.
func partsOnDisk(t *testing.T, o Options, dir string, packed bool) (first string) {
	t.Helper()
	schema, b := tableOf(text("a", "x", "y", nil), col{"n", of(table.Int64), []any{int64(1), int64(2), int64(3)}})
	o.SplitRows = 1
	m := &memory{}
	w, err := New(schema, o, m.create)
	require.NoError(t, err)
	require.NoError(t, w.Write(b))
	require.NoError(t, w.Close())
	require.Len(t, m.files, 3)
	for i, file := range m.files {
		path := filepath.Join(dir, fmt.Sprint("in-", i%2), fmt.Sprint("part-", i)) // the name does not say what it is
		content := file.String()
		if packed {
			content = gzipped(t, content)
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		if i == 0 {
			first = path
		}
	}
	return first
}

func gzipped(t *testing.T, content string) string {
	t.Helper()
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func TestTheStatementsForAFolderOfPartsReadAllOfThem(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	conn := postgres(t)
	run(t, conn, "CREATE TABLE delivered (a text, n bigint)")
	for _, o := range []Options{{FileFormat: FormatParquet}, {FileFormat: FormatCSV, Header: true}, {FileFormat: FormatNDJSON}, {FileFormat: FormatJSON}} {
		for _, packed := range []bool{false, o.FileFormat != FormatParquet} {
			dir := t.TempDir()
			at := Location{URL: dir + "/", First: partsOnDisk(t, o, dir, packed)}
			if packed {
				at.Encoding = "gzip"
			}
			schema := table.Schema{{Name: "a", Type: of(table.String)}, {Name: "n", Type: of(table.Int64)}}
			for _, l := range o.Loaders(schema, at) {
				switch {
				case l.Name == "DuckDB":
					got := d.texts(t, "SELECT * FROM ("+strings.TrimSuffix(l.Statement, ";")+") ORDER BY n")
					require.Equal(t, [][]string{{"x", "1"}, {"y", "2"}, {"NULL", "3"}}, got, l.Statement)
				case l.Name == "PostgreSQL" && o.delimited():
					require.Contains(t, l.Statement, at.First)
					content, err := os.ReadFile(at.First)
					require.NoError(t, err)
					if packed {
						continue
					}
					run(t, conn, "TRUNCATE delivered")
					copyIn(t, conn, roundTrip{o: o, schema: schema, path: at.First}, string(content))
					var n int
					require.NoError(t, conn.QueryRow(t.Context(), "SELECT n FROM delivered").Scan(&n))
					require.Equal(t, 1, n)
				}
			}
		}
	}
}
