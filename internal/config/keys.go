package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"consign/internal/encrypt"
	"consign/internal/problem"
)

// A Key is one public key of the effective settings, and what plans call it.
type Key struct {
	Path   string // destinations[acme].settings.pgp_public_key
	Secret Secret
}

// Read returns the key, armored or not. A file is read each time. The error says of which key it is.
func (k Key) Read() ([]byte, error) {
	key, err := k.Secret.readKey()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Path, err)
	}
	return key, nil
}

// Recipient returns whom the key encrypts to, if it can be encrypted to at that time. The error says of which key it is.
func (k Key) Recipient(now time.Time) (*encrypt.Recipient, error) {
	certificate, err := k.Read()
	if err != nil {
		return nil, err
	}
	r, err := encrypt.ParseRecipient(certificate, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Path, err)
	}
	return r, nil
}

// Keys returns the public keys that the files are encrypted to.
func (c *Config) Keys(e Effective) []Key {
	if e.Settings.PGPPublicKey != nil {
		return []Key{{c.places.key(e.Origins["pgp_public_key"].path), *e.Settings.PGPPublicKey}}
	}
	keys := make([]Key, len(e.Settings.PGPPublicKeys))
	for i, s := range e.Settings.PGPPublicKeys {
		keys[i] = Key{c.places.key(item(e.Origins["pgp_public_keys"].path, i)), s}
	}
	return keys
}

// PublicKey returns the public key that the configuration has at path, as a plan names it.
func (c *Config) PublicKey(path string) ([]byte, error) {
	var found *Secret
	c.secrets(func(at string, s *Secret) {
		if c.places.key(at) == path && strings.Contains(at, ".settings.pgp_public_key") {
			found = s
		}
	})
	if found == nil {
		return nil, missing("public key", path)
	}
	key, err := Key{path, *found}.Read()
	if err != nil {
		return nil, fmt.Errorf("public key %w", err)
	}
	return key, nil
}

// secrets calls visit with every secret of the configuration and its path.
func (c *Config) secrets(visit func(path string, s *Secret)) {
	walkSecrets(reflect.ValueOf(c).Elem(), "", visit)
}

func walkSecrets(v reflect.Value, path string, visit func(string, *Secret)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			walkSecrets(v.Elem(), path, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkSecrets(v.Index(i), item(path, i), visit)
		}
	case reflect.Struct:
		walkFields(v, path, visit)
	default: // a single value, which is no secret
	}
}

func walkFields(v reflect.Value, path string, visit func(string, *Secret)) {
	if s, ok := v.Addr().Interface().(*Secret); ok {
		if !s.IsZero() {
			visit(path, s)
		}
		return
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if name := f.Tag.Get("mapstructure"); f.IsExported() && name != "-" {
			walkSecrets(v.Field(i), join(path, name), visit)
		}
	}
}

// Check looks at what Load leaves alone because it depends on the machine and the day: every secret can be read, and
// every public key can be encrypted to on that day.
//
// A public key that cannot be used is a problem everywhere. A key that ends within 30 days is worth a warning, and so is
// a secret that is not there: only the machine with the worker needs it.
func (c *Config) Check(now time.Time) problem.List {
	r := &report{places: c.places}
	c.secrets(func(path string, s *Secret) {
		if !strings.Contains(path, ".settings.pgp_public_key") {
			if _, err := s.Read(); err != nil {
				r.put(problem.Problem{Key: path, Hint: readHint(s, false), Message: err.Error(), Warning: true})
			}
			return
		}
		key, err := s.readKey()
		if err != nil {
			r.put(problem.Problem{Key: path, Hint: readHint(s, true), Message: err.Error()})
			return
		}
		recipient, err := encrypt.ParseRecipient(key, now)
		switch {
		case err != nil:
			r.add(path, "", "%s", err)
		case recipient.ExpiresSoon(now):
			r.warn(path, "the key %s expires on %s: ask the customer to extend it and to send it again",
				recipient.Fingerprint(), recipient.Expires().UTC().Format(time.DateOnly))
		}
	})
	c.clockChanges(r, now)
	sortByPlace(r.list)
	return r.list
}

func readHint(s *Secret, isKey bool) string {
	switch {
	case s.Env != "" && isKey:
		return "set it where this program is started"
	case s.Env != "":
		return "set it where the worker is started"
	}
	return "a relative path is relative to the configuration's file"
}
