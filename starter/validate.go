package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"consign/internal/config"
	"consign/internal/problem"
	"consign/starter/watch"
)

func (a *app) validate() *cobra.Command {
	var against string
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Read the configuration and report everything that is wrong with it",
		Long: `Reads the whole configuration and reports every problem at once, each with its file, line, key and the way to mend it. It
looks at every public key as it is today: one that files cannot be encrypted to is a problem, one that ends within 30 days
a warning. A secret that this machine does not have is a warning too, for only the worker needs it.

With --against it also compares the configuration with an earlier version of it (a file or folder, of another checkout say),
and points out what breaks the trust policies and roles that customers have set up.

It asks no server: starter test tries a bucket, and starter plan a query.`,
		Example: `  starter validate
  starter --config /etc/consign validate -o json
  starter validate --against ../deployed/consign.yaml`,
		Args: usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.doValidate(against) },
	}
	cmd.Flags().StringVar(&against, "against", "", "an earlier version of the configuration: point out what breaks what customers have set up")
	return cmd
}

// validated is the result of validate.
type validated struct {
	Valid    bool    `json:"valid"`
	Digest   string  `json:"digest,omitempty"`
	Problems []found `json:"problems"`
}

// found is one problem of a configuration.
type found struct {
	Where   string `json:"where,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

func (a *app) doValidate(against string) error {
	c, problems, err := a.checked(against)
	v := validated{Valid: err == nil, Problems: []found{}}
	for _, p := range problems {
		v.Problems = append(v.Problems, found{p.Where, p.Key, p.Message, p.Hint, p.Warning})
	}
	if err != nil {
		if a.output == "json" && problems.Err() != nil { // else it is not this configuration that is wrong
			if err := a.result(v, nil); err != nil {
				return err
			}
		}
		return err
	}
	v.Digest = c.Digest()
	for _, p := range problems {
		a.tell("warning: %s", p)
	}
	return a.result(v, func(w io.Writer) {
		fmt.Fprintf(w, "the configuration is fine: %s, %s, %s, %s, %s\n", watch.Count(int64(len(c.Destinations)), "destination"),
			watch.Count(int64(len(c.DataTemplates)), "data template"), watch.Plural(int64(len(c.Queries)), "query", "queries"),
			watch.Count(int64(len(c.Orchestrations)), "orchestration"), watch.Count(int64(len(c.Campaigns)), "campaign"))
	})
}

// checked reads the configuration and collects what is to be said of it.
func (a *app) checked(against string) (*config.Config, problem.List, error) {
	c, problems, err := a.load()
	if err != nil {
		return nil, problems, err
	}
	problems = slices.Concat(problems, c.Check(a.clock()), c.Misspelt(os.Environ()))
	if err := problems.Err(); err != nil {
		return nil, problems, refused(err)
	}
	if against == "" {
		return c, problems, nil
	}
	changes, err := a.since(c, against)
	return c, append(problems, changes...), err
}

// since compares the configuration with an earlier version of it.
func (a *app) since(c *config.Config, against string) (problem.List, error) {
	earlier, problems, err := config.Load(against, a.environment)
	if err == nil {
		err = problems.Err()
	}
	if err != nil {
		return nil, wrong(fmt.Errorf("--against %s: %w", against, err), "name the file or folder of a version that was valid")
	}
	return c.Since(earlier), nil
}
