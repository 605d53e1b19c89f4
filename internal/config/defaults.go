package config

import (
	"path/filepath"
	"time"
)

// The defaults of what is not a setting of the files.
const (
	defaultAddress       = "127.0.0.1:7233"
	defaultNamespace     = "default"
	defaultTaskQueue     = "consign"
	defaultWorkspace     = "workspace"
	defaultHostTimeout   = 10 * time.Minute
	defaultPartSize      = 16 << 20
	defaultConcurrency   = 4
	defaultMemory        = 512 << 20
	defaultThreads       = 2
	defaultRuns          = 4
	defaultParkTimeout   = 168 * time.Hour
	defaultNotifyTimeout = time.Hour
)

// fallback sets what was not written.
func fallback[T comparable](value *T, usual T) {
	var nothing T
	if *value == nothing {
		*value = usual
	}
}

// defaults completes the sections. folder is the configuration's own, which the usual workspace is in.
func (c *Config) defaults(folder string) {
	fallback(&c.Temporal.Address, defaultAddress)
	fallback(&c.Temporal.Namespace, defaultNamespace)
	fallback(&c.Temporal.TaskQueue, defaultTaskQueue)
	fallback(&c.Workspace.Dir, filepath.Join(folder, defaultWorkspace))
	fallback(&c.Workspace.HostTimeout, defaultHostTimeout)
	fallback(&c.S3.PartSize, defaultPartSize)
	fallback(&c.S3.Concurrency, defaultConcurrency)
	fallback(&c.Worker.Memory, defaultMemory)
	fallback(&c.Worker.Threads, defaultThreads)
	fallback(&c.Worker.Runs, defaultRuns)
	for i := range c.Orchestrations {
		o := &c.Orchestrations[i]
		fallback(&o.Overlap, OverlapWait)
		fallback(&o.ParkTimeout, defaultParkTimeout)
		fallback(&o.NotifyTimeout, defaultNotifyTimeout)
	}
	for i := range c.Campaigns {
		o := &c.Campaigns[i]
		fallback(&o.Overlap, OverlapWait)
		fallback(&o.ParkTimeout, defaultParkTimeout)
		fallback(&o.NotifyTimeout, defaultNotifyTimeout)
	}
}
