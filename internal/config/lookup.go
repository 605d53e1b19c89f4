package config

import (
	"errors"

	"consign/internal/awsrole"
	"consign/internal/source"
)

// ErrNotFound is wrapped when something is asked for that the configuration does not have.
var ErrNotFound = errors.New("not in the configuration")

// SQL returns the text of a query or segment.
func (c *Config) SQL(name string) (string, error) { return "", ErrNotFound }

// SourceOptions returns how to open a source, with its secrets.
func (c *Config) SourceOptions(name string) (source.Options, error) {
	return source.Options{}, ErrNotFound
}

// Role returns how to become a credential, with its secrets.
func (c *Config) Role(name string) (awsrole.Options, error) { return awsrole.Options{}, ErrNotFound }

// VerifiesExternalID reports whether the credential's role must be tried without its external ID, which must fail.
func (c *Config) VerifiesExternalID(name string) (bool, error) { return false, ErrNotFound }

// PublicKey returns the public key that the configuration has at path, as a plan names it.
func (c *Config) PublicKey(path string) ([]byte, error) { return nil, ErrNotFound }
