package activities

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Shapes of Parquet files that other programs write, by the query that makes them and how they are written.
var parquetShapes = map[string][2]string{
	"all plain types":             {"SELECT i::INTEGER AS id, i % 2 = 0 AS b, i::TINYINT AS t, i * 1.5 AS d, (i / 3)::FLOAT AS f, i::VARCHAR AS s, TIMESTAMP '2009-01-01' + to_minutes(i) AS ts FROM range(8) r(i)", "COMPRESSION snappy"},
	"pages of version 2":          {"SELECT CASE WHEN i <> 3 THEN 'abc' END AS a, i::INTEGER AS b, CASE WHEN i > 1 THEN [1, 2, NULL] END AS e FROM range(5) r(i)", "COMPRESSION snappy, PARQUET_VERSION v2"},
	"bytes":                       {"SELECT chr(i::INTEGER)::BLOB AS foo FROM range(12) r(i)", "COMPRESSION uncompressed"},
	"decimals of every carrier":   {"SELECT i::DECIMAL(4,2) AS a, i::DECIMAL(9,0) AS b, -i::DECIMAL(18,4) AS c, i::DECIMAL(25,2) AS d, i::DECIMAL(38,37) / 7 AS e FROM range(9) r(i)", "COMPRESSION zstd"},
	"lists, with NULL and empty":  {"SELECT unnest([[1, 2, 3], [NULL, 1], [], NULL, [4]])::BIGINT[] AS int64_list, unnest([['abc', 'efg'], NULL, [''], [], ['xyz']]) AS utf8_list", "COMPRESSION gzip"},
	"lists of lists of lists":     {"SELECT unnest([[[['a', 'b'], ['c']], [NULL, ['d']]], [NULL], NULL, [[[]]]])::VARCHAR[][][] AS a, 1 AS b", "COMPRESSION snappy"},
	"maps of maps":                {"SELECT unnest([MAP {'a': MAP {1: true, 2: false}}, MAP {'b': MAP {1: true}}, MAP {'c': NULL}, MAP {'d': MAP {}}, NULL]) AS a, 1 AS b, 1.0::DOUBLE AS c", "COMPRESSION snappy"},
	"structs of structs":          {"SELECT unnest([{roll: {min: 1, max: 2, text: 'x'}, count: {n: 3}}, {roll: NULL, count: {n: NULL}}, NULL]) AS v", "COMPRESSION brotli"},
	"everything nested, nullable": {"SELECT i AS id, CASE WHEN i % 3 > 0 THEN {a: i, b: [i, NULL], c: {d: [[{e: i, f: 'x'}, NULL]]}, g: MAP {'k': {h: {i: [i / 2]}}}} END AS nested FROM range(7) r(i)", "COMPRESSION lz4_raw"},
	"many small row groups":       {"SELECT i AS id, 'v' || i % 10 AS text FROM range(9000) r(i)", "ROW_GROUP_SIZE 2048"},
	"no rows":                     {"SELECT 1 AS id, [1] AS list LIMIT 0", "COMPRESSION snappy"},
}

func TestParquetOfOtherWritersIsTheSameAfterDelivery(t *testing.T) {
	t.Parallel()
	for name, shape := range parquetShapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			duck := openDuckDB(t)
			given := filepath.Join(dir, "given.parquet")
			duck.exec(t, fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet, %s)", shape[0], literal(given), shape[1]))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(`
credentials: [{name: c, type: iam-credential, access_key_id: {env: A}, secret_access_key: {env: B}}]
sources: [{name: s, type: duckdb, tables: [{name: given, files: given.parquet}]}]
queries: [{name: all, source: s, sql: FROM given}]
destinations: [{name: d, plugin: amazon-s3, credential: c, settings: {bucket: acme-inbound, file_format: parquet, filename: got.parquet}}]
data_templates: [{name: t, destination: d}]
orchestrations: [{name: o, query: all, data_template: t}]
`), 0o600))
			p := newPacker(t, dir)
			p.steps.options.Threads = 2
			keys, _ := p.deliver(t, "o", dir)
			require.Equal(t, []string{"got.parquet"}, keys)
			want, got := "read_parquet("+literal(given)+")", "read_parquet("+literal(filepath.Join(dir, keys[0]))+")"
			duck.same(t, "types", "DESCRIBE FROM "+want, "DESCRIBE FROM "+got)
			duck.same(t, "rows", "SELECT t::VARCHAR FROM "+want+" t", "SELECT t::VARCHAR FROM "+got+" t")
			duck.same(t, "order", "SELECT row_number() OVER (), t::VARCHAR FROM "+want+" t", "SELECT row_number() OVER (), t::VARCHAR FROM "+got+" t")
		})
	}
}
