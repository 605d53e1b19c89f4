package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
)

// TestEveryCSVFileOfATableIsReadAsItIsWritten: where the first had nothing but texts, the engine read all as it: it left quotes in
// values, and as many rows out of each as the first has lines for a title.
func TestEveryCSVFileOfATableIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contents []string
		want     [][]string
	}{
		"quotes in the second": {[]string{"a,b\nx,1L\n", "a,b\n\"y\",\"q\"\"q\"\n"}, [][]string{{"x", "1L"}, {"y", `q"q`}}},
		"a title of the first": {[]string{"Title\n\na,b\ny,z\n", "a,b\nx,w\nu,v\n"}, [][]string{{"y", "z"}, {"x", "w"}, {"u", "v"}}},
		"titles of both":       {[]string{"Title\n\na,b\ny,z\n", "Title\n\na,b\nx,w\n"}, [][]string{{"y", "z"}, {"x", "w"}}},
		"other separators":     {[]string{"a,b\ny,z\n", "a;b\nx;w\n"}, [][]string{{"y", "z"}, {"x", "w"}}},
		"other line ends":      {[]string{"a,b\ny,z\n", "a,b\r\nx,w\r\n"}, [][]string{{"y", "z"}, {"x", "w"}}},
		"quotes written twice": {[]string{"a,b\n\"x\",\"1\\\"\n", "a,b\n\"q\"\"q\",2\n"}, [][]string{{"x", `1\`}, {"q\"q", "2"}}},
		"quotes behind \\":     {[]string{"a,b\n\"x\",y\n", "a,b\n\"q\\\"q\",z\n"}, [][]string{{"x", "y"}, {"q\"q", "z"}}},
		"each in its own way":  {[]string{"a,b\n\"q\"\"q\",y\n", "a,b\n\"q\\\"q\",z\n"}, [][]string{{"q\"q", "y"}, {"q\"q", "z"}}},
		"columns changed":      {[]string{"a,b\nx,1\n", "b,a\n2,y\n"}, [][]string{{"x", "1"}, {"y", "2"}}},
		"an apostrophe":        {[]string{"a,b\nx,\"1'000\"\n"}, [][]string{{"x", "1'000"}}},
		"apostrophes in one":   {[]string{"a,b,c\nx,1,z\n", "a,b,c\nx,2,\"1'000\"\ny,3,O'Brien\n"}, [][]string{{"x", "1", "z"}, {"x", "2", "1'000"}, {"y", "3", "O'Brien"}}},
		"and quotes":           {[]string{"a,b\nx,\"1'000\"\n", "a,b\n\"q\"\"q\",\"2'000\"\n"}, [][]string{{"x", "1'000"}, {"q\"q", "2'000"}}},
		"a column of no text":  {[]string{"a,b\nx,1\n", "a,b\n\"y\",2\n", "a,b\n\"q\"\"q\",0.5\n"}, [][]string{{"x", "1.0"}, {"y", "2.0"}, {"q\"q", "0.5"}}},
		"a column made a text": {[]string{"a,b\nx,10:30\n", "a,b\ny,12:30:00\n"}, [][]string{{"x", "10:30"}, {"y", "12:30:00"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, texts(t, overFiles(t, numbered(t, ".csv", c.contents...)), "SELECT COLUMNS(*)::VARCHAR FROM t"))
		})
	}
}

// TestCSVFilesWithQuotesInTwoWaysAreRefused: read together, those of one would be a single column, and NULL in the others.
func TestCSVFilesWithQuotesInTwoWaysAreRefused(t *testing.T) {
	t.Parallel()
	require.Contains(t, unreadable(t, numbered(t, ".csv", "a,b\nx,\"1\ny,2\n", "a,b\n\"y\",2\n")), "put quotes around every value with a quote in it")
}

// TestAFolderCalledAsAColumnHasAValueForItsFiles: of CSV files the engine was thought to have found other columns than these have.
func TestAFolderCalledAsAColumnHasAValueForItsFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		extension string
		contents  [2]string
		want      [][]string
	}{
		"CSV files alike":     {".csv", [2]string{"a,b\nx,1\n", "a,b\ny,2\n"}, [][]string{{"x", "1", "DE"}, {"y", "2", "FR"}}},
		"CSV files not alike": {".csv", [2]string{"a,b\nx,1\n", "b;a\n2;\"y\"\n"}, [][]string{{"x", "1", "DE"}, {"y", "2", "FR"}}},
		"NDJSON":              {".ndjson", [2]string{`{"a": "x", "b": 1}`, `{"a": "y", "b": 2}`}, [][]string{{"x", "1", "DE"}, {"y", "2", "FR"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, country := range []string{"country=DE", "country=FR"} {
				require.NoError(t, os.Mkdir(filepath.Join(dir, country), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, country, "1"+c.extension), []byte(c.contents[i]), 0o600))
			}
			require.Equal(t, c.want, texts(t, overFiles(t, filepath.Join(dir, "*", "*"+c.extension)), "SELECT a, b, country FROM t"))
		})
	}
}

// TestSeveralCSVFilesTakeNoMoreMemoryThanOne: the engine looked at each file once more while it read the others, with as much
// memory as it needs to read it, and two files of a few megabytes were too much for it.
func TestSeveralCSVFilesTakeNoMoreMemoryThanOne(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]string{"alike": "60000,name,0.5,text", "not alike": `60000,"na,me",0.5,text`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, line := range []string{"60000,name,0.5,text", last} {
				var rows strings.Builder
				rows.WriteString("id,name,half,comment\n")
				for n := range 60_000 {
					fmt.Fprintf(&rows, "%d,name %d,%d.5,text text text text %d\n", n, n, n, n*7)
				}
				rows.WriteString(line + "\n")
				require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)+".csv"), []byte(rows.String()), 0o600))
			}
			s, err := source.Open(t.Context(), source.Options{
				Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: filepath.Join(dir, "*.csv")}}, Memory: 64 << 20, Threads: 2, TempDir: t.TempDir(),
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			require.Len(t, texts(t, s, "FROM t"), 120_002)
		})
	}
}

// TestTheIndexOfAPandasFileHasNoName: where all other columns are texts, the line of names was a row.
func TestTheIndexOfAPandasFileHasNoName(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][][]string{
		",name,city\n0,Ann,Bonn\n1,Bob,\n2,Cy,Ulm\n": {{"0", "Ann", "Bonn"}, {"1", "Bob", "NULL"}, {"2", "Cy", "Ulm"}},
		",name,city\n0,Ann,Bonn\n":                   {{"0", "Ann", "Bonn"}},
	} {
		one, two := overBoth(t, ".csv", content)
		require.Equal(t, want, texts(t, one, "SELECT column0, name, city FROM t"))
		require.Equal(t, append(want, want...), texts(t, two, "SELECT column0, name, city FROM t"))
	}
	odd := overFiles(t, write(t, "odd.csv", ",it's\n0,Ann\n1,Bob\n"))
	require.Equal(t, [][]string{{"Ann"}, {"Bob"}}, texts(t, odd, `SELECT "it's" FROM t`))
	several := overFiles(t, numbered(t, ".csv", ",name\n0,Ann\n", ",name\r\n0,Bob\r\n"))
	require.Equal(t, [][]string{{"Ann"}, {"Bob"}}, texts(t, several, "SELECT name FROM t"))
	second := overFiles(t, numbered(t, ".csv", ",amount\n0,10.10\n1,3\n", ",amount\n0,\n1,\"1,25\"\n")) // of which the first alone needs no help
	require.Equal(t, [][]string{{"10.10"}, {"3"}, {"NULL"}, {"1,25"}}, texts(t, second, "SELECT amount FROM t"))
	empty, _ := overBoth(t, ".csv", ",name,city\n")
	require.Empty(t, texts(t, empty, "SELECT column0, name, city FROM t"))
	none := overFiles(t, numbered(t, ".csv", ",name\n", ",name\n0,Ann\n", "", ",name\n7,Bob\n9,Cy\n")) // of which one has no rows, and one none of the first
	require.Equal(t, [][]string{{"0", "Ann"}, {"7", "Bob"}, {"9", "Cy"}}, texts(t, none, "SELECT column0, name FROM t"))
	shards := overFiles(t, numbered(t, ".csv", ",Ann\n,Bob\n", ",Cy\n")) // which have no names, and one a single row
	require.Equal(t, [][]string{{"NULL", "Ann"}, {"NULL", "Bob"}, {"NULL", "Cy"}}, texts(t, shards, "FROM t"))
	wide := strings.Repeat(",a", 11)
	one, _ := overBoth(t, ".csv", wide+"\n0"+wide+"\n1"+wide+"\n") // columns that are called column00 then
	require.Len(t, texts(t, one, "FROM t"), 2)
	nameless, _ := overBoth(t, ".csv", "7"+wide+"\n8"+wide+"\n")
	require.Len(t, texts(t, nameless, "FROM t"), 2)
	rows, _ := overBoth(t, ".csv", ",Ann\n7,Bob\n8,Cy\n") // numbers that one row does not have
	require.Equal(t, [][]string{{"NULL", "Ann"}, {"7", "Bob"}, {"8", "Cy"}}, texts(t, rows, "FROM t"))
}

// TestAQuoteBehindAByteOrderMarkIsAQuote: the engine took it for a part of the value, and that for several, or every line for one.
func TestAQuoteBehindAByteOrderMarkIsAQuote(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][][]string{
		"\"a\",b\nx,y\n":             {{"a", "b"}, {"x", "y"}},
		"\"a\",\"b\"\r\n\"x\",y\r\n": {{"a", "b"}, {"x", "y"}},
		"\"Ann\",1\nBob,2\n":         {{"column0", "column1"}, {"Ann", "1"}, {"Bob", "2"}},
		"\"a\"\r\n":                  {{"a"}},
	} {
		one, two := overBoth(t, ".csv", byteOrderMark+content)
		names, err := one.Describe(t.Context(), "FROM t")
		require.NoError(t, err)
		got := [][]string{{}}
		for _, column := range names {
			got[0] = append(got[0], column.Name)
		}
		require.Equal(t, want, append(got, texts(t, one, "FROM t")...))
		require.Equal(t, slices.Concat(want[1:], want[1:]), texts(t, two, "FROM t"))
	}
	for _, content := range []string{"\"a, b\",c\nx,y\n", "\"Cy, Ann\",1\n\"Doe, Bob\",2\n", "\"a, b\",c,d\n1,2,\"x, y\"\n3,4,\"u, v\"\n", "\"a\nb\"\nx\ny\n", "\"a\nb\"\n\"x\"\n"} {
		require.Contains(t, unreadable(t, write(t, "a.csv", byteOrderMark+content)), "begins with a byte order mark, and with a value between quotes")
	}
}

const byteOrderMark = "\ufeff"
