package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
)

const readAgain = `
sources:
  - {name: files, type: duckdb, tables: [{name: customers, files: data.parquet}]}
queries:
  - {name: all, source: files, sql_file: all.sql}
`

func TestAConfigurationIsParsedAgainOnlyWhenAFileHasChanged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	put("a.yaml", readAgain)
	put("all.sql", "SELECT 1 AS one")
	reader := config.NewReader(folder, func(string) (string, bool) { return "", false })
	load := func() *config.Config {
		t.Helper()
		c, problems, err := reader.Load()
		require.NoError(t, err)
		require.NoError(t, problems.Err())
		return c
	}
	first := load()
	require.Same(t, first, load())

	put("all.sql", "SELECT 2 AS one") // as long as before
	require.Equal(t, "SELECT 2 AS one", load().Queries[0].SQL, "a query's file")

	put("a.yaml", strings.ReplaceAll(readAgain, "customers", "customars"))
	changed := load()
	require.Equal(t, "customars", changed.Sources[0].Tables[0].Name, "the file itself")
	require.Same(t, changed, load())

	put("b.yaml", "users:\n  - {name: dana, policies: [amp360-user]}\n")
	require.Len(t, load().Users, 1, "another file of the folder")
	require.NoError(t, os.Remove(filepath.Join(folder, "b.yaml")))
	require.Empty(t, load().Users)

	put("a.yaml", "nonsense: true\n")
	for range 2 {
		c, problems, err := reader.Load()
		require.NoError(t, err)
		require.Error(t, problems.Err(), "what is wrong is said each time")
		require.Nil(t, c)
	}
	put("a.yaml", readAgain)
	require.NoError(t, os.Remove(filepath.Join(folder, "all.sql")))
	for range 2 {
		_, problems, err := reader.Load()
		require.NoError(t, err)
		require.ErrorContains(t, problems.Err(), "sql_file")
	}
	put("all.sql", "SELECT 1 AS one")
	load()
}

// worker --config <(envsubst < consign.yaml): there is nothing in it the second time, which is a configuration too.
func TestAConfigurationThatCanBeReadOnceIsNotReadAgain(t *testing.T) {
	t.Parallel()
	from, to, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, from.Close()) })
	_, err = to.WriteString("temporal: {address: temporal.acme:7233}\n")
	require.NoError(t, errors.Join(err, to.Close()))
	c, _, err := config.NewReader(fmt.Sprintf("/dev/fd/%d", from.Fd()), func(string) (string, bool) { return "", false }).Load()
	require.ErrorIs(t, err, config.ErrNoConfig)
	require.ErrorContains(t, err, "can be read once")
	require.Nil(t, c)
}
