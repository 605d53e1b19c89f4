// Command build builds the tools it is told and prints where each is, one per line. The Makefile uses it, so that tests
// find what they need ready.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"consign/internal/devstack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, name := range os.Args[1:] {
		path, err := devstack.Build(ctx, name, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		_, _ = fmt.Println(path)
	}
}
