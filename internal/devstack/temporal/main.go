// Command temporal is the Temporal of the demo and of the tests: server and web UI in one process, kept in SQLite.
// It takes the flags of "temporal server start-dev", so that the SDK's test suite can start it too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
}

// gcPercent is how much the heap may grow before the next collection: the server makes much garbage beside a small heap.
const gcPercent = 200

func run(args []string) error {
	debug.SetGCPercent(gcPercent)
	if len(args) < 2 || args[0] != "server" || args[1] != "start-dev" {
		return errors.New(`needs "server start-dev" and its flags`)
	}
	o, err := parse(args[2:])
	if err != nil {
		return err
	}
	// The watch begins before the servers do: a parent that dies early must not leave a server behind.
	if os.Getenv("DEVSTACK_STDIN") == "watch" {
		go dieWithParent()
	}
	// So does this: the SDK's test suite may interrupt as soon as the port answers.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	temporal, err := newServer(o)
	if err != nil {
		return err
	}
	if err := temporal.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	if !o.headless {
		ui := newUI(o)
		go func() { _ = ui.Start() }()
		defer ui.Stop()
	}
	fmt.Printf("Temporal server: %s:%d\n", o.ip, o.port)
	if !o.headless {
		fmt.Printf("Temporal UI: http://%s:%d\n", o.uiIP, o.uiPort)
	}
	<-stop
	return temporal.Stop()
}

// dieWithParent ends the process when standard input does: the kernel closes the pipe also when the process that
// holds its other end is killed. SQLite keeps what was committed, so nothing needs to be closed first.
func dieWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func newUI(o options) *server.Server {
	return server.NewServer(server_options.WithConfigProvider(&uiconfig.Config{
		TemporalGRPCAddress: fmt.Sprintf("%s:%d", o.ip, o.port),
		Host:                o.uiIP,
		Port:                o.uiPort,
		PublicPath:          o.uiPublicPath,
		EnableUI:            true,
		DefaultNamespace:    o.namespaces[0],
		Codec:               uiconfig.Codec{Endpoint: o.uiCodec},
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on the loopback
		DisableNewsFetch:    true,                                // a development server calls nobody
		HideLogs:            true,
	}))
}
