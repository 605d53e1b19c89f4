package config

import "time"

// Temporal says where the Temporal service is.
type Temporal struct {
	Address   string `mapstructure:"address"`
	Namespace string `mapstructure:"namespace"`
	TaskQueue string `mapstructure:"task_queue"`
	TLS       *TLS   `mapstructure:"tls"` // nil: plain text, unless there is an API key
	APIKey    Secret `mapstructure:"api_key"`
}

// TLS holds the paths of PEM files. All empty: TLS with the system's authorities and no client certificate.
type TLS struct {
	Cert       string `mapstructure:"cert" config:"path"`
	Key        string `mapstructure:"key" config:"path"`
	CA         string `mapstructure:"ca" config:"path"`
	ServerName string `mapstructure:"server_name"`
}

// Workspace is the disk that files are made on.
type Workspace struct {
	Dir         string        `mapstructure:"dir" config:"path"`
	Host        string        `mapstructure:"host"`      // a label for people, in Temporal's UI; empty: the machine's name
	MaxBytes    Size          `mapstructure:"max_bytes"` // 0: as much as the disk has
	HostTimeout time.Duration `mapstructure:"host_timeout"`
	Keep        time.Duration `mapstructure:"keep"`       // how long finished runs' files stay, to be sent again; 0: not at all
	KeepPlain   bool          `mapstructure:"keep_plain"` // also those before encryption, for other recipients
}

// S3 is how much one upload may use.
type S3 struct {
	PartSize    Size `mapstructure:"part_size"`
	Concurrency int  `mapstructure:"concurrency"`
}

// Worker is what one worker may use.
type Worker struct {
	Memory  Size `mapstructure:"memory"`
	Threads int  `mapstructure:"threads"`
	Runs    int  `mapstructure:"runs"` // runs at once on this host
}

// Retry is how patiently a step is tried again before its run is parked.
type Retry struct {
	Attempts        int           `mapstructure:"attempts"`         // tries of one step
	InitialInterval time.Duration `mapstructure:"initial_interval"` // before the second; doubled each time
	MaxInterval     time.Duration `mapstructure:"max_interval"`
}

// The types of a Credential.
const (
	RoleToRole = "iam-role-to-role" // our role assumes the customer's
	KeyPair    = "iam-credential"   // the customer gave us keys
)

// Credential is as whom a bucket is written to.
type Credential struct {
	Name             string `mapstructure:"name"`
	Description      string `mapstructure:"description"`
	Type             string `mapstructure:"type"`
	RoleARN          string `mapstructure:"role_arn"`
	ExternalID       string `mapstructure:"external_id"`
	Base             string `mapstructure:"base"` // another credential, whose session assumes this role; empty: the AWS default chain
	STSEndpoint      string `mapstructure:"sts_endpoint"`
	Region           string `mapstructure:"region"` // of STS; empty: the bucket's
	VerifyExternalID *bool  `mapstructure:"verify_external_id"`
	AccessKeyID      Secret `mapstructure:"access_key_id"`
	SecretAccessKey  Secret `mapstructure:"secret_access_key"`
	SessionToken     Secret `mapstructure:"session_token"`
}

// Source is where rows come from. Its types are those of package source.
type Source struct {
	Name             string        `mapstructure:"name"`
	Description      string        `mapstructure:"description"`
	Type             string        `mapstructure:"type"`
	Tables           []Table       `mapstructure:"tables"`
	Database         string        `mapstructure:"database" config:"path"`
	DSN              Secret        `mapstructure:"dsn"`
	StatementTimeout time.Duration `mapstructure:"statement_timeout"`
}

// Table makes files readable as a table of a DuckDB source.
type Table struct {
	Name  string `mapstructure:"name"`
	Files string `mapstructure:"files" config:"path"`
}

// Query is a query, or a segment: a query that describes an audience.
type Query struct {
	Name        string   `mapstructure:"name"`
	Description string   `mapstructure:"description"`
	Source      string   `mapstructure:"source"`
	SQL         string   `mapstructure:"sql"` // also of a sql_file, once it is read
	SQLFile     string   `mapstructure:"sql_file" config:"path"`
	PII         []string `mapstructure:"pii"`
	Alerts      Alerts   `mapstructure:"alerts"`

	Segment bool `mapstructure:"-"`
}

// Alerts are the row counts at which somebody wants to be warned, or nothing to be sent. 0: no alert.
type Alerts struct {
	WarnBelow int64 `mapstructure:"warn_below"`
	FailBelow int64 `mapstructure:"fail_below"`
	WarnAbove int64 `mapstructure:"warn_above"`
	FailAbove int64 `mapstructure:"fail_above"`
}

// AmazonS3 is the plugin of a Destination.
const AmazonS3 = "amazon-s3"

// Destination is a bucket of somebody else.
type Destination struct {
	Name               string   `mapstructure:"name"`
	Description        string   `mapstructure:"description"`
	Plugin             string   `mapstructure:"plugin"`
	Credential         string   `mapstructure:"credential"`
	Settings           Settings `mapstructure:"settings"`
	AllowBusinessUsers bool     `mapstructure:"allow_business_users"`
	AllowLimitedPII    bool     `mapstructure:"allow_limited_pii"`
}

// DataTemplate is what a destination gets: which columns, under which names, in which files.
type DataTemplate struct {
	Name                 string   `mapstructure:"name"`
	Description          string   `mapstructure:"description"`
	Destination          string   `mapstructure:"destination"`
	AllowBusinessUsers   bool     `mapstructure:"allow_business_users"`
	AllowLimitedPII      bool     `mapstructure:"allow_limited_pii"`
	AvailableToCampaigns bool     `mapstructure:"available_to_campaigns"`
	Columns              []Column `mapstructure:"columns"`
	Settings             Settings `mapstructure:"settings"`
}

// Column is one column of the file: a column of the query, or a constant.
type Column struct {
	From  string  `mapstructure:"from"`
	To    string  `mapstructure:"to"`
	Value *string `mapstructure:"value" config:"empty"` // an empty constant is a constant
}

// What happens when a second run of an orchestration comes while the first is under way.
const (
	OverlapWait   = "wait"
	OverlapRefuse = "refuse"
)

// Orchestration sends a query's result through a data template.
type Orchestration struct {
	Name          string        `mapstructure:"name"`
	Description   string        `mapstructure:"description"`
	Query         string        `mapstructure:"query"` // a query or a segment
	DataTemplate  string        `mapstructure:"data_template"`
	Overlap       string        `mapstructure:"overlap"`
	ParkTimeout   time.Duration `mapstructure:"park_timeout"`
	NotifyTimeout time.Duration `mapstructure:"notify_timeout"`
	Settings      Settings      `mapstructure:"settings"`
	Schedule      *Schedule     `mapstructure:"schedule"`
	Notify        []Notify      `mapstructure:"notify"`
	Downstream    []Downstream  `mapstructure:"downstream"`
}

// Schedule says when something starts by itself.
type Schedule struct {
	Cron     string        `mapstructure:"cron"`
	TimeZone string        `mapstructure:"time_zone"` // empty: UTC
	Jitter   time.Duration `mapstructure:"jitter"`
	CatchUp  time.Duration `mapstructure:"catch_up"` // what is made up for after Temporal was down
	Pause    bool          `mapstructure:"pause"`
}

// Notify is a workflow that waits for a completion.
type Notify struct {
	WorkflowID string `mapstructure:"workflow_id"`
	Signal     string `mapstructure:"signal"` // empty: the signal's usual name
}

// Downstream is what happens to the objects after the delivery.
type Downstream struct {
	Lambda   *Lambda   `mapstructure:"lambda"`
	Redshift *Redshift `mapstructure:"redshift"`
}

// Lambda is a function that is invoked with the receipt.
type Lambda struct {
	Function   string `mapstructure:"function"`
	Credential string `mapstructure:"credential"` // as whom; empty: the AWS default chain
	Region     string `mapstructure:"region"`     // empty: the ARN's, or the bucket's
	Endpoint   string `mapstructure:"endpoint"`
}

// Redshift is a table that the objects are copied into.
type Redshift struct {
	Cluster    string `mapstructure:"cluster"`
	Workgroup  string `mapstructure:"workgroup"`
	Database   string `mapstructure:"database"`
	DBUser     string `mapstructure:"db_user"`
	SecretARN  string `mapstructure:"secret_arn"`
	Table      string `mapstructure:"table"`
	IAMRole    string `mapstructure:"iam_role"`   // as which Redshift reads the bucket
	Ledger     string `mapstructure:"ledger"`     // the table in which loads are noted; empty: nowhere
	Credential string `mapstructure:"credential"` // as whom the Data API is asked; empty: the AWS default chain
	Region     string `mapstructure:"region"`     // empty: the bucket's
	Endpoint   string `mapstructure:"endpoint"`
}

// Campaign sends several groups of people through data templates, as one.
type Campaign struct {
	Name          string        `mapstructure:"name"`
	Description   string        `mapstructure:"description"`
	Groups        []Group       `mapstructure:"groups"`
	Overlap       string        `mapstructure:"overlap"`
	ParkTimeout   time.Duration `mapstructure:"park_timeout"`
	NotifyTimeout time.Duration `mapstructure:"notify_timeout"`
	Schedule      *Schedule     `mapstructure:"schedule"`
	Notify        []Notify      `mapstructure:"notify"`
}

// Group is a campaign's treatment. Without a data template it is not delivered.
type Group struct {
	Name          string   `mapstructure:"name"`
	Query         string   `mapstructure:"query"`
	Segment       string   `mapstructure:"segment"`
	DataTemplates []string `mapstructure:"data_templates"`
}

// Audience is the query or segment that the group is made of.
func (g Group) Audience() string {
	if g.Segment != "" {
		return g.Segment
	}
	return g.Query
}

// User is somebody who may start something.
type User struct {
	Name     string   `mapstructure:"name"`
	Policies []string `mapstructure:"policies"`
}
