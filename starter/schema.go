package main

import (
	"github.com/spf13/cobra"

	"consign/internal/config"
)

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: `Prints the JSON Schema (2020-12) of a configuration file, with which editors complete and check YAML. Write its output to a
file, and begin the configuration with: # yaml-language-server: $schema=consign.schema.json

The schema knows keys, kinds and closed lists of values. starter validate knows the rest.`,
		Example: "  starter schema > consign.schema.json",
		Args:    usage(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			a.output = "json" // a schema is JSON, with -o or without
			return a.result(config.Schema(), nil)
		},
	}
}
