// Package deploy_test checks docker-compose.yml and what it mounts as far as that can be without a container engine.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"consign/internal/config"
	"consign/internal/devstack"
)

const root = ".."

// project is the part of the Compose specification that we use; a key beside it is an error.
type project struct {
	Name     string              `yaml:"name"`
	Postgres map[string]string   `yaml:"x-postgres"`
	Services map[string]service  `yaml:"services"`
	Volumes  map[string]struct{} `yaml:"volumes"`
}

type service struct {
	Image           string                `yaml:"image"`
	Build           string                `yaml:"build"`
	Restart         string                `yaml:"restart"`
	Entrypoint      []string              `yaml:"entrypoint"`
	Command         []string              `yaml:"command"`
	Environment     map[string]string     `yaml:"environment"`
	Volumes         []string              `yaml:"volumes"`
	Ports           []string              `yaml:"ports"`
	Tmpfs           []string              `yaml:"tmpfs"`
	CapDrop         []string              `yaml:"cap_drop"`
	SecurityOpt     []string              `yaml:"security_opt"`
	DependsOn       map[string]dependency `yaml:"depends_on"`
	Healthcheck     *healthcheck          `yaml:"healthcheck"`
	StopGracePeriod string                `yaml:"stop_grace_period"`
	Init            bool                  `yaml:"init"`
	ReadOnly        bool                  `yaml:"read_only"`
}

type dependency struct {
	Condition string `yaml:"condition"`
}

type healthcheck struct {
	Test        []string `yaml:"test"`
	Interval    string   `yaml:"interval"`
	Timeout     string   `yaml:"timeout"`
	StartPeriod string   `yaml:"start_period"`
	Retries     int      `yaml:"retries"`
}

func (s service) once() bool { return strings.HasPrefix(s.Restart, "on-failure") }

func TestServicesStartInAnOrderThatExists(t *testing.T) {
	t.Parallel()
	p := load(t)
	for name, s := range p.Services {
		require.True(t, s.once() || s.Restart == "unless-stopped", "%s needs a restart policy", name)
		for other, d := range s.DependsOn {
			require.Contains(t, p.Services, other, name)
			target := p.Services[other]
			switch d.Condition {
			case "service_healthy":
				require.NotNil(t, target.Healthcheck, "%s waits for the health of %s, which tells none", name, other)
			case "service_completed_successfully":
				require.True(t, target.once(), "%s waits for the end of %s, which never ends", name, other)
			default:
				require.Failf(t, "unknown condition", "%s: %s", name, d.Condition)
			}
		}
		requireNoCycle(t, p, name, nil)
	}
}

func TestHealthChecksAreWhole(t *testing.T) {
	t.Parallel()
	for name, s := range load(t).Services {
		if s.Healthcheck == nil {
			continue
		}
		require.Equal(t, "CMD", s.Healthcheck.Test[0], name)
		for _, duration := range []string{s.Healthcheck.Interval, s.Healthcheck.Timeout} {
			require.Regexp(t, `^\d+s$`, duration, name)
		}
		require.Positive(t, s.Healthcheck.Retries, name)
	}
}

func TestImagesArePinnedAndTemporalsAreThoseWeTestWith(t *testing.T) {
	t.Parallel()
	p := load(t)
	for name, s := range p.Services {
		if s.Build != "" {
			require.FileExists(t, filepath.Join(root, s.Build, "Dockerfile"))
			continue
		}
		require.Regexp(t, `^[a-z]+(/[a-z-]+)?:[\w.-]*\d[\w.-]*$`, s.Image, "%s: a name without host and a version", name)
	}
	modules := read(t, "internal/devstack/temporal/go.mod")
	server := regexp.MustCompile(`go\.temporal\.io/server v(\S+)`).FindStringSubmatch(modules)[1]
	ui := regexp.MustCompile(`github\.com/temporalio/ui-server/v2 v(\S+)`).FindStringSubmatch(modules)[1]
	require.Equal(t, "temporalio/server:"+server, p.Services["temporal"].Image)
	require.Equal(t, "temporalio/admin-tools:"+server, p.Services["temporal-schema"].Image)
	require.Equal(t, "temporalio/admin-tools:"+server, p.Services["temporal-namespace"].Image)
	require.Equal(t, "temporalio/ui:"+ui, p.Services["temporal-ui"].Image)
	require.Equal(t, "false", p.Services["temporal-ui"].Environment["TEMPORAL_DISABLE_WRITE_ACTIONS"], "operators retry there")
}

func TestNoSecretStandsInTheFile(t *testing.T) {
	t.Parallel()
	asked := regexp.MustCompile(`\$\{(\w+)[:}]`)
	secret := regexp.MustCompile(`(?i)password|pwd|secret|_key$|^MC_HOST`)
	example := read(t, "deploy/env.example")
	found := 0
	for name, s := range load(t).Services {
		for key, value := range s.Environment {
			if secret.MatchString(key) {
				found++
				require.Contains(t, value, ":?copy deploy/env.example to .env", "%s: %s", name, key)
			}
			for _, variable := range asked.FindAllStringSubmatch(value, -1) {
				require.Contains(t, example, "\n"+variable[1]+"=", "%s is not in deploy/env.example", variable[1])
			}
		}
	}
	require.Positive(t, found)
	require.Contains(t, read(t, ".gitignore"), "/.env\n")
	for line := range strings.Lines(example) {
		require.NotRegexp(t, `^\w+=.`, line, "the example holds no password")
	}
}

func TestPortsAreThisMachinesOnly(t *testing.T) {
	t.Parallel()
	for name, s := range load(t).Services {
		for _, port := range s.Ports {
			require.Regexp(t, `^127\.0\.0\.1:\d+:\d+$`, port, "%s: nothing here asks who is there", name)
		}
	}
}

func TestVolumesAreDeclaredAndMountsExist(t *testing.T) {
	t.Parallel()
	p := load(t)
	used := map[string]bool{}
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			v = regexp.MustCompile(`\$\{\w+:-([^}]*)\}`).ReplaceAllString(v, "$1")
			from, to, _ := strings.Cut(v, ":")
			require.True(t, strings.HasPrefix(to, "/"), "%s: %s", name, v)
			if strings.HasPrefix(from, ".") {
				require.DirExists(t, filepath.Join(root, from))
				require.True(t, strings.HasSuffix(to, ":ro"), "%s only reads %s", name, from)
				continue
			}
			require.Contains(t, p.Volumes, from, name)
			used[from] = true
		}
	}
	for name := range p.Volumes {
		require.True(t, used[name], "nobody uses volume %s", name)
	}
}

func TestScriptsAndConfigurationOfTemporal(t *testing.T) {
	t.Parallel()
	p := load(t)
	for _, name := range []string{"temporal-schema", "temporal-namespace"} {
		script := filepath.Join(root, "deploy", "temporal", filepath.Base(p.Services[name].Entrypoint[1]))
		out, err := exec.CommandContext(t.Context(), "sh", "-n", script).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	made := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^attribute (\w+) (\w+)$`).FindAllStringSubmatch(read(t, "deploy/temporal/namespace.sh"), -1) {
		made[m[1]] = m[2]
	}
	require.Equal(t, devstack.SearchAttributes(), made)

	var dynamic map[string][]struct {
		Value any `yaml:"value"`
	}
	strict(t, "deploy/temporal/dynamicconfig.yaml", &dynamic)
	require.Equal(t, true, dynamic["frontend.WorkerCommandsEnabled"][0].Value)
	require.Equal(t, "/deploy/dynamicconfig.yaml", p.Services["temporal"].Environment["DYNAMIC_CONFIG_FILE_PATH"])
	require.Equal(t, "512", p.Services["temporal"].Environment["NUM_HISTORY_SHARDS"])
	require.Equal(t, "postgres12", p.Services["temporal"].Environment["DB"], "merged from x-postgres")
}

func TestTheImageHoldsWhatItNeedsAndRunsAsNobody(t *testing.T) {
	t.Parallel()
	file, ignored := read(t, "Dockerfile"), read(t, ".dockerignore")
	for _, m := range regexp.MustCompile(`(?m)^COPY (\w+) (\w+)$`).FindAllStringSubmatch(file, -1) {
		require.DirExists(t, filepath.Join(root, m[1]))
		require.Contains(t, ignored, "!"+m[1]+"\n")
	}
	last := file[strings.LastIndex(file, "\nFROM "):]
	for _, want := range []string{"\nUSER 10001:10001\n", "\nVOLUME /var/lib/consign/workspace\n", "\nHEALTHCHECK ", "\nENTRYPOINT [\"worker\"]\n", "debian:bookworm-slim"} {
		require.Contains(t, last, want)
	}
	require.Regexp(t, `FROM golang:\S+-bookworm AS build`, file, "the C++ library of both stages is one")
	worker := load(t).Services["worker"]
	require.Contains(t, worker.Volumes, "workspace:/var/lib/consign/workspace")
	require.True(t, worker.ReadOnly)
}

func TestTheConfigurationIsAccepted(t *testing.T) {
	t.Parallel()
	environment := load(t).Services["worker"].Environment
	_, problems, err := config.Load(filepath.Join(root, "deploy", "consign"), func(name string) (string, bool) {
		value, there := environment[name]
		return value, there
	})
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestAMistakeIsFound(t *testing.T) {
	t.Parallel()
	var p project
	d := yaml.NewDecoder(strings.NewReader("services: {worker: {restarts: always}}"))
	d.KnownFields(true)
	require.ErrorContains(t, d.Decode(&p), "restarts")
}

func requireNoCycle(t *testing.T, p project, name string, path []string) {
	t.Helper()
	require.NotContains(t, path, name, "services wait for each other")
	for other := range p.Services[name].DependsOn {
		requireNoCycle(t, p, other, append(slices.Clone(path), name))
	}
}

func load(t *testing.T) project {
	t.Helper()
	var p project
	strict(t, "docker-compose.yml", &p)
	require.Equal(t, "consign", p.Name)
	require.Len(t, p.Services, 8)
	return p
}

func strict(t *testing.T, name string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, name)))
	d.KnownFields(true)
	require.NoError(t, d.Decode(into), name)
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(content)
}
