package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
)

// options are the flags of "temporal server start-dev".
type options struct {
	ip, uiIP, uiPublicPath, uiCodec, db, logLevel, logFormat string
	port, uiPort, httpPort, metricsPort                      int
	headless                                                 bool
	namespaces                                               []string
	attributes                                               map[string]enumspb.IndexedValueType
	dynamic, pragmas                                         map[string]string
}

func parse(args []string) (options, error) {
	o := options{attributes: map[string]enumspb.IndexedValueType{}, dynamic: map[string]string{}, pragmas: map[string]string{}}
	f := flag.NewFlagSet("temporal server start-dev", flag.ContinueOnError)
	f.StringVar(&o.ip, "ip", "127.0.0.1", "address the server listens on")
	f.IntVar(&o.port, "port", 7233, "port of the server")
	f.IntVar(&o.port, "p", 7233, "short for port")
	f.IntVar(&o.httpPort, "http-port", 0, "port of the HTTP API (0: a free one)")
	f.IntVar(&o.metricsPort, "metrics-port", 0, "port of the Prometheus metrics (0: none)")
	f.StringVar(&o.uiIP, "ui-ip", "", "address the UI listens on (default: that of the server)")
	f.IntVar(&o.uiPort, "ui-port", 0, "port of the UI (default: 1000 above the server's)")
	f.StringVar(&o.uiPublicPath, "ui-public-path", "", "path of the UI below its address")
	f.StringVar(&o.uiCodec, "ui-codec-endpoint", "", "codec server of the UI")
	f.BoolVar(&o.headless, "headless", false, "no UI")
	f.StringVar(&o.db, "db-filename", "", "SQLite file (default: memory)")
	f.StringVar(&o.db, "f", "", "short for db-filename")
	f.StringVar(&o.logLevel, "log-level", "error", "debug, info, warn, error or never")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	name := func(s string) error { o.namespaces = append(o.namespaces, s); return nil }
	f.Func("namespace", "makes a namespace (any number of times)", name)
	f.Func("n", "short for namespace", name)
	f.Func("search-attribute", "NAME=TYPE (any number of times)", o.attribute)
	f.Func("dynamic-config-value", "KEY=JSON (any number of times)", pair(o.dynamic))
	f.Func("sqlite-pragma", "PRAGMA=VALUE (any number of times)", pair(o.pragmas))
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if len(o.namespaces) == 0 {
		o.namespaces = []string{"default"}
	}
	if o.uiIP == "" {
		o.uiIP = o.ip
	}
	if o.uiPort == 0 {
		o.uiPort = o.port + 1000
	}
	return o, nil
}

func (o options) attribute(s string) error {
	name, kind, found := strings.Cut(s, "=")
	if !found {
		return fmt.Errorf("%q is not NAME=TYPE", s)
	}
	t, err := enumspb.IndexedValueTypeFromString(kind)
	if err != nil {
		return err
	}
	o.attributes[name] = t
	return nil
}

func pair(into map[string]string) func(string) error {
	return func(s string) error {
		key, value, found := strings.Cut(s, "=")
		if !found {
			return fmt.Errorf("%q is not KEY=VALUE", s)
		}
		into[key] = value
		return nil
	}
}

// jsonValue reads a dynamic configuration value: JSON, or a bare word.
func jsonValue(s string) any {
	var v any
	if json.Unmarshal([]byte(s), &v) != nil {
		return s
	}
	if n, ok := v.(float64); ok && n == float64(int(n)) {
		return int(n) // the server's integer settings do not take floats
	}
	return v
}
