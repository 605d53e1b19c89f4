package config

// Settings are what a destination, a data template or an orchestration says about the files and where they go. What is
// nil is left open, to the next lower level and then to the default.
type Settings struct {
	Bucket       *string `mapstructure:"bucket"`
	Prefix       *string `mapstructure:"prefix"`
	Region       *string `mapstructure:"region"`
	Endpoint     *string `mapstructure:"endpoint"`
	PathStyle    *bool   `mapstructure:"path_style"`
	SSE          *SSE    `mapstructure:"sse"`
	ACL          *string `mapstructure:"acl"`
	StorageClass *string `mapstructure:"storage_class"`
	Tags         []Tag   `mapstructure:"tags"`
	BucketOwner  *string `mapstructure:"bucket_owner"`
	OnConflict   *string `mapstructure:"on_conflict"`

	FileFormat         *string    `mapstructure:"file_format"`
	Delimiter          *string    `mapstructure:"delimiter"`
	QuoteMode          *string    `mapstructure:"quote_mode"`
	EscapeCharacter    *string    `mapstructure:"escape_character"`
	NullString         *string    `mapstructure:"null_string"`
	Header             *bool      `mapstructure:"header"`
	BOM                *bool      `mapstructure:"bom"`
	LineEnding         *string    `mapstructure:"line_ending"`
	FormulaGuard       *bool      `mapstructure:"formula_guard"`
	OnUnwritable       *string    `mapstructure:"on_unwritable"`
	ParquetCompression *string    `mapstructure:"parquet_compression"`
	RowNumber          *RowNumber `mapstructure:"row_number"`
	OnEmpty            *string    `mapstructure:"on_empty"`

	Encoding         *string  `mapstructure:"encoding"`
	CompressionLevel *int     `mapstructure:"compression_level"`
	Filename         *string  `mapstructure:"filename"`
	Split            *Split   `mapstructure:"split"`
	SplitFilename    *string  `mapstructure:"split_filename"`
	PGPPublicKey     *Secret  `mapstructure:"pgp_public_key" config:"inline"`
	PGPPublicKeys    []Secret `mapstructure:"pgp_public_keys" config:"inline"`
	PGPAEAD          *bool    `mapstructure:"pgp_aead"`
	SuccessFile      *bool    `mapstructure:"success_file"`
	Manifest         *bool    `mapstructure:"manifest"`
	Receipt          *bool    `mapstructure:"receipt"`
}

// SSE is how S3 encrypts the objects at rest: "none" (the bucket's default), "s3", or with a KMS key.
type SSE struct {
	Mode     string `mapstructure:"mode"`
	KMSKeyID string `mapstructure:"kms_key_id"`
}

// RowNumber is the name of a first column that counts the rows.
type RowNumber struct {
	Column string `mapstructure:"column"`
}

// Split is when a new file begins.
type Split struct {
	Rows      int64 `mapstructure:"rows"`
	Megabytes int64 `mapstructure:"megabytes"`
}

// Tag is an S3 object tag. Tags are a list because viper writes the keys of a map in lower case.
type Tag struct {
	Name  string `mapstructure:"name"`
	Value string `mapstructure:"value" config:"empty"`
}
