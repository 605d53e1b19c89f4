package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"consign/internal/secret"
)

// ErrSecret is wrapped by every error about a secret that cannot be read.
var ErrSecret = errors.New("secret is not there")

// maxSecret bounds a secret's file: keys are a few kilobytes, and a wrong path may name anything.
const maxSecret = 1 << 20

// A Secret says where a secret is, and never what it is. The zero value is no secret.
type Secret struct {
	Env    string `mapstructure:"env"`
	File   string `mapstructure:"file" config:"path"`
	Inline string `mapstructure:"inline"` // public keys only

	value *secret.Text // of Env, as it was when the configuration was loaded; nil: not set
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.Env == "" && s.File == "" && s.Inline == "" }

// String says where the secret is.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "$" + s.Env
	case s.File != "":
		return s.File
	case s.Inline != "":
		return "inline"
	default:
		return ""
	}
}

// Read returns the secret. A file is read each time, so that a key can be changed without a restart; a variable of the
// environment is what it was when the configuration was loaded. The newline that editors put at the end of a file does
// not belong to it.
func (s Secret) Read() (secret.Text, error) {
	switch {
	case s.Inline != "":
		return secret.New(s.Inline), nil
	case s.Env != "":
		if s.value == nil || s.value.IsZero() {
			return secret.Text{}, fmt.Errorf("environment variable %s: %w: it is not set", s.Env, ErrSecret)
		}
		return *s.value, nil
	case s.File != "":
		text, err := readSecretFile(s.File)
		if err != nil {
			return secret.Text{}, err
		}
		value := strings.TrimRight(string(text), "\r\n")
		if value == "" {
			return secret.Text{}, fmt.Errorf("%s: %w: the file is empty", s.File, ErrSecret)
		}
		return secret.New(value), nil
	default:
		return secret.Text{}, nil
	}
}

// readKey returns a public key. A file is taken as it is: one that is not armored may well end with the byte of a newline.
func (s Secret) readKey() ([]byte, error) {
	if s.File != "" {
		return readSecretFile(s.File)
	}
	text, err := s.Read()
	return []byte(text.Reveal()), err
}

func readSecretFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	if info.Size() > maxSecret {
		return nil, fmt.Errorf("%s: %w: %d bytes are too many for a secret", path, ErrSecret, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	return text, nil
}
