package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consign/internal/problem"
)

// The folder testdata holds one file per rule. NAME.good.yaml must be accepted and NAME.bad.yaml refused, each together
// with base.yaml; a file whose first line is "# alone" is read alone. The lines "# says: " hold all that is said about
// the file, warnings too: line, key and message, and the hint.

var update = flag.Bool("update", false, "write what is said into the cases, to be looked at")

const says, saysHint = "# says: ", "#   hint: "

// environment is that of the cases.
func environment(name string) (string, bool) {
	value, ok := map[string]string{"ACME_ID": "AKIAEXAMPLE", "ACME_SECRET": "s3cr3t-value"}[name]
	return value, ok
}

func TestEveryCaseSaysWhatItIsMeantToSay(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(cases), 100)
	for _, path := range cases {
		name := filepath.Base(path)
		if name == "base.yaml" {
			continue
		}
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			c, list := loadCase(t, name, string(text))
			if *update {
				updateCase(t, path, string(text), list)
				return
			}
			require.Equal(t, wanted(string(text)), said(list))
			if strings.HasSuffix(name, ".good.yaml") {
				require.NoError(t, list.Err())
				require.NotNil(t, c)
				require.Len(t, c.Digest(), 64)
				return
			}
			require.Error(t, list.Err(), "a bad case must be refused")
			require.Nil(t, c)
		})
	}
}

// loadCase reads a case, beside base.yaml unless it is to be read alone.
func loadCase(t *testing.T, name, text string) (*Config, problem.List) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	if !strings.HasPrefix(text, "# alone") {
		base, err := os.ReadFile("testdata/base.yaml")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "0-base.yaml"), base, 0o600))
		path = dir
	}
	c, list, err := Load(path, environment)
	require.NoError(t, err)
	for i := range list {
		list[i].Where = strings.TrimPrefix(list[i].Where, dir+"/")
		list[i].Message = strings.ReplaceAll(list[i].Message, dir+"/", "")
	}
	return c, list
}

// said is a list of problems as the cases have it.
func said(list problem.List) []string {
	var lines []string
	for _, p := range list {
		file, line := splitPlace(p.Where)
		where := fmt.Sprintf("line %d", line)
		if file == "0-base.yaml" {
			where = fmt.Sprintf("base line %d", line)
		}
		if p.Key != "" {
			where += ": " + p.Key
		}
		if p.Warning {
			where += ": warning"
		}
		lines = append(lines, says+where+": "+p.Message)
		if p.Hint != "" {
			lines = append(lines, saysHint+p.Hint)
		}
	}
	return lines
}

func isSaid(line string) bool {
	return strings.HasPrefix(line, says) || strings.HasPrefix(line, saysHint)
}

// wanted is what a case says that is said.
func wanted(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if isSaid(line) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// updateCase puts what is said behind the case, where it moves no line.
func updateCase(t *testing.T, path, text string, list problem.List) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !isSaid(line) {
			b.WriteString(line)
		}
	}
	for _, line := range said(list) {
		b.WriteString(line + "\n")
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
}
