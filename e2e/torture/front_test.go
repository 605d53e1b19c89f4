package torture_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A front stands before S3 or STS. It answers wrongly, late, or half, and keeps a record of what the store was asked
// and did, which the oracle reads.
type front struct {
	*httptest.Server
	mu     sync.Mutex
	random *rand.Rand
	mode   frontMode
	over   chan struct{} // closed when the mode ends
	begin  time.Time
	record []exchange
	hits   map[frontMode]int
	late   sync.WaitGroup // requests that have not reached the store yet
}

type frontMode int

const (
	frontWhole      frontMode = iota
	frontError                // 500, unasked
	frontBusy                 // 503 SlowDown, unasked
	frontHang                 // no answer while it lasts, then a broken connection
	frontLost                 // S3 does it, and nobody hears
	frontHalf                 // half of the answer's body
	frontHalfAsked            // half of the request's body reaches nobody
	frontCut                  // the connection breaks at once
	frontSlow                 // each request is a second late
	frontLate                 // the connection breaks, and S3 is asked when whoever asked has asked again
	frontModesCount           // how many there are
)

var frontNames = [...]string{"whole", "500", "503", "timeout", "lost answers", "half a body", "half a request", "cut", "slow", "late requests"}

// An exchange is a request that reached the store, and its answer.
type exchange struct {
	asked, answered time.Duration // since the front's begin
	kind, key       string
	upload, part    string
	size            int64 // of the request; of a list of parts: of all parts together
	status          int
	heard           bool // the answer was passed on whole
}

// lateBy is how late the requests are that nobody waits for any more.
const lateBy = 2 * time.Second

// latency is what the front adds to every request, so that runs last long enough to be disturbed.
const latency = 40 * time.Millisecond

func newFront(t *testing.T, target string, seed uint64) *front {
	t.Helper()
	to, err := url.Parse(target)
	require.NoError(t, err)
	f := &front{random: rand.New(rand.NewPCG(seed, 2)), begin: time.Now(), hits: map[frontMode]int{}, over: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host     // it is signed
			r.Out.Header.Del("Expect") // its body is here already: "100 Continue" would be taken for the answer
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.serve(proxy, w, r) }))
	t.Cleanup(func() {
		f.set(frontWhole)
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *front) set(mode frontMode) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = mode
	close(f.over)
	f.over = make(chan struct{})
}

// draw decides whether this request is hit: three of four are, so that some get through while a fault lasts.
func (f *front) draw() (frontMode, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mode := f.mode
	if mode != frontWhole && f.random.IntN(4) == 0 {
		mode = frontWhole
	}
	f.hits[mode]++
	return mode, f.over
}

func (f *front) serve(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	<-time.After(latency)
	mode, over := f.draw()
	if mode == frontLate && kindOf(r) == "create" {
		mode = frontLost // what is opened when all is over is the lifecycle rule's
	}
	switch mode {
	case frontError:
		refuse(w, r, http.StatusInternalServerError, "InternalError")
	case frontBusy:
		refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
	case frontHang:
		select {
		case <-over:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case frontCut:
		panic(http.ErrAbortHandler)
	case frontHalfAsked:
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		panic(http.ErrAbortHandler)
	case frontLate:
		sent, r := taken(r)
		f.late.Go(func() {
			<-time.After(lateBy)
			f.ask(proxy, r, sent, mode)
		})
		panic(http.ErrAbortHandler)
	case frontSlow:
		<-time.After(time.Second)
		f.pass(proxy, w, r, mode)
	default:
		f.pass(proxy, w, r, mode)
	}
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>the front says so</Message></Error>", code)
}

// taken reads a request. One that has arrived whole reaches the store whole, even if its client dies meanwhile: else the
// record would not say what the store has done.
func taken(r *http.Request) ([]byte, *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return sent, r.WithContext(context.WithoutCancel(r.Context()))
}

// ask asks the store and notes what it did, whatever the client hears.
func (f *front) ask(proxy http.Handler, r *http.Request, sent []byte, mode frontMode) *httptest.ResponseRecorder {
	r.Body = io.NopCloser(bytes.NewReader(sent))
	x := exchange{asked: time.Since(f.begin), kind: kindOf(r), upload: r.URL.Query().Get("uploadId"), part: r.URL.Query().Get("partNumber"), size: r.ContentLength}
	_, x.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	answer := httptest.NewRecorder()
	proxy.ServeHTTP(answer, r)
	x.answered, x.status = time.Since(f.begin), answer.Code
	x.heard = mode != frontLost && mode != frontHalf && mode != frontLate
	x.learn(answer.Body.Bytes())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.record = append(f.record, x)
	return answer
}

// pass asks the store, and answers as the mode has it.
func (f *front) pass(proxy http.Handler, w http.ResponseWriter, r *http.Request, mode frontMode) {
	sent, r := taken(r)
	answer := f.ask(proxy, r, sent, mode)
	body := answer.Body.Bytes()
	if mode == frontLost {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	if mode == frontHalf && len(body) > 1 {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // else the half would go with the connection
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.Code)
	_, _ = io.Copy(w, bytes.NewReader(body))
}

// learn reads from the answer what the oracle needs.
func (x *exchange) learn(body []byte) {
	var said struct {
		Upload string `xml:"UploadId"`
		Part   []struct{ Size int64 }
	}
	if x.status != http.StatusOK || x.kind != "create" && x.kind != "parts" || xml.Unmarshal(body, &said) != nil {
		return
	}
	x.upload = said.Upload
	if x.kind == "parts" {
		x.size = 0
		for _, p := range said.Part {
			x.size += p.Size
		}
	}
}

// exchanges is the record so far.
func (f *front) exchanges() []exchange {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]exchange{}, f.record...)
}

// spoilt is how many requests were hit.
func (f *front) spoilt() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for mode, hits := range f.hits {
		if mode != frontWhole {
			n += hits
		}
	}
	return n
}

// kindOf names a request to S3.
func kindOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "part"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "create"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return "parts"
	case r.Method == http.MethodPut:
		return "put"
	default:
		return r.Method
	}
}

func TestAFrontSpoilsAnswersAndRecordsWhatWasDone(t *testing.T) {
	t.Parallel()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<R><UploadId>abcd</UploadId></R>")
	}))
	defer store.Close()
	ask := func(mode frontMode) (*front, int, string, error) {
		f := newFront(t, store.URL, 1)
		f.set(mode)
		for {
			answer, err := http.Post(f.URL+"/bucket/a/key?uploads", "", strings.NewReader("0123456789"))
			if f.spoilt() == 0 && mode != frontWhole {
				if err == nil {
					_ = answer.Body.Close()
				}
				continue // it got through
			}
			if err != nil {
				return f, 0, "", err
			}
			body, err := io.ReadAll(answer.Body)
			return f, answer.StatusCode, string(body), errors.Join(err, answer.Body.Close())
		}
	}
	f, status, body, err := ask(frontWhole)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Contains(t, body, "abcd")
	x := f.exchanges()[0]
	require.Equal(t, []any{"create", "a/key", "abcd", 200}, []any{x.kind, x.key, x.upload, x.status})

	require.Equal(t, http.StatusBadRequest, refusedAfterItsBody(t))

	_, status, body, err = ask(frontBusy)
	require.NoError(t, err)
	require.Equal(t, 503, status)
	require.Contains(t, body, "SlowDown")
	_, _, _, err = ask(frontCut)
	require.Error(t, err)
	_, _, _, err = ask(frontHalfAsked)
	require.Error(t, err)
	_, _, body, err = ask(frontHalf)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, body, 16)
	f, _, _, err = ask(frontLost)
	require.Error(t, err)
	require.NotEmpty(t, f.exchanges(), "the store did it")

	f = newFront(t, store.URL, 1)
	f.set(frontLate)
	for f.spoilt() == 0 {
		if answer, err := http.Post(f.URL+"/bucket/late?uploadId=abcd", "", strings.NewReader("0123456789")); err == nil {
			_ = answer.Body.Close()
		}
	}
	before := len(f.exchanges())
	f.late.Wait()
	require.Len(t, f.exchanges(), before+1, "the store does it later")
}

// refusedAfterItsBody is what a front passes on of a store that refuses a part when it has read it, as it does one whose
// checksum is wrong. The SDK sends large ones so.
func refusedAfterItsBody(t *testing.T) int {
	t.Helper()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer store.Close()
	f := newFront(t, store.URL, 1)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.URL+"/bucket/a/key?partNumber=1", strings.NewReader("0123456789"))
	require.NoError(t, err)
	request.Header.Set("Expect", "100-continue")
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, answer.StatusCode, f.exchanges()[0].status)
	return answer.StatusCode
}
