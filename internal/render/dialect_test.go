package render

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// csvOf renders one column of text and a neighbour, so that an empty value shows.
func csvOf(t *testing.T, o Options, values ...any) string {
	t.Helper()
	neighbour := make([]any, len(values))
	for i := range neighbour {
		neighbour[i] = int32(1)
	}
	schema, b := tableOf(text("a", values...), col{"b", table.Type{Kind: table.Int32}, neighbour})
	return renderAll(t, o, schema, b)[0]
}

func TestADialectWritesEachFieldAsItsRulesSay(t *testing.T) {
	t.Parallel()
	type options = Options
	for name, c := range map[string]struct {
		options
		value any
		want  string
	}{
		"minimal leaves plain text bare":                       {options{}, "plain text", "plain text,1\n"},
		"minimal quotes the delimiter":                         {options{}, "a,b", "\"a,b\",1\n"},
		"minimal doubles a quote":                              {options{}, `a"b`, `"a""b",1` + "\n"},
		"minimal quotes a line feed":                           {options{}, "a\nb", "\"a\nb\",1\n"},
		"minimal quotes a carriage return":                     {options{}, "a\rb", "\"a\rb\",1\n"},
		"minimal quotes a blank in front":                      {options{}, " a", "\" a\",1\n"},
		"minimal quotes a tab behind":                          {options{}, "a\t", "\"a\t\",1\n"},
		"minimal leaves a blank within bare":                   {options{}, "a b", "a b,1\n"},
		"minimal quotes a no-break space in front":             {options{}, "\u00a0a", "\"\u00a0a\",1\n"},
		"minimal quotes a line separator behind":               {options{}, "a\u2028", "\"a\u2028\",1\n"},
		"minimal quotes a byte-order mark in front":            {options{}, "\ufeffa", "\"\ufeffa\",1\n"},
		"minimal leaves letters outside ASCII bare":            {options{}, "日本語 é", "日本語 é,1\n"},
		"minimal quotes the empty string, for NULL is bare":    {options{}, "", "\"\",1\n"},
		"minimal writes NULL bare":                             {options{}, nil, ",1\n"},
		"minimal quotes a lone end-of-data mark":               {options{}, `\.`, `"\.",1` + "\n"},
		"minimal leaves a longer one bare":                     {options{}, `\..`, `\..,1` + "\n"},
		"minimal quotes the word that MySQL reads as NULL":     {options{}, "NULL", "\"NULL\",1\n"},
		"minimal quotes it beside another marker":              {options{EscapeCharacter: `\`, NullString: `\N`}, "NULL", "\"NULL\",1\n"},
		"minimal quotes it with the guard":                     {options{FormulaGuard: true}, "NULL", "\"NULL\",1\n"},
		"minimal leaves other words for it bare":               {options{}, "null", "null,1\n"},
		"minimal writes the marker for NULL":                   {options{NullString: "NULL"}, nil, "NULL,1\n"},
		"minimal quotes a string equal to the marker":          {options{NullString: "NULL"}, "NULL", "\"NULL\",1\n"},
		"minimal leaves an empty string bare with a marker":    {options{NullString: "NULL"}, "", ",1\n"},
		"minimal leaves another case of the marker bare":       {options{NullString: "NULL"}, "null", "null,1\n"},
		"minimal with an escape writes it before a quote":      {options{EscapeCharacter: `\`}, `a"b`, `"a\"b",1` + "\n"},
		"minimal with an escape writes it before itself":       {options{EscapeCharacter: `\`}, `a\b`, `"a\\b",1` + "\n"},
		"minimal with an escape quotes a delimiter only":       {options{EscapeCharacter: `\`}, `a,b`, `"a,b",1` + "\n"},
		"minimal without an escape leaves a backslash bare":    {options{}, `a\b`, `a\b,1` + "\n"},
		"minimal with the quote as escape doubles it":          {options{EscapeCharacter: `"`}, `a"b`, `"a""b",1` + "\n"},
		"minimal knows the Redshift marker with its escape":    {options{EscapeCharacter: `\`, NullString: `\N`}, nil, `\N,1` + "\n"},
		"minimal tells it from the same string":                {options{EscapeCharacter: `\`, NullString: `\N`}, `\N`, `"\\N",1` + "\n"},
		"all quotes text and numbers":                          {options{QuoteMode: QuoteAll}, "a", "\"a\",\"1\"\n"},
		"all quotes NULL too":                                  {options{QuoteMode: QuoteAll}, nil, "\"\",\"1\"\n"},
		"all quotes the marker":                                {options{QuoteMode: QuoteAll, NullString: "NULL"}, nil, "\"NULL\",\"1\"\n"},
		"all_non_null leaves NULL bare":                        {options{QuoteMode: QuoteAllNonNull}, nil, ",\"1\"\n"},
		"all_non_null quotes the empty string":                 {options{QuoteMode: QuoteAllNonNull}, "", "\"\",\"1\"\n"},
		"all_non_null quotes a string equal to the marker":     {options{QuoteMode: QuoteAllNonNull, NullString: "NULL"}, "NULL", "\"NULL\",\"1\"\n"},
		"non_numeric quotes text, not numbers":                 {options{QuoteMode: QuoteNonNumeric}, "7", "\"7\",1\n"},
		"non_numeric leaves NULL bare":                         {options{QuoteMode: QuoteNonNumeric}, nil, ",1\n"},
		"non_numeric quotes a number equal to the marker":      {options{QuoteMode: QuoteNonNumeric, NullString: "1"}, nil, "1,\"1\"\n"},
		"none quotes nothing":                                  {options{QuoteMode: QuoteNone}, `a "b" c`, `a "b" c,1` + "\n"},
		"none writes NULL and the empty string the same":       {options{QuoteMode: QuoteNone}, "", ",1\n"},
		"none with an escape writes it before the delimiter":   {options{QuoteMode: QuoteNone, EscapeCharacter: `\`}, "a,b", `a\,b,1` + "\n"},
		"none with an escape writes it before a quote":         {options{QuoteMode: QuoteNone, EscapeCharacter: `\`}, `a"b`, `a\"b,1` + "\n"},
		"none with an escape writes it before itself":          {options{QuoteMode: QuoteNone, EscapeCharacter: `\`}, `a\b`, `a\\b,1` + "\n"},
		"none with an escape writes it before line breaks":     {options{QuoteMode: QuoteNone, EscapeCharacter: `\`}, "a\r\nb", "a\\\r\\\nb,1\n"},
		"none with an escape tells the marker from the string": {options{QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`}, `\N`, `\\N,1` + "\n"},
		"none writes raw bytes if it is told to":               {options{QuoteMode: QuoteNone, OnUnwritable: UnwritableWrite}, "a,b\n", "a,b\n,1\n"},
		"none writes the marker's string if it is told to":     {options{QuoteMode: QuoteNone, OnUnwritable: UnwritableWrite, NullString: "NULL"}, "NULL", "NULL,1\n"},
		"raw bytes are written within quotes if told to":       {options{OnUnwritable: UnwritableWrite}, "a\xff\x00,", "\"a\xff\x00,\",1\n"},
		"tsv divides by tabs":                                  {options{FileFormat: FormatTSV}, "a,b", "a,b\t1\n"},
		"tsv quotes a tab":                                     {options{FileFormat: FormatTSV}, "a\tb", "\"a\tb\"\t1\n"},
		"psv divides by bars":                                  {options{FileFormat: FormatPSV}, "a|b", "\"a|b\"|1\n"},
		"custom divides by what is asked for":                  {options{FileFormat: FormatCustom, Delimiter: ";"}, "a;b,c", "\"a;b,c\";1\n"},
		"custom divides by a control character":                {options{FileFormat: FormatCustom, Delimiter: "\x01"}, "a\x01", "\"a\x01\"\x011\n"},
		"crlf ends lines, also the last":                       {options{LineEnding: LineCRLF}, "a\nb", "\"a\nb\",1\r\n"},
		"the guard stands before an equals sign":               {options{FormulaGuard: true}, "=1+1", "'=1+1,1\n"},
		"the guard stands before a plus":                       {options{FormulaGuard: true}, "+1", "'+1,1\n"},
		"the guard stands before a minus":                      {options{FormulaGuard: true}, "-1", "'-1,1\n"},
		"the guard stands before an at":                        {options{FormulaGuard: true}, "@a", "'@a,1\n"},
		"the guard stands before a tab":                        {options{FormulaGuard: true}, "\ta", "'\ta,1\n"},
		"the guard stands within quotes":                       {options{FormulaGuard: true}, "\ra", "\"'\ra\",1\n"},
		"the guard leaves other text":                          {options{FormulaGuard: true}, "a=1", "a=1,1\n"},
		"the guard leaves the empty string":                    {options{FormulaGuard: true}, "", "\"\",1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := c.options
			if o.FileFormat == "" {
				o.FileFormat = FormatCSV
			}
			require.Equal(t, c.want, csvOf(t, o, c.value))
		})
	}
}

func TestAValueThatWouldNotReadBackFailsItsRow(t *testing.T) {
	t.Parallel()
	type options = Options
	none := options{QuoteMode: QuoteNone}
	for name, c := range map[string]struct {
		options
		value  string
		reason string
	}{
		"a delimiter without quotes and escapes": {none, "a,secret", whyDelimiter},
		"a line feed without quotes and escapes": {none, "a\nsecret", whyDelimiter},
		"a carriage return likewise":             {none, "a\rsecret", whyDelimiter},
		"the marker's own text without quotes":   {options{QuoteMode: QuoteNone, NullString: "secret"}, "secret", whyMarker},
		"the same with an escape":                {options{QuoteMode: QuoteNone, NullString: "secret", EscapeCharacter: `\`}, "secret", whyMarker},
		"bytes that are not UTF-8":               {options{}, "secret\xff", whyUTF8},
		"a surrogate half":                       {options{}, "secret\xed\xa0\x80", whyUTF8},
		"a NUL character":                        {options{}, "sec\x00ret", whyNUL},
		"a NUL character where all is quoted":    {options{QuoteMode: QuoteAll}, "sec\x00ret", whyNUL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := c.options
			o.FileFormat = FormatCSV
			schema, b := tableOf(text("first", "a", c.value), text("second", "b", "c"))
			err := renderFails(t, o, schema, b)
			var bad *UnwritableValue
			require.ErrorAs(t, err, &bad)
			require.ErrorIs(t, err, ErrUnwritableValue)
			require.Equal(t, UnwritableValue{Row: 2, Column: "first", Reason: c.reason}, *bad)
			require.NotContains(t, err.Error(), "secret")
			require.True(t, strings.HasPrefix(err.Error(), `row 2, column "first": `), err.Error())
		})
	}
}

func TestALoneEndOfDataMarkFailsOnlyWhereItWouldEndTheData(t *testing.T) {
	t.Parallel()
	none := Options{FileFormat: FormatCSV, QuoteMode: QuoteNone}
	schema, b := tableOf(text("only", `\.`))
	require.ErrorContains(t, renderFails(t, none, schema, b), whyEnd)
	require.Equal(t, `\.,1`+"\n", csvOf(t, none, `\.`), "with a second column it is not alone on its line")

	escaped := none
	escaped.EscapeCharacter = `\`
	schema, b = tableOf(text("only", `\.`))
	require.Equal(t, []string{`\\.` + "\n"}, renderAll(t, escaped, schema, b))
}

func TestTheFirstBadRowIsNamedHoweverManyGoroutinesEncode(t *testing.T) {
	t.Parallel()
	schema, _ := tableOf(text("a"))
	for range 20 {
		w, err := New(schema, Options{FileFormat: FormatCSV, QuoteMode: QuoteNone, Threads: 8}, (&memory{}).create)
		require.NoError(t, err)
		for n := range 30 {
			values := make([]any, 100)
			for i := range values {
				values[i] = "fine"
				if n >= 3 && i >= 50 {
					values[i] = "not,fine"
				}
			}
			_, b := tableOf(text("a", values...))
			_ = w.Write(b)
		}
		var bad *UnwritableValue
		require.ErrorAs(t, w.Close(), &bad)
		require.EqualValues(t, 351, bad.Row)
	}
}

func TestATypeWhoseTextHoldsTheDelimiterIsQuotedToo(t *testing.T) {
	t.Parallel()
	number := col{"n", table.Type{Kind: table.Int32}, []any{int32(-5), int32(5)}}
	day := col{"d", table.Type{Kind: table.Date}, []any{int32(0), nil}}
	schema, b := tableOf(number, day)
	require.Equal(t, "\"-5\"-\"1970-01-01\"\n5-\n",
		renderAll(t, Options{FileFormat: FormatCustom, Delimiter: "-"}, schema, b)[0])

	schema, b = tableOf(number, day)
	require.Equal(t, "\"-5\"-\"1970-01-01\"\n5-\n",
		renderAll(t, Options{FileFormat: FormatCustom, Delimiter: "-", QuoteMode: QuoteNonNumeric}, schema, b)[0])

	schema, b = tableOf(number, day)
	require.Equal(t, "\\-5-1970\\-01\\-01\n5-\n",
		renderAll(t, Options{FileFormat: FormatCustom, Delimiter: "-", QuoteMode: QuoteNone, EscapeCharacter: `\`}, schema, b)[0])

	schema, b = tableOf(number, day)
	require.Equal(t, "\"--5\",\"1970--01--01\"\n\"5\",\n",
		renderAll(t, Options{FileFormat: FormatCSV, QuoteMode: QuoteAllNonNull, EscapeCharacter: "-"}, schema, b)[0])

	schema, b = tableOf(number, day)
	err := renderFails(t, Options{FileFormat: FormatCustom, Delimiter: "-", QuoteMode: QuoteNone}, schema, b)
	require.ErrorContains(t, err, whyDelimiter)
}

func TestHeaderNamesFollowTheDialect(t *testing.T) {
	t.Parallel()
	type options = Options
	for name, c := range map[string]struct {
		options
		want string
	}{
		"minimal quotes what needs it":    {options{}, "\"a,b\",plain,\"\"\"q\"\"\"\n"},
		"all quotes each":                 {options{QuoteMode: QuoteAll}, "\"a,b\",\"plain\",\"\"\"q\"\"\"\n"},
		"non_numeric quotes each":         {options{QuoteMode: QuoteNonNumeric}, "\"a,b\",\"plain\",\"\"\"q\"\"\"\n"},
		"an escape stands before a quote": {options{EscapeCharacter: `\`}, `"a,b",plain,"\"q\""` + "\n"},
		"none escapes":                    {options{QuoteMode: QuoteNone, EscapeCharacter: `\`}, `a\,b,plain,\"q\"` + "\n"},
		"a mark stands before":            {options{BOM: true, LineEnding: LineCRLF}, "\ufeff\"a,b\",plain,\"\"\"q\"\"\"\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := c.options
			o.FileFormat, o.Header = FormatCSV, true
			schema, _ := tableOf(text("a,b"), text("plain"), text(`"q"`))
			require.Equal(t, []string{c.want}, renderAll(t, o, schema))
		})
	}
	schema, _ := tableOf(text("a,b"))
	_, err := New(schema, Options{FileFormat: FormatCSV, QuoteMode: QuoteNone, Header: true}, (&memory{}).create)
	require.ErrorIs(t, err, ErrColumn)
}

func TestAHeaderThatWouldBeReadAsSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	none := Options{FileFormat: FormatCSV, QuoteMode: QuoteNone, Header: true}
	for name, why := range map[string]string{`\.`: whyEnd, "\ufeffid": whyBOM} {
		schema, _ := tableOf(text(name))
		_, err := New(schema, none, (&memory{}).create)
		require.ErrorIs(t, err, ErrColumn)
		require.ErrorContains(t, err, why)

		quoted := none
		quoted.QuoteMode = QuoteMinimal
		schema, _ = tableOf(text(name))
		require.Equal(t, []string{`"` + name + `"` + "\n"}, renderAll(t, quoted, schema))
	}
	schema, _ := tableOf(text(`\.`), text("b"))
	require.Equal(t, []string{`\.,b` + "\n"}, renderAll(t, none, schema), "it is not alone on its line")
	marked := none
	marked.BOM = true
	schema, _ = tableOf(text("\ufeffid"))
	require.Equal(t, []string{"\ufeff\ufeffid\n"}, renderAll(t, marked, schema), "the first mark is the file's")
}

func TestAByteOrderMarkInAValueFailsOnlyWhereItWouldBeginAFile(t *testing.T) {
	t.Parallel()
	o := Options{FileFormat: FormatCSV, QuoteMode: QuoteNone}
	schema, b := tableOf(text("a", "\ufeffsecret"))
	err := renderFails(t, o, schema, b)
	require.ErrorContains(t, err, whyBOM)
	require.NotContains(t, err.Error(), "secret")
	require.Equal(t, "x,1\n\ufeff,1\n", csvOf(t, o, "x", "\ufeff"), "in the second row it is no mark")

	o.SplitRows = 100
	schema, b = tableOf(text("a", "x", "\ufeff"))
	require.ErrorContains(t, renderFails(t, o, schema, b), whyBOM, "any row may begin a file")

	o.Header = true
	schema, b = tableOf(text("a", "\ufeff"))
	require.Equal(t, []string{"a\n\ufeff\n"}, renderAll(t, o, schema, b))
}

func TestAnEmptyValueAloneOnItsLineShows(t *testing.T) {
	t.Parallel()
	schema, b := tableOf(text("only", "", nil, "x"))
	require.Equal(t, []string{"\"\"\nNULL\nx\n"}, renderAll(t, Options{FileFormat: FormatCSV, NullString: "NULL"}, schema, b))
	schema, b = tableOf(text("only", "x", ""))
	require.ErrorContains(t, renderFails(t, Options{FileFormat: FormatCSV, QuoteMode: QuoteNone, NullString: "NULL"}, schema, b), whyEmpty)
}
