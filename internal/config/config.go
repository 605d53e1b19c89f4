// Package config reads what the operator wrote, and refuses it whole if anything in it is wrong.
//
// Every problem is reported at once, each with file, line, key path and the way to mend it. What a stage needs is
// composed here from what was written, and the stage itself says whether it can be honoured.
package config

// Config is a whole configuration, checked. Every named thing is in the order in which it was written.
type Config struct {
	Temporal       Temporal        `mapstructure:"temporal"`
	Workspace      Workspace       `mapstructure:"workspace"`
	S3             S3              `mapstructure:"s3"`
	Worker         Worker          `mapstructure:"worker"`
	Retry          Retry           `mapstructure:"retry"`
	Credentials    []Credential    `mapstructure:"credentials"`
	Sources        []Source        `mapstructure:"sources"`
	Queries        []Query         `mapstructure:"queries"`
	Segments       []Query         `mapstructure:"segments"`
	Destinations   []Destination   `mapstructure:"destinations"`
	DataTemplates  []DataTemplate  `mapstructure:"data_templates"`
	Orchestrations []Orchestration `mapstructure:"orchestrations"`
	Campaigns      []Campaign      `mapstructure:"campaigns"`
	Users          []User          `mapstructure:"users"`

	digest string
	places places
}

// Digest is the SHA-256, in hexadecimal, of the configuration's files and of what the environment has changed in them.
// It never depends on the value of a secret.
func (c *Config) Digest() string { return c.digest }
