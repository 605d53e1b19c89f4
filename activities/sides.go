package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"consign/internal/plan"
	"consign/internal/receipt"
	"consign/internal/render"
	"consign/internal/upload"
	"consign/internal/workspace"
)

// stepSides is the journal of the uploads of receipt and manifest.
const stepSides = "sides"

// The side files' numbers in that journal.
const (
	sideReceipt  = 1
	sideManifest = 2
)

// sideType is what receipt and manifest are.
const sideType = "application/json"

// SideFiles are the receipt and the manifest, sent and open like the objects they speak of.
type SideFiles struct {
	Receipt  *Uploaded `json:"receipt,omitempty"`
	Manifest *Uploaded `json:"manifest,omitempty"`
}

// None reports whether there are none.
func (f SideFiles) None() bool { return f.Receipt == nil && f.Manifest == nil }

// List returns them in the order in which they are shown.
func (f SideFiles) List() []Uploaded {
	var list []Uploaded
	for _, u := range []*Uploaded{f.Receipt, f.Manifest} {
		if u != nil {
			list = append(list, *u)
		}
	}
	return list
}

func (u *Uploaded) key() string {
	if u == nil {
		return ""
	}
	return u.Key
}

// Facts is what the receipt tells beside the files. The same facts and files make the same bytes, whenever and wherever
// that is done.
type Facts struct {
	Plan       *plan.Plan `json:"plan"`
	WorkflowID string     `json:"workflow_id"`
	StartedAt  time.Time  `json:"started_at"`
	RenderedAt time.Time  `json:"rendered_at"`
}

// A side is the text of a side file.
type side struct {
	number int
	key    string
	text   []byte
}

// object is the side file as it will be in the bucket.
func (s side) object(delivery string) upload.Object {
	return upload.Object{Key: s.key, Size: int64(len(s.text)), CRC32C: upload.Checksum(s.text), Delivery: delivery, ContentType: sideType}
}

// sides makes the texts that the plan asks for.
func (f *Facts) sides(t Target, delivery string, files []workspace.File) ([]side, error) {
	objects := make([]receipt.Object, len(files))
	for i, file := range files {
		key, err := f.Plan.Names.Key(file.Number)
		if err != nil {
			return nil, err
		}
		objects[i] = receipt.Object{Key: key, Rows: file.Rows, Bytes: file.Bytes, SHA256: file.SHA256, CRC32C: file.CRC32C}
		if f.Plan.Encrypts() {
			objects[i].Plain = file.Plain
		}
	}
	var made []side
	if key := f.Plan.ReceiptKey; key != "" {
		text, err := f.receipt(t, delivery, objects).Encode()
		if err != nil {
			return nil, err
		}
		made = append(made, side{sideReceipt, key, text})
	}
	if key := f.Plan.ManifestKey; key != "" {
		text, err := receipt.Manifest(t.Upload.Bucket, objects)
		if err != nil {
			return nil, err
		}
		made = append(made, side{sideManifest, key, text})
	}
	return made, nil
}

func (f *Facts) receipt(t Target, delivery string, objects []receipt.Object) receipt.Receipt {
	p := f.Plan
	r := receipt.Receipt{
		DeliveryID: delivery, WorkflowID: f.WorkflowID, RunID: t.Run, RunKey: p.RunKey,
		Orchestration: p.Orchestration, Campaign: p.Campaign, Group: p.Group, DataTemplate: p.DataTemplate,
		Query: receipt.Query{Name: p.Query.Name, SHA256: p.Query.Digest},
		Now:   p.Now, StartedAt: f.StartedAt, RenderedAt: f.RenderedAt,
		Bucket: t.Upload.Bucket, Objects: objects, Columns: []receipt.Column{}, Format: formatOf(p),
	}
	for _, c := range p.Columns {
		r.Columns = append(r.Columns, receipt.Column{Name: c.Name, Type: c.Type})
	}
	if p.Encrypts() {
		for _, recipient := range p.Encryption.Recipients {
			r.Fingerprints = append(r.Fingerprints, recipient.Fingerprint)
		}
	}
	for _, l := range p.Loaders {
		r.Loaders = append(r.Loaders, receipt.Loader(l))
	}
	return r
}

func formatOf(p *plan.Plan) receipt.Format {
	o, delimited := p.Render.Resolved()
	f := receipt.Format{FileFormat: o.FileFormat, Encoding: p.Archive.Encoding}
	if o.FileFormat == render.FormatParquet {
		f.Compression = o.ParquetCompression
	}
	if f.Encoding == "" {
		f.Encoding = "none"
	}
	if delimited {
		f.Dialect = &receipt.Dialect{
			Delimiter: o.Delimiter, QuoteMode: o.QuoteMode, EscapeCharacter: o.EscapeCharacter, NullString: o.NullString,
			LineEnding: o.LineEnding, Header: o.Header, BOM: o.BOM, FormulaGuard: o.FormulaGuard, OnUnwritable: o.OnUnwritable,
		}
	}
	return f
}

// sideKey is the key of a side file by its number.
func sideKey(n plan.Names, number int) (string, error) {
	switch number {
	case sideReceipt:
		return n.Receipt()
	case sideManifest:
		return n.Manifest()
	}
	return "", fmt.Errorf("side file %d: %w", number, workspace.ErrCorrupt)
}

// sides makes the side files of the delivery's files and sends them, to be shown after these.
func (s sender) sides(ctx context.Context, run *workspace.Run, in UploadInput, files []workspace.File) (SideFiles, error) {
	made, err := in.Facts.sides(in.Target, in.Delivery, files)
	if err != nil {
		return SideFiles{}, err
	}
	journal, err := run.Step(in.Delivery, stepSides)
	if err != nil {
		return SideFiles{}, err
	}
	s.journal = journal
	if s.begun, err = uploadsOf(journal); err != nil {
		return SideFiles{}, err
	}
	var sent SideFiles
	for _, one := range made {
		u, err := s.text(ctx, one)
		if err != nil {
			return SideFiles{}, err
		}
		if one.number == sideReceipt {
			sent.Receipt = &u
		} else {
			sent.Manifest = &u
		}
	}
	return sent, nil
}

func (s sender) text(ctx context.Context, one side) (Uploaded, error) {
	sum := sha256.Sum256(one.text)
	o := one.object(s.delivery)
	u := Uploaded{Key: o.Key, Bytes: o.Size, CRC32C: o.CRC32C, SHA256: hex.EncodeToString(sum[:])}
	noted := workspace.File{Number: one.number, Bytes: u.Bytes, SHA256: u.SHA256, CRC32C: u.CRC32C}
	err := s.fill(ctx, o, noted, bytes.NewReader(one.text), &u)
	return u, err
}
