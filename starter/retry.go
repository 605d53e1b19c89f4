package main

import (
	"github.com/spf13/cobra"

	"consign/workflows"
)

func (a *app) retry() *cobra.Command {
	var replan bool
	cmd := &cobra.Command{
		Use:   "retry RUN",
		Short: "Let a parked run go on",
		Long: `Lets a parked run go on at the step that failed, with everything before it as it was done.

With --replan it reads the configuration files as they are now and begins a fresh delivery. Secrets from files are read at each
use; secrets from the environment are those with which the worker was started.`,
		Example: `  starter retry vips-weekly/2026-11-23
  starter retry vips-weekly/2026-11-23 --replan`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			asked, said := "retry", "goes on at the step that failed"
			if replan {
				asked, said = "replan", "begins afresh with the configuration as it is now"
			}
			return a.operate(cmd.Context(), args[0], asked, workflows.RetryName, workflows.RetryRequest{Replan: replan},
				func(workflows.Progress) string { return said })
		},
	}
	cmd.Flags().BoolVar(&replan, "replan", false, "begin afresh with the configuration as it is now")
	return cmd
}
