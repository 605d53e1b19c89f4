package activities

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// beatEvery is how often a step tells how far it is. The SDK sends only what the heartbeat timeout needs; the rest is
// kept for the next one.
const beatEvery = time.Second

// quietBeat is how often a step that counts nothing tells that it is alive: thrice in its heartbeat timeout. Most are over by then.
func quietBeat(ctx context.Context) time.Duration {
	return max(beatEvery, activity.GetInfo(ctx).HeartbeatTimeout/3)
}

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
	return startBeating(ctx, beatEvery, step, total)
}

func startBeating(ctx context.Context, every time.Duration, step string, total int64) *progress {
	p := &progress{step: step, total: total, quit: make(chan struct{}), over: make(chan struct{})}
	go func() {
		defer close(p.over)
		ticker := time.NewTicker(every)
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

// askEvery is how long a step makes objects visible without asking whether it is still wanted. The SDK asks every 24 s, and
// meanwhile a hundred objects of a run could be completed that somebody has aborted, or terminated to let another one begin.
const askEvery = time.Second

// errUnwanted means that the run of a step was aborted, or is over without it.
var errUnwanted = errors.New("the run was aborted, or is over: the rest of this step is left undone")

// unwanted returns a function that returns errUnwanted when Temporal does not want the step any more. Not knowing is no error.
func (s *Steps) unwanted(ctx context.Context, p *progress) func() error {
	asked := s.options.Clock()
	return func() error {
		now := s.options.Clock()
		if s.options.Client == nil || now.Sub(asked) < askEvery {
			return nil
		}
		asked = now
		ctx, cancel := context.WithTimeout(ctx, askEvery)
		defer cancel()
		err := s.options.Client.RecordActivityHeartbeat(ctx, activity.GetInfo(ctx).TaskToken, p.now())
		var over *serviceerror.NotFound
		if temporal.IsCanceledError(err) || errors.As(err, &over) {
			return errUnwanted
		}
		return nil
	}
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
