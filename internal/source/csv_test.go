package source_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
)

// TestDatesInCSVAreWhatTheySay: what is found out about a file is written into its view, and a format of dates there would
// have infinity read as 1900-01-01.
func TestDatesInCSVAreWhatTheySay(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"d\n2024-01-01\ninfinity\n-infinity\nepoch\n":      {"2024-01-01", "infinity", "-infinity", "1970-01-01"},
		"d\n2024-01-01\n0044-03-15 (BC)\n12024-01-01\n":    {"2024-01-01", "0044-03-15 (BC)", "12024-01-01"},
		"d\n13/02/2024\n01/02/2024\n":                      {"2024-02-13", "2024-02-01"},
		"d\n2024-01-01 10:00:00.5\n12024-01-01 00:00:00\n": {"2024-01-01 10:00:00.5", "12024-01-01 00:00:00"},
	} {
		path := filepath.Join(t.TempDir(), "a.csv")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		var got []string
		for _, row := range texts(t, overFiles(t, path), "SELECT d::VARCHAR AS d FROM t") {
			got = append(got, row[0])
		}
		require.Equal(t, want, got, content)
	}
}

// TestNamesInCSVAreNoSQL: what is found out about a file is written into its view, while the engine may still write.
func TestNamesInCSVAreNoSQL(t *testing.T) {
	t.Chdir(t.TempDir())
	const evil = `x': 'VARCHAR'}); COPY (SELECT 1) TO 'stolen'; --`
	for file, header := range map[string]string{"a.csv": evil, `x'); COPY (SELECT 1) TO 'stolen'; --.csv`: "x"} {
		require.NoError(t, os.WriteFile(file, []byte("id,\""+header+"\"\n1,2\n"), 0o600))
		s := overFiles(t, file)
		columns, err := s.Describe(t.Context(), "FROM t")
		require.NoError(t, err)
		require.NoFileExists(t, "stolen")
		require.Len(t, columns, 2)
		require.Equal(t, header, columns[1].Name)
		require.Equal(t, [][]string{{"1", "2"}}, texts(t, s, "FROM t"))
	}
}

// TestNoRowOfACSVFileIsAComment: the engine looks for comments, and left out every row of which the first value begins with #.
func TestNoRowOfACSVFileIsAComment(t *testing.T) {
	t.Parallel()
	const content = "id,name\n#1,Ann\n#2,Bob\n3,Cy # and more\n"
	want := [][]string{{"#1", "Ann"}, {"#2", "Bob"}, {"3", "Cy # and more"}}
	one, two := overBoth(t, ".csv", content)
	require.Equal(t, want, texts(t, one, "FROM t"))
	require.Equal(t, append(want, want...), texts(t, two, "FROM t"))
}

// TestTheExtensionSaysWhatDividesValues: the engine prefers commas to tabs and bars, and took a first row that does not fit them
// for nothing.
func TestTheExtensionSaysWhatDividesValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string
		want          [][]string
	}{
		{"one.tsv", "name\nDoe, John\nRoe, Jane\n", [][]string{{"Doe, John"}, {"Roe, Jane"}}},
		{"names.tsv", "name, full\tcity\nDoe, John\tBonn\n", [][]string{{"Doe, John", "Bonn"}}},
		{"numbers.psv", "a,b|c\n1,2|3\n", [][]string{{"1,2", "3"}}},
		{"quoted.psv", "a|b\n\"x|y\"|\"z\"\"\"\n", [][]string{{"x|y", `z"`}}},
		{"semicolons.csv", "a;b\n1;2\n", [][]string{{"1", "2"}}},
	} {
		one, two := overBoth(t, filepath.Ext(c.name), c.content)
		require.Equal(t, c.want, texts(t, one, "FROM t"), c.name)
		require.Equal(t, append(c.want, c.want...), texts(t, two, "FROM t"), c.name)
	}
}

// overBoth opens a source over one file with the content, and one over two of them.
func overBoth(t *testing.T, extension, content string) (one, two source.Source) {
	t.Helper()
	return overFiles(t, write(t, "1"+extension, content)), overFiles(t, numbered(t, extension, content, content))
}

// requireColumn compares the first column of a file, and of two that are alike, with its type and the values that are there.
func requireColumn(t *testing.T, content string, want []string) {
	t.Helper()
	requireColumnAt(t, content, 0, want)
}

// requireColumnAt compares another column than the first.
func requireColumnAt(t *testing.T, content string, at int, want []string) {
	t.Helper()
	one, two := overBoth(t, ".csv", content)
	for _, s := range []source.Source{one, two} {
		columns, err := s.Describe(t.Context(), "FROM t")
		require.NoError(t, err)
		name := `"` + columns[at].Name + `"`
		got := texts(t, s, "SELECT DISTINCT typeof("+name+") FROM t")[0]
		for _, row := range texts(t, s, "SELECT "+name+"::VARCHAR FROM t WHERE "+name+" IS NOT NULL") {
			got = append(got, row[0])
		}
		if s == two {
			want = append(want, want[1:]...)
		}
		require.Equal(t, want, got, content)
	}
}

// TestNumbersInCSVKeepTheirDigits: the engine takes a number that has a point or does not fit 64 bits for a DOUBLE, which
// rounds it.
func TestNumbersInCSVKeepTheirDigits(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"n\n12345678901234567890\n5\n":                     {"VARCHAR", "12345678901234567890", "5"},
		"n\n5\n-12345678901234567890\n+1\n":                {"VARCHAR", "5", "-12345678901234567890", "+1"},
		"n\n123456789012345678901234567890123456789012\n7": {"VARCHAR", "123456789012345678901234567890123456789012", "7"},
		"n\n9007199254740993\n0.5\n":                       {"VARCHAR", "9007199254740993", "0.5"},
		"n\n9007199254740992\n0.5\n":                       {"DOUBLE", "9007199254740992.0", "0.5"},
		"n\n9223372036854775807\n1\n":                      {"BIGINT", "9223372036854775807", "1"},
		"n\n1\n1.5\n1e300\n\n":                             {"DOUBLE", "1.0", "1.5", "1e+300"},
		"n\n0.1234567890123456789\n2\n":                    {"VARCHAR", "0.1234567890123456789", "2"},
		"n\n-12345678901234567.25\n2\n":                    {"VARCHAR", "-12345678901234567.25", "2"},
		"n\n9007199254740993.00\n2\n":                      {"VARCHAR", "9007199254740993.00", "2"},
		"n\n-0.00030000000000000003\n2\n":                  {"DOUBLE", "-0.00030000000000000003", "2.0"},
		"n\n9007199254740992.00000000000\n2\n":             {"DOUBLE", "9007199254740992.0", "2.0"},
		"n\n1e400\n1\n":                                    {"VARCHAR", "1e400", "1"},
		"n\n1.5\n-1.5E-400\n":                              {"VARCHAR", "1.5", "-1.5E-400"},
		"n\nNan\n\n":                                       {"VARCHAR", "Nan"},
		"n\nnan\n1\n-Infinity\n":                           {"DOUBLE", "nan", "1.0", "-inf"},
		"n\n0e400\n5e-324\n":                               {"DOUBLE", "0.0", "5e-324"},
		"n\n1001\n2310009E13\n":                            {"VARCHAR", "1001", "2310009E13"},
		"n\n2.0E10\n2E+10\n2e10\n":                         {"DOUBLE", "20000000000.0", "20000000000.0", "20000000000.0"},
		"it's\n12345678901234567890\n":                     {"VARCHAR", "12345678901234567890"},
		"12345678901234567890\n12345678901234567891\n":     {"VARCHAR", "12345678901234567890", "12345678901234567891"},
	} {
		requireColumn(t, content, want)
	}
}

// TestWholeNumbersOfOneFileAreNotRoundedForAnother: a point in one file makes a DOUBLE of the numbers of all.
func TestWholeNumbersOfOneFileAreNotRoundedForAnother(t *testing.T) {
	t.Parallel()
	s := overFiles(t, numbered(t, ".csv", "id,n\n1,9007199254740993\n", "id,n\n2,0.5\n"))
	require.Equal(t, [][]string{{"9007199254740993"}, {"0.5"}}, texts(t, s, "SELECT n FROM t ORDER BY id"))
}

// TestApostrophesInCSVAreNoQuotes: the engine took one that begins a name and one that ends another for quotes, and all rows
// between for one value.
func TestApostrophesInCSVAreNoQuotes(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][][]string{
		"id,name\n1,'t Hart\n2,Hans\n3,Jones'\n4,x\n":              {{"1", "'t Hart"}, {"2", "Hans"}, {"3", "Jones'"}, {"4", "x"}},
		"name,id\n't Hart,1\n\"Hans, x\",2\nJones',3\n":            {{"'t Hart", "1"}, {"Hans, x", "2"}, {"Jones'", "3"}},
		"id,name\n1,Ann\n2,'Bob'\n":                                {{"1", "Ann"}, {"2", "'Bob'"}},
		"name\n'\n--\n'\n--\n":                                     {{"'"}, {"--"}, {"'"}, {"--"}},
		"id,it's\n1,'a'\n2,'b'\n":                                  {{"1", "'a'"}, {"2", "'b'"}},
		"id,gender\n12345678901234567890,'x'\n2,'y'\n":             {{"12345678901234567890", "'x'"}, {"2", "'y'"}},
		"id,name\n1,'t Hart\n2,\"Hans\"\n3,\"Jones\"\"'\"\n4,x'\n": {{"1", "'t Hart"}, {"2", "Hans"}, {"3", "Jones\"'"}, {"4", "x'"}},
	} {
		one, two := overBoth(t, ".csv", content)
		require.Equal(t, want, texts(t, one, "SELECT COLUMNS(*)::VARCHAR FROM t"), content)
		require.Equal(t, append(want, want...), texts(t, two, "SELECT COLUMNS(*)::VARCHAR FROM t"), content)
	}
	path := write(t, "1.csv", "id,name\n1,'secret, x'\n2,'Bob'\n")
	said := unreadable(t, path)
	require.Contains(t, said, "line 2 of "+path)
	require.NotContains(t, said, "secret")
}

// TestWordsInCSVAreNoTruthValues: the engine takes F, T, yes and no for these, where a column has nothing else.
func TestWordsInCSVAreNoTruthValues(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"gender\nF\nF\n":           {"VARCHAR", "F", "F"},
		"v\nt\nf\n":                {"VARCHAR", "t", "f"},
		"country\nno\nNO\n":        {"VARCHAR", "no", "NO"},
		"it's,n\nyes,1\nno,2\n":    {"VARCHAR", "yes", "no"},
		"v,n\ntrue,1\nF,2\n":       {"VARCHAR", "true", "F"},
		"v,n\ntrue,1\n,2\nFalse,3": {"BOOLEAN", "true", "false"},
	} {
		requireColumn(t, content, want)
	}
	mixed := overFiles(t, numbered(t, ".csv", "id,gender\n1,F\n", "id,gender\n2,M\n3,F\n"))
	require.Equal(t, [][]string{{"F"}, {"M"}, {"F"}}, texts(t, mixed, "SELECT gender FROM t ORDER BY id"))
}

// TestTimesInCSVThatMayBeMinutesAreText: the engine took a call of 3:45 minutes for a quarter to four.
func TestTimesInCSVThatMayBeMinutesAreText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{
		"t\n3:45\n12:10\n":             {"VARCHAR", "3:45", "12:10"},
		"t\n10:30:00\n10:30\n":         {"VARCHAR", "10:30:00", "10:30"},
		"t\n16:9:1\n":                  {"VARCHAR", "16:9:1"},
		"t,n\n9:30:00,1\n10:30:00.5,2": {"TIME", "09:30:00", "10:30:00.5"},
	} {
		requireColumn(t, content, want)
	}
}

// TestDatesInCSVThatMayMeanOtherDaysAreText: the engine prefers the day before the month, and before both a year of two digits.
func TestDatesInCSVThatMayMeanOtherDaysAreText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contents []string
		want     [][]string
	}{
		"dates":                           {[]string{"d\n01/02/2026\n03/04/2026\n"}, [][]string{{"01/02/2026"}, {"03/04/2026"}}},
		"timestamps":                      {[]string{"d\n01.02.2026 10:00:00\n\n"}, [][]string{{"01.02.2026 10:00:00"}}},
		"timestamps of half a day":        {[]string{"d\n01/02/2026 10:00:00 AM\n"}, [][]string{{"01/02/2026 10:00:00 AM"}}},
		"years of two digits, day first":  {[]string{"d\n13/02/24\n28/03/24\n"}, [][]string{{"13/02/24"}, {"28/03/24"}}},
		"years of two digits, year first": {[]string{"d\n24-02-13\n"}, [][]string{{"24-02-13"}}},
		"with a quote in the name":        {[]string{"it's,n\n01/02/2026,1\n"}, [][]string{{"01/02/2026", "1"}}},
		"no header":                       {[]string{"01/02/2026,1\n03/04/2026,2\n"}, [][]string{{"01/02/2026", "1"}, {"03/04/2026", "2"}}},
		"in all files":                    {[]string{"d\n01/02/2026\n", "d\n03/04/2026\n"}, [][]string{{"01/02/2026"}, {"03/04/2026"}}},
		"in the first file":               {[]string{"d\n01/02/2026\n", "d\n01/13/2026\n"}, [][]string{{"01/02/2026"}, {"01/13/2026"}}},
		"one file of each order":          {[]string{"d\n13/01/2026\n", "d\n01/13/2026\n"}, [][]string{{"13/01/2026"}, {"01/13/2026"}}},
		"one file as SQL writes it":       {[]string{"d\n2026-01-13\n", "d\n13/01/2026\n"}, [][]string{{"2026-01-13"}, {"13/01/2026"}}},
		"an empty file":                   {[]string{"d,n\n01/02/2026,1\n", ""}, [][]string{{"01/02/2026", "1"}}},

		"the same day either way":        {[]string{"d\n01/01/2026\n02/02/2026\n"}, [][]string{{"2026-01-01"}, {"2026-02-02"}}},
		"a day that is no month":         {[]string{"d\n01/02/2026\n13/02/2026\n"}, [][]string{{"2026-02-01"}, {"2026-02-13"}}},
		"a month that can be but second": {[]string{"d\n01/02/2026\n02/13/2026\n"}, [][]string{{"2026-01-02"}, {"2026-02-13"}}},
		"a year that is no day":          {[]string{"d\n13/02/85\n"}, [][]string{{"1985-02-13"}}},
		"known from another file":        {[]string{"d\n01/02/2026\n", "d\n13/02/2026\n"}, [][]string{{"2026-02-01"}, {"2026-02-13"}}},
		"known from the first file":      {[]string{"d\n02/13/2026\n", "d\n01/02/2026\n"}, [][]string{{"2026-02-13"}, {"2026-01-02"}}},
		"with years of two digits":       {[]string{"d,n\n02/13/85,1\n", "d,n\n01/02/24,\"2\"\n"}, [][]string{{"1985-02-13", "1"}, {"2024-01-02", "2"}}},
		"timestamps, from the first":     {[]string{"d\n02/13/2026 10:00:00 AM\n", "d\n01/02/2026 10:00:00 AM\n"}, [][]string{{"2026-02-13 10:00:00"}, {"2026-01-02 10:00:00"}}},
		"known from another column":      {[]string{"d,at\n13/02/2026,01/02/2026 10:00:00\n"}, [][]string{{"2026-02-13", "2026-02-01 10:00:00"}}},
		"another column says otherwise":  {[]string{"d,at\n02/13/2026,01/02/2026 10:00:00\n"}, [][]string{{"2026-02-13", "01/02/2026 10:00:00"}}},
		"as SQL writes it, beside it":    {[]string{"d,at\n01/02/2026,2026-01-02 10:00:00\n"}, [][]string{{"01/02/2026", "2026-01-02 10:00:00"}}},
		"slashes, the year first":        {[]string{"d\n2026/01/02\n"}, [][]string{{"2026-01-02"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, texts(t, overFiles(t, numbered(t, ".csv", c.contents...)), "SELECT COLUMNS(*)::VARCHAR FROM t WHERE COLUMNS(*) IS NOT NULL"))
		})
	}
}

// TestCSVFilesOfATableHaveTheSameColumns: the engine left out a column that the first file does not have, and broke off in the
// middle of a delivery at a file without one.
func TestCSVFilesOfATableHaveTheSameColumns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contents [2]string
		want     string // what the error says; "": that there is none
	}{
		"a column more":             {[2]string{"id,name\n1,Ann\n", "id,name,mail\n2,Bob,b@x\n"}, `2.csv has a column "mail", which`},
		"a column less":             {[2]string{"id,name\n1,Ann\n", "id\n2\n"}, `2.csv has no column "name", which`},
		"another name":              {[2]string{"id,name\n1,Ann\n", "id,Name\n2,Bob\n"}, `2.csv has no column "name", which`},
		"no header, a value more":   {[2]string{"1,Ann\n2,Bob\n", "3,Cy,x\n4,Di,y\n"}, `2.csv has a column "column2", which`},
		"a header in the first":     {[2]string{"id,name\n1,Ann\n", "2,Bob\n3,Cy\n"}, "2.csv has none of the columns of "},
		"a header, and text":        {[2]string{"mail,name\na@x,Ann\n", "b@x,Bob\nc@x,Cy\n"}, "2.csv has none of the columns of "},
		"another order":             {[2]string{"id,name\n1,Ann\n", "name,id\nBob,2\n"}, ""},
		"no header":                 {[2]string{"1,Ann\n2,Bob\n", "3,Cy\n"}, ""},
		"a header and no row":       {[2]string{"id,name\n1,Ann\n", "id,name\n"}, ""},
		"nothing":                   {[2]string{"id,name\n1,Ann\n", ""}, ""},
		"nothing in the first file": {[2]string{"", "id,name\n1,Ann\n"}, ""},
		"another delimiter":         {[2]string{"id,name\n1,Ann\n", "id;name\n2;Bob\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := numbered(t, ".csv", c.contents[:]...)
			if c.want == "" {
				require.Equal(t, []string{"1", "Ann"}, texts(t, overFiles(t, files), "FROM t")[0])
				return
			}
			said := unreadable(t, files)
			require.Contains(t, said, "table t: ")
			require.Contains(t, said, c.want)
			require.NotContains(t, said, "Bob")
		})
	}
}

// TestALineOfACSVFileHasAsManyValuesAsTheOthers: the engine took all lines for single values because of one of them, or left out
// those above it.
func TestALineOfACSVFileHasAsManyValuesAsTheOthers(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("1,Ann\n", 30_000)
	for name, c := range map[string]struct {
		file, content string
		line          string // the one that is refused; "": none
		want          [][]string
	}{
		"a value more":                   {"a.csv", "id,name\n1,Ann\n2,Bob,secret\n3,Cy\n", "3", nil},
		"a value less":                   {"a.csv", "id,name\n1,Ann\n2\n3,Cy\n", "3", nil},
		"the last line":                  {"a.csv", "id,name\r\n1,Ann\r\n2\r\n", "3", nil},
		"far below":                      {"a.csv", "id,name\n" + many + "2,Bob,secret\n" + many, "30002", nil},
		"semicolons":                     {"a.csv", "id;name\n1;Ann\n2;Bob;secret\n", "3", nil},
		"quotes":                         {"a.csv", "\"id\",\"name\"\n\"1\",\"A, nn\"\n\"2\"\n", "3", nil},
		"a header that is too short":     {"a.csv", "id,name\n1,Ann,x\n2,Bob,y\n", "2", nil},
		"a header that is too long":      {"a.csv", "id,name,x\n1,Ann\n2,Bob\n", "2", nil},
		"lines above the widest":         {"a.csv", "name\nDoe, John\nRoe, J, secret\n", "2", nil},
		"below a title":                  {"a.csv", "Report\n\nid,name\n1,Ann,x\n2,Bob,y\n", "3", nil},
		"tabs, a value more":             {"a.tsv", "id\tname\n1\tAnn\n2\tBob\tsecret\n", "3", nil},
		"tabs, a header too short":       {"a.tsv", "id\tname\n1\tAnn\tx\n2\tBob\ty\n", "2", nil},
		"bars, a value less":             {"a.psv", "id|name\n1|Ann\n2\n", "3", nil},
		"a title":                        {"a.csv", "Report of 2026\n\nid,name\n1,Ann\n", "", [][]string{{"1", "Ann"}}},
		"a title in quotes":              {"a.csv", "\"All \"\"customers\"\", of 2026\"\n\nid,name\n1,Ann\n", "", [][]string{{"1", "Ann"}}},
		"a title in quotes right above":  {"a.csv", "\"Report, of 2026\"\nid,name\n1,Ann\n", "2", nil},
		"values in quotes above":         {"a.csv", "\"1\",\"secret\"\n\nid,name,x\n1,Ann,x\n2,Bob,y\n", "3", nil},
		"a title right above":            {"a.csv", "Report of 2026\nid,name\n1,Ann\n", "2", nil},
		"one column, one more at last":   {"a.csv", "name\nAnn\nsecret\nDoe|John\n", "4", nil},
		"a title of two values":          {"a.csv", "Report;secret\n\nid;name\n1;Ann\n", "2", nil},
		"a title below another":          {"a.csv", "Report\r\n\r\nall,secret\r\n\r\n\r\nid,name\r\n1,Ann\r\n", "4", nil},
		"an empty line below names":      {"a.csv", "id,name\n\n1,Ann\n", "", [][]string{{"1", "Ann"}}},
		"a title of values and a quote":  {"a.csv", "Pipes of 5\",secret\n\nid,name\nx,Ann\n", "2", nil},
		"a title of several lines":       {"a.csv", "\"Report\n\nof 2026\",secret\n\nid,name\nx,Ann\n", "4", nil},
		"an empty line in a later name":  {"a.csv", "size 5\",\"last\r\n\r\nname\"\r\nten,Lee\r\n", "", [][]string{{"ten", "Lee"}}},
		"an empty line in a name":        {"a.csv", "\"first\n\nname\",city\nAnn,Bonn\n", "", [][]string{{"Ann", "Bonn"}}},
		"LF in a value, CR LF after it":  {"a.csv", "name,city\r\n\"Ann\nLee\",Bonn\r\n", "", [][]string{{"Ann\nLee", "Bonn"}}},
		"CR LF in a value, LF after it":  {"a.csv", "name,city\n\"Ann\r\nLee\",Bonn\n", "", [][]string{{"Ann\r\nLee", "Bonn"}}},
		"LF in a value below a title":    {"a.csv", "Report\r\n\r\nid,name\r\n1,\"Ann\nLee\"\r\n", "", [][]string{{"1", "Ann\nLee"}}},
		"a control character":            {"a.csv", "name,city\nAnn\x01,Bonn\n", "", [][]string{{"Ann\x01", "Bonn"}}},
		"no rows, and empty lines":       {"a.csv", "id,name\n\n\n", "", nil},
		"an empty line among rows":       {"a.csv", "a,name\nx,Ann\n\ny,Bob\n", "", [][]string{{"x", "Ann"}, {"y", "Bob"}}},
		"empty lines above":              {"a.csv", "\n\nid,name\n1,Ann\n", "", [][]string{{"1", "Ann"}}},
		"one column, quoted":             {"a.csv", "\"name, full\"\n\"Doe, John\"\n", "", [][]string{{"Doe, John"}}},
		"one column, another delimiter":  {"a.csv", "\"a;b\"\n\"x\"\n", "", [][]string{{"x"}}},
		"one column, tabs not delimiter": {"a.tsv", "name, full\nDoe\n", "", [][]string{{"Doe"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, c.file, c.content)
			if c.line == "" {
				require.Equal(t, c.want, texts(t, overFiles(t, path), "SELECT COLUMNS(*)::VARCHAR FROM t"))
				return
			}
			said := unreadable(t, path)
			require.Contains(t, said, "table t: ")
			require.Contains(t, said, "line "+c.line+" of "+path)
			require.NotContains(t, said, "secret")
		})
	}
}

// TestExtensionsMayBeCapitalLetters: the engine knows compressed files by small ones.
func TestExtensionsMayBeCapitalLetters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{"A.CSV.GZ": "id,name\n1,Ann\n", "B.TSV.gZ": "id\tname\n1\tAnn\n", "C.NDJSON.GZ": `{"id":1,"name":"Ann"}`, "D.CSV": "id,name\n1,Ann\n"} {
		text := []byte(content)
		if strings.HasSuffix(strings.ToLower(name), ".gz") {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, err := w.Write(text)
			require.NoError(t, errors.Join(err, w.Close()))
			text = packed.Bytes()
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
		require.Equal(t, [][]string{{"1", "Ann"}}, texts(t, overFiles(t, filepath.Join(dir, name)), "FROM t"), name)
	}
}
