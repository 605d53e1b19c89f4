package devstack

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// TemporalOptions say how to start Temporal; the zero value will do.
type TemporalOptions struct {
	SearchAttributes map[string]string // name to type, for a new database; nil: those of Consign
	DB               string            // SQLite file that survives the server; empty: memory
	NoUI             bool
	Log              io.Writer // as in Options
}

// Temporal is a running development server.
type Temporal struct {
	Address   string // host:port
	UIAddress string // http://host:port; empty without UI

	process *process
}

// SearchAttributes are those that Consign needs, with their types.
func SearchAttributes() map[string]string {
	return map[string]string{
		"ConsignOrchestration": "Keyword",
		"ConsignCampaign":      "Keyword",
		"ConsignDestination":   "Keyword",
		"ConsignState":         "Keyword",
		"ConsignRunKey":        "Keyword",
		"ConsignRows":          "Int",
	}
}

// StartTemporal starts a development server and returns when it and its UI answer. The caller calls Stop.
func StartTemporal(ctx context.Context, o TemporalOptions) (*Temporal, error) {
	path, err := Build(ctx, "temporal", o.Log)
	if err != nil {
		return nil, err
	}
	if o.SearchAttributes == nil {
		o.SearchAttributes = SearchAttributes()
	}
	t := &Temporal{}
	err = onFreePort(ctx, func(port int) error {
		t.Address = address(port)
		uiPort := 0
		if !o.NoUI {
			if uiPort, err = freePort(); err != nil {
				return err
			}
			t.UIAddress = "http://" + address(uiPort)
		}
		t.process = &process{name: "Temporal", path: path, args: o.args(port, uiPort), ready: t.ready}
		return t.process.start(ctx)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (o TemporalOptions) args(port, uiPort int) []string {
	args := []string{"server", "start-dev", "--ip", host, "--port", strconv.Itoa(port), "--log-level", "never"}
	if o.NoUI {
		args = append(args, "--headless")
	} else {
		args = append(args, "--ui-port", strconv.Itoa(uiPort))
	}
	if o.DB != "" {
		args = append(args, "--db-filename", o.DB)
	}
	for name, kind := range o.SearchAttributes {
		args = append(args, "--search-attribute", name+"="+kind)
	}
	return args
}

// ready asks the server for the namespace and the UI for its health.
func (t *Temporal) ready(ctx context.Context) error {
	// The SDK's client waits a second before it connects again; a plain connection tells at once.
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return err
	}
	_ = conn.Close()
	c, err := client.NewLazyClient(t.options())
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return err
	}
	_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: client.DefaultNamespace})
	if err != nil || t.UIAddress == "" {
		return err
	}
	return get(ctx, t.UIAddress+"/healthz")
}

func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}

func (t *Temporal) options() client.Options {
	return client.Options{HostPort: t.Address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))}
}

// Client returns a client that logs nothing. The caller closes it.
func (t *Temporal) Client(ctx context.Context) (client.Client, error) {
	return client.DialContext(ctx, t.options())
}

// Kill ends the server with SIGKILL. Runs survive in a DB only.
func (t *Temporal) Kill() { t.process.kill() }

// Restart kills the server if it still runs and starts it again at the same address, with the same data if it has a DB.
func (t *Temporal) Restart(ctx context.Context) error {
	t.process.kill()
	return t.process.start(ctx)
}

// Signal sends a signal, such as SIGSTOP and SIGCONT to freeze the server and let it go on.
func (t *Temporal) Signal(s os.Signal) error { return t.process.signal(s) }

// PID returns the server's process id, 0 when it is not running.
func (t *Temporal) PID() int { return t.process.pid() }

// Stop ends the server for good. A DB stays.
func (t *Temporal) Stop() error {
	t.process.stop()
	return nil
}
