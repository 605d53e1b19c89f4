package torture_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A poller is a customer who looks into the bucket all the while.
type poller struct {
	client     *s3.Client
	cancel     context.CancelFunc
	over       chan struct{}
	seen       map[string]types.Object
	violations []string
	looks      int
}

func newPoller(t *testing.T, c *s3.Client) *poller {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &poller{client: c, cancel: cancel, over: make(chan struct{}), seen: map[string]types.Object{}}
	go func() {
		defer close(p.over)
		for ctx.Err() == nil {
			p.look(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(cancel)
	return p
}

// look draws the conclusions that a customer may: what is seen once stays as it is, and when the success file is seen,
// everything else is there by the next look.
func (p *poller) look(ctx context.Context) {
	before := p.seen
	objects, err := list(ctx, p.client)
	if err != nil {
		return // the store is down
	}
	p.looks++
	now := map[string]types.Object{}
	for _, o := range objects {
		now[*o.Key] = o
	}
	for key, old := range before {
		if o, ok := now[key]; !ok || *o.ETag != *old.ETag || *o.Size != *old.Size {
			p.violations = append(p.violations, fmt.Sprintf("%s changed after it could be seen", key))
		}
	}
	for _, d := range deliveries() {
		if _, done := before[d.done]; !done {
			continue
		}
		for _, key := range d.all() {
			if _, ok := now[key]; !ok {
				p.violations = append(p.violations, fmt.Sprintf("%s was seen before %s", d.done, key))
			}
		}
	}
	p.seen = now
}

// stop takes a last look.
func (p *poller) stop() []string {
	p.cancel()
	<-p.over
	p.look(context.Background())
	if p.looks == 0 {
		p.violations = append(p.violations, "the poller never saw the bucket")
	}
	slices.Sort(p.violations)
	return slices.Compact(p.violations)
}

func (p *poller) size(key string) int64 {
	if o, ok := p.seen[key]; ok {
		return *o.Size
	}
	return -1
}

func list(ctx context.Context, c *s3.Client) ([]types.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	name := bucket
	out, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &name}, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	if err != nil {
		return nil, err
	}
	return out.Contents, nil
}
