// Command worker runs the workflows and the steps of deliveries until it is told to stop.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(start(ctx, os.Args[1:], os.Stderr))
}

// Exit statuses, as `starter` has them.
const (
	exitFailed = 1 // it could not go on: Temporal, the workspace
	exitUsage  = 2 // wrong usage or configuration
)

func start(ctx context.Context, args []string, messages io.Writer) int {
	var path, profile string
	code := 0
	command := &cobra.Command{
		Use:   "worker",
		Short: "Run deliveries until SIGTERM or SIGINT",
		Long: "worker takes the steps of deliveries from Temporal and does them, until SIGTERM or SIGINT. It then takes no\n" +
			"new step, lets the running ones note where they are, and exits with status 0; another worker, or this one\n" +
			"started again, goes on. It keeps the files of its runs in workspace.dir: start it again on the same disk.",
		Args: func(cmd *cobra.Command, args []string) error { return misused(cmd, cobra.NoArgs(cmd, args)) }, SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			stop, err := profiled(profile)
			if err != nil {
				return err
			}
			code, err = run(cmd.Context(), path, messages)
			if err = errors.Join(err, stop()); err != nil && code == 0 { // it ran, and could not end in order
				code = exitFailed
			}
			return err
		},
	}
	command.Flags().StringVar(&path, "config", "", "configuration file, or folder of them (default: $CONSIGN_CONFIG, ./consign.yaml, ./consign/)")
	command.Flags().StringVar(&profile, "cpu-profile", "", "write a CPU profile for go tool pprof to this file when the worker stops")
	command.SetFlagErrorFunc(misused)
	command.SetArgs(args)
	command.SetErr(messages)
	if err := command.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintf(messages, "worker: %v\n", err) // there is nobody else to tell
		if code == 0 {
			code = exitUsage
		}
	}
	return code
}

// misused says where it stands how the worker is called.
func misused(_ *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n  hint: it takes flags alone; worker --help lists them", err)
}

// profiled begins a CPU profile, if one is asked for, and returns what ends it.
func profiled(path string) (func() error, error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("CPU profile: %w", err), f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
