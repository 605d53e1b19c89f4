package naming_test

import (
	"regexp"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"consign/internal/naming"
)

var position = regexp.MustCompile(`character (\d+): `)

// Any text either parses, and then renders the same name every time, or is refused at a character that it has.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"", "a", "{{now}}", "{{query_name}}_{{now|format:'yyyy-MM-dd'}}.csv.gz", "{{now|local:'Asia/Tokyo'|next_day|format:\"hh 'o''clock' a\"}}",
		"{{now|format:'''T'''}}", "{{", "}}", "{{now|format:'", "{{now|format:'ZZZ'}}", "ä{{ö}}", "{{file_number}}{{campaign_name}}", "{{now|format:'SSSSSSSSSSSSSSSSSSSS'}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := naming.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, naming.ErrTemplate)
			if found := position.FindStringSubmatch(err.Error()); found != nil {
				character, err := strconv.Atoi(found[1])
				require.NoError(t, err)
				require.LessOrEqual(t, character, utf8.RuneCountInString(text)+1)
			}
			return
		}
		require.Equal(t, text, template.String())
		name, err := template.Render(values())
		require.NoError(t, err)
		again, err := template.Render(values())
		require.NoError(t, err)
		require.Equal(t, name, again)
		require.True(t, utf8.ValidString(name))
		if err := naming.Check(name); err != nil {
			require.ErrorIs(t, err, naming.ErrName)
		}
	})
}
