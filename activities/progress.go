package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// beatEvery is how often a step tells how far it is. The SDK sends only what the heartbeat timeout needs; the rest is
// kept for the next one.
const beatEvery = time.Second

// progress counts what a step has done and tells the server while it works.
type progress struct {
	step  string
	total int64
	rows  atomic.Int64
	bytes atomic.Int64
	quit  chan struct{}
	over  chan struct{}
}

// startProgress begins to send heartbeats until stop. They are for people and to prove that the host is alive: no step
// reads them back as a ledger, for the last one before a crash is usually lost. The first is not sent at once: most steps
// of a small delivery are over before anybody could read it, and each costs Temporal a transaction.
func startProgress(ctx context.Context, step string, total int64) *progress {
	p := &progress{step: step, total: total, quit: make(chan struct{}), over: make(chan struct{})}
	go func() {
		defer close(p.over)
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, p.now())
			}
		}
	}()
	return p
}

func (p *progress) now() Heartbeat {
	return Heartbeat{Step: p.step, Rows: p.rows.Load(), Bytes: p.bytes.Load(), Total: p.total}
}

func (p *progress) add(bytes int64) { p.bytes.Add(bytes) }

// follow returns a function that is told how far one file is, forwards or back: parts are sent again at times.
func (p *progress) follow() func(bytes int64) {
	var before int64
	return func(bytes int64) {
		p.bytes.Add(bytes - before)
		before = bytes
	}
}

// Write counts bytes, so that a progress can stand behind an io.MultiWriter or io.TeeReader.
func (p *progress) Write(b []byte) (int, error) {
	p.bytes.Add(int64(len(b)))
	return len(b), nil
}

func (p *progress) stop() {
	close(p.quit)
	<-p.over
}
