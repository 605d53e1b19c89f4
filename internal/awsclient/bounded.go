package awsclient

import (
	"errors"
	"io"
	"net/http"
)

// maxAnswer is more than any answer has that is read whole: a page of a thousand uploads with the longest keys, or what a
// function may answer.
const maxAnswer = 16 << 20

var errEndless = errors.New("the answer is too long")

// bounded ends answers that are too long to be one. The SDK reads the answers to our requests into memory, errors too, and
// the server may be somebody else's: one that goes on and on would take the worker's memory, and with it everybody's runs.
type bounded struct{ http.RoundTripper }

// RoundTrip is one try.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = &boundedBody{response.Body, maxAnswer}
	}
	return response, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read reads up to the most that an answer may have.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errEndless
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
