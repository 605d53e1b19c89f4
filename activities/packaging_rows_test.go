package activities

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/require"
)

// nastyTexts are what has broken readers. NUL is not among them: it cannot be delivered as text.
var nastyTexts = []string{
	"plain", "", " ", " a", "a ", "\t", ",", "a,b", "|", "a|b", ";", "a;b", `"`, `""`, `a"b`, `","`, `'`, `\`, `\\`, `a\`, `\"`, `\.`, `\N`, `\,`,
	"\n", "\r", "\r\n", "a\nb", "a\rb", "a\r\nb", "\na", "a\n", "NULL", "null", "NaN", "00123", "=1+1", "#comment", "日本語", "😀", "\u00a0", "\u2028", "\ufeff",
}

// A column of the matrix's table: the values that its rows go through, by number.
type nastyColumn struct{ name, kind, values string }

var nastyColumns = []nastyColumn{
	{"id", "BIGINT", ""},
	{"flag", "BOOLEAN", "true, false, NULL"},
	{"small", "TINYINT", "-128, 127, NULL, 0"},
	{"big", "BIGINT", "-9223372036854775808, 9223372036854775807, NULL"},
	{"unsigned", "UBIGINT", "18446744073709551615, 0, NULL"},
	{"exact", "DECIMAL(38,10)", "'9999999999999999999999999999.9999999999', '-0.0000000001', '12.5', NULL"},
	{"amount", "DECIMAL(9,2)", "'1234567.89', '-0.01', '12.50', NULL"},
	{"single", "FLOAT", "'3.4028235e38', '1e-45', '0.1', NULL, '-0.0'"},
	{"double", "DOUBLE", "'NaN', 'Infinity', '-Infinity', '-0.0', '5e-324', '1.7976931348623157e308', '0.1', NULL"},
	{"day", "DATE", "'0044-03-15 (BC)', '1582-10-04', '9999-12-31', '12026-11-23', '1970-01-01', NULL"},
	{"at", "TIME", "'00:00:00', '23:59:59.999999', '05:41:59.25', NULL"},
	{"moment", "TIMESTAMP", "'1582-10-04 23:59:59.999999', '9999-12-31 23:59:59', '12026-11-23 05:41:59.123456', NULL"},
	{"zoned", "TIMESTAMPTZ", "'2026-11-23 05:41:59.123456+05:30', '1969-12-31 23:59:59-08', NULL"},
	{"uuid", "UUID", "'00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL"},
	{"bytes", "BLOB", `'\x00\xFF\x0A', '', 'abc', NULL`},
	{"list", "VARCHAR[]", `['a,b', NULL, '"', '']::VARCHAR[], [], NULL, [NULL]`},
	{"struct", "STRUCT(a INTEGER, b VARCHAR[])", `{'a': 1, 'b': ['x' || chr(10)]}, {'a': NULL, 'b': NULL}, NULL`},
	{"map", "MAP(VARCHAR, INTEGER)", `MAP {'k;"': 1, '': NULL}, MAP {}, NULL`},
}

// The columns of text, around the others: names that need quotes too.
const firstText, lastText = `first, "name"`, "last"

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// names are those of all columns, in order.
func columnNames() []string {
	names := []string{firstText}
	for _, c := range nastyColumns {
		names = append(names, c.name)
	}
	return append(names, lastText)
}

// tableSQL is a table in which each column goes through its values. first and last are the texts.
func tableSQL(rows, first, last string) string {
	columns := []string{first + " AS " + quoted(firstText), "id::BIGINT AS id"}
	for _, c := range nastyColumns[1:] {
		columns = append(columns, fmt.Sprintf("(list_value(%s)::%s[])[id %% len(list_value(%s)) + 1] AS %s", c.values, c.kind, c.values, quoted(c.name)))
	}
	return "SELECT " + strings.Join(append(columns, last+" AS last"), ", ") + " FROM " + rows
}

// makeTables writes the small table, whose texts are nasty, and the large one, which is split by size: texts that do
// not compress, and one of a mebibyte.
func makeTables(t *testing.T, dir string) {
	t.Helper()
	d := openDuckDB(t)
	texts := make([]string, len(nastyTexts))
	for i, s := range nastyTexts {
		texts[i] = literal(s)
	}
	list := "(list_value(" + strings.Join(texts, ", ") + ", NULL))"
	text := func(step int) string { return fmt.Sprintf("%s[(id + %d) %% %d + 1]", list, step, len(texts)+1) }
	small := tableSQL(fmt.Sprintf("range(%d) r(id)", len(texts)+3), text(0), text(7))
	noise := "concat(md5(id::VARCHAR), md5((id + 1e6)::VARCHAR), md5((id + 2e6)::VARCHAR), md5((id + 3e6)::VARCHAR))"
	large := tableSQL("range(4200) r(id)", noise, `CASE WHEN id = 3000 THEN repeat('"' || chr(10) || 'é', 262144) ELSE `+noise+" END")
	d.exec(t, "COPY ("+small+") TO "+literal(filepath.Join(dir, "small.parquet")))
	d.exec(t, "COPY ("+large+") TO "+literal(filepath.Join(dir, "large.parquet")))
}

// A duckDB is the reader that we did not write.
type duckDB struct{ *sql.DB }

func openDuckDB(t *testing.T) duckDB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d := duckDB{db}
	d.exec(t, "SET threads=1")
	d.exec(t, "SET TimeZone='UTC'")
	return d
}

func (d duckDB) exec(t *testing.T, query string) {
	t.Helper()
	_, err := d.ExecContext(t.Context(), query)
	require.NoError(t, err, query)
}

// same compares two queries row by row, with NULL and the empty string apart.
func (d duckDB) same(t *testing.T, what, want, got string) {
	t.Helper()
	for _, one := range []struct{ what, sql string }{
		{"is missing", "(" + want + ") EXCEPT ALL (" + got + ")"}, {"should not be there", "(" + got + ") EXCEPT ALL (" + want + ")"},
	} {
		var rows int
		var example sql.NullString
		require.NoError(t, d.QueryRowContext(t.Context(), "SELECT count(*), left(min(r::VARCHAR), 2000) FROM ("+one.sql+") r").Scan(&rows, &example), one.sql)
		require.Zero(t, rows, "%s: %s: %s", what, one.what, example.String)
	}
}

// readRows reads the plain files with DuckDB and Python, and compares every value with the table.
func (g packed) readRows(t *testing.T, dir string, d delivered) {
	t.Helper()
	duck := openDuckDB(t)
	table := "small"
	if g.split == "megabytes" {
		table = "large"
	}
	paths := make([]string, len(d.keys))
	for i, key := range d.keys {
		paths[i] = literal(filepath.Join(d.dir, key))
	}
	files := "[" + strings.Join(paths, ", ") + "]"
	source := "read_parquet(" + literal(filepath.Join(dir, table+".parquet")) + ")"
	switch g.format {
	case "parquet":
		duck.exec(t, "CREATE VIEW got AS SELECT * FROM read_parquet("+files+")")
		duck.same(t, "DuckDB", asTexts(source, ""), asTexts("got", ""))
		duck.same(t, "types", "DESCRIBE FROM "+source, "DESCRIBE FROM got")
	case "json", "ndjson":
		g.readJSON(t, duck, source, files, d)
	default:
		g.readDelimited(t, duck, source, files, d)
	}
}

// asTexts is every value of a table as one text. Where the table holds the texts of files, they are read as type first;
// without is a column to leave out.
func asTexts(from, without string) string {
	return texts(from, without, func(c nastyColumn) string {
		name := quoted(c.name)
		switch {
		case c.kind == "BLOB":
			return "hex(" + name + ")"
		case nested(c.kind):
			return "CASE WHEN " + name + " IS NOT NULL THEN to_json(" + name + ")::VARCHAR END"
		default:
			return name + "::VARCHAR"
		}
	})
}

// readAs is as asTexts, of a table that holds what files say: each text is read as its column's type first.
func readAs(from, without string) string {
	return texts(from, without, func(c nastyColumn) string {
		name := quoted(c.name)
		switch {
		case c.kind == "BLOB":
			return "hex(from_base64(" + name + "))"
		case nested(c.kind):
			return "json(" + name + ")::VARCHAR"
		default:
			return name + "::" + c.kind + "::VARCHAR"
		}
	})
}

func texts(from, without string, text func(nastyColumn) string) string {
	columns := []string{quoted(firstText)}
	for _, c := range nastyColumns {
		if c.name != without {
			columns = append(columns, text(c))
		}
	}
	return "SELECT " + strings.Join(append(columns, lastText), ", ") + " FROM " + from
}

func nested(kind string) bool {
	return strings.ContainsAny(kind, "[(") && !strings.HasPrefix(kind, "DEC")
}

// allTexts says to a reader that every column is text.
func allTexts() string {
	var columns []string
	for _, name := range columnNames() {
		columns = append(columns, literal(name)+": 'VARCHAR'")
	}
	return "columns = {" + strings.Join(columns, ", ") + "}"
}

func (g packed) readJSON(t *testing.T, duck duckDB, source, files string, d delivered) {
	t.Helper()
	format := map[string]string{"json": "array", "ndjson": "newline_delimited"}[g.format]
	duck.exec(t, fmt.Sprintf("CREATE TABLE got AS SELECT * FROM read_json(%s, format = '%s', maximum_object_size = 33554432, %s)", files, format, allTexts()))
	duck.same(t, "DuckDB", asTexts(source, "exact"), readAs("got", "exact")) // it reads a number of 38 digits as DOUBLE
	duck.exec(t, "CREATE TABLE python AS SELECT * FROM "+g.python(t, d))
	duck.same(t, "Python", asTexts(source, ""), readAs("python", ""))
}

func (g packed) readDelimited(t *testing.T, duck duckDB, source, files string, d delivered) {
	t.Helper()
	dialect := dialectOf[g.format]
	escape := dialect.Escape
	if escape == "" {
		escape = `"`
	}
	duck.exec(t, fmt.Sprintf(`CREATE TABLE got AS SELECT * FROM read_csv(%s, auto_detect = false, header = %t, delim = %s, new_line = '%s', nullstr = %s,
		allow_quoted_nulls = false, quote = '"', escape = %s, %s)`, files, g.header, literal(dialect.Delimiter), dialect.lineFeed, literal(dialect.Null), literal(escape), allTexts()))
	duck.same(t, "DuckDB", asTexts(source, ""), readAs("got", ""))

	// Python's reader knows no NULL: it sees the marker.
	seen := make([]string, 0, len(nastyColumns))
	for _, name := range columnNames() {
		seen = append(seen, "coalesce("+quoted(name)+", "+literal(dialect.Null)+")")
	}
	duck.same(t, "Python", "SELECT "+strings.Join(seen, ", ")+" FROM got", "SELECT * FROM "+g.python(t, d))
}

// What Python reads is written again as one JSON object a row, with nothing but texts in it. Rows must be in order.
const pythonRows = `
import csv, json, sys
case = json.load(sys.stdin)
csv.field_size_limit(1 << 30)
names = case["names"]
def text(v):
    if v is None or isinstance(v, str): return v
    if isinstance(v, bool): return "true" if v else "false"
    if isinstance(v, (list, dict)): return json.dumps(v, ensure_ascii=False, separators=(",", ":"))
    return str(v)
def rows(path):
    with open(path, encoding="utf-8", newline="") as f:
        if case["format"] == "json": return json.load(f, parse_float=str)
        if case["format"] == "ndjson": return [json.loads(line, parse_float=str) for line in f.read().split("\n")[:-1]]
        dialect = {"delimiter": case["dialect"]["Delimiter"], "doublequote": case["dialect"]["Escape"] == ""}
        if case["dialect"]["Escape"]: dialect["escapechar"] = case["dialect"]["Escape"]
        lines = list(csv.reader(f, strict=True, **dialect))
        if case["header"]:
            assert lines.pop(0) == names
        for line in lines: assert len(line) == len(names)
        return [dict(zip(names, line)) for line in lines]
last = -1
with open(case["out"], "w") as out:
    for path in case["paths"]:
        for row in rows(path):
            assert list(row) == names
            assert int(row["id"]) == last + 1, (path, row["id"], last)
            last += 1
            out.write(json.dumps({k: text(v) for k, v in row.items()}) + "\n")
`

// python reads the files with Python, and returns where DuckDB finds what it has read.
func (g packed) python(t *testing.T, d delivered) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "python.ndjson")
	var paths []string
	for _, key := range d.keys {
		paths = append(paths, filepath.Join(d.dir, key))
	}
	in, err := json.Marshal(map[string]any{
		"format": g.format, "header": g.header, "names": columnNames(), "paths": paths, "out": out, "dialect": dialectOf[g.format],
	})
	require.NoError(t, err)
	program(t, nil, string(in), "python3", "-c", pythonRows)
	return fmt.Sprintf("read_json(%s, format = 'newline_delimited', maximum_object_size = 33554432, %s)", literal(out), allTexts())
}
