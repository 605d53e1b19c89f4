package upload_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy stands in front of the real MinIO and makes the faults that MinIO cannot: it refuses requests before they get
// there, and loses or alters answers after MinIO has done what was asked.
type proxy struct {
	URL   string
	store http.Handler
	stop  chan struct{} // closed when the test ends: nothing hangs longer

	mu    sync.Mutex
	rules []*rule
	seen  map[string]int
	sent  int64 // bytes of parts' bodies that were forwarded
}

// A rule alters the requests of one operation.
type rule struct {
	op    string
	times int // how often it applies; negative: always
	do    func(w http.ResponseWriter, r *http.Request, p *proxy)
}

func newProxy(tb testing.TB, endpoint string, rules ...*rule) *proxy {
	tb.Helper()
	target, err := url.Parse(endpoint)
	require.NoError(tb, err)
	p := &proxy{rules: rules, seen: map[string]int{}, stop: make(chan struct{})}
	p.store = &httputil.ReverseProxy{
		// The host stays as the client wrote it: it is signed.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // a client that went away
	}
	server := httptest.NewServer(p)
	tb.Cleanup(func() { close(p.stop); server.CloseClientConnections(); server.Close() })
	p.URL = server.URL
	return p
}

// operation names a request as the rules do.
func operation(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "create"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "part"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "complete"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "abort"
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return "parts"
	case r.Method == http.MethodGet && q.Has("uploads"):
		return "uploads"
	case r.Method == http.MethodGet && q.Has("list-type"):
		return "list"
	case r.Method == http.MethodHead && strings.Count(strings.Trim(r.URL.Path, "/"), "/") == 0:
		return "headBucket"
	}
	return strings.ToLower(r.Method)
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := operation(r)
	p.mu.Lock()
	p.seen[op]++
	var applies *rule
	for _, rule := range p.rules {
		if rule.op == op && rule.times != 0 {
			rule.times--
			applies = rule
			break
		}
	}
	p.mu.Unlock()
	if op == "part" {
		r.Body = &counted{ReadCloser: r.Body, p: p}
	}
	if applies != nil {
		applies.do(w, r, p)
		return
	}
	p.store.ServeHTTP(w, r)
}

func (p *proxy) count(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[op]
}

func (p *proxy) bytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

type counted struct {
	io.ReadCloser
	p *proxy
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.p.mu.Lock()
	c.p.sent += int64(n)
	c.p.mu.Unlock()
	return n, err
}

// refuse answers as S3 would, without asking MinIO.
func refuse(op string, times, status int, code string, header ...string) *rule {
	return &rule{op, times, func(w http.ResponseWriter, r *http.Request, _ *proxy) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r, status, code, header...)
	}}
}

func answer(w http.ResponseWriter, r *http.Request, status int, code string, header ...string) {
	for i := 0; i+1 < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.Header().Set("X-Amz-Request-Id", "TEST0000")
	w.WriteHeader(status)
	if r.Method != http.MethodHead && code != "" {
		// S3 repeats what identifies the caller in some of its errors; so does this one, in all of them.
		fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>about %s %s</Message></Error>`, code,
			r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token"))
	}
}

// lose lets MinIO do the work and resets the connection instead of answering.
func lose(op string, times int) *rule {
	return &rule{op, times, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		p.store.ServeHTTP(httptest.NewRecorder(), r)
		reset(w)
	}}
}

// swap lets MinIO do the work and answers something else.
func swap(op string, times, status int, code string) *rule {
	return &rule{op, times, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		p.store.ServeHTTP(httptest.NewRecorder(), r)
		answer(w, r, status, code)
	}}
}

// half sends half of MinIO's answer and resets the connection.
func half(op string, times int) *rule {
	return &rule{op, times, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		full := httptest.NewRecorder()
		p.store.ServeHTTP(full, r)
		body := full.Body.Bytes()
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.WriteHeader(full.Code)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		reset(w)
	}}
}

// cut reads some of the request's body and resets the connection.
func cut(op string, times int, after int64) *rule {
	return &rule{op, times, func(w http.ResponseWriter, r *http.Request, _ *proxy) {
		_, _ = io.CopyN(io.Discard, r.Body, after)
		reset(w)
	}}
}

// damage changes one byte of the request's body.
func damage(op string, times int) *rule {
	return &rule{op, times, func(w http.ResponseWriter, r *http.Request, p *proxy) {
		data, _ := io.ReadAll(r.Body)
		data[len(data)/2] ^= 1
		r.Body = io.NopCloser(bytes.NewReader(data))
		p.store.ServeHTTP(w, r)
	}}
}

// hang never answers.
func hang(op string, times int) *rule {
	return &rule{op, times, func(_ http.ResponseWriter, r *http.Request, p *proxy) {
		_, _ = io.CopyN(io.Discard, r.Body, 1000)
		<-p.stop
	}}
}

func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
