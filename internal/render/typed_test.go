package render

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"consign/internal/source/postgrestest"
	"consign/internal/table"
)

// A typedCase is a value with what must be true of it, %s, once a reader has read it into a column of its type. The
// conditions are written without our own text for the value wherever there is another way to say it.
type typedCase struct {
	typ      table.Type
	value    any
	duck     string
	postgres string // empty: the same; "-": PostgreSQL has no such value
}

func typedCases() []typedCase {
	const bc = -735160 // days to 15 March of the year 44 before Christ
	is := func(k table.Kind) table.Type { return table.Type{Kind: k} }
	return []typedCase{
		{is(table.Bool), true, "%s = true", ""},
		{is(table.Int8), int8(-128), "%s = -128", ""},
		{is(table.Int64), int64(math.MinInt64), "%s + 1 = -9223372036854775807", ""},
		{is(table.Uint64), uint64(math.MaxUint64), "%s = 18446744073709551615", ""},
		{is(table.HugeInt), table.Int128{Hi: math.MaxInt64, Lo: math.MaxUint64}, "%s = 170141183460469231731687303715884105727", ""},
		{dec(38, 10), table.Int128{Hi: 5421010862427522170, Lo: 687399551400673279}, "%s = 9999999999999999999999999999.9999999999", ""},
		{dec(4, 2), int16(1250), "%s = 12.5", ""},
		{is(table.Float64), math.NaN(), "isnan(%s)", "%s = 'NaN'"},
		{is(table.Float64), math.Inf(-1), "%s < -1e308", ""},
		{is(table.Float64), math.Copysign(0, -1), "signbit(%s)", "%s::text = '-0'"},
		{is(table.Float64), math.MaxFloat64, "%s = 1.7976931348623157e308", ""},
		{is(table.Float64), math.SmallestNonzeroFloat64, "%s > 0 AND %[1]s < 1e-323", ""},
		{is(table.Float64), 0.1, "%s = 0.1::DOUBLE", "%s = 0.1::float8"},
		{is(table.Float32), float32(math.MaxFloat32), "%s > 3.4028234e38", ""},
		{is(table.Date), int32(bc), "%s = make_date(-43, 3, 15)", "%s = make_date(-44, 3, 15)"},
		{is(table.Date), int32(-719163), "%s + 1 = make_date(1, 1, 1)", ""},
		{is(table.Date), int32(-141428), "%s = make_date(1582, 10, 14)", ""},
		{is(table.Date), int32(2932897), "%s - 1 = make_date(9999, 12, 31)", ""},
		{is(table.Date), table.DateInfinity, "%s = 'infinity'::date", ""},
		{is(table.Time), int64(microsPerDay), "%s = '24:00'::time", ""},
		{is(table.Time), int64(20519250000), "%s = make_time(5, 41, 59.25)", ""},
		{is(table.Timestamp), int64(bc*microsPerDay + 1), "epoch_us(%s) = -63517823999999999", "extract(epoch from %s) = -63517823999.999999"},
		{is(table.Timestamp), int64(253402300800000000), "epoch_us(%s) = 253402300800000000", "extract(epoch from %s) = 253402300800"},
		{is(table.Timestamp), table.TimestampNegInfinity, "%s = '-infinity'::timestamp", ""},
		{table.Type{Kind: table.Timestamp, Unit: table.Nano}, int64(-1), "epoch_ns(%s) = -1", "-"},
		{table.Type{Kind: table.Timestamp, Unit: table.Milli}, int64(-1), "epoch_ms(%s) = -1", "extract(epoch from %s) = -0.001"},
		{is(table.TimestampTZ), int64(bc * microsPerDay), "epoch_us(%s) = -63517824000000000", "extract(epoch from %s) = -63517824000"},
		{is(table.TimestampTZ), int64(1795412519123456), "epoch_us(%s) = 1795412519123456", "extract(epoch from %s) = 1795412519.123456"},
		{is(table.Interval), table.IntervalValue{Months: 14, Days: 3, Micros: 14706789000}, "%s = to_months(14) + to_days(3) + to_microseconds(14706789000)", "%s = make_interval(0, 14, 0, 3, 4, 5, 6.789)"},
		{is(table.Interval), table.IntervalValue{Months: -13, Days: -1, Micros: -500000}, "%s = to_months(-13) + to_days(-1) + to_microseconds(-500000)", "%s = make_interval(0, -13, 0, -1, 0, 0, -0.5)"},
		{is(table.UUID), [16]byte{15: 255}, "%s = '{00000000000000000000000000-0000FF}'::uuid", "%s = '{0000000000000000-00000000000000FF}'::uuid"},
		{is(table.Blob), "\xfb\xff\x00", `from_base64(%s) = '\xFB\xFF\x00'::blob`, `decode(%s, 'base64') = '\xfbff00'::bytea`},
		{is(table.Enum), "gold, silver", "%s = 'gold, silver'", ""},
		{is(table.JSON), `{"a": [1, "x,\"y"]}`, `%s->'a'->>1 = 'x,"y'`, ""},
		{listOf(is(table.Int64)), []any{int64(math.MaxInt64), nil}, "(%s->>0)::bigint = 9223372036854775807 AND json_type(%[1]s->1) = 'NULL'", "(%s->>0)::bigint = 9223372036854775807 AND json_typeof(%[1]s->1) = 'null'"},
		{mapOf(is(table.String), dec(9, 2)), []entry{{"a\"b\n", int32(-1)}}, `(%s->>('a"b' || chr(10)))::decimal(9,2) = -0.01`, ""},
	}
}

func typedTable(keep func(typedCase) bool) ([]typedCase, table.Schema, *table.Batch) {
	var cases []typedCase
	var cols []col
	for _, c := range typedCases() {
		if keep(c) {
			cols = append(cols, col{fmt.Sprintf("c%d", len(cols)), c.typ, []any{nil, c.value, nil}})
			cases = append(cases, c)
		}
	}
	schema, b := tableOf(cols...)
	return cases, schema, b
}

// typedDialects are the dialects in which types have to survive: quotes around numbers, none, and another marker.
func typedDialects() []Options {
	return []Options{
		{FileFormat: FormatCSV, Header: true},
		{FileFormat: FormatPSV, QuoteMode: QuoteAll},
		{FileFormat: FormatTSV, QuoteMode: QuoteAllNonNull, EscapeCharacter: `\`},
		{FileFormat: FormatCSV, QuoteMode: QuoteNonNumeric, NullString: "NULL", LineEnding: LineCRLF},
		{FileFormat: FormatCustom, Delimiter: "-", NullString: "0"},
		{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`, Header: true},
		{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: "NULL"},
		{FileFormat: FormatCustom, Delimiter: ".", QuoteMode: QuoteNonNumeric, NullString: "NaN"},
		{FileFormat: FormatCustom, Delimiter: ":", QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: "-"},
		{FileFormat: FormatCustom, Delimiter: " ", EscapeCharacter: "-", NullString: "true", Header: true},
		{FileFormat: FormatCustom, Delimiter: "+", QuoteMode: QuoteAllNonNull, EscapeCharacter: ":", NullString: "infinity"},
		{FileFormat: FormatCSV, EscapeCharacter: ".", NullString: "-128"},
		{FileFormat: FormatCSV, EscapeCharacter: `\`, NullString: "{}"},
		{FileFormat: FormatNDJSON},
		{FileFormat: FormatJSON, LineEnding: LineCRLF},
	}
}

func TestDuckDBReadsEveryTypeBack(t *testing.T) {
	t.Parallel()
	d := newDuck(t)
	for i, o := range typedDialects() {
		cases, schema, b := typedTable(func(c typedCase) bool {
			return o.delimited() || c.typ.Precision <= 18 // read_json reads such numbers through DOUBLE
		})
		r := roundTrip{o: o, schema: schema, path: filepath.Join(t.TempDir(), "file")}
		require.NoError(t, os.WriteFile(r.path, []byte(renderAll(t, o, schema, b)[0]), 0o600))
		l := r.statement(t, "DuckDB")
		if l.Impossible != "" {
			require.Equal(t, `\N`, o.NullString)
			continue
		}
		d.exec(t, fmt.Sprintf("CREATE TABLE typed%d AS %s", i, l.Statement))
		for n, c := range cases {
			name := fmt.Sprintf("c%d", n)
			condition := fmt.Sprintf(c.duck, name)
			got := d.texts(t, fmt.Sprintf("SELECT %s IS NULL, %s FROM typed%d", name, condition, i))
			require.Equal(t, [][]string{{"true", "NULL"}, {"false", "true"}, {"true", "NULL"}}, got, "%s: %s as %s", l.Statement, condition, c.typ)
		}
	}
}

// postgresType is the column type that a recipient would choose.
func postgresType(t table.Type) string {
	switch t.Kind {
	case table.Int8, table.Uint8:
		return "smallint"
	case table.Uint64, table.HugeInt:
		return "numeric"
	case table.Float32:
		return "real"
	case table.Float64:
		return "double precision"
	case table.Blob, table.Enum:
		return "text"
	case table.Timestamp:
		return "timestamp"
	case table.List, table.Map, table.Struct:
		return "json"
	default:
		return t.String()
	}
}

func TestPostgreSQLReadsEveryTypeBack(t *testing.T) {
	t.Parallel()
	conn := postgres(t)
	for _, o := range typedDialects() {
		if !o.delimited() {
			continue
		}
		cases, schema, b := typedTable(func(c typedCase) bool { return c.postgres != "-" })
		var columns []string
		for i, c := range cases {
			columns = append(columns, fmt.Sprintf("c%d %s", i, postgresType(c.typ)))
		}
		run(t, conn, "DROP TABLE IF EXISTS delivered; CREATE TABLE delivered (n serial, "+strings.Join(columns, ", ")+")")
		copyIn(t, conn, roundTrip{name: fmt.Sprintf("%+v", o), o: o, schema: schema, path: "file"}, renderAll(t, o, schema, b)[0])
		for n, c := range cases {
			name, condition := fmt.Sprintf("c%d", n), c.postgres
			if condition == "" {
				condition = c.duck
			}
			condition = fmt.Sprintf(condition, name)
			var nulls, right int
			require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*) FILTER (WHERE %s IS NULL), count(*) FILTER (WHERE %s) FROM delivered", name, condition)).Scan(&nulls, &right), condition)
			require.Equal(t, [2]int{2, 1}, [2]int{nulls, right}, "%+v: %s as %s", o, condition, c.typ)
		}
	}
}

func TestPostgreSQLReadsEveryDialectBackWithTheStatementThatWePrint(t *testing.T) {
	t.Parallel()
	conn := postgres(t)
	run(t, conn, `CREATE TABLE delivered (n serial, first text, "sec""ond" text, last text)`)
	for _, r := range writeWorst(t) {
		if l := r.statement(t, "PostgreSQL"); l.Impossible != "" {
			bare := r.o.QuoteMode == QuoteNone && r.o.EscapeCharacter != "" && (r.o.EscapeCharacter != `\` || r.o.Delimiter == ".")
			require.True(t, bare, "%s: %s", r.name, l.Impossible)
			continue
		}
		run(t, conn, "TRUNCATE delivered")
		content, err := os.ReadFile(r.path)
		require.NoError(t, err)
		if r.o.QuoteMode == QuoteNone && r.o.EscapeCharacter == "" && r.o.delimiterOf() != "\x01" {
			r.rows = without(r.rows, "\x01", "a\x01b") // which the statement's note names
			content = []byte(r.render(t))
		}
		copyIn(t, conn, r, string(content))
		rows, err := conn.Query(t.Context(), `SELECT first, "sec""ond", last FROM delivered ORDER BY n`)
		require.NoError(t, err)
		var got [][]any
		for rows.Next() {
			values, err := rows.Values()
			require.NoError(t, err)
			got = append(got, values)
		}
		require.NoError(t, rows.Err())
		require.Equal(t, r.seen(), got, r.name)
	}
}

// without returns the rows that hold none of the values.
func without(rows [][]any, values ...any) [][]any {
	var kept [][]any
	for _, row := range rows {
		bad := false
		for _, v := range values {
			bad = bad || row[0] == v || row[1] == v || row[2] == v
		}
		if !bad {
			kept = append(kept, row)
		}
	}
	return kept
}

func postgres(t *testing.T) *pgx.Conn {
	t.Helper()
	server, err := postgrestest.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	conn, err := pgx.Connect(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

// copyIn runs the printed statement with the file's content on standard input, for the server may not read our folder.
func copyIn(t *testing.T, conn *pgx.Conn, r roundTrip, content string) {
	t.Helper()
	l := r.statement(t, "PostgreSQL")
	require.Empty(t, l.Impossible)
	sql := strings.Replace(strings.TrimSuffix(l.Statement, ";"), "FROM "+sqlText(r.path), "FROM STDIN", 1)
	_, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(content), sql)
	require.NoError(t, err, "%s: %s", r.name, sql)
}
