package activities

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"consign/internal/archive"
	"consign/internal/config"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/source"
	"consign/internal/workspace"
)

// The matrix of what lies around the rows: every format, with and without a header, whole and split by rows and by
// size, in every encoding, encrypted to nobody, to a key of each kind or to all of them. The steps are the real ones,
// without Temporal. Programs that we did not write take each layer off again:
//
//   - gpg, as each of the recipients, must find the very bytes of the same delivery without encryption;
//   - gunzip, GNU tar, unzip and Python must find the very bytes of the same delivery as plain files;
//   - DuckDB and Python must find in the plain files every value, NULL and empty string of the table.
//
// The dialects have a matrix of their own, in the package render.

var update = flag.Bool("update", false, "write the golden digests")

// A packed group is one format with one split: what all encodings and keys make of the same rows.
type packed struct {
	format string
	header bool
	split  string // none, rows, megabytes
}

func (g packed) name() string {
	name := g.format + "-" + g.split
	if g.header {
		name += "-header"
	}
	return name
}

// groups is every format with every split; csv both with a header and without, the other delimited formats by turns.
func groups() []packed {
	var all []packed
	for _, format := range render.Formats() {
		_, delimited := dialectOf[format]
		for _, split := range []string{"none", "rows", "megabytes"} {
			all = append(all, packed{format, delimited && format != "csv" && split != "rows", split})
			if format == "csv" {
				all = append(all, packed{format, true, split})
			}
		}
	}
	return all
}

// A dialect is how a format of the matrix is written, and how Python is told.
type dialectCase struct {
	settings                          string
	Delimiter, Escape, Null, lineFeed string
}

// dialectOf gives each delimited format another dialect.
var dialectOf = map[string]dialectCase{
	"csv":    {"", ",", "", "", `\n`},
	"tsv":    {", null_string: 'NULL'", "\t", "", "NULL", `\n`},
	"psv":    {", quote_mode: all_non_null, line_ending: crlf", "|", "", "", `\r\n`},
	"custom": {`, delimiter: ";", quote_mode: non_numeric, escape_character: '\'`, ";", `\`, "", `\n`},
}

var encodings = []string{archive.None, archive.GZIP, archive.TAR, archive.TGZ, archive.ZIP}

// names are the settings of the names, and of the split: the rows of its table make several files.
func (g packed) names(encoding string) string {
	file := render.Extension(g.format)
	if encoding == archive.GZIP {
		file += ".gz"
	}
	name := "q"
	switch {
	case archive.Single(encoding):
		name += "." + archive.Extension(encoding)
	case g.split == "none":
		name += "." + file
	}
	settings := ", filename: " + name
	if g.split == "none" {
		return settings
	}
	return settings + map[string]string{"rows": ", split: {rows: 7}", "megabytes": ", split: {megabytes: 1}"}[g.split] +
		`, split_filename: "{{file_number}}.` + file + `"`
}

// The recipients of the matrix, each alone and then all of them.
var recipients = []string{"rsa", "curve25519", "nist"}

func keysOf(to string) string {
	switch to {
	case "nobody":
		return ""
	case "all":
		return ", pgp_public_keys: [{file: rsa.asc}, {file: curve25519.asc}, {file: nist.asc}]"
	default:
		return ", pgp_public_key: {file: " + to + ".asc}"
	}
}

// audiences are to whom the group's files are sent in an encoding: to nobody in particular, and encrypted. Each format, split
// and encoding meets each recipient and all of them together, but not every three of these: that would be minutes more.
func (g packed) audiences(encoding int) []string {
	encrypted := append([]string{"all"}, recipients...)
	return []string{"nobody", encrypted[(slices.Index(groups(), g)+encoding)%len(encrypted)]}
}

// configuration is one orchestration for each encoding and audience of the group.
func (g packed) configuration() string {
	var b, runs strings.Builder
	b.WriteString(`
credentials: [{name: c, type: iam-credential, access_key_id: {env: A}, secret_access_key: {env: B}}]
sources: [{name: s, type: duckdb, tables: [{name: small, files: small.parquet}, {name: large, files: large.parquet}]}]
queries:
  - {name: small, source: s, sql: SELECT * FROM small ORDER BY id}
  - {name: large, source: s, sql: SELECT * FROM large ORDER BY id}
destinations: [{name: d, plugin: amazon-s3, credential: c, settings: {bucket: acme-inbound}}]
data_templates:
`)
	query := "small"
	if g.split == "megabytes" {
		query = "large"
	}
	settings := dialectOf[g.format].settings
	if _, ok := dialectOf[g.format]; ok {
		settings += fmt.Sprintf(", header: %t", g.header)
	}
	for i, encoding := range encodings {
		for _, to := range g.audiences(i) {
			name := encoding + "-" + to
			fmt.Fprintf(&b, "  - {name: %s, destination: d, settings: {prefix: %s, file_format: %s, encoding: %s%s%s%s}}\n",
				name, name, g.format, encoding, settings, g.names(encoding), keysOf(to))
			fmt.Fprintf(&runs, "  - {name: %s, query: %s, data_template: %s}\n", name, query, name)
		}
	}
	return b.String() + "orchestrations:\n" + runs.String()
}

// A packer carries out the steps that make files.
type packer struct {
	steps *Steps
	env   *testsuite.TestActivityEnvironment
	host  *workspace.Host
	now   time.Time
}

// newPacker makes the steps of a worker, for a folder that holds consign.yaml.
func newPacker(t *testing.T, dir string) *packer {
	t.Helper()
	c, list, err := config.Load(filepath.Join(dir, "consign.yaml"), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	require.NoError(t, list.Err())
	host, err := workspace.Open(workspace.Options{Dir: filepath.Join(t.TempDir(), "workspace")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	p := &packer{host: host, now: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)}
	p.steps = New(Options{
		Config: func() (*config.Config, error) { return c, nil }, Host: host, Queue: "q", Clock: time.Now, Memory: 512 << 20,
		Pool: source.NewPool(host.Spill(), 2, time.Now),
	})
	p.env = newEnvironment(p.steps)
	return p
}

// newEnvironment lets steps be carried out one after the other, without Temporal.
func newEnvironment(steps *Steps) *testsuite.TestActivityEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(steps)
	return env
}

// do carries out one step.
func do[Out any](t *testing.T, p *packer, step, in any) Out {
	t.Helper()
	var out Out
	value, err := p.env.ExecuteActivity(step, in)
	require.NoError(t, err)
	require.NoError(t, value.Get(&out))
	return out
}

// deliver makes the files of an orchestration and lays them below dir, under their keys. It returns these in order, and
// what an archive's entries are to be called.
func (p *packer) deliver(t *testing.T, orchestration, dir string) (keys, entries []string) {
	t.Helper()
	made, err := Resolve(t.Context(), p.config(t), plan.Request{Orchestration: orchestration, RunID: orchestration, Now: p.now}, 256<<20, 1)
	require.NoError(t, err)
	folder := Folder{Run: orchestration, WorkflowID: "send/" + orchestration, Delivery: "1"}
	result := do[RenderResult](t, p, p.steps.Render, RenderInput{
		Folder: folder, Query: made.Query, Render: made.Render, Columns: made.Columns, OnEmpty: made.OnEmpty, Packed: made.Archives(), Archive: &made.Archive, Names: made.Names, Encryption: made.Encryption,
	}).FilesResult
	for number := 1; number <= result.Files; number++ {
		entry, err := made.Names.Entry(number)
		require.NoError(t, err)
		entries = append(entries, entry)
	}
	if made.Archives() {
		result = do[FilesResult](t, p, p.steps.Archive, ArchiveInput{Folder: folder, From: result, Archive: made.Archive, Names: made.Names, Encryption: made.Encryption})
	}
	if made.Encrypts() {
		result = do[FilesResult](t, p, p.steps.Encrypt, EncryptInput{Folder: folder, From: result, Encryption: made.Encryption})
	}
	run, err := p.host.Run(folder.WorkflowID, folder.Run)
	require.NoError(t, err)
	step, files, err := filesOf(run, folder.Delivery, result)
	require.NoError(t, err)
	for _, f := range files {
		key, err := made.Names.Key(f.Number)
		require.NoError(t, err)
		take(t, step, f, filepath.Join(dir, key))
		keys = append(keys, key)
	}
	require.NoError(t, run.Remove())
	return keys, entries
}

func (p *packer) config(t *testing.T) *config.Config {
	t.Helper()
	c, err := p.steps.options.Config()
	require.NoError(t, err)
	return c
}

// take moves a finished file out of the workspace.
func take(t *testing.T, step *workspace.Step, f workspace.File, path string) {
	t.Helper()
	in, err := step.Open(f)
	require.NoError(t, err)
	require.NoError(t, in.Close())
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.Rename(in.Name(), path))
}

// A delivered orchestration of the matrix.
type delivered struct {
	dir           string
	keys, entries []string
}

// digests returns the SHA-256 of each file.
func (d delivered) digests(t *testing.T) []string {
	t.Helper()
	sums := make([]string, len(d.keys))
	for i, key := range d.keys {
		sums[i] = digestOf(t, filepath.Join(d.dir, key))
	}
	return sums
}

func digestOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestEveryPackageIsOpenedByProgramsThatWeDidNotWrite(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	makeTables(t, shared)
	people := newRecipients(t, shared)
	seen := &digests{of: map[string]string{}}
	t.Run("matrix", func(t *testing.T) {
		for _, g := range groups() {
			t.Run(g.name(), func(t *testing.T) {
				t.Parallel()
				g.test(t, shared, people, seen)
			})
		}
	})
	seen.compare(t, "testdata/packages.sha256")
}

// test makes all packages of a group and takes them apart.
func (g packed) test(t *testing.T, shared string, people []gpgHome, seen *digests) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(shared)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "consign.yaml"), []byte(g.configuration()), 0o600))
	p := newPacker(t, dir)
	all := map[string]delivered{}
	for i, encoding := range encodings {
		for _, to := range g.audiences(i) {
			name := encoding + "-" + to
			p.steps.options.Threads = 1 + len(all)%4 // no byte may depend on it
			d := delivered{dir: filepath.Join(dir, "delivered", name)}
			d.keys, d.entries = p.deliver(t, name, d.dir)
			all[name] = d
		}
	}
	plain := all["none-nobody"]
	if g.split == "none" {
		require.Len(t, plain.keys, 1)
	} else {
		require.Greater(t, len(plain.keys), 1)
	}
	g.readRows(t, dir, plain)
	for _, encoding := range encodings {
		bare := all[encoding+"-nobody"]
		seen.add(g.name()+" "+encoding, bare.digests(t))
		unpack(t, encoding, bare, plain.digests(t))
	}
	decrypt(t, people, all)
}

// digests are those of every package before encryption: the same rows must be the same bytes, today and tomorrow,
// whatever the number of threads.
type digests struct {
	mu sync.Mutex
	of map[string]string
}

func (d *digests) add(name string, files []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := sha256.Sum256([]byte(strings.Join(files, "\n")))
	d.of[name] = fmt.Sprintf("%d %s", len(files), hex.EncodeToString(sum[:]))
}

// compare holds the digests against the golden ones: all that were made, for -run may choose a few groups.
func (d *digests) compare(t *testing.T, path string) {
	t.Helper()
	if *update {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(d.of)) {
			fmt.Fprintln(&b, name, d.of[name])
		}
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	}
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(golden), "\n"), "\n")
	require.Len(t, lines, len(groups())*len(encodings))
	for name, digest := range d.of {
		require.Contains(t, lines, name+" "+digest)
	}
}
