// Package render turns the batches of a result into files: delimited text in a given dialect, JSON lines, a JSON array, or Parquet.
package render

import (
	"errors"
	"fmt"
	"runtime"
)

// Options say what the files look like. The json names are the settings' names. The zero value of each field means
// "not decided": the documented default applies when a file is written.
type Options struct {
	FileFormat         string   `json:"file_format,omitempty"`
	Delimiter          string   `json:"delimiter,omitempty"` // custom only
	QuoteMode          string   `json:"quote_mode,omitempty"`
	EscapeCharacter    string   `json:"escape_character,omitempty"`
	NullString         string   `json:"null_string,omitempty"`
	LineEnding         string   `json:"line_ending,omitempty"`
	OnUnwritable       string   `json:"on_unwritable,omitempty"`
	ParquetCompression string   `json:"parquet_compression,omitempty"`
	RowNumber          string   `json:"row_number,omitempty"` // name of the column that counts the rows; empty: none
	Header             bool     `json:"header,omitempty"`
	BOM                bool     `json:"bom,omitempty"`
	FormulaGuard       bool     `json:"formula_guard,omitempty"`
	SplitRows          int64    `json:"split_rows,omitempty"`
	SplitMegabytes     int64    `json:"split_megabytes,omitempty"` // of 1,000,000 bytes
	Columns            []Column `json:"columns,omitempty"`
	Threads            int      `json:"threads,omitempty"` // goroutines that encode; 0: as many as there are processors
}

// A Column of the files: a column of the result, perhaps under another name, or a constant.
type Column struct {
	From  string  `json:"from,omitempty"`
	To    string  `json:"to,omitempty"` // the name in the file; empty: From
	Value *string `json:"value,omitempty"`
}

// name returns the column's name in the file.
func (c Column) name() string {
	if c.To == "" {
		return c.From
	}
	return c.To
}

// The values of the settings that are chosen from a list.
const (
	FormatParquet = "parquet"
	FormatCSV     = "csv"
	FormatTSV     = "tsv"
	FormatPSV     = "psv"
	FormatCustom  = "custom"
	FormatNDJSON  = "ndjson"
	FormatJSON    = "json"

	QuoteAll        = "all"
	QuoteAllNonNull = "all_non_null"
	QuoteMinimal    = "minimal"
	QuoteNonNumeric = "non_numeric"
	QuoteNone       = "none"

	LineLF   = "lf"
	LineCRLF = "crlf"

	UnwritableFail  = "fail"
	UnwritableWrite = "write"

	CompressionSnappy = "snappy"
	CompressionZstd   = "zstd"
	CompressionNone   = "none"
)

// bytesPerMegabyte is what `split: {megabytes: N}` counts in: a megabyte as Amazon's price lists and the file managers
// of most systems count it. A limit that somebody meant as N MiB is kept too.
const bytesPerMegabyte = 1_000_000

var (
	formats      = []string{FormatParquet, FormatCSV, FormatTSV, FormatPSV, FormatCustom, FormatNDJSON, FormatJSON}
	quoteModes   = []string{QuoteAll, QuoteAllNonNull, QuoteMinimal, QuoteNonNumeric, QuoteNone}
	lineEndings  = []string{LineLF, LineCRLF}
	unwritables  = []string{UnwritableFail, UnwritableWrite}
	compressions = []string{CompressionSnappy, CompressionZstd, CompressionNone}
)

// Formats returns the values of file_format.
func Formats() []string { return append([]string(nil), formats...) }

// Extension returns the usual extension of a format's files, without a dot: "csv" for csv, "txt" for custom.
func Extension(format string) string {
	if format == FormatCustom {
		return "txt"
	}
	return format
}

// withDefaults returns the options with the defaults in place of what is not decided.
func (o Options) withDefaults() Options {
	set := func(value *string, fallback string) {
		if *value == "" {
			*value = fallback
		}
	}
	set(&o.QuoteMode, QuoteMinimal)
	set(&o.LineEnding, LineLF)
	set(&o.OnUnwritable, UnwritableFail)
	set(&o.ParquetCompression, CompressionSnappy)
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o
}

// Resolved returns the options as files are written with them: defaults in place of what is not decided, and the
// delimiter that the format implies. The second result reports whether the dialect matters: the format is delimited text.
func (o Options) Resolved() (Options, bool) {
	o = o.withDefaults()
	if o.delimited() {
		o.Delimiter = o.delimiterOf()
	}
	return o, o.delimited()
}

func (o Options) delimited() bool { return Delimited(o.FileFormat) }

// Delimited reports whether a format is text with a delimiter, to which the dialect applies.
func Delimited(format string) bool {
	switch format {
	case FormatCSV, FormatTSV, FormatPSV, FormatCustom:
		return true
	}
	return false
}

// Errors that the writer returns, wrapped.
var (
	// ErrUnwritableValue means that a value cannot be written so that it reads back. The error is an *UnwritableValue.
	ErrUnwritableValue = errors.New("value cannot be written in this dialect")
	// ErrColumn means that the columns asked for do not fit the result.
	ErrColumn = errors.New("column")
	// ErrUnsupportedType means that the format has no form for a column's type; the message names the cast to write.
	ErrUnsupportedType = errors.New("column type cannot be written in this format")
	// ErrAborted is what Write and Close return after Abort.
	ErrAborted = errors.New("rendering was aborted")
)

// An UnwritableValue says where the value is that cannot be written. It never holds the value.
type UnwritableValue struct { //nolint:errname // it is what operators see, and what the documents call it
	Row    int64  // counted from 1 over all rows of the delivery
	Column string // the column's name in the file
	Reason string
}

// Error says where and why.
func (e *UnwritableValue) Error() string {
	return fmt.Sprintf("row %d, column %q: %s: %s", e.Row, e.Column, ErrUnwritableValue, e.Reason)
}

// Is makes errors.Is(err, ErrUnwritableValue) true.
func (e *UnwritableValue) Is(target error) bool { return target == ErrUnwritableValue }
