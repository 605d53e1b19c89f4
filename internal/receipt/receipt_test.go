package receipt_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consign/internal/receipt"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sum is a digest that looks like one.
func sum(digit string) string { return strings.Repeat(digit, 64) }

func sample() receipt.Receipt {
	return receipt.Receipt{
		DeliveryID: "0193-1", WorkflowID: "send/vips-weekly/2026-11-23", RunID: "0193", RunKey: "2026-11-23",
		Orchestration: "vips-weekly", DataTemplate: "acme-weekly", Query: receipt.Query{Name: "vips", SHA256: sum("a")},
		Now: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC), StartedAt: time.Date(2026, 11, 23, 6, 0, 1, 500, time.UTC),
		RenderedAt: time.Date(2026, 11, 23, 6, 0, 7, 0, time.UTC), Bucket: "acme-inbound",
		Objects: []receipt.Object{
			{Key: "upload/vips/0000001.csv.gz.pgp", Rows: 1000, Bytes: 5000, SHA256: sum("1"), Plain: sum("2"), CRC32C: "AAAAAA=="},
			{Key: "upload/vips/0000002.csv.gz.pgp", Rows: 234, Bytes: 1200, SHA256: sum("3"), Plain: sum("4"), CRC32C: "BBBBBA=="},
		},
		Columns: []receipt.Column{{Name: "CustomerID", Type: "BIGINT"}, {Name: "a < b & c", Type: "DECIMAL(18,2)"}},
		Format: receipt.Format{FileFormat: "csv", Encoding: "gzip", Dialect: &receipt.Dialect{
			Delimiter: ",", QuoteMode: "minimal", LineEnding: "lf", Header: true, OnUnwritable: "fail",
		}},
		Fingerprints: []string{"0123456789ABCDEF0123456789ABCDEF01234567"},
		Loaders:      []receipt.Loader{{Name: "DuckDB", Statement: "SELECT 1;", Notes: []string{"decrypt the files first"}}, {Name: "Athena", Impossible: "why"}},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestAReceiptIsWrittenAsTheDocumentsSay(t *testing.T) {
	t.Parallel()
	text, err := sample().Encode()
	require.NoError(t, err)
	golden(t, "receipt.golden.json", text)
	again, err := sample().Encode()
	require.NoError(t, err)
	require.Equal(t, text, again)

	r, err := receipt.Parse(text)
	require.NoError(t, err)
	require.EqualValues(t, 1234, r.Rows)
	require.EqualValues(t, 6200, r.Bytes)
	back, err := r.Encode()
	require.NoError(t, err)
	require.Equal(t, string(text), string(back))
}

func TestAManifestIsWhatRedshiftReads(t *testing.T) {
	t.Parallel()
	text, err := receipt.Manifest("acme-inbound", sample().Objects)
	require.NoError(t, err)
	golden(t, "manifest.golden.json", text)
	empty, err := receipt.Manifest("acme-inbound", nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"entries": []}`, string(empty))
}

func TestADeliveryOfNothingHasAReceipt(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Objects = nil
	text, err := r.Encode()
	require.NoError(t, err)
	require.Contains(t, string(text), `"objects": []`)
	read, err := receipt.Parse(text)
	require.NoError(t, err)
	require.Empty(t, read.Objects)
}

// changed is the sample with one field of its JSON set to another value. The path's steps are keys and positions.
func changed(t *testing.T, value any, path ...any) []byte {
	t.Helper()
	text, err := sample().Encode()
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(text, &tree))
	node := tree
	for _, step := range path[:len(path)-1] {
		switch step := step.(type) {
		case string:
			node = node.(map[string]any)[step]
		case int:
			node = node.([]any)[step]
		}
	}
	node.(map[string]any)[path[len(path)-1].(string)] = value
	text, err = json.Marshal(tree)
	require.NoError(t, err)
	return text
}

func TestAReceiptThatCannotBeBelievedIsRefused(t *testing.T) {
	t.Parallel()
	whole, err := sample().Encode()
	require.NoError(t, err)
	for _, c := range []struct {
		name, says string
		text       []byte
	}{
		{"an empty file", "it is empty", nil},
		{"one that was cut off", "it is cut off", whole[:len(whole)/2]},
		{"what is much too large", "it has more than 67108864 bytes", make([]byte, receipt.MaxBytes+1)},
		{"no JSON", "it is not JSON (at byte 1)", []byte("PK\x03\x04")},
		{"another kind of JSON", "holds a number", []byte("7")},
		{"two in one file", "something follows its end", append(append([]byte{}, whole...), whole...)},
		{"an object of something else", "it has no version", []byte("{}")},
		{"a version that is not known", "its version is 2, and this program reads version 1", changed(t, 2, "version")},
		{"no format", "format.file_format is missing", changed(t, "", "format", "file_format")},
		{"no list of objects", "objects is missing", changed(t, nil, "objects")},
		{"a number where text is meant", "objects.key holds a number", changed(t, 7, "objects", 0, "key")},
		{"rows that do not add up", "it says 1235 rows and 6200 bytes, and its objects have 1234 and 6200", changed(t, 1235, "rows")},
		{"bytes that do not add up", "it says 1234 rows and 1 bytes", changed(t, 1, "bytes")},
		{"negative rows", "objects[1]: rows or bytes is negative", changed(t, -1, "objects", 1, "rows")},
		{"numbers that overflow", "objects[1]: the numbers are too large", changed(t, int64(9223372036854775807), "objects", 1, "rows")},
		{"the same key twice", `objects[1]: "upload/vips/0000001.csv.gz.pgp" is there twice`, changed(t, "upload/vips/0000001.csv.gz.pgp", "objects", 1, "key")},
		{"a digest that is too short", "objects[0]: sha256 is not", changed(t, "abcd", "objects", 0, "sha256")},
		{"a digest that is no digest", "objects[0]: sha256_before_encryption is not", changed(t, sum("g"), "objects", 0, "sha256_before_encryption")},
		{"an encrypted object without its digest", "contradict each other", changed(t, "", "objects", 0, "sha256_before_encryption")},
		{"a digest before an encryption by nobody", "contradict each other", changed(t, nil, "pgp_fingerprints")},
		{"a key that leads out of the folder", `objects[0]: "../../etc/passwd" is not a usable key`, changed(t, "../../etc/passwd", "objects", 0, "key")},
		{"a key that leads out on its way", "is not a usable key", changed(t, "a/../../b", "objects", 0, "key")},
		{"an absolute key", "is not a usable key", changed(t, "/etc/passwd", "objects", 0, "key")},
		{"a key with a backslash", "is not a usable key", changed(t, `a\b`, "objects", 0, "key")},
		{"no key", `objects[0]: "" is not a usable key`, changed(t, "", "objects", 0, "key")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := receipt.Parse(c.text)
			require.ErrorIs(t, err, receipt.ErrReceipt)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestAFieldOfALaterProgramIsNoObstacle(t *testing.T) {
	t.Parallel()
	_, err := receipt.Parse(changed(t, "new", "something_new"))
	require.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	whole, err := sample().Encode()
	require.NoError(f, err)
	f.Add(whole)
	f.Add(whole[:100])
	f.Add([]byte(`{"version": 1, "format": {"file_format": "csv"}, "objects": []}`))
	f.Add([]byte(`{"version": 1, "format": {"file_format": "csv"}, "objects": [{"key": ".", "sha256": ""}]}`))
	dir, err := os.OpenRoot(f.TempDir())
	require.NoError(f, err)
	f.Cleanup(func() { _ = dir.Close() })
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := receipt.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, receipt.ErrReceipt)
			return
		}
		again, err := r.Encode()
		require.NoError(t, err)
		back, err := receipt.Parse(again)
		require.NoError(t, err, "what was believed once is believed again")
		require.Equal(t, r.Rows, back.Rows)
		require.Equal(t, r.Objects, back.Objects)
		failed := 0
		require.NoError(t, r.Verify(t.Context(), receipt.Options{Dir: dir}, func(c receipt.Check) {
			require.Equal(t, receipt.Failed, c.State)
			failed++
		}))
		require.Equal(t, len(r.Objects), failed, "nothing is in the folder, and nothing outside is looked at")
	})
}
