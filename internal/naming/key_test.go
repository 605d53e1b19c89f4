package naming_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/naming"
)

func TestAKeyThatEveryClientHandlesIsAccepted(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"a", "upload/vips_2026-11-23.csv.gz", "a b", ".hidden", "a.b.c", "größe_顧客.csv", "a:b+c=d@e", strings.Repeat("x", 1024),
	} {
		require.NoError(t, naming.Check(key), key)
	}
}

func TestAKeyThatBreaksARuleIsRefusedWithThatRule(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, want string }{
		"empty":                    {"", "it is empty"},
		"1,025 bytes":              {strings.Repeat("x", 1025), "it has 1025 bytes, S3 allows 1024"},
		"bytes and not characters": {strings.Repeat("é", 513), "it has 1026 bytes"},
		"not UTF-8":                {"a\xc3", "it is not UTF-8 text"},
		"a line feed":              {"é\nb", "character 2 is the control character U+000A"},
		"a NUL":                    {"\x00", "character 1 is the control character U+0000"},
		"a DEL":                    {"a\x7f", "character 2 is the control character U+007F"},
		"a C1 control":             {"a\u0085", "character 2 is the control character U+0085"},
		"a leading slash":          {"/a", `"/a" begins with /`},
		"a trailing slash":         {"a/", `"a/" ends with /`},
		"two slashes":              {"a//b", `"a//b" holds //`},
		"a folder above":           {"a/../b", `"a/../b" holds ..`},
		"the folder itself":        {"./a", `"./a" holds the folder .`},
		"the same in the middle":   {"a/./b", `"a/./b" holds the folder .`},
		"the same at the end":      {"a/.", `"a/." holds the folder .`},
		"the same alone":           {".", `"." holds the folder .`},
		"two dots in a name":       {"a..b", `"a..b" holds ..`},
		"a backslash":              {`a\b`, `holds a backslash: write / to make folders`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := naming.Check(c.key)
			require.ErrorIs(t, err, naming.ErrName)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestPrefixAndNameAreJoinedByExactlyOneSlash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, name, want string }{
		{"", "a.csv", "a.csv"},
		{"upload", "a.csv", "upload/a.csv"},
		{"upload/", "a.csv", "upload/a.csv"},
		{"upload//", "/a.csv", "upload/a.csv"},
		{"up/load", "x/a.csv", "up/load/x/a.csv"},
		{"/", "a.csv", "a.csv"},
		{"", "/a.csv", "/a.csv"},
	} {
		require.Equal(t, c.want, naming.Join(c.prefix, c.name), "%q and %q", c.prefix, c.name)
	}
}

func TestADeliveryWithoutTemplateGetsTheDefault(t *testing.T) {
	t.Parallel()
	require.Equal(t, "vips-weekly_2026-11-23_050409.csv.gz", render(t, naming.Default(false, ".csv.gz")))
	require.Equal(t, "vips-weekly_2026-11-23_050409.parquet", render(t, naming.Default(false, "parquet")))
	require.Equal(t, "vips-weekly_2026-11-23_050409", render(t, naming.Default(false, "")))
	require.Equal(t, "Spring_Sale_2026_treatment.tgz", render(t, naming.Default(true, "tgz")))
}
