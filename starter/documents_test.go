package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var documents = []string{
	"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/BUCKET.md", "docs/CONFIG.md", "docs/FILES.md", "docs/OPERATING.md", "docs/SCALE.md",
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

func TestTheConfigurationInTheReadmeIsGood(t *testing.T) {
	t.Parallel()
	_, block, ok := strings.Cut(document(t, "README.md"), "```yaml\n")
	require.True(t, ok)
	block, _, _ = strings.Cut(block, "```")
	file := filepath.Join(t.TempDir(), "consign.yaml")
	require.NoError(t, os.WriteFile(file, []byte(block), 0o600))
	var out, messages bytes.Buffer
	status := run(t.Context(), []string{"--config", file, "validate"}, strings.NewReader(""), &out, &messages, func(string) (string, bool) { return "", false })
	require.Equal(t, exitDone, status, messages.String())
	require.Empty(t, messages.String())
}

func TestTheExampleAnswersAsTheDocumentsSay(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"validate"}, {"plan", "customers-to-lake"}, {"plan", "customers-to-loyalty"}, {"plan", "lapsed-to-calls"}, {"plan", "--campaign", "Spring Sale"}} {
		var out, messages bytes.Buffer
		status := run(t.Context(), append([]string{"--config", "../examples/consign.yaml"}, args...), strings.NewReader(""), &out, &messages,
			func(string) (string, bool) { return "", false })
		require.Equal(t, exitDone, status, "%s: %s", args, messages.String())
	}
}

func TestEveryCommandOfTheDocumentsIsThere(t *testing.T) {
	t.Parallel()
	var known []string
	for _, c := range new(app).root().Commands() {
		known = append(known, c.Name())
	}
	known = append(known, "completion")
	for _, name := range append([]string{"examples/consign.yaml"}, documents...) {
		for _, used := range regexp.MustCompile("(?m)(?:bin/starter|^#   starter|`starter)(?: --config \\S+)? ([a-z-]+)").FindAllStringSubmatch(document(t, name), -1) {
			require.True(t, slices.Contains(known, used[1]), "%s: starter %s", name, used[1])
		}
	}
	table := document(t, "docs/CONFIG.md")
	for _, command := range known {
		require.Regexp(t, "(?m)^\\| `"+command+"[ `]", table, "docs/CONFIG.md says nothing of %s", command)
	}
}

func TestLinksBetweenTheDocumentsLead(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	for _, name := range documents {
		for _, to := range link.FindAllStringSubmatch(document(t, name), -1) {
			if strings.Contains(to[1], "://") {
				continue
			}
			leads := name
			if to[1] != "" {
				leads = path.Join(path.Dir(name), to[1])
				require.FileExists(t, filepath.Join("..", filepath.FromSlash(leads)), name)
			}
			if to[2] != "" {
				require.Contains(t, anchors(document(t, leads)), to[2], "%s: %s", name, to[0])
			}
		}
	}
}

// anchors are what links call the headings of a document.
func anchors(text string) []string {
	var all []string
	for _, heading := range regexp.MustCompile("(?m)^#+ (.+)$").FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

// TestTheDocumentsNameEachServerBySomethingThatIsOne: .tools keeps the servers of earlier versions, too.
func TestTheDocumentsNameEachServerBySomethingThatIsOne(t *testing.T) {
	t.Parallel()
	for _, name := range documents {
		require.NotRegexp(t, `\.tools/[^\s/]*\*`, document(t, name), name)
	}
}
