package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/common/testing/freeport"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	clusterName = "active"

	// retention is how long closed runs are kept: a week, so that a run key stays used for as long as it would in
	// production. The server's own default for SQLite is one day.
	retention = 7 * 24 * time.Hour
)

func newServer(o options) (temporal.Server, error) {
	sql := database(o)
	if err := prepare(sql, o); err != nil {
		return nil, err
	}
	logger, err := newLogger(o)
	if err != nil {
		return nil, err
	}
	c := serverConfig(sql, o)
	s, err := temporal.NewServer(
		temporal.WithConfig(c),
		temporal.WithStaticHosts(hosts(c)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(dynamicConfig(o)),
	)
	if err != nil {
		return nil, fmt.Errorf("configure the server: %w", err)
	}
	return s, nil
}

func database(o options) *config.SQL {
	sql := &config.SQL{PluginName: sqliteplugin.PluginName, ConnectAttributes: map[string]string{}}
	if o.db == "" {
		// Memory databases of one name are shared within a process.
		sql.DatabaseName = fmt.Sprintf("consign-%d", os.Getpid())
		sql.ConnectAttributes["mode"] = "memory"
		sql.ConnectAttributes["cache"] = "shared"
	} else {
		sql.DatabaseName = o.db
		sql.ConnectAttributes["mode"] = "rwc"
		sql.ConnectAttributes["cache"] = "private"
	}
	for k, v := range o.pragmas {
		sql.ConnectAttributes["_"+k] = v
	}
	return sql
}

// sourceName is the database as SQLite's driver opens it once more.
func sourceName(sql *config.SQL) string {
	return fmt.Sprintf("file:%s?mode=%s&cache=%s", sql.DatabaseName, sql.ConnectAttributes["mode"], sql.ConnectAttributes["cache"])
}

// prepare makes schema and namespaces. Memory databases get their schema from the plugin, files only here; a
// namespace that is there stays as it is.
func prepare(sql *config.SQL, o options) error {
	if o.db != "" {
		if _, err := os.Stat(o.db); errors.Is(err, fs.ErrNotExist) {
			if err := sqlite.SetupSchema(sql); err != nil {
				return fmt.Errorf("make %s: %w", o.db, err)
			}
		}
	}
	var namespaces []*sqlite.NamespaceConfig
	for _, name := range o.namespaces {
		n, err := sqlite.NewNamespaceConfig(clusterName, name, false, o.attributes)
		if err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		n.Detail.Config.Retention = durationpb.New(retention)
		namespaces = append(namespaces, n)
	}
	if err := sqlite.CreateNamespaces(sql, namespaces...); err != nil {
		return fmt.Errorf("make the namespaces: %w", err)
	}
	return dropIndexes(sourceName(sql))
}

func serverConfig(sql *config.SQL, o options) *config.Config {
	if o.httpPort == 0 {
		o.httpPort = freeport.MustGetFreePort()
	}
	address := fmt.Sprintf("%s:%d", o.ip, o.port)
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore: "sqlite", VisibilityStore: "sqlite", NumHistoryShards: 1,
			DataStores: map[string]config.DataStore{"sqlite": {SQL: sql}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: address,
				HTTPAddress: fmt.Sprintf("%s:%d", o.ip, o.httpPort), // Nexus, and with it worker commands, go through it
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services: map[string]config.Service{
			"frontend": service(o.port, o.httpPort, o.ip),
			"history":  service(freeport.MustGetFreePort(), 0, ""),
			"matching": service(freeport.MustGetFreePort(), 0, ""),
			"worker":   service(freeport.MustGetFreePort(), 0, ""),
		},
		Archival: config.Archival{
			History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"},
		},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
		PublicClient: config.PublicClient{HostPort: address},
	}
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: "127.0.0.1"}
	if o.metricsPort != 0 {
		c.Global.Metrics = &metrics.Config{Prometheus: &metrics.PrometheusConfig{
			ListenAddress: fmt.Sprintf("%s:%d", o.ip, o.metricsPort), HandlerPath: "/metrics",
		}}
	}
	return c
}

// hosts tells each service where the others are. Without it they look for each other in the database, where a server
// that was killed still stands: the next one would wait a minute for it.
func hosts(c *config.Config) map[primitives.ServiceName]static.Hosts {
	known := map[primitives.ServiceName]static.Hosts{}
	for name := range c.Services {
		known[primitives.ServiceName(name)] = static.SingleLocalHost(fmt.Sprintf("127.0.0.1:%d", c.Services[name].RPC.GRPCPort))
	}
	return known
}

func service(port, httpPort int, ip string) config.Service {
	return config.Service{RPC: config.RPC{
		GRPCPort: port, HTTPPort: httpPort, MembershipPort: freeport.MustGetFreePort(), BindOnLocalHost: ip == "", BindOnIP: ip,
	}}
}

// dynamicConfig is what a development server and docker-compose.yml set alike; flags win.
func dynamicConfig(o options) dynamicconfig.StaticClient {
	c := dynamicconfig.StaticClient{}
	set := func(key string, value any) {
		c[dynamicconfig.MakeKey(key)] = []dynamicconfig.ConstrainedValue{{Value: value}}
	}
	set("frontend.enableServerVersionCheck", false)       // calls nobody
	set("frontend.WorkerCommandsEnabled", true)           // cancelling reaches an activity at once, not with its
	set("system.enableCancelActivityWorkerCommand", true) // next heartbeat
	// How often a second a shard looks for tasks to hand out. Here all runs are in one shard, which looks 20 times at the
	// server's default: a small delivery by itself then waits 50 ms for each of its steps.
	set("history.transferProcessorMaxPollRPS", 200)
	// Each time it looks, it goes through all that it has handed out since it last noted how far it is: with hundreds of
	// runs, and the half minute that is the server's default, thousands of tasks and a sixth of the server's time.
	for _, queue := range []string{"transfer", "visibility", "timer"} {
		set("history."+queue+"ProcessorUpdateAckInterval", "2s")
	}
	set("history.externalPayloadsEnabled", false) // nobody here keeps payloads elsewhere, and each event is searched for them
	for key, value := range o.dynamic {
		set(key, jsonValue(value))
	}
	return c
}

func newLogger(o options) (log.Logger, error) {
	switch o.logLevel {
	case "never":
		return log.NewNoopLogger(), nil
	case "debug", "info", "warn", "error":
	default:
		return nil, fmt.Errorf("log level %q is not debug, info, warn, error or never", o.logLevel)
	}
	format := "console"
	if o.logFormat == "json" {
		format = "json"
	}
	return log.NewZapLogger(log.BuildZapLogger(log.Config{Level: o.logLevel, Format: format})), nil
}
