package upload_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowly is a file whose bytes go as over a slow line: a few at a time, and not for long without one.
type slowly struct{ io.ReaderAt }

const (
	awhile = 200 * time.Millisecond
	pieces = 24
)

func (s slowly) ReadAt(p []byte, at int64) (int, error) {
	<-time.After(awhile)
	return s.ReaderAt.ReadAt(p, at)
}

// dribble passes MinIO's answer on a few bytes at a time.
func dribble(op string) *rule {
	return &rule{op, -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		full := httptest.NewRecorder()
		p.store.ServeHTTP(full, r)
		piece := full.Body.Len()/pieces + 1
		for full.Body.Len() > 0 {
			_, _ = w.Write(full.Body.Next(piece))
			_ = http.NewResponseController(w).Flush()
			<-time.After(awhile)
		}
	}}
}

// TestWhatIsSlowIsNotGivenUp: only what stands still is.
func TestWhatIsSlowIsNotGivenUp(t *testing.T) {
	t.Parallel()
	p := newProxy(t, store.Endpoint, dribble("parts"))
	opts := options(newBucket(t))
	slow := opts
	slow.Endpoint, slow.Stall, slow.Attempts = p.URL, pieces*awhile*2/3, 3
	data := content(pieces * 128 << 10) // which is read at a time
	o := object("slow", data)
	id, err := open(t, opts).Start(t.Context(), o)
	require.NoError(t, err)
	opts.Stall, opts.Attempts = slow.Stall, slow.Attempts
	_, err = open(t, opts).Send(t.Context(), o, id, slowly{bytes.NewReader(data)}, nil)
	require.NoError(t, err)
	require.NoError(t, open(t, slow).Verify(t.Context(), o, id))
}

// TestNoMorePartsAreUnderWayThanAreAskedFor: each holds a connection, and a buffer.
func TestNoMorePartsAreUnderWayThanAreAskedFor(t *testing.T) {
	t.Parallel()
	bucket := newBucket(t)
	var mu sync.Mutex
	var now, most int
	p := newProxy(t, store.Endpoint, &rule{"part", -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-time.After(awhile) // others come meanwhile, if they do not wait
		p.store.ServeHTTP(w, r)
		mu.Lock()
		now--
		mu.Unlock()
	}})
	opts := options(bucket)
	opts.Endpoint, opts.Concurrency = p.URL, 2
	b := open(t, opts)
	data := content(30 * mib)
	o := object("many", data)
	opened(t, b, "many", data)
	require.Equal(t, 2, most)
	_, err := following(t, b, bucket, o, data, 6)
	require.NoError(t, err)
	require.Equal(t, 2, most)
}

// TestABadMinuteCostsNoLaterTry: thousands of requests go through one bucket, and each is tried again as often as the next.
func TestABadMinuteCostsNoLaterTry(t *testing.T) {
	t.Parallel()
	const many = 300
	var refused sync.Map
	b, _ := faulty(t, newBucket(t), 2, &rule{"uploads", -1, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		if _, again := refused.LoadOrStore(r.URL.Query().Get("prefix"), true); !again {
			answer(w, r, http.StatusInternalServerError, "InternalError")
			return
		}
		p.store.ServeHTTP(w, r)
	}})
	var wait sync.WaitGroup
	for n := range many {
		wait.Go(func() {
			_, err := b.Find(t.Context(), string(rune('a'+n)))
			assert.NoError(t, err)
		})
	}
	wait.Wait()
}
