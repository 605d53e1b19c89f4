package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSizesHaveUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"0": 0, "7": 7, "7B": 7, "16MiB": 16 << 20, "200GB": 200e9, "1.5 KiB": 1536, "1TiB": 1 << 40, "10kB": 10e3, "10KB": 10e3,
	} {
		size, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, size, text)
	}
	for _, text := range []string{"", "MiB", "1Mb", "-1", "1e30", "NaN", "Inf", "16 MiBs", "0x10p", "9223372036854775808"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
	for size, want := range map[Size]string{16 << 20: "16MiB", 200e9: "200GB", 1536: "1536B", 1 << 40: "1TiB", 0: "0B", 2048: "2KiB"} {
		require.Equal(t, want, size.String())
		back, err := ParseSize(want)
		require.NoError(t, err)
		require.Equal(t, size, back)
	}
}

func TestSuggestionsAreWhatWasProbablyMeant(t *testing.T) {
	t.Parallel()
	names := []string{"quote_mode", "null_string", "header"}
	for written, want := range map[string]string{
		"quotemode": "did you mean quote_mode?", "Header": "did you mean header?", "nul_strnig": "did you mean null_string?",
		"colour": "there are: quote_mode, null_string, header", "": "there are: quote_mode, null_string, header",
	} {
		require.Equal(t, want, suggest(written, names), written)
	}
	require.Equal(t, "there are none yet", suggest("x", nil))
	require.Equal(t, 3, distance("kitten", "sitting"))
	require.Equal(t, 4, distance("", "four"))
}

func TestRunKeys(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"2026-11-23", "2026-11-23T06:00:00Z", "a", "A_b.c:d-1", strings.Repeat("x", 128)} {
		require.NoError(t, CheckRunKey(key))
	}
	for _, key := range []string{"", "a b", "a/b", "ä", "a\n", strings.Repeat("x", 129)} {
		require.Error(t, CheckRunKey(key), key)
	}
}

func TestConstantsKnowTheRun(t *testing.T) {
	t.Parallel()
	values := map[string]string{"campaign_name": "Spring Sale", "run_id": "{{group_name}}"}
	for text, want := range map[string]string{
		"": "", "web": "web", "{{campaign_name}}!": "Spring Sale!", "{{run_id}}": "{{group_name}}", "{{group_name}}": "", "a}}b": "a}}b",
	} {
		got, err := Expand(text, values)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"{{now}}", "{{ campaign_name }}", "{{campaign_name|upper}}", "{{"} {
		_, err := Expand(text, values)
		require.Error(t, err, text)
	}
}
