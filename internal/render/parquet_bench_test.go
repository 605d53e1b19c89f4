package render

import (
	"fmt"
	"io"
	"testing"

	"consign/internal/table"
)

// BenchmarkParquet measures the encoder for each compression and number of goroutines. Its MB/s are of the rows' size as
// CSV, as everywhere.
func BenchmarkParquet(b *testing.B) {
	schema, batch := customers(64 * table.BatchRows)
	size := csvSize(b, schema, batch)
	for _, compression := range compressions {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", compression, threads), func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					e, err := newParquetEncoder(io.Discard, schema, Options{ParquetCompression: compression, Threads: threads})
					if err != nil {
						b.Fatal(err)
					}
					for _, piece := range cutEvery(batch, table.BatchRows) {
						if err := e.write(piece, 1); err != nil {
							b.Fatal(err)
						}
					}
					if err := e.close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func csvSize(b *testing.B, schema table.Schema, batch *table.Batch) int64 {
	b.Helper()
	e := newTextEncoder(schema, Options{FileFormat: FormatCSV}.withDefaults())
	text, _, _, err := e.appendRows(nil, nil, batch, 0, 1, 1<<40)
	if err != nil {
		b.Fatal(err)
	}
	return int64(len(text))
}
