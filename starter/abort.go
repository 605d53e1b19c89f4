package main

import (
	"github.com/spf13/cobra"

	"consign/workflows"
)

func (a *app) abort() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "abort RUN",
		Short: "End a run without a delivery, and clean up",
		Long: `Ends a run: its files and open uploads are removed, and whoever waits for it is told that it was aborted. A run that was
completing its objects at that moment says in its result which of them had become visible.

A run that has delivered and only waits for a notify target that is not there stops waiting; nothing else of it changes.`,
		Example:           `  starter abort vips-weekly/2026-11-23 --reason "wrong segment"`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			request := workflows.AbortRequest{Reason: reason}
			return a.operate(cmd.Context(), args[0], "abort", workflows.AbortName, request, func(p workflows.Progress) string {
				if p.Telling {
					return "was over, and waits no longer for those whom it could not tell"
				}
				return "is being aborted"
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that is told to whoever waits for the run, and kept in its history: no personal data here")
	return cmd
}
