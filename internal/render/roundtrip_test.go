package render

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/table"
)

// worstTexts holds what has broken readers: every mark of every dialect alone, at the ends and next to each other, line
// breaks of each kind, white space, what looks like NULL, like the end of the data, like a comment.
var worstTexts = []string{
	"plain", "", " ", "  ", " a", "a ", "\t", "\ta", "a\tb", ",", "a,b", ",,", "|", "a|b", ";", "a;b", "\x01", "a\x01b", "\x1f", "\x7f", "\v", "\f",
	`"`, `""`, `"""`, `"a"`, `a"b`, `a""b`, `",`, `,"`, `","`, `"` + "\n" + `"`, `'`, `'a'`, `\`, `\\`, `a\`, `\a`, `\"`, `"\`, `\"a`, `\,`, `,\`, `\` + "\n", `\.`, `\N`, `\n`, `\r`, `\t`,
	"\n", "\r", "\r\n", "\n\n", "a\nb", "a\rb", "a\r\nb", "\na", "a\n", "a\r", "\\\r\n", "NULL", "null", "NaN", "N", "0", "1", "-1", "true", "1e5", "2026-11-23", "00123", "+1", "=1+1", "@a", "#comment", "--", "/*",
	"é", "日本語", "😀", "e\u0301", "\u00a0", "a\u00a0", "\u2028", "a\u2028b", "\u0085", "\ufeff", "\ufeffa", "a\ufeff", "\u200b", "\u202eabc", "\U0010ffff",
	`moved; see "old address", updated` + "\n" + `\second line\,` + "\t|",
}

// A roundTrip is a dialect with a table that it can hold.
type roundTrip struct {
	name   string
	o      Options
	schema table.Schema
	rows   [][]any // string or nil
	path   string
}

// dialects returns every combination of settings that Validate accepts.
func dialects() map[string]Options {
	all := map[string]Options{}
	for _, format := range []Options{{FileFormat: FormatCSV}, {FileFormat: FormatTSV}, {FileFormat: FormatPSV}, {FileFormat: FormatCustom, Delimiter: ";"}, {FileFormat: FormatCustom, Delimiter: "\x01"}} {
		for _, mode := range quoteModes {
			for _, escape := range []string{"", `\`, `"`, "^"} {
				for _, null := range []string{"", "NULL", `\N`} {
					for _, variant := range []Options{{LineEnding: LineLF, Header: true}, {LineEnding: LineCRLF}, {LineEnding: LineLF, Header: true, BOM: true}} {
						o := variant
						o.FileFormat, o.Delimiter, o.QuoteMode, o.EscapeCharacter, o.NullString = format.FileFormat, format.Delimiter, mode, escape, null
						if o.Validate().Err() == nil {
							name := fmt.Sprintf("%s %q %s escape %q null %q %s header %t bom %t", o.FileFormat, o.Delimiter, mode, escape, null, o.LineEnding, o.Header, o.BOM)
							all[name] = o
						}
					}
				}
			}
		}
	}
	for name, o := range oddDialects() {
		all[name] = o
	}
	return all
}

// oddDialects have delimiters and escapes that somebody may want, and that mean something elsewhere: to SQL, to a shell,
// to a spreadsheet, to JSON, to numbers.
func oddDialects() map[string]Options {
	all := map[string]Options{}
	for _, delimiter := range []string{" ", "#", ".", "-", "^", "{", "=", "\x7f", "\v", "\x02"} {
		for _, mode := range []string{QuoteMinimal, QuoteNonNumeric, QuoteNone} {
			for _, escape := range []string{"", `\`, "'", "\x01"} {
				o := Options{FileFormat: FormatCustom, Delimiter: delimiter, QuoteMode: mode, EscapeCharacter: escape, NullString: "\u00a7", LineEnding: LineCRLF, Header: true}
				if o.Validate().Err() == nil {
					all[fmt.Sprintf("odd %q %s escape %q", delimiter, mode, escape)] = o
				}
			}
		}
	}
	return all
}

// holds reports whether a dialect can hold a text so that it reads back: what FILES says about quote_mode none.
func holds(o Options, s string) bool {
	if o.QuoteMode != QuoteNone {
		return true
	}
	if o.EscapeCharacter == "" && strings.ContainsAny(s, o.delimiterOf()+"\r\n") {
		return false
	}
	if s == o.NullString && s != "" {
		return strings.Contains(s, o.EscapeCharacter) && o.EscapeCharacter != ""
	}
	return true
}

// worstTable puts every text into the first, the middle and the last column, and NULL into each, also into all of them.
func worstTable(o Options) [][]any {
	var texts []any
	for _, s := range worstTexts {
		if holds(o, s) {
			texts = append(texts, s)
		}
	}
	texts = append(texts, nil)
	rows := [][]any{{"begins", "the", "file"}, {nil, nil, nil}}
	for i := range texts {
		rows = append(rows, []any{texts[i], texts[(i+7)%len(texts)], texts[(i+31)%len(texts)]})
	}
	return append(rows, []any{nil, "x", nil}, []any{nil, nil, nil})
}

// writeWorst renders the worst table of every dialect into files.
func writeWorst(t *testing.T) []roundTrip {
	t.Helper()
	dir := t.TempDir()
	var all []roundTrip
	for name, o := range dialects() {
		r := roundTrip{name: name, o: o, rows: worstTable(o), path: filepath.Join(dir, fmt.Sprintf("%d.txt", len(all)))}
		require.NoError(t, os.WriteFile(r.path, []byte(r.render(t)), 0o600))
		all = append(all, r)
	}
	return all
}

// render returns the file.
func (r *roundTrip) render(t *testing.T) string {
	t.Helper()
	cols := []col{text("first"), text(`sec"ond`), text("last")}
	for _, row := range r.rows {
		for i := range cols {
			cols[i].values = append(cols[i].values, row[i])
		}
	}
	var b *table.Batch
	r.schema, b = tableOf(cols...)
	return renderAll(t, r.o, r.schema, b)[0]
}

// seen returns the rows as a reader can see them that is told what Loaders says. Where NULL and a string are written the
// same, both read as NULL.
func (r roundTrip) seen() [][]any {
	same := r.o.QuoteMode == QuoteAll || r.o.QuoteMode == QuoteNone && r.o.NullString == ""
	return mapCells(r.rows, func(v any) any {
		if same && v == r.o.NullString {
			return nil
		}
		return v
	})
}

func mapCells(rows [][]any, f func(any) any) [][]any {
	out := make([][]any, len(rows))
	for i, row := range rows {
		for _, v := range row {
			out[i] = append(out[i], f(v))
		}
	}
	return out
}

// statement returns what Loaders says for one reader.
func (r roundTrip) statement(t *testing.T, reader string) Loader {
	t.Helper()
	for _, l := range r.o.Loaders(r.schema, Location{URL: r.path, Table: "delivered"}) {
		if l.Name == reader {
			return l
		}
	}
	t.Fatalf("no statement for %s", reader)
	return Loader{}
}

func TestDuckDBReadsEveryDialectBackWithTheStatementThatWePrint(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	for _, r := range writeWorst(t) {
		l := r.statement(t, "DuckDB")
		if l.Impossible != "" { // one case, which DuckDB itself refuses
			require.Equal(t, [2]string{`\`, `\N`}, [2]string{r.o.EscapeCharacter, r.o.NullString}, r.name)
			continue
		}
		rows, err := d.Query(strings.TrimSuffix(l.Statement, ";"))
		require.NoError(t, err, r.name)
		var got [][]any
		for rows.Next() {
			var a, b, c any
			require.NoError(t, rows.Scan(&a, &b, &c))
			got = append(got, []any{a, b, c})
		}
		require.NoError(t, rows.Err(), r.name)
		require.NoError(t, rows.Close())
		require.Equal(t, r.seen(), got, r.name)
	}
}

const pythonReader = `
import csv, json, sys
csv.field_size_limit(1 << 30)
for case in json.load(sys.stdin):
    with open(case["path"], encoding="utf-8-sig" if case["bom"] else "utf-8", newline="") as f:
        rows = list(csv.reader(f, strict=True, **case["dialect"]))
    print(json.dumps(rows))
`

func TestPythonReadsEveryDialectBack(t *testing.T) {
	t.Parallel()
	all := writeWorst(t)
	var cases []map[string]any
	for _, r := range all {
		dialect := map[string]any{"delimiter": r.o.delimiterOf(), "quotechar": `"`, "doublequote": true}
		if r.o.QuoteMode == QuoteNone {
			dialect["quoting"] = 3 // csv.QUOTE_NONE
		}
		if e := r.o.EscapeCharacter; e != "" && (e != `"` || r.o.QuoteMode == QuoteNone) {
			dialect["escapechar"] = e
			dialect["doublequote"] = false
		}
		if r.o.QuoteMode == QuoteNone {
			dialect["quotechar"] = nil
		}
		cases = append(cases, map[string]any{"path": r.path, "bom": r.o.BOM, "dialect": dialect})
	}
	for i, got := range python(t, pythonReader, cases) {
		r := all[i]
		// Python's reader has no NULL: it reads the marker, and takes escapes away outside of quotes too.
		marker := r.o.NullString
		if r.o.EscapeCharacter == `\` && marker == `\N` {
			marker = "N"
		}
		want := mapCells(r.rows, func(v any) any {
			if v == nil {
				return marker
			}
			return v
		})
		if r.o.Header {
			want = append([][]any{{"first", `sec"ond`, "last"}}, want...)
		}
		require.Equal(t, want, got, r.name)
	}
}

// python runs a script that answers each case with a line of JSON: rows of strings.
func python(t *testing.T, script string, cases any) [][][]any {
	t.Helper()
	in, err := json.Marshal(cases)
	require.NoError(t, err)
	command := exec.Command("python3", "-c", script)
	command.Stdin = strings.NewReader(string(in))
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	var all [][][]any
	for line := range strings.Lines(string(out)) {
		var rows [][]any
		require.NoError(t, json.Unmarshal([]byte(line), &rows))
		all = append(all, rows)
	}
	return all
}

func TestOneColumnKeepsItsRowsAndNULLs(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	conn := postgres(t)
	run(t, conn, "CREATE TABLE delivered (n serial, a text)")
	values := []any{nil, "", "x", nil, `\.`, " ", nil}
	for _, o := range []Options{ // but quote_mode none, which refuses the empty string
		{FileFormat: FormatCSV},
		{FileFormat: FormatCSV, Header: true, NullString: "NULL"},
		{FileFormat: FormatCSV, QuoteMode: QuoteAllNonNull, LineEnding: LineCRLF},
		{FileFormat: FormatCSV, QuoteMode: QuoteNonNumeric, EscapeCharacter: `\`, NullString: "NULL"},
	} {
		r := roundTrip{o: o, path: filepath.Join(t.TempDir(), "one")}
		var b *table.Batch
		r.schema, b = tableOf(text("a", values...))
		content := renderAll(t, o, r.schema, b)[0]
		require.NoError(t, os.WriteFile(r.path, []byte(content), 0o600))

		run(t, conn, "TRUNCATE delivered")
		copyIn(t, conn, r, content)
		rows, err := conn.Query(t.Context(), "SELECT a FROM delivered ORDER BY n")
		require.NoError(t, err)
		var got []any
		for rows.Next() {
			one, err := rows.Values()
			require.NoError(t, err)
			got = append(got, one[0])
		}
		require.NoError(t, rows.Err())
		require.Equal(t, values, got, "PostgreSQL: %+v", o)

		l := r.statement(t, "DuckDB")
		got = nil
		for _, row := range d.texts(t, strings.TrimSuffix(l.Statement, ";")) {
			got = append(got, row[0])
		}
		want := []any{"NULL", "", "x", "NULL", `\.`, " ", "NULL"}
		require.Equal(t, want, got, "DuckDB: %+v", o)
	}
}

func TestAMebibyteOfEachMarkReadsBack(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{FileFormat: FormatCSV}, {FileFormat: FormatCSV, EscapeCharacter: `\`}, {FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`}} {
		var values []any
		for _, mark := range []string{"x", "\"", "\\", "\n", "\t", "é,"} {
			values = append(values, strings.Repeat(mark, 1<<20/len(mark)))
		}
		schema, b := tableOf(text("a", values...), text("b", values...))
		path := filepath.Join(t.TempDir(), "large")
		require.NoError(t, os.WriteFile(path, []byte(renderAll(t, o, schema, b)[0]), 0o600))
		dialect := map[string]any{"delimiter": o.delimiterOf(), "quotechar": `"`, "doublequote": o.EscapeCharacter == ""}
		if o.EscapeCharacter != "" {
			dialect["escapechar"] = o.EscapeCharacter
		}
		if o.QuoteMode == QuoteNone {
			dialect["quoting"], dialect["quotechar"] = 3, nil
		}
		got := python(t, pythonReader, []map[string]any{{"path": path, "bom": false, "dialect": dialect}})[0]
		require.Len(t, got, len(values))
		for i := range values {
			require.True(t, values[i] == got[i][0] && values[i] == got[i][1], "row %d of %+v", i+1, o)
		}
	}
}
