package render

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"consign/internal/problem"
)

// parse reads one file of a dialect. It is written from FILES' rules alone and shares nothing with the encoder: a field
// is a string, or nil where it is the bare marker.
func parse(t *testing.T, o Options, file string) [][]any {
	t.Helper()
	end := lineEnd(o.LineEnding)
	doubled := o.EscapeCharacter == "" || o.EscapeCharacter == `"`
	var rows [][]any
	var row []any
	for len(file) > 0 {
		var field []byte
		raw, inQuotes := "", false
		if file[0] == '"' && o.QuoteMode != QuoteNone {
			inQuotes, file = true, file[1:]
		}
		wasQuoted := inQuotes
		for {
			require.NotEmpty(t, file, "the file ends within a field")
			c := file[0]
			switch {
			case inQuotes && doubled && c == '"' && len(file) > 1 && file[1] == '"':
				field, file = append(field, '"'), file[2:]
				continue
			case (inQuotes && !doubled || o.QuoteMode == QuoteNone && o.EscapeCharacter != "") && c == o.EscapeCharacter[0]:
				field, raw, file = append(field, file[1]), raw+file[:2], file[2:]
				continue
			case inQuotes && c == '"':
				inQuotes, file = false, file[1:]
				continue
			}
			if !inQuotes && (c == o.delimiterOf()[0] || len(file) >= len(end) && file[:len(end)] == end) {
				break
			}
			field, raw, file = append(field, c), raw+file[:1], file[1:]
		}
		if raw == o.NullString && !wasQuoted || wasQuoted && o.QuoteMode == QuoteAll && string(field) == o.NullString {
			row = append(row, nil)
		} else {
			row = append(row, string(field))
		}
		if file[0] == o.delimiterOf()[0] {
			file = file[1:]
			continue
		}
		file = file[len(end):]
		rows, row = append(rows, row), nil
	}
	return rows
}

// FuzzDialect renders two rows in any dialect and reads them back.
func FuzzDialect(f *testing.F) {
	for i, s := range worstTexts {
		f.Add(s, worstTexts[(i+1)%len(worstTexts)], byte(i), `\`, ";", "NULL")
	}
	f.Add("a", "b", byte(255), "", ",", "")
	f.Add("\ufeff", "\\.", byte(4), "", "|", "")
	f.Fuzz(func(t *testing.T, first, second string, choice byte, escape, delimiter, null string) {
		o := Options{
			FileFormat: FormatCustom, Delimiter: delimiter, EscapeCharacter: escape, NullString: null,
			QuoteMode: quoteModes[int(choice)%len(quoteModes)], LineEnding: lineEndings[int(choice>>4)%2],
		}
		var refused problem.List
		schema, b := tableOf(text("a", first, nil), text("b", second, first))
		m := &memory{}
		w, err := New(schema, o, m.create)
		if errors.As(err, &refused) {
			return
		}
		require.NoError(t, err)
		err = errors.Join(w.Write(b), w.Close())
		if errors.Is(err, ErrUnwritableValue) {
			bad := !utf8.ValidString(first+"|"+second) || badText(first+second) != ""
			require.True(t, bad || o.QuoteMode == QuoteNone, err)
			return
		}
		require.NoError(t, err)
		seen := func(s string) any {
			if s == o.NullString && (o.QuoteMode == QuoteAll || o.QuoteMode == QuoteNone) {
				return nil
			}
			return s
		}
		if o.QuoteMode == QuoteNone && o.EscapeCharacter != "" {
			seen = func(s string) any { // a marker that holds the escape, \N, is told from the string
				if s == o.NullString && s == "" {
					return nil
				}
				return s
			}
		}
		require.Equal(t, [][]any{{seen(first), seen(second)}, {nil, seen(first)}}, parse(t, o, m.files[0].String()), "%+v", o)
	})
}
