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
	defaultAttempts      = 20 // about a quarter of an hour of back-off
	defaultInitial       = time.Second
	defaultMaxInterval   = time.Minute
	defaultParkTimeout   = 168 * time.Hour
	defaultNotifyTimeout = time.Hour
	defaultCatchUp       = 24 * time.Hour // a delivery of yesterday may still be wanted, one of last month is not
)

// fallback sets what was not written. A zero that was written is left, to be checked.
func fallback[T comparable](r *reader, path string, value *T, usual T) {
	var nothing T
	if _, written := r.where[path]; *value == nothing && !written {
		*value = usual
	}
}

// defaults completes the sections. folder is the configuration's own, which the usual workspace is in.
func (r *reader) defaults(folder string) {
	c := r.config
	fallback(r, "temporal.address", &c.Temporal.Address, defaultAddress)
	fallback(r, "temporal.namespace", &c.Temporal.Namespace, defaultNamespace)
	fallback(r, "temporal.task_queue", &c.Temporal.TaskQueue, defaultTaskQueue)
	if _, written := r.where["temporal.tls"]; written && c.Temporal.TLS == nil {
		c.Temporal.TLS = &TLS{} // viper drops a section that is empty, and this one asks for TLS all the same
	}
	fallback(r, "workspace.dir", &c.Workspace.Dir, filepath.Join(folder, defaultWorkspace))
	fallback(r, "workspace.host_timeout", &c.Workspace.HostTimeout, defaultHostTimeout)
	fallback(r, "workspace.keep_plain", &c.Workspace.KeepPlain, true)
	fallback(r, "s3.part_size", &c.S3.PartSize, defaultPartSize)
	fallback(r, "s3.concurrency", &c.S3.Concurrency, defaultConcurrency)
	fallback(r, "worker.memory", &c.Worker.Memory, defaultMemory)
	fallback(r, "worker.threads", &c.Worker.Threads, defaultThreads)
	fallback(r, "worker.runs", &c.Worker.Runs, defaultRuns)
	fallback(r, "retry.attempts", &c.Retry.Attempts, defaultAttempts)
	fallback(r, "retry.initial_interval", &c.Retry.InitialInterval, defaultInitial)
	fallback(r, "retry.max_interval", &c.Retry.MaxInterval, defaultMaxInterval)
	for i := range c.Orchestrations {
		o := &c.Orchestrations[i]
		r.running(item("orchestrations", i), &o.Overlap, &o.ParkTimeout, &o.NotifyTimeout, o.Schedule)
	}
	for i := range c.Campaigns {
		o := &c.Campaigns[i]
		r.running(item("campaigns", i), &o.Overlap, &o.ParkTimeout, &o.NotifyTimeout, o.Schedule)
	}
}

// running completes what orchestrations and campaigns have in common.
func (r *reader) running(at string, overlap *string, parkTimeout, notifyTimeout *time.Duration, schedule *Schedule) {
	fallback(r, at+".overlap", overlap, OverlapWait)
	fallback(r, at+".park_timeout", parkTimeout, defaultParkTimeout)
	fallback(r, at+".notify_timeout", notifyTimeout, defaultNotifyTimeout)
	if schedule != nil {
		fallback(r, at+".schedule.time_zone", &schedule.TimeZone, "UTC")
		fallback(r, at+".schedule.catch_up", &schedule.CatchUp, defaultCatchUp)
	}
}
