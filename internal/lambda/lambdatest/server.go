// Package lambdatest is an AWS Lambda for tests, which answers Invoke (API version 2015-03-31) as Amazon's documentation
// says: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
package lambdatest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// An Invocation is what a function was given.
type Invocation struct {
	Function string
	Type     string // RequestResponse
	Key      string // access key of the signature
	Region   string // that it was signed for
	Event    map[string]any
	Size     int
}

// An Answer is what comes back.
type Answer struct {
	Status   int    // of HTTP; 0: 200
	Code     string // of an error of Lambda itself
	Function string // of a function that has failed: Handled or Unhandled
	Payload  string
	Retry    string // header Retry-After
	Lose     bool   // the function has run, and its answer is lost
}

// A Server answers until it is closed.
type Server struct {
	*httptest.Server
	// Do answers the nth invocation, counted from 1.
	Do func(i Invocation, n int) Answer

	mu   sync.Mutex
	done []Invocation
}

// New starts a server whose functions end well.
func New() *Server {
	s := &Server{Do: func(Invocation, int) Answer { return Answer{Payload: "null"} }}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Invocations returns all so far.
func (s *Server) Invocations() []Invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Invocation{}, s.done...)
}

var (
	path      = regexp.MustCompile(`^/2015-03-31/functions/([^/]+)/invocations$`)
	signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/lambda/aws4_request, SignedHeaders=[a-z0-9;-]*x-amz-date[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)
)

// request is what the server calls every request.
const request = "6f0d3a1e-0000-4000-8000-00000000000a"

const most = 6 << 20

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", request)
	called, signed := path.FindStringSubmatch(r.URL.EscapedPath()), signature.FindStringSubmatch(r.Header.Get("Authorization"))
	body, err := io.ReadAll(r.Body)
	switch {
	case called == nil || r.Method != http.MethodPost || err != nil:
		refuse(w, http.StatusNotFound, "ResourceNotFoundException")
		return
	case signed == nil:
		refuse(w, http.StatusForbidden, "MissingAuthenticationTokenException")
		return
	case len(body) > most:
		refuse(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException")
		return
	}
	name, err := url.PathUnescape(called[1])
	event := map[string]any{}
	if err != nil || json.Unmarshal(body, &event) != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestContentException")
		return
	}
	i := Invocation{name, r.Header.Get("X-Amz-Invocation-Type"), signed[1], signed[2], event, len(body)}
	s.mu.Lock()
	s.done = append(s.done, i)
	n, do := len(s.done), s.Do
	s.mu.Unlock()
	answer(w, do(i, n))
}

func answer(w http.ResponseWriter, a Answer) {
	switch {
	case a.Lose:
		panic(http.ErrAbortHandler)
	case a.Code != "":
		if a.Retry != "" {
			w.Header().Set("Retry-After", a.Retry)
		}
		refuse(w, a.Status, a.Code)
		return
	}
	if a.Function != "" {
		w.Header().Set("X-Amz-Function-Error", a.Function)
	}
	w.Header().Set("X-Amz-Executed-Version", "7")
	_, _ = io.Copy(w, strings.NewReader(a.Payload))
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amzn-Errortype", code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"Type": "User", "message": "refused"})
}
