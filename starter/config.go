package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"consign/internal/config"
	"consign/internal/problem"
	"consign/starter/watch"
)

// load reads the configuration. An error is one of usage; warnings are for who asks for them.
func (a *app) load() (*config.Config, problem.List, error) {
	c, problems, err := config.Load(a.configPath, a.environment)
	if err == nil {
		err = problems.Err()
	}
	if err != nil {
		return nil, problems, refused(err)
	}
	return c, problems.Warnings(), nil
}

func refused(err error) error {
	var list problem.List
	if !errors.As(err, &list) {
		return wrong(fmt.Errorf("read the configuration: %w", err), "--config names a file or a folder; examples/ has one to begin with")
	}
	errs := list.Errors()
	what := "one problem"
	if len(errs) > 1 {
		what = fmt.Sprintf("%d problems", len(errs))
	}
	return wrong(fmt.Errorf("the configuration has %s; nothing was done\n%w", what, errs), "")
}

// config reads the configuration for a command that has no use for its warnings: validate shows them.
func (a *app) config() (*config.Config, error) {
	c, _, err := a.load()
	return c, err
}

// temporal reads how Temporal is reached, for a command that only looks at runs or operates them. Whoever has to end a run
// may have a configuration in which something else is wrong, and that may be why.
func (a *app) temporal() (config.Temporal, error) {
	t, others, err := config.LoadTemporal(a.configPath, a.environment)
	if err == nil {
		err = others.Err()
	}
	if err != nil {
		return t, refused(err)
	}
	if n := len(others); n > 0 {
		a.tell("warning: the configuration has %s, not about temporal: %s", watch.Count(int64(n), "problem"), a.command("validate")+" tells")
	}
	return t, nil
}

// known refuses a name that nothing of a kind has, and says which there are.
func known(kind, name string, names []string) error {
	if slices.Contains(names, name) {
		return nil
	}
	hint := "the configuration has none"
	if len(names) > 0 {
		hint = "there is " + strings.Join(names, ", ")
	}
	return wrong(fmt.Errorf("there is no %s %q", kind, name), hint)
}

func orchestrations(c *config.Config) []string {
	return namesOf(c.Orchestrations, func(o config.Orchestration) string { return o.Name })
}

func campaigns(c *config.Config) []string {
	return namesOf(c.Campaigns, func(x config.Campaign) string { return x.Name })
}

func destinations(c *config.Config) []string {
	return namesOf(c.Destinations, func(d config.Destination) string { return d.Name })
}

func dataTemplates(c *config.Config) []string {
	return namesOf(c.DataTemplates, func(t config.DataTemplate) string { return t.Name })
}

func users(c *config.Config) []string {
	return namesOf(c.Users, func(u config.User) string { return u.Name })
}

func namesOf[T any](list []T, name func(T) string) []string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = name(one)
	}
	return names
}

// requester checks --as against the configured users. It keeps people from mistakes, not from lies: whoever may reach
// Temporal may claim to be anybody. The worker decides whether the user may.
func (a *app) requester(c *config.Config, as string) error {
	if len(c.Users) == 0 {
		if as != "" {
			return wrong(fmt.Errorf("--as %s: the configuration has no users", as), "leave --as out, or write the section users")
		}
		return nil
	}
	switch names := users(c); {
	case as == "":
		return wrong(errors.New("the configuration has users: say who asks"), "--as NAME, where NAME is "+strings.Join(names, ", "))
	case !slices.Contains(names, as):
		return &exit{exitRefused, fmt.Errorf("refused: there is no user %q", as), "NAME is " + strings.Join(names, ", ")}
	}
	return nil
}

// command writes a command line of ours that can be copied, for the same configuration.
func (a *app) command(words ...string) string {
	line := "starter"
	if a.configPath != "" {
		line += " --config " + quoted(a.configPath)
	}
	for _, word := range words {
		line += " " + quoted(word)
	}
	return line
}

// quoted quotes a word for a POSIX shell where that is needed.
func quoted(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@=+,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// must is for registrations that only fail for a flag that does not exist.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
