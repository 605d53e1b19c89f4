package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// commands are all commands of ours, those below others too.
func commands(of *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range of.Commands() {
		if c.Name() != "completion" && c.Name() != "help" {
			all = append(append(all, c), commands(c)...)
		}
	}
	return all
}

func newApp() *app {
	return &app{out: io.Discard, messages: io.Discard, environment: func(string) (string, bool) { return "", false }, clock: time.Now}
}

func TestEveryCommandTeachesHowItIsUsed(t *testing.T) {
	t.Parallel()
	all := commands(newApp().root())
	require.Greater(t, len(all), 14)
	for _, c := range all {
		path := c.CommandPath()
		require.Regexp(t, `^[A-Z].*[^.]$`, c.Short, path)
		require.LessOrEqual(t, len(c.Short), 80, path)
		require.NotEmpty(t, c.Long, path)
		require.NotEmpty(t, c.Example, path)
		for line := range strings.Lines(c.Long + "\n" + c.Example) {
			require.LessOrEqual(t, len(line), 135, "%s: %s", path, line)
		}
	}
}

// TestExamplesAreCommandsThatThereAre parses each as the program would.
func TestExamplesAreCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	for _, c := range commands(newApp().root()) {
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(line, "#")
			line, _, _ = strings.Cut(line, " > ")
			require.Regexp(t, `^  starter [a-z-]`, line)
			args := strings.Fields(strings.ReplaceAll(line, `"wrong segment"`, "wrong"))[1:]
			found, rest, err := newApp().root().Find(args)
			require.NoError(t, err, line)
			require.NotEqual(t, "starter", found.Name(), line)
			require.NoError(t, found.ParseFlags(rest), line)
			require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
		}
	}
}

// TestTheShellProposesNames asks as the scripts of starter completion do.
func TestTheShellProposesNames(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "consign.yaml")
	text, err := os.ReadFile("testdata/shared/consign.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, []byte("\nusers: [{name: dana, policies: [amp360-user]}, {name: eve, policies: [datagrid-operator]}]\n")...), 0o600))
	const noFiles, noSpace, extensions, folders = ":4", ":6", ":8", ":16"
	orchestrations := []string{"delivers", "fails", "refused", "parks", "cannot reach S3", "never ends", "typo"}
	campaigns := []string{"Spring Sale", "Parks", "Fails", "Refused", "Never ends", "Typo", "Unplanned"}
	var runs []string
	for _, name := range orchestrations {
		runs = append(runs, name+"/")
	}
	for typed, want := range map[string][]string{
		"send ":                 append(orchestrations, noFiles),
		"send delivers ":        {noFiles},
		"send delivers --as ":   {"dana", "eve", noFiles},
		"campaign ":             append(campaigns, noFiles),
		"plan --campaign ":      append(campaigns, noFiles),
		"runs --campaign ":      append(campaigns, noFiles),
		"plan ":                 append(orchestrations, noFiles),
		"plan --as ":            {"dana", "eve", noFiles},
		"runs --orchestration ": append(orchestrations, noFiles),
		"runs --state ":         append(stateNames(), noFiles),
		"runs ":                 {noFiles},
		"show ":                 append(runs, noSpace),
		"retry ":                append(runs, noSpace),
		"abort ":                append(runs, noSpace),
		"abort delivers/k ":     {noFiles},
		"test ":                 {"acme", "vault", noFiles},
		"policy ":               {"acme", "vault", noFiles},
		"policy acme --format ": {"json", "terraform", "cli", noFiles},
		"validate ":             {noFiles},
		"schema ":               {noFiles},
		"setup ":                {noFiles},
		"external-id ":          {noFiles},
		"schedule apply ":       {noFiles},
		"validate -o ":          {"text", "json", noFiles},
		"verify ":               {"json", extensions},
		"verify r.json --dir ":  {folders},
	} {
		t.Run(typed, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			words := strings.Fields(typed)
			args := append([]string{cobra.ShellCompNoDescRequestCmd, "--config", path}, append(words, "")...)
			require.Equal(t, exitDone, run(t.Context(), args, strings.NewReader(""), &out, io.Discard, newApp().environment))
			require.Equal(t, want, strings.Split(strings.TrimSpace(out.String()), "\n"))
		})
	}
}

func TestAShellIsProposedNothingByAConfigurationThatIsNotThere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	args := []string{cobra.ShellCompNoDescRequestCmd, "--config", "nowhere.yaml", "send", ""}
	require.Equal(t, exitDone, run(t.Context(), args, strings.NewReader(""), &out, io.Discard, newApp().environment))
	require.Equal(t, ":4\n", out.String())
}

func TestEveryShellGetsItsScript(t *testing.T) {
	t.Parallel()
	for shell, says := range map[string]string{"bash": "# bash completion V2 for starter", "zsh": "#compdef starter", "fish": "# fish completion for starter", "powershell": "# powershell completion for starter"} {
		var out bytes.Buffer
		require.Equal(t, exitDone, run(t.Context(), []string{"completion", shell}, strings.NewReader(""), &out, io.Discard, newApp().environment))
		require.Contains(t, out.String(), says)
	}
}
