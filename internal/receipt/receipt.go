// Package receipt writes down what a delivery holds, and compares files with what was written.
//
// A receipt is a JSON object next to the delivered ones (settings.receipt). It holds names, counts, sizes and digests
// and no value of any row, so it can be kept and passed on without the care that the data asks for.
package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Version is what the receipts of this package begin with. It grows when a reader of the old ones would read a new one
// wrongly; fields may be added without that.
const Version = 1

// MaxBytes bounds a receipt that is read. One of 5,000 objects, the most that a delivery has, and as many columns as a
// table of any loader takes needs a tenth of it.
const MaxBytes = 64 << 20

// ErrReceipt is wrapped by the error about a text that is no receipt, or one that contradicts itself.
var ErrReceipt = errors.New("not a usable receipt")

// A Receipt tells what a delivery holds.
type Receipt struct {
	Version int `json:"version"`

	DeliveryID    string `json:"delivery_id"` // the same on the objects (metadata consign-delivery) and in the completion signal
	WorkflowID    string `json:"workflow_id"`
	RunID         string `json:"run_id"`
	RunKey        string `json:"run_key"`
	Orchestration string `json:"orchestration"`
	Campaign      string `json:"campaign,omitempty"`
	Group         string `json:"group,omitempty"`
	DataTemplate  string `json:"data_template"`
	Query         Query  `json:"query"`

	// All in UTC.
	Now        time.Time `json:"now"`         // the instant that names and expressions were made with
	StartedAt  time.Time `json:"started_at"`  // of the run
	RenderedAt time.Time `json:"rendered_at"` // when the rows had been read from their source

	Bucket  string   `json:"bucket"`
	Rows    int64    `json:"rows"`  // of all objects
	Bytes   int64    `json:"bytes"` // of all objects
	Objects []Object `json:"objects"`

	Columns      []Column `json:"columns"` // of the files, in order
	Format       Format   `json:"format"`
	Fingerprints []string `json:"pgp_fingerprints,omitempty"` // of the public keys that the objects are encrypted to; none: not encrypted
	Loaders      []Loader `json:"loaders,omitempty"`
}

// Query is where the rows came from.
type Query struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"` // of its SQL: tells whether two deliveries asked the same, and not what
}

// Object is one delivered object.
type Object struct {
	Key    string `json:"key"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`                             // of the object, in hexadecimal
	Plain  string `json:"sha256_before_encryption,omitempty"` // of what decrypting it gives
	CRC32C string `json:"crc32c"`                             // of the object, in base64: S3's own checksum of it (ChecksumCRC32C)
}

// Column is a column of the files.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // as SQL: DECIMAL(18,2)
}

// Format is how the rows are written.
type Format struct {
	FileFormat  string   `json:"file_format"`
	Encoding    string   `json:"encoding"`              // none, gzip, tar, tgz, zip
	Compression string   `json:"compression,omitempty"` // of Parquet's pages
	Dialect     *Dialect `json:"dialect,omitempty"`     // of delimited text
}

// Dialect is how delimited text is to be read.
type Dialect struct {
	Delimiter       string `json:"delimiter"`
	QuoteMode       string `json:"quote_mode"`
	EscapeCharacter string `json:"escape_character"` // empty: a quote within quotes is doubled
	NullString      string `json:"null_string"`
	LineEnding      string `json:"line_ending"`
	Header          bool   `json:"header"`
	BOM             bool   `json:"bom"`
	FormulaGuard    bool   `json:"formula_guard"`
	OnUnwritable    string `json:"on_unwritable"`
}

// Loader is how one reader is told about the files.
type Loader struct {
	Name       string   `json:"name"`
	Statement  string   `json:"statement,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	Impossible string   `json:"impossible,omitempty"` // why there is no statement
}

// Encode returns the receipt's bytes: the same for the same receipt. Version, Rows and Bytes are filled in.
func (r Receipt) Encode() ([]byte, error) {
	r.Version, r.Rows, r.Bytes = Version, 0, 0
	for _, o := range r.Objects {
		r.Rows += o.Rows
		r.Bytes += o.Bytes
	}
	if r.Objects == nil {
		r.Objects = []Object{}
	}
	return encode(r)
}

// encode writes JSON for people and programs: indented, and with < and & as they are.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	return out.Bytes(), nil
}

// manifest is what Amazon Redshift's COPY ... MANIFEST reads:
// https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html
type manifest struct {
	Entries []entry `json:"entries"`
}

type entry struct {
	URL       string `json:"url"`
	Mandatory bool   `json:"mandatory"`
	Meta      meta   `json:"meta"`
}

// meta is what COPY needs for Parquet, and refuses nowhere.
type meta struct {
	ContentLength int64 `json:"content_length"`
}

// Manifest returns the list of the delivery's objects with which Redshift's COPY loads these and no others.
func Manifest(bucket string, objects []Object) ([]byte, error) {
	m := manifest{Entries: make([]entry, len(objects))}
	for i, o := range objects {
		m.Entries[i] = entry{URL: "s3://" + bucket + "/" + o.Key, Mandatory: true, Meta: meta{o.Bytes}}
	}
	return encode(m)
}
