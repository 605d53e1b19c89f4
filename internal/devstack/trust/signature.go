package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// clockSkew is how far a request's time may be off, as at Amazon.
const clockSkew = 5 * time.Minute

// bodySize is more than any request of this API has.
const bodySize = 1 << 20

// authenticate finds out who signed the request: it signs it again with the caller's secret.
func (s *STS) authenticate(r *http.Request) (caller, url.Values, *Error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodySize))
	if err != nil {
		return caller{}, nil, &Error{http.StatusBadRequest, "IncompleteBody", err.Error()}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return caller{}, nil, &Error{http.StatusBadRequest, "MalformedQueryString", err.Error()}
	}
	match := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if match == nil {
		return caller{}, nil, &Error{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	key, region, service, headers, signature := match[1], match[2], match[3], strings.Split(match[4], ";"), match[5]
	s.mu.Lock()
	who, known := s.callers[key]
	s.mu.Unlock()
	token := r.Header.Get("X-Amz-Security-Token")
	if !known || token != who.session {
		return caller{}, nil, &Error{http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."}
	}
	if !who.expires.IsZero() && s.now().After(who.expires) {
		return caller{}, nil, &Error{http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"}
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || at.Sub(s.now()).Abs() > clockSkew {
		return caller{}, nil, &Error{http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: " + r.Header.Get("X-Amz-Date") + " is too far from this server's time"}
	}
	want, err := sign(r, body, aws.Credentials{AccessKeyID: key, SecretAccessKey: who.secret, SessionToken: who.session}, scope{region, service, headers, at})
	if err != nil || subtle.ConstantTimeCompare([]byte(want), []byte(signature)) == 0 {
		return caller{}, nil, &Error{
			http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
		}
	}
	return who, form, nil
}

type scope struct {
	region, service string
	headers         []string
	at              time.Time
}

// sign returns the signature that the request would have, had these credentials signed the same headers.
func sign(r *http.Request, body []byte, c aws.Credentials, s scope) (string, error) {
	again, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	for _, name := range s.headers {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), c, again, hex.EncodeToString(hash[:]), s.service, s.region, s.at); err != nil {
		return "", err
	}
	match := authorization.FindStringSubmatch(again.Header.Get("Authorization"))
	if match == nil {
		return "", nil
	}
	return match[5], nil
}
