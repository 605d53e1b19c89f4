package receipt

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// The file formats that are counted in a way of their own; all others are delimited text.
const (
	parquetFormat = "parquet"
	ndjsonFormat  = "ndjson"
	jsonFormat    = "json"
)

// readBuffer is how much is read at once.
const readBuffer = 256 << 10

// errUncountable is wrapped by the reason why the rows of a file cannot be counted, although nothing is wrong with it.
var errUncountable = errors.New("rows cannot be counted")

// rows counts the rows of one file.
func (f Format) rows(r io.Reader) (int64, error) {
	switch f.FileFormat {
	case parquetFormat:
		return parquetRows(r)
	case ndjsonFormat:
		return jsonRows(r, false)
	case jsonFormat:
		return jsonRows(r, true)
	}
	if f.Dialect == nil {
		return 0, fmt.Errorf("%w: the receipt does not say how %s is written", errUncountable, f.FileFormat)
	}
	return f.Dialect.rows(r)
}

// quote is the quote character of every dialect.
const quote = '"'

// rows counts the records of delimited text, less the header. A line break ends a record unless it stands within quotes
// or, in quote_mode none, behind the escape character. Nothing else of the dialect matters here: what is not quoted
// holds neither quotes nor line breaks.
func (d Dialect) rows(r io.Reader) (int64, error) {
	scan := scanner{quoted: d.QuoteMode != "none"}
	switch {
	case len(d.EscapeCharacter) > 1:
		return 0, fmt.Errorf("%w: escape_character %q is not one character", errUncountable, d.EscapeCharacter)
	case !scan.quoted && d.EscapeCharacter == "" && d.OnUnwritable == "write":
		return 0, fmt.Errorf("%w: with quote_mode none and on_unwritable write a value may hold a line break as it is", errUncountable)
	case d.EscapeCharacter != "" && (!scan.quoted || d.EscapeCharacter != string(quote)):
		scan.escape, scan.escapes = d.EscapeCharacter[0], true
	}
	if d.BOM {
		r = withoutMark(r) // of an empty result without a header there is nothing else
	}
	buffer := make([]byte, readBuffer)
	for {
		n, err := r.Read(buffer)
		scan.read(buffer[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
	}
	if scan.within {
		return 0, errors.New("it ends within quotes")
	}
	if scan.open { // the last record has no line break behind it
		scan.records++
	}
	if d.Header {
		if scan.records == 0 {
			return 0, errors.New("it has no header")
		}
		scan.records--
	}
	return scan.records, nil
}

// A scanner finds the ends of records. A doubled quote closes and opens again, which comes to the same.
type scanner struct {
	quoted, escapes bool
	escape          byte

	within  bool // quotes
	literal bool // the next byte stands for itself
	open    bool // a record has begun
	records int64
}

func (s *scanner) read(text []byte) {
	for _, c := range text {
		switch {
		case s.literal:
			s.literal, s.open = false, true
		case s.escapes && c == s.escape && (s.within || !s.quoted):
			s.literal, s.open = true, true
		case s.quoted && c == quote:
			s.within, s.open = !s.within, true
		case c == '\n' && !s.within:
			s.records++
			s.open = false
		default:
			s.open = true
		}
	}
}

var byteOrderMark = []byte("\uFEFF")

// withoutMark reads behind the byte-order mark, if there is one.
func withoutMark(r io.Reader) io.Reader {
	buffered := bufio.NewReaderSize(r, readBuffer)
	if head, err := buffered.Peek(len(byteOrderMark)); err == nil && bytes.Equal(head, byteOrderMark) {
		_, _ = buffered.Discard(len(byteOrderMark)) // what was peeked is there
	}
	return buffered
}

// jsonRows counts the values of a file, or of the one array that it holds.
func jsonRows(r io.Reader, array bool) (int64, error) {
	decoder := json.NewDecoder(withoutMark(r))
	if array {
		if t, err := decoder.Token(); err != nil || t != json.Delim('[') {
			return 0, errors.Join(errors.New("it is not a JSON array"), readError(err))
		}
	}
	rows := int64(0)
	var value json.RawMessage
	for !array || decoder.More() {
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) && !array {
			return rows, nil
		}
		if err != nil {
			return 0, errors.Join(fmt.Errorf("row %d is not JSON", rows+1), readError(err))
		}
		rows++
	}
	if _, err := decoder.Token(); err != nil {
		return 0, errors.Join(errors.New("the JSON array has no end"), readError(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return 0, errors.New("something follows the JSON array")
	}
	return rows, nil
}

// readError returns an error of reading, and nil for one of syntax: the JSON reader's words show pieces of the value.
func readError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// parquetRows reads the number from the file's footer.
func parquetRows(r io.Reader) (rows int64, err error) {
	file, size, done, err := seekable(r)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, done()) }()
	p, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return 0, fmt.Errorf("it is not a Parquet file: %w", err)
	}
	return p.NumRows(), nil
}

// seekable returns what r has left as a file that can be read anywhere: r itself if it is one, or a copy on the disk
// that goes with done. The copy has no name, so that it also goes with a process that is killed: it may be what was encrypted.
func seekable(r io.Reader) (file *os.File, size int64, done func() error, err error) {
	if file, ok := r.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return nil, 0, nil, err
		}
		return file, info.Size(), func() error { return nil }, nil
	}
	if file, err = os.CreateTemp("", "consign-verify-"); err != nil {
		return nil, 0, nil, err
	}
	done = file.Close
	if err = os.Remove(file.Name()); err != nil {
		return nil, 0, nil, errors.Join(err, done())
	}
	if size, err = io.Copy(file, r); err != nil {
		return nil, 0, nil, errors.Join(err, done())
	}
	return file, size, done, nil
}
