package receipt_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/receipt"
)

// A parcel is a receipt with its files.
type parcel struct {
	t   *testing.T
	dir string
	receipt.Receipt
	key *receipt.Key
}

func newParcel(t *testing.T, f receipt.Format) *parcel {
	t.Helper()
	return &parcel{t: t, dir: t.TempDir(), Receipt: receipt.Receipt{Format: f}}
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func (p *parcel) write(name string, content []byte) {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(p.t, os.WriteFile(path, content, 0o600))
}

// add puts an object into the receipt and its file where it is told to.
func (p *parcel) add(key, path string, rows int64, content []byte) {
	p.t.Helper()
	p.Objects = append(p.Objects, receipt.Object{Key: key, Rows: rows, Bytes: int64(len(content)), SHA256: hashOf(content)})
	p.write(path, content)
}

// verify returns the checks as "state name: message", one a line.
func (p *parcel) verify() string {
	p.t.Helper()
	text, err := p.Encode()
	require.NoError(p.t, err)
	r, err := receipt.Parse(text)
	require.NoError(p.t, err)
	dir, err := os.OpenRoot(p.dir)
	require.NoError(p.t, err)
	defer func() { require.NoError(p.t, dir.Close()) }()
	var lines []string
	require.NoError(p.t, r.Verify(p.t.Context(), receipt.Options{Dir: dir, Key: p.key}, func(c receipt.Check) {
		lines = append(lines, fmt.Sprintf("%s %s: %s", c.State, c.Name, c.Message))
	}))
	return strings.Join(lines, "\n")
}

func csv() receipt.Format {
	return receipt.Format{FileFormat: "csv", Encoding: "none", Dialect: &receipt.Dialect{Delimiter: ",", QuoteMode: "minimal", Header: true}}
}

func TestAFileIsFoundByItsKeyOrWhatIsLeftOfIt(t *testing.T) {
	t.Parallel()
	text := []byte("a\n1\n2\n")
	for _, path := range []string{"in/weekly/1.csv", "weekly/1.csv", "1.csv"} {
		p := newParcel(t, csv())
		p.add("in/weekly/1.csv", path, 2, text)
		require.Equal(t, "ok size: 6 bytes\nok sha256: "+hashOf(text)+"\nok rows: 2", p.verify(), path)
	}
}

func TestAFileThatMayBeAnotherObjectsIsNotTaken(t *testing.T) {
	t.Parallel()
	p := newParcel(t, csv())
	p.add("in/a/1.csv", "a/1.csv", 1, []byte("x\n1\n"))
	p.add("in/b/1.csv", "1.csv", 1, []byte("x\n2\n"))
	require.Equal(t, "ok size: 4 bytes\nok sha256: "+hashOf([]byte("x\n1\n"))+"\nok rows: 1\nfailed file: it is not there", p.verify())
}

func TestWhatIsWrongWithAFileIsSaidExactly(t *testing.T) {
	t.Parallel()
	whole := []byte("a\n1\n2\n")
	for _, c := range []struct {
		name, says string
		spoil      func(p *parcel)
	}{
		{"one byte differs", "failed sha256: " + hashOf([]byte("a\n1\n3\n")) + ", not " + hashOf(whole) + ": the bytes are other ones than were sent", func(p *parcel) { p.write("1.csv", []byte("a\n1\n3\n")) }},
		{"it was cut off", "failed size: 3 bytes, not 6: the file was cut off, or is another", func(p *parcel) { p.write("1.csv", whole[:3]) }},
		{"it is longer", "failed size: 7 bytes, not 6: the file was cut off, or is another", func(p *parcel) { p.write("1.csv", append(whole, 'x')) }},
		{"it is gone", "failed file: it is not there", func(p *parcel) { _ = os.Remove(filepath.Join(p.dir, "1.csv")) }},
		{"it is a folder", "failed file: 1.csv is a folder", func(p *parcel) {
			_ = os.Remove(filepath.Join(p.dir, "1.csv"))
			_ = os.Mkdir(filepath.Join(p.dir, "1.csv"), 0o755)
		}},
		{"the receipt counts other rows", "failed rows: 2, not 3", func(p *parcel) { p.Objects[0].Rows = 3 }},
		{"it is a link to a file outside", "failed file: it is not there", func(p *parcel) {
			outside := filepath.Join(p.t.TempDir(), "other")
			_ = os.WriteFile(outside, whole, 0o600)
			_ = os.Remove(filepath.Join(p.dir, "1.csv"))
			_ = os.Symlink(outside, filepath.Join(p.dir, "1.csv"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t, csv())
			p.add("1.csv", "1.csv", 2, append([]byte{}, whole...))
			c.spoil(p)
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
			require.Equal(t, 1, strings.Count(p.verify(), "failed"), "one thing is wrong, and one is said to be")
		})
	}
}

func TestRowsAreCountedByTheDialect(t *testing.T) {
	t.Parallel()
	dialect := func(mode, escape, write string, header bool) *receipt.Dialect {
		return &receipt.Dialect{Delimiter: ",", QuoteMode: mode, EscapeCharacter: escape, Header: header, OnUnwritable: write}
	}
	for _, c := range []struct {
		name, text, says string
		d                *receipt.Dialect
	}{
		{"no bytes", "", "ok rows: 0", dialect("minimal", "", "", false)},
		{"a header alone", "a\n", "ok rows: 0", dialect("minimal", "", "", true)},
		{"a header that is missing", "", "failed rows: it has no header", dialect("minimal", "", "", true)},
		{"a last row without line break", "1\n2", "ok rows: 2", dialect("minimal", "", "", false)},
		{"CRLF", "a\r\n1\r\n", "ok rows: 1", dialect("minimal", "", "", true)},
		{"an empty line is a row of one NULL", "a\n\n\n", "ok rows: 2", dialect("minimal", "", "", true)},
		{"a line break within quotes", "\"1\n2\"\n3\n", "ok rows: 2", dialect("minimal", "", "", false)},
		{"a line break in the header", "\"a\nb\"\n1\n", "ok rows: 1", dialect("all", "", "", true)},
		{"doubled quotes", "\"a \"\"b\"\"\n\"\n\"\"\"\n\"\n", "ok rows: 2", dialect("minimal", "", "", false)},
		{"a quote as escape is doubling", "\"\"\"\n\"\n", "ok rows: 1", dialect("minimal", `"`, "", false)},
		{"an escaped quote", "\"a \\\"\n\\\\\"\n1\n", "ok rows: 2", dialect("minimal", `\`, "", false)},
		{"a bare NULL marker holds the escape", "\\N\n\\N\n", "ok rows: 2", dialect("all_non_null", `\`, "", false)},
		{"an escape without quotes around it is none", "1\\\n2\n", "ok rows: 2", dialect("minimal", `\`, "", false)},
		{"an escaped line break without quotes", "1\\\n2\n\\\"\n", "ok rows: 2", dialect("none", `\`, "", false)},
		{"quotes mean nothing without quotes", "\"\n\"\n", "ok rows: 2", dialect("none", "", "fail", false)},
		{"no way to tell", "1\n", "skipped rows: rows cannot be counted: with quote_mode none and on_unwritable write a value may hold a line break as it is", dialect("none", "", "write", false)},
		{"quotes that do not close", "\"1\n", "failed rows: it ends within quotes", dialect("minimal", "", "", false)},
		{"an escape of two characters", "1\n", `skipped rows: rows cannot be counted: escape_character "ab" is not one character`, dialect("minimal", "ab", "", false)},
		{"no dialect", "1\n", "skipped rows: rows cannot be counted: the receipt does not say how psv is written", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t, receipt.Format{FileFormat: "psv", Dialect: c.d})
			p.add("x", "x", rowsIn(c.says), []byte(c.text))
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
		})
	}
}

// rowsIn reads the number of "ok rows: 2"; 0 if there is none.
func rowsIn(says string) (rows int64) {
	_, _ = fmt.Sscanf(says, "ok rows: %d", &rows)
	return rows
}

func TestRowsOfJSONAreItsValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, format, text, says string }{
		{"lines", "ndjson", "{\"a\": \"\\n\"}\n{\"a\": [1, {}]}\r\n", "ok rows: 2"},
		{"no lines", "ndjson", "", "ok rows: 0"},
		{"a byte-order mark", "ndjson", "\uFEFF{}\n", "ok rows: 1"},
		{"a broken line", "ndjson", "{}\n{\"secret\n", "failed rows: row 2 is not JSON"},
		{"an array", "json", "[\n{\"a\": [1, 2]},\n{}\n]\n", "ok rows: 2"},
		{"an empty array", "json", "[]", "ok rows: 0"},
		{"an array with a byte-order mark", "json", "\uFEFF[{}]", "ok rows: 1"},
		{"no array", "json", "{}", "failed rows: it is not a JSON array"},
		{"an array without end", "json", "[{}", "failed rows: the JSON array has no end"},
		{"an array with something behind", "json", "[{}] 1", "failed rows: something follows the JSON array"},
		{"an array with a broken row", "json", "[{}, secret]", "failed rows: row 2 is not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newParcel(t, receipt.Format{FileFormat: c.format})
			p.add("x", "x", rowsIn(c.says), []byte(c.text))
			lines := strings.Split(p.verify(), "\n")
			require.Equal(t, c.says, lines[len(lines)-1])
		})
	}
}

func TestAnEndedContextEndsTheReading(t *testing.T) {
	t.Parallel()
	p := newParcel(t, csv())
	p.add("x", "x", 1, []byte("a\n1\n"))
	dir, err := os.OpenRoot(p.dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, dir.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.Verify(ctx, receipt.Options{Dir: dir}, func(receipt.Check) {}), context.Canceled)
}

func TestAByteOrderMarkIsNoRow(t *testing.T) {
	t.Parallel()
	for _, header := range []bool{false, true} {
		for _, rows := range []int64{0, 1, 2} {
			f := csv()
			f.Dialect.Header, f.Dialect.BOM = header, true
			text := "\ufeff"
			if header {
				text += "a\n"
			}
			p := newParcel(t, f)
			p.add("1.csv", "1.csv", rows, []byte(text+strings.Repeat("\"x\ny\"\n", int(rows))))
			require.Contains(t, p.verify(), fmt.Sprintf("ok rows: %d", rows))
		}
	}
}
