// Package awserror says in a few words of ours what a service of Amazon has answered, by its codes and never by its text.
package awserror

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// What can go wrong with a request. Every error of Translate wraps one of these, or is the credentials' own.
var (
	// ErrDenied: the identity that asks has no right to it.
	ErrDenied = errors.New("access denied")
	// ErrBadKey: the access key, or its session token, is not known.
	ErrBadKey = errors.New("the access key is not known")
	// ErrSignature: the secret access key is not the one that belongs to the access key, or this host's clock is wrong.
	ErrSignature = errors.New("the signature is not accepted: the secret access key or this host's clock is wrong")
	// ErrExpired: the session has expired.
	ErrExpired = errors.New("the credentials have expired")
	// ErrNotFound: what the request is about is not there.
	ErrNotFound = errors.New("it is not there")
	// ErrRefused: the service does not accept the request as the settings make it.
	ErrRefused = errors.New("the request is not accepted")
	// ErrThrottled: the service asks for less. See Error.RetryAfter.
	ErrThrottled = errors.New("too many requests for now")
	// ErrServer: the service failed, or is not ready. It is worth trying again.
	ErrServer = errors.New("the service failed")
	// ErrUnreachable: no connection, one that broke, or no answer in time.
	ErrUnreachable = errors.New("the service cannot be reached")
	// ErrSilent is an answer that says nothing of what was asked, though it is one of success: of a gateway in between, say.
	ErrSilent = fmt.Errorf("%w: its answer does not say what came of the request", ErrServer)
)

// failures is the codes that mean the same with every service, and those of the Redshift Data API and of Lambda.
// https://docs.aws.amazon.com/redshift-data/latest/APIReference/CommonErrors.html, .../API_BatchExecuteStatement.html and
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var failures = map[string]error{
	"AccessDenied":                ErrDenied,
	"AccessDeniedException":       ErrDenied,
	"NotAuthorized":               ErrDenied,
	"OptInRequired":               ErrDenied,
	"KMSAccessDeniedException":    ErrDenied,
	"EC2AccessDeniedException":    ErrDenied,
	"InvalidClientTokenId":        ErrBadKey,
	"UnrecognizedClientException": ErrBadKey,
	"MissingAuthenticationToken":  ErrBadKey,
	"IncompleteSignature":         ErrBadKey,
	"SignatureDoesNotMatch":       ErrSignature,
	"InvalidSignatureException":   ErrSignature,
	"RequestExpired":              ErrSignature,
	"ExpiredToken":                ErrExpired,
	"ExpiredTokenException":       ErrExpired,
	"ResourceNotFoundException":   ErrNotFound,

	"ValidationException":                      ErrRefused,
	"ValidationError":                          ErrRefused,
	"InvalidParameterValueException":           ErrRefused,
	"InvalidRequestContentException":           ErrRefused,
	"InvalidRuntimeException":                  ErrRefused,
	"InvalidZipFileException":                  ErrRefused,
	"RequestTooLargeException":                 ErrRefused,
	"SerializedRequestEntityTooLargeException": ErrRefused,
	"UnsupportedMediaTypeException":            ErrRefused,
	"EFSMountFailureException":                 ErrRefused, // the function's file system, not a right of ours
	"KMSDisabledException":                     ErrRefused,
	"KMSInvalidStateException":                 ErrRefused,
	"KMSNotFoundException":                     ErrRefused,

	"Throttling":                        ErrThrottled,
	"ThrottlingException":               ErrThrottled,
	"TooManyRequestsException":          ErrThrottled,
	"RequestLimitExceeded":              ErrThrottled,
	"EC2ThrottledException":             ErrThrottled,
	"ActiveStatementsExceededException": ErrThrottled,
	"ActiveSessionsExceededException":   ErrThrottled,

	"ResourceConflictException":      ErrServer, // the function is being updated
	"ResourceNotReadyException":      ErrServer,
	"SnapStartNotReadyException":     ErrServer,
	"SnapStartTimeoutException":      ErrServer,
	"EFSMountConnectivityException":  ErrServer,
	"EFSMountTimeoutException":       ErrServer,
	"EFSIOException":                 ErrServer,
	"ServiceException":               ErrServer,
	"ServiceUnavailable":             ErrServer,
	"InternalFailure":                ErrServer,
	"InternalServerException":        ErrServer,
	"ExecuteStatementException":      ErrServer, // the statement met an error of its environment
	"BatchExecuteStatementException": ErrServer,
	"DatabaseConnectionException":    ErrServer,
	"QueryTimeoutException":          ErrServer,
}

// An Error is a refusal or a failure of a service, without the SDK's own errors: their text may hold what a log must not.
type Error struct {
	Code    string // of the service; empty without an answer
	Status  int    // of HTTP; 0 without an answer
	Cause   error  // the sentinel
	Context error  // the context's, if that was the reason
	Detail  string // may be empty

	request string
	after   time.Duration
}

// Error returns the sentinel's words, the details and the code; without one, the status.
func (e *Error) Error() string {
	text := e.Cause.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	switch {
	case e.Code != "" && e.request != "":
		text += fmt.Sprintf(" (%s, request %s)", e.Code, e.request)
	case e.Code != "":
		text += " (" + e.Code + ")"
	case e.Status != 0:
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	return text
}

// Unwrap returns the sentinel and the context's error, if that was the reason.
func (e *Error) Unwrap() []error {
	if e.Context != nil {
		return []error{e.Cause, e.Context}
	}
	return []error{e.Cause}
}

// RetryAfter is how long the service asks to be left alone; 0 if it does not say.
func (e *Error) RetryAfter() time.Duration { return e.after }

// Marked tells the errors of credentials from those of the request that they sign: see OfCredentials.
func Marked(inner aws.CredentialsProvider) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		c, err := inner.Retrieve(ctx)
		if err != nil {
			return aws.Credentials{}, &sourceError{err}
		}
		return c, nil
	})
}

type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// OfCredentials returns the error of marked credentials for which a request was not made; nil if err is another one.
func OfCredentials(err error) error {
	var source *sourceError
	if errors.As(err, &source) {
		return source.err
	}
	return nil
}

// Ended returns the context's error in err's chain; nil if that was not the reason.
func Ended(err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return end
		}
	}
	return nil
}

// Translate is the edge: what the SDK, HTTP and the net say, in this package's words, by code and type.
func Translate(err error) error {
	if own := OfCredentials(err); own != nil {
		return own
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if a := AnswerOf(err); a != nil {
		e, said := Answered(err, a)
		e.Cause = classify(e.Code, e.Status)
		if !errors.Is(e.Cause, ErrSignature) { // its message repeats what was signed, tokens included
			e.Detail = Redact(said, a.Request)
		}
		return e
	}
	return Unanswered(err, ErrUnreachable)
}

// An Answer is what errors need of an HTTP answer.
type Answer struct {
	Status  int
	Header  http.Header
	Request *http.Request // what was asked; may be nil
}

// AnswerOf returns the answer that is the reason of err; nil if there was none. The SDK has one without a status then.
func AnswerOf(err error) *Answer {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil || response.HTTPStatusCode() == 0 {
		return nil
	}
	r := response.Response.Response
	return &Answer{r.StatusCode, r.Header, r.Request}
}

// Answered reads an answer, but for the cause. said is the service's own words, which may hold what a log must not: see Redact.
func Answered(err error, a *Answer) (e *Error, said string) {
	e = &Error{Status: a.Status, request: a.Header.Get("X-Amzn-Requestid")}
	if s, err := strconv.Atoi(a.Header.Get("Retry-After")); err == nil {
		e.after = time.Duration(s) * time.Second
	}
	e.Code, said = Said(err)
	return e, said
}

// unsaid is what the SDK puts in the place of a code, or of words, that an answer does not have.
const unsaid = "UnknownError"

// Said returns the code and the words of a service; each is empty if the answer has none.
func Said(err error) (code, words string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", ""
	}
	if code, words = api.ErrorCode(), api.ErrorMessage(); words == unsaid || words == code {
		words = ""
	}
	if code == unsaid {
		code = ""
	}
	return code, words
}

// Unanswered says why there is no answer.
func Unanswered(err, cause error) *Error {
	if end := Ended(err); end != nil {
		return &Error{Cause: cause, Context: end, Detail: end.Error()}
	}
	return &Error{Cause: cause, Detail: Root(err)}
}

func classify(code string, status int) error {
	cause, known := failures[code]
	switch {
	case known:
		return cause
	case status == http.StatusTooManyRequests:
		return ErrThrottled
	case status == http.StatusForbidden:
		return ErrDenied
	case status == http.StatusNotFound:
		return ErrNotFound
	case status >= http.StatusBadRequest && status < http.StatusInternalServerError:
		return ErrRefused
	default:
		return ErrServer
	}
}

// maxSaid bounds what is repeated of a service's own words.
const maxSaid = 400

// Redact removes what identifies us from words with which a service answers a request, and bounds them: it may repeat the
// access key id, the session token and the signature. The secret key itself is never sent, so that it cannot come back.
// request may be nil.
func Redact(said string, request *http.Request) string {
	said = strings.TrimSuffix(strings.TrimSpace(said), ".")
	if request != nil {
		authorization := request.Header.Get("Authorization")
		_, after, _ := strings.Cut(authorization, "Credential=")
		id, _, _ := strings.Cut(after, "/")
		_, signature, _ := strings.Cut(authorization, "Signature=")
		for _, hide := range []string{authorization, request.Header.Get("X-Amz-Security-Token"), id, signature} {
			if hide != "" {
				said = strings.ReplaceAll(said, hide, "[secret]")
			}
		}
	}
	if len(said) > maxSaid {
		said = strings.ToValidUTF8(said[:maxSaid], "") + "..."
	}
	return said
}

// Root returns the words of the innermost error that says what was tried, of a request without an answer.
func Root(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &op):
		return op.Error()
	}
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err.Error()
}
