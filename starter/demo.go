package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"consign/internal/devstack"
	"consign/starter/demo"
)

func (a *app) demo() *cobra.Command {
	var o demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See three deliveries on this machine, and the proof that they arrived",
		Long: `Starts Temporal with its web UI, S3 and a worker on this machine, sends three deliveries to a made-up customer, and proves with
other people's readers that what arrived is what was sent. Needs a clone of the repository, for it builds the servers once.`,
		Example: `  starter demo --keep
  starter demo --data customers.parquet`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doDemo(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.Keep, "keep", false, "stay up until Ctrl-C, to look around")
	flags.StringArrayVar(&o.Data, "data", nil, "send this Parquet or CSV file (or a folder of them) instead of the made-up customers")
	flags.StringVar(&o.Worker, "worker", "", "the worker program (default: beside this one)")
	return cmd
}

func (a *app) doDemo(ctx context.Context, o demo.Options) error {
	if o.Worker == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.Worker = filepath.Join(filepath.Dir(self), "worker")
	}
	o.Out, o.Clock = a.messages, a.clock
	o.Starter = func(ctx context.Context, environment map[string]string, args ...string) ([]byte, int) {
		var out bytes.Buffer
		status := run(ctx, args, bytes.NewReader(nil), &out, a.messages, func(name string) (string, bool) {
			if value, ok := environment[name]; ok {
				return value, true
			}
			return a.environment(name)
		})
		return out.Bytes(), status
	}
	err := demo.Run(ctx, o)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &exit{exitInterrupted, errInterrupted, "nothing is left running"}
	case errors.Is(err, devstack.ErrNoCheckout):
		return failed(err, "git clone the repository and type make demo there")
	case errors.Is(err, os.ErrNotExist), errors.Is(err, demo.ErrNoData):
		return wrong(err, "make demo builds what is needed; DATA=file.parquet or DATA=file.csv names data of yours")
	default:
		return failed(err, "")
	}
}
