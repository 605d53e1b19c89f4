package source

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An error ends up in histories and logs, and what a query compares with may be a person's.
func TestThePlaceOfAnErrorShowsNoText(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`SELECT emial FROM t WHERE name = 'Jane Roe'`: `SELECT emial FROM t WHERE name = '********'`,
		"SELECT emial FROM t WHERE a = 'it''s'":       "SELECT emial FROM t WHERE a = '**''*'",
		`SELECT emial FROM "it's" WHERE a = 'b'`:      `SELECT emial FROM "it's" WHERE a = '*'`,
		"SELECT 'a\nb', emial, 'c' FROM t":            "*', emial, '*' FROM t",
		"-- don't\nSELECT emial, 'c'":                 "SELECT emial, '*'",
		"/* don't */ SELECT emial, 'é'":               "/* don't */ SELECT emial, '*'",
		"SELECT $x$a'b$x$, emial, 'c'":                "SELECT ****'****, emial, '*'",
		`SELECT E'it\'s me', emial`:                   `SELECT *'***'****', emial`,
		"SELECT emial, 'open":                         "SELECT emial, '****",
		"SELECT emial\r\nFROM t":                      "SELECT emial",
	} {
		offset := strings.Index(sql, "emial")
		said := place(sql, byteOffset(sql, int32(len([]rune(sql[:offset]))+1)))
		lines := strings.Split(said, "\n")
		require.Len(t, lines, 3, sql)
		_, line, _ := strings.Cut(lines[1], ": ")
		require.Equal(t, want, line, sql)
		require.Equal(t, strings.Index(lines[1], "emial"), strings.Index(lines[2], "^"), sql)
	}
}
