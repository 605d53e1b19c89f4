// Package plan resolves everything that a run will do, before it does anything.
//
// A plan is pure over the configuration, the run's `now` and the query's columns: made twice, it is the same. It is
// kept in Temporal's history and shown to people, so it holds names, keys, settings and digests, and no secret, no
// external ID and no SQL.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"consign/internal/access"
	"consign/internal/archive"
	"consign/internal/render"
	"consign/internal/upload"
)

// Plan is what one run will do.
type Plan struct {
	Orchestration string          `json:"orchestration"` // of a campaign's group: its own name for the run
	Campaign      string          `json:"campaign,omitempty"`
	Group         string          `json:"group,omitempty"`
	DataTemplate  string          `json:"data_template"`
	RunKey        string          `json:"run_key,omitempty"`
	RunID         string          `json:"run_id,omitempty"`
	Now           time.Time       `json:"now"` // one instant for the whole run, UTC
	RequestedBy   string          `json:"requested_by"`
	Access        access.Decision `json:"access"`

	Query       Query          `json:"query"`
	Destination Destination    `json:"destination"`
	Credential  Credential     `json:"credential"`
	Upload      upload.Options `json:"upload"`
	Prefix      string         `json:"prefix,omitempty"` // every object of the delivery is below it
	Names       Names          `json:"names"`

	Columns    []Column        `json:"columns"` // of the files, in order
	Render     render.Options  `json:"render"`
	Archive    archive.Options `json:"archive"`
	Encryption *Encryption     `json:"encryption,omitempty"`
	OnEmpty    string          `json:"on_empty"`
	Alerts     Alerts          `json:"alerts,omitzero"`

	SuccessKey  string `json:"success_key,omitempty"` // empty: no such file
	ManifestKey string `json:"manifest_key,omitempty"`
	ReceiptKey  string `json:"receipt_key,omitempty"`

	Downstream    []Downstream `json:"downstream,omitempty"` // what follows the delivery, in this order
	Notify        []Notify     `json:"notify,omitempty"`
	NotifyTimeout Duration     `json:"notify_timeout"`
	ParkTimeout   Duration     `json:"park_timeout"`
	HostTimeout   Duration     `json:"host_timeout"`
	Overlap       string       `json:"overlap"`

	Settings     []Setting       `json:"settings"`
	Loaders      []render.Loader `json:"loaders,omitempty"` // how the recipient's reader is told about the files
	Warnings     []string        `json:"warnings,omitempty"`
	ConfigDigest string          `json:"config_digest"`
}

// Query is where the rows come from. The SQL itself stays in the configuration.
type Query struct {
	Name    string `json:"name"`
	Segment bool   `json:"segment,omitempty"`
	Source  string `json:"source"`
	Digest  string `json:"digest"` // of the SQL: see Digest
}

// Digest is the SHA-256 of a query's SQL, in hexadecimal: it tells whether a query is still the one that was planned,
// and does not tell the query.
func Digest(sql string) string {
	sum := sha256.Sum256([]byte(sql))
	return hex.EncodeToString(sum[:])
}

// Destination is whom the run delivers to.
type Destination struct {
	Name   string `json:"name"`
	Plugin string `json:"plugin"`
}

// Credential is as whom: the names of things, not the things.
type Credential struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	RoleARN string `json:"role_arn,omitempty"`
}

// Column is a column of the files.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	From     string `json:"from,omitempty"`     // the query's column, if it has another name there
	Constant bool   `json:"constant,omitempty"` // not from the query
	PII      bool   `json:"pii,omitempty"`
}

// Encryption is to whom the files are encrypted.
type Encryption struct {
	Recipients []Recipient `json:"recipients"`
	AEAD       bool        `json:"pgp_aead,omitempty"`
}

// Names lists the recipients' fingerprints.
func (e *Encryption) Names() string {
	names := make([]string, len(e.Recipients))
	for i, r := range e.Recipients {
		names[i] = r.Fingerprint
	}
	return strings.Join(names, ", ")
}

// SameRecipients reports whether files that were encrypted by one plan can be read by all recipients of the other, and by nobody
// else. A certificate whose subkey was replaced is another recipient: the old one may be lost, or known to others. Who has come
// to read AEAD reads what was encrypted without it as before.
func (e *Encryption) SameRecipients(o *Encryption) bool {
	if e == nil || o == nil {
		return e == nil && o == nil
	}
	sorted := func(e *Encryption) []Recipient {
		return slices.SortedFunc(slices.Values(e.Recipients), func(a, b Recipient) int {
			return strings.Compare(a.Fingerprint+a.EncryptsTo, b.Fingerprint+b.EncryptsTo)
		})
	}
	same := func(a, b Recipient) bool {
		return a.Fingerprint == b.Fingerprint && (a.EncryptsTo == b.EncryptsTo || a.EncryptsTo == "" || b.EncryptsTo == "")
	}
	return (o.AEAD || !e.AEAD) && slices.EqualFunc(sorted(e), sorted(o), same)
}

// Recipient is a public key, by its fingerprint.
type Recipient struct {
	Key         string    `json:"key"` // where the configuration has it: see config.Config.PublicKey
	Fingerprint string    `json:"fingerprint"`
	EncryptsTo  string    `json:"encrypts_to,omitempty"` // the fingerprint of its subkey that is encrypted to; empty in older plans
	Expires     time.Time `json:"expires,omitzero"`
}

// Notify is a workflow that is told how the run ended.
type Notify struct {
	WorkflowID string `json:"workflow_id"`
	Signal     string `json:"signal"`
}

// Setting is one effective setting, and who has set it.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`          // destination acme, data template x, orchestration y, default
	Where  string `json:"where,omitempty"` // file and line
}

// Duration is a time.Duration that is readable in JSON: "10m0s".
type Duration time.Duration

// String returns the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes "10m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "10m0s".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// FirstKey is the key of the first file, under which a step may try what it is allowed to.
func (p *Plan) FirstKey() string {
	key, _ := p.Names.Key(1) // Make has rendered it already
	return key
}

// Archives reports whether files are compressed or packed.
func (p *Plan) Archives() bool { return p.Archive.Encoding != "" && p.Archive.Encoding != "none" }

// PacksIntoOne reports whether all files become one archive.
func (p *Plan) PacksIntoOne() bool { return archive.Single(p.Archive.Encoding) }

// OneObject reports whether the delivery is one object, however many rows it has.
func (p *Plan) OneObject() bool {
	return p.PacksIntoOne() || p.Render.SplitRows == 0 && p.Render.SplitMegabytes == 0
}

// Encrypts reports whether files are encrypted.
func (p *Plan) Encrypts() bool { return p.Encryption != nil }
