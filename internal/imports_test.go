// Package internal_test keeps the layers apart: what a package may import is decided here.
package internal_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const ourModule = "consign"

// layer is a row of the table of layers. Imports point from a row to rows above it, within a layer nowhere.
type layer struct {
	name     string
	packages []string // folders from the root; a folder holds its subfolders
	may      []string // names of the layers it may import
}

func layers() []layer {
	return []layer{
		{"words", []string{"internal/secret", "internal/table", "internal/problem", "internal/defect"}, nil},
		{"answers", []string{"internal/awsclient", "internal/awserror"}, nil}, // stages ask services of Amazon, which answer alike
		{"stages", []string{
			"internal/access", "internal/naming", "internal/awsrole", "internal/source", "internal/render", "internal/archive",
			"internal/encrypt", "internal/upload", "internal/workspace", "internal/receipt", "internal/redshift", "internal/lambda",
		}, []string{"words", "answers"}},
		{"config", []string{"internal/config"}, []string{"words", "answers", "stages"}},
		{"plan", []string{"internal/plan"}, []string{"words", "stages", "config"}},
		{"activities", []string{"activities"}, []string{"words", "answers", "stages", "config", "plan"}},
		{"workflows", []string{"workflows"}, []string{"activities", "plan"}},
		{"connect", []string{"internal/connect"}, []string{"words", "config"}},          // both programs reach Temporal the same way
		{"devstack", []string{"internal/devstack"}, nil},                                // for demo and tests; knows nothing of the product
		{"examples", []string{"examples"}, []string{"plan", "activities", "workflows"}}, // what a user would write
		{"programs", []string{"worker", "starter", "e2e", "deploy", "bench"}, []string{"words", "stages", "config", "plan", "activities", "workflows", "connect", "devstack", "examples", "programs"}},
	}
}

// homes are modules that only some layers may know.
func homes() map[string][]string {
	return map[string][]string{
		"go.temporal.io/":       {"activities", "workflows", "connect", "devstack", "examples", "programs"}, // a stage is tested with a byte buffer
		"github.com/spf13/":     {"config", "programs"},                                                     // viper reads configuration, cobra the command line
		"github.com/duckdb/":    {"stages", "programs"},
		"github.com/stretchr/":  nil, // tests only
		"github.com/rogpeppe/":  nil,
		"github.com/aws/":       {"answers", "stages", "config", "activities", "devstack", "programs"},
		"github.com/ProtonMail": {"stages", "programs"},
	}
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	files := 0
	for name, imports := range sources(t, "..") {
		files++
		require.Empty(t, wrong(name, imports))
	}
	require.NotZero(t, files)
}

func TestTheRuleFindsFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, imported, says string }{
		{"a stage imports a word", "internal/upload/a.go", "consign/internal/secret", ""},
		{"a stage imports a stage", "internal/upload/a.go", "consign/internal/awsrole", "stages must not import stages"},
		{"a word imports a word", "internal/table/a.go", "consign/internal/secret", "words must not import words"},
		{"a stage imports the configuration", "internal/upload/a.go", "consign/internal/config", "stages must not import config"},
		{"a workflow imports a stage", "workflows/a.go", "consign/internal/upload", "workflows must not import stages"},
		{"a workflow imports an activity", "workflows/a.go", "consign/activities", ""},
		{"a stage knows Temporal", "internal/upload/a.go", "go.temporal.io/sdk/temporal", "stages must not import go.temporal.io/"},
		{"a package imports its own part", "starter/a.go", "consign/starter/watch", ""},
		{"a package has no layer", "internal/util/a.go", "fmt", "internal/util has no layer"},
		{"a package without a layer is imported", "activities/a.go", "consign/internal/util", "internal/util has no layer"},
		{"a test uses the servers", "internal/upload/a_test.go", "consign/internal/devstack", ""},
		{"a stage uses the servers", "internal/upload/a.go", "consign/internal/devstack", "stages must not import devstack"},
		{"a test imports another stage", "internal/upload/a_test.go", "consign/internal/awsrole", "stages must not import stages"},
		{"a workflow's test uses a stage", "workflows/a_test.go", "consign/internal/upload", ""},
		{"a stage's test uses the configuration", "internal/upload/a_test.go", "consign/internal/config", "stages must not import config"},
		{"a test uses another stage's test server", "internal/upload/a_test.go", "consign/internal/source/postgrestest", ""},
		{"a stage uses another stage's test server", "internal/upload/a.go", "consign/internal/source/postgrestest", "stages must not import stages"},
		{"a test uses testify", "internal/upload/a_test.go", "github.com/stretchr/testify/require", ""},
		{"a stage uses testify", "internal/upload/a.go", "github.com/stretchr/testify/require", "stages must not import github.com/stretchr/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(wrong(c.file, []string{c.imported}), "\n")
			if c.says == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.says)
		})
	}
}

func TestGoModHoldsNoServer(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	for _, server := range []string{"go.temporal.io/server", "github.com/temporalio/ui-server", "github.com/minio/", "golangci", "\nreplace", "\ntoolchain"} {
		require.NotContains(t, string(content), server)
	}
}

// wrong returns what is wrong with the imports of a file, which is named from the root.
func wrong(file string, imports []string) []string {
	var problems []string
	folder, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
	if folder == "internal" { // this test
		return nil
	}
	own, home := find(folder)
	if own.name == "" {
		return []string{fmt.Sprintf("%s: %s has no layer; add it to the table in internal/imports_test.go", file, folder)}
	}
	for _, imported := range imports {
		target, ours := strings.CutPrefix(imported, ourModule+"/")
		if !ours {
			problems = append(problems, foreign(file, own, imported, test)...)
			continue
		}
		other, there := find(target)
		switch {
		case other.name == "":
			problems = append(problems, fmt.Sprintf("%s: %s has no layer", file, target))
		case there == home || slices.Contains(own.may, other.name):
		case test && strings.HasSuffix(target, "test"): // like net/http/httptest: servers and data for tests
		case test && (other.name == "devstack" || below(own, other.name)): // a workflow's test runs the real steps
		default:
			problems = append(problems, fmt.Sprintf("%s imports %s: %s must not import %s", file, target, own.name, other.name))
		}
	}
	return problems
}

// below tells whether a layer is reached by imports that are allowed, over any number of others.
func below(own layer, name string) bool {
	for _, l := range layers() {
		if slices.Contains(own.may, l.name) && l.name != own.name && (l.name == name || below(l, name)) {
			return true
		}
	}
	return false
}

func foreign(file string, own layer, imported string, test bool) []string {
	var problems []string
	for prefix, may := range homes() {
		if !test && strings.HasPrefix(imported, prefix) && !slices.Contains(may, own.name) {
			problems = append(problems, fmt.Sprintf("%s imports %s: %s must not import %s", file, imported, own.name, prefix))
		}
	}
	return problems
}

// find returns the layer of a folder and the package of the table that holds it.
func find(folder string) (layer, string) {
	for _, l := range layers() {
		for _, p := range l.packages {
			if folder == p || strings.HasPrefix(folder, p+"/") {
				return l, p
			}
		}
	}
	return layer{}, ""
}

// sources returns the imports of every Go file of this module: folders with a go.mod of their own are others.
func sources(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(root, name, d.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		imports := []string{}
		for _, i := range parsed.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		found[filepath.ToSlash(relative)] = imports
		return nil
	})
	require.NoError(t, err)
	return found
}

func skip(root, name, base string) error {
	if name == root {
		return nil
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	if err == nil || base == "testdata" || strings.HasPrefix(base, ".") {
		return filepath.SkipDir
	}
	return nil
}
