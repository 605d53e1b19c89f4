package source_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/source"
)

// TestRowsOfBeforeAndAfterAreNoResult: whoever writes a source's file while it is read may have half of each delivered.
func TestRowsOfBeforeAndAfterAreNoResult(t *testing.T) {
	t.Parallel()
	text := func(v string) []byte {
		all := []byte("id,v\n")
		for range 200_000 {
			all = append(all, "1234567890,"+v+"\n"...)
		}
		return all
	}
	for name, change := range map[string]func(path string) error{
		"overwritten": func(path string) error { return os.WriteFile(path, text("new"), 0o600) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".part", text("new"), 0o600), os.Rename(path+".part", path))
		},
		"removed": os.Remove,
		"appended": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = f.WriteString("1,new\n")
			return errors.Join(err, f.Close())
		},
		"linked": func(path string) error { return errors.Join(os.Chmod(path, 0o640), os.Link(path, path+".backup")) },
		"":       func(string) error { return nil },
		"another beside it": func(path string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), "b.csv"), text("new"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a.csv")
			require.NoError(t, os.WriteFile(path, text("old"), 0o600))
			s, err := source.Open(t.Context(), source.Options{Type: source.TypeDuckDB, Tables: []source.Table{{Name: "t", Files: filepath.Join(filepath.Dir(path), "*.csv")}}})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			rows, err := s.Query(t.Context(), "SELECT * FROM t")
			require.NoError(t, err)
			defer func() { require.NoError(t, rows.Close()) }()
			b, err := rows.Next(t.Context())
			require.NoError(t, err)
			b.Release()
			require.NoError(t, change(path))
			for err == nil {
				if b, err = rows.Next(t.Context()); err == nil {
					b.Release()
				}
			}
			if name == "" || name == "linked" || name == "another beside it" {
				require.ErrorIs(t, err, io.EOF)
				return
			}
			require.ErrorIs(t, err, source.ErrChanged)
			require.ErrorContains(t, err, path)
		})
	}
}
