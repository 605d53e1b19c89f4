package render

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"

	"consign/internal/table"
)

// customers is a table like the one that the project's figures are measured on: twenty columns, two thirds of them
// text, with quotes, commas, line breaks and letters outside ASCII, one value in twenty NULL.
func customers(rows int) (table.Schema, *table.Batch) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) func() any { return func() any { return from[r.IntN(len(from))] } }
	some := func(f func() any) func() any {
		return func() any {
			if r.IntN(20) == 0 {
				return nil
			}
			return f()
		}
	}
	notes := pick("prefers email", "call after 5pm, weekdays only", `said "do not call"`, `moved; see "old address", updated`, "VIP",
		"naïve façade – déjà vu", "line one\nline two", "日本語のメモ", "long standing customer since the early days of the business")
	names := pick("James", "Mary", "José", "Zoë", "Łukasz", "Олег", "美咲", "Elizabeth", "Ahmed", "Olivia")
	kind := func(k table.Kind) table.Type { return table.Type{Kind: k} }
	columns := []struct {
		name string
		typ  table.Type
		make func() any
	}{
		{"customer_id", kind(table.String), func() any {
			return fmt.Sprintf("%08x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48))
		}},
		{"account_no", kind(table.Int64), func() any { return 1_000_000_000 + r.Int64N(35_000_000) }},
		{"first_name", kind(table.String), names},
		{"last_name", kind(table.String), pick("Smith", "Johnson", "García", "O'Brien", "Müller", "Иванов", "佐藤", "van der Berg", "Anderson")},
		{"email", kind(table.String), some(func() any { return "someone." + strconv.Itoa(r.IntN(100_000)) + "@example.org" })},
		{"phone", kind(table.String), some(func() any { return fmt.Sprintf("+1-%03d-%03d-%04d", r.IntN(999), r.IntN(999), r.IntN(9999)) })},
		{"street", kind(table.String), func() any {
			return strconv.Itoa(r.IntN(9999)) + pick(" Main St", " Oak Ave, Apt 12", " Washington Blvd")().(string)
		}},
		{"city", kind(table.String), pick("New York", "Los Angeles", "San José", "Québec", "Coeur d'Alene", "Springfield")},
		{"state", kind(table.String), pick("AL", "CA", "NY", "TX", "WA")},
		{"zip", kind(table.String), func() any { return fmt.Sprintf("%05d", r.IntN(99_999)) }},
		{"birth_date", kind(table.Date), some(func() any { return int32(r.IntN(25_000) - 10_957) })},
		{"created_at", kind(table.Timestamp), func() any { return 1_420_070_400_000_000 + r.Int64N(315_360_000_000_000) }},
		{"updated_at", kind(table.Timestamp), some(func() any { return (1_735_689_600 + r.Int64N(31_536_000)) * 1_000_000 })},
		{"balance", table.Type{Kind: table.Decimal, Precision: 18, Scale: 2}, some(func() any { return r.Int64N(10_000_000) })},
		{"credit_limit", kind(table.Int32), some(func() any { return int32(500 + r.IntN(200)*250) })},
		{"risk_score", kind(table.Float64), some(func() any { return float64(r.IntN(1_000_000)) / 1e6 })},
		{"active", kind(table.Bool), func() any { return r.IntN(3) == 0 }},
		{"order_count", kind(table.Int32), some(func() any { return int32(r.IntN(50)) })},
		{"segment", kind(table.String), pick("bronze", "silver", "gold", "platinum")},
		{"notes", kind(table.String), some(notes)},
	}
	cols := make([]col, len(columns))
	for i, c := range columns {
		cols[i] = col{name: c.name, typ: c.typ}
		for range rows {
			cols[i].values = append(cols[i].values, c.make())
		}
	}
	return tableOf(cols...)
}

// BenchmarkText measures one goroutine that encodes batches, for each format and dialect.
func BenchmarkText(b *testing.B) {
	schema, batch := customers(table.BatchRows)
	for _, o := range []Options{
		{FileFormat: FormatCSV},
		{FileFormat: FormatCSV, QuoteMode: QuoteAll},
		{FileFormat: FormatCSV, QuoteMode: QuoteNonNumeric},
		{FileFormat: FormatCSV, EscapeCharacter: `\`},
		{FileFormat: FormatTSV, QuoteMode: QuoteNone, EscapeCharacter: `\`, NullString: `\N`},
		{FileFormat: FormatNDJSON},
	} {
		b.Run(o.FileFormat+"/"+o.QuoteMode+o.EscapeCharacter, func(b *testing.B) {
			e := newTextEncoder(schema, o.withDefaults())
			var dst []byte
			var ends []int
			var err error
			for b.Loop() {
				if dst, ends, _, err = e.appendRows(dst[:0], ends[:0], batch, 0, 1, 1<<30); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

// BenchmarkWriter measures the whole Writer with two goroutines that encode.
func BenchmarkWriter(b *testing.B) {
	schema, batch := customers(table.BatchRows)
	w, err := New(schema, Options{FileFormat: FormatCSV, Threads: 2}, func(int) (io.WriteCloser, error) { return nopCloser{io.Discard}, nil })
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		if err := w.Write(&table.Batch{Rows: batch.Rows, Columns: batch.Columns}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(w.Files()[0].Bytes / int64(n))
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// BenchmarkEncodingCSV is the peer: the standard library on the same values, which are strings already.
func BenchmarkEncodingCSV(b *testing.B) {
	schema, batch := customers(table.BatchRows)
	cells := make([][]string, batch.Rows)
	size := int64(0)
	for row := range cells {
		for i := range schema {
			var one []byte
			if v := &batch.Columns[i]; !v.Null(row) {
				if schema[i].Type.Kind == table.String {
					one = append(one, v.Strings[row]...)
				} else {
					one, _ = plainCell(schema[i].Type)(one, v, row)
				}
			}
			cells[row] = append(cells[row], string(one))
			size += int64(len(one) + 1)
		}
	}
	b.SetBytes(size)
	w := csv.NewWriter(io.Discard)
	for b.Loop() {
		if err := w.WriteAll(cells); err != nil {
			b.Fatal(err)
		}
	}
}
