package demo

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/config"
	"consign/internal/devstack"
)

func TestOwnFilesAreFilesFoldersOrPatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "c[1].csv", "d.csv"), 0o700))
	for _, name := range []string{"a.csv", "b.PARQUET", "notes.txt", "a[1].csv", "a1.csv", "c[1].csv/e.csv", "f.CSV.gz", "g.gz"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	a, b := filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.PARQUET")
	a1, bracket, inner := filepath.Join(dir, "a1.csv"), filepath.Join(dir, "a[1].csv"), filepath.Join(dir, "c[1].csv", "e.csv")
	gz := filepath.Join(dir, "f.CSV.gz")
	for given, want := range map[string][]string{
		a: {a}, gz: {gz}, dir: {a, a1, bracket, b, gz}, filepath.Join(dir, "*.csv"): {a, a1, bracket},
		bracket: {bracket}, filepath.Join(dir, "a[0-9].csv"): {a1}, filepath.Dir(inner): {inner},
	} {
		files, err := ownFiles([]string{given})
		require.NoError(t, err)
		require.Equal(t, want, files, given)
	}
	for _, given := range []string{filepath.Join(dir, "notes.txt"), filepath.Join(dir, "none.csv"), t.TempDir()} {
		_, err := ownFiles([]string{a, given})
		require.ErrorIs(t, err, ErrNoData, given)
	}
}

func TestFilesWithNamesThatMeanMoreAreLinked(t *testing.T) {
	t.Parallel()
	w := testWorld(t)
	files := []string{"/data/a.csv", "/data/a[1].csv", "/data/st*r?.parquet", "/new[2]/a.csv", "/data/J\xf6rg.csv"}
	linked, err := w.linked(narrator{out: io.Discard}, files)
	require.NoError(t, err)
	require.Equal(t, []string{
		"/data/a.csv", w.path("data/2/a_1_.csv"), w.path("data/3/st_r_.parquet"), w.path("data/4/a.csv"), w.path("data/5/J_rg.csv"),
	}, linked)
	for i, link := range linked[1:] {
		to, err := os.Readlink(link)
		require.NoError(t, err)
		require.Equal(t, files[i+1], to)
	}
}

func TestTheConfigurationForOwnFilesIsOne(t *testing.T) {
	t.Parallel()
	w := testWorld(t)
	var files []string
	for _, name := range []string{
		"2026 sales (final).csv", "x/2026 sales (final).csv", "_.csv", "it's \"here\".csv",
		"2026-11-23.csv", "2024.csv", "12.5.csv", "0x1F.csv", "1e3.csv", "true.csv", "No.csv", "null.csv", // values, to YAML
		"A.csv", "a.csv", "17-b.csv", "b.csv", "x/b.csv", "x/B.csv", "Größe 大.csv", "大.csv", "#{{now}}: ${HOME}\n\u200b%.csv",
		strings.Repeat("long", 50) + ".csv", strings.Repeat("long", 50) + "er.csv",
	} {
		require.NoError(t, w.write("own/"+name, []byte("a\n1\n")))
		files = append(files, w.path("own/"+name))
	}
	text, names := w.configuration(files)
	require.Len(t, names, len(files))
	c := loaded(t, w, text)
	require.Len(t, c.Orchestrations, 3*len(files))
	for i, source := range c.Sources {
		require.Equal(t, names[i], source.Name)
		require.Equal(t, files[i], source.Tables[0].Files)
	}
	require.Equal(t, []string{"2026-11-23", "2024", "12.5", "0x1F", "1e3", "true", "No", "null", "A", "14-a", "17-b", "b", "18-b", "19-B"}, names[4:18])
}

func TestTheExampleIsAGoodConfiguration(t *testing.T) {
	t.Parallel()
	w := testWorld(t)
	require.NoError(t, w.copyExamples())
	text, err := os.ReadFile(w.path("consign.yaml"))
	require.NoError(t, err)
	require.NotContains(t, string(text), exampleEndpoint)
	_, _, err = makeCustomers(t.Context(), w.path(tableFile))
	require.NoError(t, err)
	c := loaded(t, w, string(text))
	require.Len(t, c.Orchestrations, 3)

	expected, err := w.expected("lapsed-to-calls")
	require.NoError(t, err)
	require.Contains(t, expected, `"customer_id" AS "Customer"`)
	require.Contains(t, expected, `'spring-sale' AS "Reason"`)
	_, err = w.expected("nothing")
	require.ErrorIs(t, err, config.ErrNotFound)
}

// testWorld is a world without servers.
func testWorld(t *testing.T) *world {
	t.Helper()
	keys, err := newKeyPair(now())
	require.NoError(t, err)
	return &world{
		dir: t.TempDir(), keys: keys, stack: &devstack.Stack{S3: &devstack.S3{Endpoint: "http://127.0.0.1:29000"}},
		environment: map[string]string{"ACME_ACCESS_KEY_ID": "id", "ACME_SECRET_ACCESS_KEY": "secret"},
	}
}

// loaded reads a configuration that must have nothing wrong with it, not even a warning.
func loaded(t *testing.T, w *world, text string) *config.Config {
	t.Helper()
	require.NoError(t, w.write("consign.yaml", []byte(text)))
	require.NoError(t, w.write(keyFile, w.keys.public))
	c, problems, err := config.Load(w.path("consign.yaml"), w.lookup)
	require.NoError(t, err)
	require.Empty(t, problems)
	return c
}
