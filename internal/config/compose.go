package config

import (
	"consign/internal/archive"
	"consign/internal/lambda"
	"consign/internal/redshift"
	"consign/internal/render"
	"consign/internal/upload"
)

// Composing a stage's options is all that the configuration knows about stages: whether they can be honoured, the
// stage says itself.

// delimited reports whether the files are text with a delimiter, which the settings of the dialect are for.
func (s Settings) delimited() bool { return render.Delimited(value(s.FileFormat)) }

// Render returns the settings of the files' content.
func (s Settings) Render(columns []Column) render.Options {
	o := render.Options{
		FileFormat: value(s.FileFormat), Delimiter: value(s.Delimiter), QuoteMode: value(s.QuoteMode),
		EscapeCharacter: value(s.EscapeCharacter), NullString: value(s.NullString), LineEnding: value(s.LineEnding),
		OnUnwritable: value(s.OnUnwritable), ParquetCompression: value(s.ParquetCompression),
		RowNumber: value(s.RowNumber).Column, Header: value(s.Header), BOM: value(s.BOM), FormulaGuard: value(s.FormulaGuard),
		SplitRows: value(s.Split).Rows, SplitMegabytes: value(s.Split).Megabytes,
	}
	for _, c := range columns {
		o.Columns = append(o.Columns, render.Column{From: c.From, To: c.To, Value: c.Value})
	}
	return o
}

// Archive returns the settings of the archive.
func (s Settings) Archive() archive.Options {
	return archive.Options{Encoding: value(s.Encoding), Level: value(s.CompressionLevel)}
}

// Upload returns the settings of the bucket.
func (s Settings) Upload(budget S3) upload.Options {
	o := upload.Options{
		Bucket: value(s.Bucket), Region: value(s.Region), Endpoint: value(s.Endpoint), SSE: value(s.SSE).Mode, KMSKeyID: value(s.SSE).KMSKeyID,
		ACL: value(s.ACL), StorageClass: value(s.StorageClass), BucketOwner: value(s.BucketOwner), OnConflict: value(s.OnConflict),
		PathStyle: value(s.PathStyle), PartSize: int64(budget.PartSize), Concurrency: budget.Concurrency,
	}
	for _, t := range s.Tags {
		if o.Tags == nil {
			o.Tags = map[string]string{}
		}
		o.Tags[t.Name] = t.Value
	}
	return o
}

// Keys returns the public keys that the files are encrypted to.
func (s Settings) Keys() []Secret {
	if s.PGPPublicKey != nil {
		return []Secret{*s.PGPPublicKey}
	}
	return s.PGPPublicKeys
}

// Options returns the settings of the function.
func (l Lambda) Options() lambda.Options {
	return lambda.Options{Function: l.Function, Region: l.Region, Endpoint: l.Endpoint}
}

// Options returns the settings of the database.
func (r Redshift) Options() redshift.Options {
	return redshift.Options{
		Cluster: r.Cluster, Workgroup: r.Workgroup, Database: r.Database, DBUser: r.DBUser, SecretARN: r.SecretARN,
		Table: r.Table, IAMRole: r.IAMRole, Ledger: r.Ledger, Region: r.Region, Endpoint: r.Endpoint,
	}
}
