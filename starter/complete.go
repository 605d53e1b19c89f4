package main

import (
	"github.com/spf13/cobra"

	"consign/internal/config"
)

// The shell asks for proposals while somebody types: a configuration that is wrong or missing proposes nothing, and says
// nothing.

// proposals completes the only argument of a command from the configuration.
func (a *app) proposals(names func(*config.Config) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, _, err := a.load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(c), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeRun proposes the beginnings of runs; the key only Temporal knows.
func (a *app) completeRun(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	names, directive := a.proposals(orchestrations)(cmd, args, typed)
	for i := range names {
		names[i] += "/"
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return names, directive
}

// completeUser proposes users for --as, which has nothing to do with the arguments.
func (a *app) completeUser(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.proposals(users)(cmd, nil, typed)
}

// words completes a flag that knows only some words.
func words(cmd *cobra.Command, flag string, choices ...string) {
	must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)))
}

// completeNothing keeps the shell from proposing files where a command and those below it take no argument.
func completeNothing(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.ValidArgsFunction == nil {
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
		completeNothing(c)
	}
}

// addShells adds cobra's own command completion, once it is known where results go. A shell that it does not know is an error of
// usage: cobra itself prints its help then, and all seems well.
func addShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Args = usage(cobra.NoArgs)
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		for _, shell := range c.Commands() {
			shell.Args = usage(cobra.NoArgs)
		}
	}
}
