package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// folder writes files into a new folder, by name.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func from(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

func TestWhatIsAboutTemporalIsAReasonToRefuseItAlone(t *testing.T) {
	t.Parallel()
	const address = "temporal: {address: temporal.acme:7233}\n"
	for text, wants := range map[string]struct {
		refused bool
		others  int
	}{
		address:                            {},
		address + "queries: [{name: q}]\n": {others: 2},
		address + "sources: {}\nworker: {runs: -1}\ndestinations: [{nme: x}]\n": {others: 5},
		"temporal: {adress: temporal.acme:7233}\n":                              {refused: true},
		"temporl: {address: temporal.acme:7233}\n":                              {refused: true},
		address + "queries: [{name: q}]\nadress: x\n":                           {others: 3},
		address + "<<: {worker: {runs: 4}}\nretry: {attempts: 3}\n":             {others: 1},
		"<<: {temporal: {address: temporal.acme:7233}}\n":                       {refused: true},
		address + "queries: [\n":                                                {refused: true},
		address + "queries: [{name: q}]\n---\n" + address:                       {refused: true},
	} {
		dir := folder(t, map[string]string{"consign.yaml": text})
		got, list, err := LoadTemporal(filepath.Join(dir, "consign.yaml"), from(nil))
		require.NoError(t, err)
		require.Equal(t, wants.refused, list.Err() != nil, "%s\n%s", text, list)
		if !wants.refused {
			require.Equal(t, "temporal.acme:7233", got.Address)
			require.Equal(t, "consign", got.TaskQueue, "the defaults")
			require.Len(t, list, wants.others, "%s\n%s", text, list)
		}
	}
}

func good(t *testing.T, path string, environment func(string) (string, bool)) *Config {
	t.Helper()
	c, list, err := Load(path, environment)
	require.NoError(t, err)
	require.NoError(t, list.Err())
	return c
}

func refused(t *testing.T, path string, environment func(string) (string, bool)) string {
	t.Helper()
	c, list, err := Load(path, environment)
	require.NoError(t, err)
	require.Nil(t, c)
	require.Error(t, list.Err())
	return list.Error()
}

func TestWithoutAPathTheUsualPlacesAreLookedAt(t *testing.T) {
	dir := folder(t, map[string]string{
		"consign/a.yaml": "temporal: {namespace: from-folder}", "other.yaml": "temporal: {namespace: from-variable}", "empty/readme.txt": "",
	})
	t.Chdir(dir)
	require.Equal(t, "from-folder", good(t, "", from(nil)).Temporal.Namespace)
	require.NoError(t, os.WriteFile("consign.yaml", []byte("temporal: {namespace: from-file}"), 0o600))
	require.Equal(t, "from-file", good(t, "", from(nil)).Temporal.Namespace)
	variable := from(map[string]string{"CONSIGN_CONFIG": "other.yaml"})
	require.Equal(t, "from-variable", good(t, "", variable).Temporal.Namespace)
	require.Equal(t, "from-folder", good(t, "consign", variable).Temporal.Namespace)

	for path, says := range map[string]string{"nowhere.yaml": "no such file", "empty": "holds no .yaml file"} {
		_, _, err := Load(path, from(nil))
		require.ErrorIs(t, err, ErrNoConfig)
		require.ErrorContains(t, err, says)
	}
	t.Chdir(t.TempDir())
	_, _, err := Load("", from(nil))
	require.ErrorIs(t, err, ErrNoConfig)
	require.ErrorContains(t, err, "--config")
}

func TestTheFilesOfAFolderAreJoinedInNameOrder(t *testing.T) {
	t.Parallel()
	user := func(name string) string { return "users: [{name: " + name + ", policies: [datagrid-operator]}]\n" }
	dir := folder(t, map[string]string{
		"b.yml": user("b"), "a.yaml": user("a") + "worker: {runs: 7}\n", "c.yaml": user("c"), ".hidden.yaml": "not: [yaml",
		"readme.md": "not yaml", "sub/d.yaml": user("d"),
	})
	c := good(t, dir, from(nil))
	require.Equal(t, []string{"a", "b", "c"}, []string{c.Users[0].Name, c.Users[1].Name, c.Users[2].Name})
	require.Equal(t, 7, c.Worker.Runs)

	dir = folder(t, map[string]string{"a.yaml": user("a"), "b.yaml": "\n" + user("bad/name")})
	require.Contains(t, refused(t, dir, from(nil)), filepath.Join(dir, "b.yaml")+":2: users[bad/name].name:")
}

func TestASectionInTwoFilesIsRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.yaml": "worker: {runs: 2}\n", "b.yaml": "\nworker: {threads: 2}\n"})
	require.Contains(t, refused(t, dir, from(nil)), filepath.Join(dir, "b.yaml")+":2: worker: is written in two files, first in "+filepath.Join(dir, "a.yaml")+":1")
}

func TestWhatIsNotWrittenHasADefault(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"consign.yaml": ""})
	c := good(t, filepath.Join(dir, "consign.yaml"), from(nil))
	require.Equal(t, Temporal{Address: "127.0.0.1:7233", Namespace: "default", TaskQueue: "consign"}, c.Temporal)
	require.Equal(t, Workspace{Dir: filepath.Join(dir, "workspace"), HostTimeout: 10 * time.Minute, KeepPlain: true}, c.Workspace)
	require.Equal(t, S3{PartSize: 16 << 20, Concurrency: 4}, c.S3)
	require.Equal(t, Worker{Memory: 512 << 20, Threads: 2, Runs: 4}, c.Worker)
}

func TestRelativePathsAreRelativeToTheFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"consign.yaml": `
workspace: {dir: ../files}
temporal: {address: "t:7233", tls: {ca: ca.pem, cert: /etc/client.pem, key: client.key}, api_key: {file: key.txt}}
sources:
  - {name: a, type: duckdb, tables: [{name: t, files: "data/*.parquet"}]}
  - {name: b, type: duckdb, database: b.duckdb}
queries:
  - {name: q, source: a, sql_file: sql/q.sql}
`, "sql/q.sql": "SELECT 1 FROM t\n"})
	c := good(t, dir, from(nil))
	require.Equal(t, filepath.Join(filepath.Dir(dir), "files"), c.Workspace.Dir)
	require.Equal(t, TLS{CA: filepath.Join(dir, "ca.pem"), Cert: "/etc/client.pem", Key: filepath.Join(dir, "client.key")}, *c.Temporal.TLS)
	require.Equal(t, filepath.Join(dir, "key.txt"), c.Temporal.APIKey.File)
	require.Equal(t, filepath.Join(dir, "data/*.parquet"), c.Sources[0].Tables[0].Files)
	require.Equal(t, filepath.Join(dir, "b.duckdb"), c.Sources[1].Database)
	require.Equal(t, "SELECT 1 FROM t\n", c.Queries[0].SQL)
}

func TestTheEnvironmentOverridesSingleValues(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t, map[string]string{
		"consign.yaml": "temporal: {address: 'file:7233', namespace: file}\nworkspace: {dir: /file}\n",
	}), "consign.yaml")
	c := good(t, path, from(map[string]string{
		"CONSIGN_TEMPORAL_ADDRESS": "variable:7233", "CONSIGN_TEMPORAL_TLS_CA": "ca.pem", "CONSIGN_TEMPORAL_TASK_QUEUE": "12",
		"CONSIGN_WORKSPACE_DIR": "here", "CONSIGN_WORKSPACE_MAX_BYTES": "10GB", "CONSIGN_WORKSPACE_HOST_TIMEOUT": "5m",
		"CONSIGN_S3_PART_SIZE": "8MiB", "CONSIGN_WORKER_RUNS": "9", "CONSIGN_WORKER_THREADS": "",
	}))
	require.Equal(t, "variable:7233", c.Temporal.Address)
	require.Equal(t, "file", c.Temporal.Namespace)
	require.Equal(t, "12", c.Temporal.TaskQueue)
	require.Equal(t, "ca.pem", c.Temporal.TLS.CA)
	require.Equal(t, Workspace{Dir: "here", MaxBytes: 10e9, HostTimeout: 5 * time.Minute, KeepPlain: true}, c.Workspace)
	require.Equal(t, S3{PartSize: 8 << 20, Concurrency: 4}, c.S3)
	require.Equal(t, Worker{Memory: 512 << 20, Threads: 2, Runs: 9}, c.Worker)

	says := refused(t, path, from(map[string]string{"CONSIGN_WORKER_RUNS": "many", "CONSIGN_TEMPORAL_ADDRESS": "nowhere", "CONSIGN_WORKER_MEMORY": "1KiB"}))
	require.Contains(t, says, `$CONSIGN_WORKER_RUNS: worker.runs: "many" is not a whole number`)
	require.Contains(t, says, `$CONSIGN_TEMPORAL_ADDRESS: temporal.address: "nowhere" is not the address of a server`)
	require.Contains(t, says, `$CONSIGN_WORKER_MEMORY: worker.memory: 1KiB is not between`)
}

func TestAnEmptySectionOfTLSIsTLS(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*TLS{"temporal: {tls: {}}\n": {}, "temporal: {namespace: n}\n": nil} {
		require.Equal(t, want, good(t, folder(t, map[string]string{"consign.yaml": text}), from(nil)).Temporal.TLS, text)
	}
}

func TestASecretIsSetByAVariableOnlyIfTheFileSaysSo(t *testing.T) {
	t.Parallel()
	variable := from(map[string]string{"CONSIGN_TEMPORAL_API_KEY": "a key"})
	for _, text := range []string{"temporal: {namespace: n}\n", "temporal: {api_key: {env: OTHER}}\n"} {
		says := refused(t, folder(t, map[string]string{"consign.yaml": text}), variable)
		require.Contains(t, says, "$CONSIGN_TEMPORAL_API_KEY: temporal.api_key: a secret is not set by such a variable")
		require.Contains(t, says, "api_key: {env: CONSIGN_TEMPORAL_API_KEY}")
		require.NotContains(t, says, "a key")
	}
	c := good(t, folder(t, map[string]string{"consign.yaml": "temporal: {api_key: {env: CONSIGN_TEMPORAL_API_KEY}}\n"}), variable)
	key, err := c.Temporal.APIKey.Read()
	require.NoError(t, err)
	require.Equal(t, "a key", key.Reveal())
}

func TestTheDigestTellsWhetherAnythingHasChanged(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.yaml": "sources: [{name: s, type: postgres, dsn: {env: DSN}}]\nqueries: [{name: q, source: s, sql_file: q.sql}]\n", "q.sql": "SELECT 1"}
	digest := func(change func(map[string]string), values map[string]string) string {
		copied := map[string]string{}
		for name, text := range files {
			copied[name] = text
		}
		change(copied)
		return good(t, folder(t, copied), from(values)).Digest()
	}
	nothing := func(map[string]string) {}
	first := digest(nothing, nil)
	require.Equal(t, first, digest(nothing, nil), "wherever the folder is")
	require.Equal(t, first, digest(nothing, map[string]string{"DSN": "secret"}), "never of a secret")
	require.NotEqual(t, first, digest(nothing, map[string]string{"CONSIGN_WORKER_RUNS": "3"}))
	require.NotEqual(t, first, digest(func(f map[string]string) { f["q.sql"] = "SELECT 2" }, nil))
	require.NotEqual(t, first, digest(func(f map[string]string) { f["a.yaml"] += "# a comment\n" }, nil))
	require.NotEqual(t, first, digest(func(f map[string]string) { f["b.yaml"] = "" }, nil))
}

func TestACampaignHasOnlySoManyDeliveries(t *testing.T) {
	t.Parallel()
	base, err := os.ReadFile("testdata/base.yaml")
	require.NoError(t, err)
	for n, refused := range map[int]bool{maxDeliveries: false, maxDeliveries + 1: true} {
		var text strings.Builder
		text.WriteString("campaigns:\n  - name: c\n    groups:\n")
		for i := range n {
			fmt.Fprintf(&text, "      - {name: g%d, query: vips, data_templates: [mail]}\n", i)
		}
		_, list, err := Load(folder(t, map[string]string{"0.yaml": string(base), "1.yaml": text.String()}), from(nil))
		require.NoError(t, err)
		require.Equal(t, refused, list.Err() != nil, list)
		if refused {
			require.ErrorContains(t, list.Err(), "campaigns[c].groups: 201 deliveries: a campaign has 200 at most")
		}
	}
}

func TestAByteOrderMarkIsNoPartOfAQuery(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"a.yaml": "\ufeffsources: [{name: s, type: postgres, dsn: {env: DSN}}]\nqueries: [{name: q, source: s, sql_file: q.sql}]\n",
		"q.sql":  "\ufeffSELECT 1",
	})
	require.Equal(t, "SELECT 1", good(t, dir, from(nil)).Queries[0].SQL)
}
