package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/secret"
)

const value = "hunter2-and-more"

func TestASecretIsNeverPrinted(t *testing.T) {
	held := struct {
		Name   string
		Secret secret.Text
		hidden secret.Text
	}{"name", secret.New(value), secret.New(value)}

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		t.Run(verb, func(t *testing.T) {
			require.NotContains(t, fmt.Sprintf(verb, held), value)
			require.NotContains(t, fmt.Sprintf(verb, &held), value)
			require.Equal(t, secret.Placeholder, fmt.Sprintf(verb, held.Secret))
		})
	}
}

func TestASecretIsNeverLogged(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("started", "password", secret.New(value))
	slog.New(slog.NewTextHandler(&out, nil)).Info("started", "password", secret.New(value))
	require.NotContains(t, out.String(), value)
	require.Contains(t, out.String(), secret.Placeholder)
}

func TestASecretIsNeverMarshalled(t *testing.T) {
	_, err := json.Marshal(map[string]any{"password": secret.New(value)})
	require.ErrorIs(t, err, secret.ErrMarshal)
	_, err = secret.New(value).MarshalText()
	require.ErrorIs(t, err, secret.ErrMarshal)
	_, err = secret.New(value).MarshalYAML()
	require.ErrorIs(t, err, secret.ErrMarshal)
}

func TestASecretIsRevealedOnRequest(t *testing.T) {
	require.Equal(t, value, secret.New(value).Reveal())
	require.Empty(t, secret.Text{}.Reveal())
	require.True(t, secret.Text{}.IsZero())
	require.True(t, secret.New("").IsZero())
	require.False(t, secret.New(value).IsZero())
}
