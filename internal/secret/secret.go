// Package secret holds values that must never be seen: in logs, errors, JSON, Temporal payloads or a debugger's %+v.
package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Placeholder stands wherever a secret would have been printed.
const Placeholder = "[secret]"

// ErrMarshal answers every attempt to write a secret into JSON, YAML or text: a secret in a payload is a bug, not a
// value to be masked.
var ErrMarshal = errors.New("a secret cannot be marshalled")

// Text is a secret string. Its zero value is the empty secret.
//
// It holds a pointer because fmt prints the unexported fields of an enclosing struct without calling their methods: a
// plain string would be shown, a pointer is shown as an address.
type Text struct {
	value *string
}

// New returns a secret that holds value.
func New(value string) Text {
	return Text{value: &value}
}

// Reveal returns the value. Call it where the value is handed to the library that needs it, and nowhere else.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// IsZero reports whether the secret is empty or was never set.
func (t Text) IsZero() bool {
	return t.value == nil || *t.value == ""
}

// String returns Placeholder.
func (t Text) String() string { return Placeholder }

// GoString returns Placeholder.
func (t Text) GoString() string { return Placeholder }

// Format writes Placeholder for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Placeholder) }

// LogValue returns Placeholder.
func (t Text) LogValue() slog.Value { return slog.StringValue(Placeholder) }

// MarshalJSON returns ErrMarshal.
func (t Text) MarshalJSON() ([]byte, error) { return nil, ErrMarshal }

// MarshalText returns ErrMarshal.
func (t Text) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// MarshalYAML returns ErrMarshal.
func (t Text) MarshalYAML() (any, error) { return nil, ErrMarshal }
