package render

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/problem"
)

func TestWrongSettingsAreRefusedByName(t *testing.T) {
	t.Parallel()
	web := "web"
	for name, c := range map[string]struct {
		o            Options
		key, message string
	}{
		"an unknown format":                     {Options{FileFormat: "xlsx"}, "file_format", `"xlsx" is not known`},
		"an unknown quote mode":                 {Options{QuoteMode: "some"}, "quote_mode", `"some" is not known`},
		"an unknown line ending":                {Options{LineEnding: "cr"}, "line_ending", `"cr" is not known`},
		"an unknown way with unwritable values": {Options{OnUnwritable: "skip"}, "on_unwritable", `"skip" is not known`},
		"an unknown compression":                {Options{ParquetCompression: "lzo"}, "parquet_compression", `"lzo" is not known`},
		"custom without a delimiter":            {Options{FileFormat: FormatCustom}, "delimiter", "file_format custom needs one"},
		"a delimiter with csv":                  {Options{FileFormat: FormatCSV, Delimiter: ";"}, "delimiter", "file_format csv does not take one"},
		"a delimiter with tsv":                  {Options{FileFormat: FormatTSV, Delimiter: "\t"}, "delimiter", "file_format tsv does not take one"},
		"a delimiter with psv":                  {Options{FileFormat: FormatPSV, Delimiter: "|"}, "delimiter", "file_format psv does not take one"},
		"a delimiter with Parquet":              {Options{FileFormat: FormatParquet, Delimiter: ","}, "delimiter", "file_format parquet does not take one"},
		"a delimiter with ndjson":               {Options{FileFormat: FormatNDJSON, Delimiter: ","}, "delimiter", "file_format ndjson does not take one"},
		"a delimiter of two characters":         {Options{FileFormat: FormatCustom, Delimiter: "||"}, "delimiter", "it must be one character, not 2"},
		"a delimiter outside ASCII":             {Options{FileFormat: FormatCustom, Delimiter: "¦"}, "delimiter", "it must be an ASCII character: Redshift and PostgreSQL take one byte"},
		"a quote as delimiter":                  {Options{FileFormat: FormatCustom, Delimiter: `"`}, "delimiter", "a quote cannot be the delimiter"},
		"a single quote as delimiter":           {Options{FileFormat: FormatCustom, Delimiter: `'`}, "delimiter", "a quote cannot be the delimiter"},
		"a backslash as delimiter":              {Options{FileFormat: FormatCustom, Delimiter: `\`}, "delimiter", `a \ cannot be the delimiter: loaders take it for an escape`},
		"a line feed as delimiter":              {Options{FileFormat: FormatCustom, Delimiter: "\n"}, "delimiter", "a line break cannot be one: it ends the row"},
		"a carriage return as delimiter":        {Options{FileFormat: FormatCustom, Delimiter: "\r"}, "delimiter", "a line break cannot be one: it ends the row"},
		"a digit as delimiter":                  {Options{FileFormat: FormatCustom, Delimiter: "7"}, "delimiter", "a digit cannot be one: numbers hold it"},
		"a letter as delimiter":                 {Options{FileFormat: FormatCustom, Delimiter: "x"}, "delimiter", "a letter cannot be one: values hold it, and loaders read it with an escape in front as a control character"},
		"NUL as delimiter":                      {Options{FileFormat: FormatCustom, Delimiter: "\x00"}, "delimiter", "NUL cannot be one: readers end the text there"},
		"bytes that are no character":           {Options{FileFormat: FormatCustom, Delimiter: "\xff"}, "delimiter", "it must be an ASCII character: Redshift and PostgreSQL take one byte"},
		"an escape equal to the comma of csv":   {Options{FileFormat: FormatCSV, EscapeCharacter: ","}, "escape_character", "it is the delimiter too, and a reader could not tell which is meant"},
		"an escape equal to custom's delimiter": {Options{FileFormat: FormatCustom, Delimiter: "^", EscapeCharacter: "^"}, "escape_character", "it is the delimiter too, and a reader could not tell which is meant"},
		"an escape of two characters":           {Options{FileFormat: FormatCSV, EscapeCharacter: `\\`}, "escape_character", "it must be one character, not 2"},
		"a letter as escape":                    {Options{FileFormat: FormatCSV, EscapeCharacter: "e"}, "escape_character", "a letter cannot be one: values hold it, and loaders read it with an escape in front as a control character"},
		"a blank as escape":                     {Options{FileFormat: FormatCSV, EscapeCharacter: " "}, "escape_character", "white space cannot be the escape"},
		"a marker with the delimiter":           {Options{FileFormat: FormatCSV, NullString: "a,b"}, "null_string", "it must not hold the delimiter"},
		"a marker with the escape":              {Options{FileFormat: FormatCSV, NullString: `\NULL`, EscapeCharacter: `\`}, "null_string", "it must not hold the escape"},
		"a marker with a quote":                 {Options{FileFormat: FormatCSV, NullString: `""`}, "null_string", "it must not hold a quote"},
		"a marker with a line break":            {Options{FileFormat: FormatCSV, NullString: "a\n"}, "null_string", "it must not hold a line break"},
		"a marker with a byte-order mark":       {Options{FileFormat: FormatCSV, NullString: "\ufeff"}, "null_string", "it must not hold a byte-order mark"},
		"a marker with NUL":                     {Options{FileFormat: FormatCSV, NullString: "\x00"}, "null_string", "it must not hold a NUL character"},
		"a marker that ends PostgreSQL's data":  {Options{FileFormat: FormatCSV, NullString: `\.`}, "null_string", `\. on a line of its own ends the data for PostgreSQL`},
		"a marker that is not UTF-8":            {Options{FileFormat: FormatCSV, NullString: "\xff"}, "null_string", "it is not valid UTF-8"},
		"the known marker where it is quoted":   {Options{FileFormat: FormatCSV, NullString: `\N`, EscapeCharacter: `\`, QuoteMode: QuoteAll}, "null_string", `quote_mode all puts it in quotes, where a reader with the escape \ reads N`},
		"quotes in Parquet":                     {Options{FileFormat: FormatParquet, QuoteMode: QuoteAll}, "quote_mode", "file_format parquet does not have it"},
		"an escape in Parquet":                  {Options{FileFormat: FormatParquet, EscapeCharacter: `\`}, "escape_character", "file_format parquet does not have it"},
		"a marker in Parquet":                   {Options{FileFormat: FormatParquet, NullString: "NULL"}, "null_string", "file_format parquet does not have it"},
		"a line ending in Parquet":              {Options{FileFormat: FormatParquet, LineEnding: LineLF}, "line_ending", "file_format parquet does not have it"},
		"a guard in Parquet":                    {Options{FileFormat: FormatParquet, FormulaGuard: true}, "formula_guard", "file_format parquet does not have it"},
		"a byte-order mark in Parquet":          {Options{FileFormat: FormatParquet, BOM: true}, "bom", "file_format parquet must not begin with a byte-order mark"},
		"a byte-order mark in JSON":             {Options{FileFormat: FormatJSON, BOM: true}, "bom", "file_format json must not begin with a byte-order mark"},
		"quotes in JSON":                        {Options{FileFormat: FormatJSON, QuoteMode: QuoteNone}, "quote_mode", "file_format json does not have it"},
		"raw bytes in JSON":                     {Options{FileFormat: FormatNDJSON, OnUnwritable: UnwritableWrite}, "on_unwritable", "file_format ndjson does not have it"},
		"Parquet's compression in csv":          {Options{FileFormat: FormatCSV, ParquetCompression: "zstd"}, "parquet_compression", "file_format csv is not Parquet"},
		"too many rows a file":                  {Options{SplitRows: 10_000_001}, "split.rows", "10000001 is not between 1 and 10000000"},
		"a negative number of rows":             {Options{SplitRows: -1}, "split.rows", "-1 is not between 1 and 10000000"},
		"too many megabytes a file":             {Options{SplitMegabytes: 5_001}, "split.megabytes", "5001 is not between 1 and 5000"},
		"both limits":                           {Options{SplitRows: 1, SplitMegabytes: 1}, "split", "both rows and megabytes are set"},
		"a column with source and constant":     {Options{Columns: []Column{{From: "a", To: "b", Value: &web}}}, "columns[0]", "it has both from and value"},
		"a column with neither":                 {Options{Columns: []Column{{To: "b"}}}, "columns[0]", "it has neither from nor value"},
		"a constant without a name":             {Options{Columns: []Column{{Value: &web}}}, "columns[0].to", "it is missing"},
		"two columns of one name":               {Options{Columns: []Column{{From: "a"}, {From: "b", To: "a"}}}, "columns[1]", `a column called "a" is there already`},
		"a column with the row number's name":   {Options{RowNumber: "n", Columns: []Column{{From: "n"}}}, "columns[0]", `a column called "n" is there already`},
		"a row number whose name is not UTF-8":  {Options{RowNumber: "\xff"}, "row_number.column", whyUTF8},
		"a column whose name is not UTF-8":      {Options{Columns: []Column{{From: "\xff"}}}, "columns[0].to", whyUTF8},
		"a constant that cannot be in text":     {Options{Columns: []Column{{To: "a", Value: new("\x00")}}}, "columns[0].value", whyNUL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			errs := c.o.Validate().Errors()
			require.Len(t, errs, 1, "%v", errs)
			require.Equal(t, c.key, errs[0].Key)
			require.Equal(t, c.message, errs[0].Message)
			_, err := New(nil, c.o, nil)
			require.ErrorAs(t, err, &problem.List{}, "the writer refuses it too")
		})
	}
}

func TestGoodSettingsPass(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"nothing is decided yet":                     {},
		"csv alone":                                  {FileFormat: FormatCSV, Header: true},
		"a delimiter whose format is still open":     {Delimiter: ";"},
		"a control character divides":                {FileFormat: FormatCustom, Delimiter: "\x1f"},
		"the marker that loaders know":               {FileFormat: FormatTSV, NullString: `\N`, EscapeCharacter: `\`},
		"the same marker without an escape":          {FileFormat: FormatCSV, NullString: `\N`},
		"Parquet":                                    {FileFormat: FormatParquet, ParquetCompression: "zstd", Header: true, OnUnwritable: UnwritableFail},
		"JSON with Windows line ends":                {FileFormat: FormatJSON, LineEnding: LineCRLF},
		"the greatest split":                         {FileFormat: FormatCSV, SplitRows: 10_000_000},
		"the other greatest split":                   {FileFormat: FormatCSV, SplitMegabytes: 5_000},
		"an empty constant is a value":               {Columns: []Column{{To: "a", Value: new("")}}},
		"a column twice under two names":             {Columns: []Column{{From: "a"}, {From: "a", To: "b"}}},
		"a byte-order mark with a header":            {FileFormat: FormatCSV, BOM: true, Header: true},
		"an escape that is the quote, which doubles": {FileFormat: FormatCSV, EscapeCharacter: `"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, o.Validate())
		})
	}
}

func TestSettingsThatLoseSomethingGetAWarning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		keys []string
	}{
		"no quotes, no escape, no marker":           {Options{QuoteMode: QuoteNone}, []string{"quote_mode", "null_string"}},
		"no quotes, no escape, raw bytes":           {Options{QuoteMode: QuoteNone, OnUnwritable: UnwritableWrite, NullString: "NULL"}, []string{"quote_mode"}},
		"no quotes, an escape, no marker":           {Options{QuoteMode: QuoteNone, EscapeCharacter: `\`}, []string{"null_string"}},
		"all quoted, NULL too":                      {Options{QuoteMode: QuoteAll}, []string{"quote_mode"}},
		"a byte-order mark before the first value":  {Options{FileFormat: FormatCSV, BOM: true}, []string{"bom"}},
		"nothing: an escape and a marker are there": {Options{QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: "NULL"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := c.o.Validate()
			require.NoError(t, l.Err())
			var keys []string
			for _, p := range l.Warnings() {
				keys = append(keys, p.Key)
			}
			require.Equal(t, c.keys, keys)
		})
	}
}

func TestEveryFormatHasAnExtension(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, f := range Formats() {
		got[f] = Extension(f)
	}
	require.Equal(t, map[string]string{"parquet": "parquet", "csv": "csv", "tsv": "tsv", "psv": "psv", "custom": "txt", "ndjson": "ndjson", "json": "json"}, got)
}
