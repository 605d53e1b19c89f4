package lambda_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"consign/internal/awserror"
	"consign/internal/lambda"
	"consign/internal/lambda/lambdatest"
)

const arn = "arn:aws:lambda:eu-west-1:111122223333:function:prepare:live"

var event = []byte(`{"idempotency_token": "d-1/1", "receipt_key": "upload/vips.receipt.json"}`)

func invoke(t *testing.T, s *lambdatest.Server, change func(*lambda.Options)) (lambda.Invoked, error) {
	t.Helper()
	o := lambda.Options{Function: "prepare", Region: "eu-central-1", Endpoint: s.URL}
	if change != nil {
		change(&o)
	}
	require.NoError(t, o.Validate().Err())
	return lambda.Invoke(t.Context(), credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "s3cr3t-value", ""), o, event)
}

func server(t *testing.T) *lambdatest.Server {
	t.Helper()
	s := lambdatest.New()
	t.Cleanup(s.Close)
	return s
}

// answers makes the server give these answers one after the other, and then a good one.
func answers(s *lambdatest.Server, list ...lambdatest.Answer) {
	s.Do = func(_ lambdatest.Invocation, n int) lambdatest.Answer {
		if n <= len(list) {
			return list[n-1]
		}
		return lambdatest.Answer{Payload: `"a row's value, which is nobody's business"`}
	}
}

func TestAFunctionIsInvokedWithTheEventAndWaitedFor(t *testing.T) {
	t.Parallel()
	s := server(t)
	done, err := invoke(t, s, nil)
	require.NoError(t, err)
	require.Equal(t, "7", done.Version)
	require.NotEmpty(t, done.Request)
	require.Equal(t, []lambdatest.Invocation{{
		Function: "prepare", Type: "RequestResponse", Key: "AKIAEXAMPLE", Region: "eu-central-1", Size: len(event),
		Event: map[string]any{"idempotency_token": "d-1/1", "receipt_key": "upload/vips.receipt.json"},
	}}, s.Invocations())
}

func TestAnARNSaysInWhichRegionTheFunctionIs(t *testing.T) {
	t.Parallel()
	s := server(t)
	_, err := invoke(t, s, func(o *lambda.Options) { o.Function, o.Region = arn, "" })
	require.NoError(t, err)
	require.Equal(t, arn, s.Invocations()[0].Function)
	require.Equal(t, "eu-west-1", s.Invocations()[0].Region)
}

func TestAFunctionThatFailsIsToldByTheTypeOfItsErrorAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer lambdatest.Answer
		says   string
	}{
		"an error of its own":   {lambdatest.Answer{Function: "Unhandled", Payload: `{"errorType": "KeyError", "errorMessage": "jane@example.com", "stackTrace": ["jane"]}`}, "KeyError (Unhandled"},
		"one that it returned":  {lambdatest.Answer{Function: "Handled", Payload: `{"errorType": "app.NotReady", "errorMessage": "jane"}`}, "app.NotReady (Handled"},
		"no answer in its time": {lambdatest.Answer{Function: "Unhandled", Payload: `{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds, jane"}`}, "Sandbox.Timedout"},
		"a type that is text":   {lambdatest.Answer{Function: "Unhandled", Payload: `{"errorType": "no such customer: jane"}`}, "an unnamed one"},
		"no type":               {lambdatest.Answer{Function: "Unhandled", Payload: `"jane"`}, "it gave no error type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			answers(s, c.answer)
			_, err := invoke(t, s, nil)
			require.ErrorIs(t, err, lambda.ErrFunction)
			require.ErrorContains(t, err, "invoke prepare")
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "jane")
			require.Len(t, s.Invocations(), 1, "it is not for us to try again")
		})
	}
}

func TestWhatLambdaRefusesIsToldByItsCode(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		cause  error
		tries  int
	}{
		"AccessDeniedException":       {403, awserror.ErrDenied, 1},
		"ResourceNotFoundException":   {404, awserror.ErrNotFound, 1},
		"RequestTooLargeException":    {413, awserror.ErrRefused, 1},
		"ExpiredTokenException":       {403, awserror.ErrExpired, 1},
		"InvalidSignatureException":   {403, awserror.ErrSignature, 1},
		"UnrecognizedClientException": {403, awserror.ErrBadKey, 1},
		"TooManyRequestsException":    {429, awserror.ErrThrottled, 3},
		"ServiceException":            {500, awserror.ErrServer, 3},
		"ResourceConflictException":   {409, awserror.ErrServer, 1},
		"SnapStartTimeoutException":   {408, awserror.ErrServer, 1},
		"EFSMountTimeoutException":    {408, awserror.ErrServer, 1},
		"EFSIOException":              {410, awserror.ErrServer, 1},
		"EFSMountFailureException":    {403, awserror.ErrRefused, 1},
		"EC2ThrottledException":       {502, awserror.ErrThrottled, 3},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := server(t)
			refusal := lambdatest.Answer{Status: c.status, Code: code}
			answers(s, refusal, refusal, refusal)
			_, err := invoke(t, s, nil)
			require.ErrorIs(t, err, c.cause)
			require.ErrorContains(t, err, code)
			require.Len(t, s.Invocations(), c.tries)
		})
	}
}

// TestAnAnswerThatSaysNothingIsNoSuccess: a gateway in between answers for Lambda, and no function has run.
func TestAnAnswerThatSaysNothingIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, page := range map[string]string{"no body": "", "a page": "<html><body>back soon</body></html>"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }))
			t.Cleanup(s.Close)
			o := lambda.Options{Function: "prepare", Region: "eu-central-1", Endpoint: s.URL}
			_, err := lambda.Invoke(t.Context(), credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "s3cr3t-value", ""), o, event)
			require.ErrorIs(t, err, awserror.ErrServer)
			require.ErrorContains(t, err, "invoke prepare")
		})
	}
}

func TestThrottlingPassesAndAsksToBeLeftAlone(t *testing.T) {
	t.Parallel()
	s := server(t)
	answers(s, lambdatest.Answer{Status: http.StatusTooManyRequests, Code: "TooManyRequestsException"})
	_, err := invoke(t, s, nil)
	require.NoError(t, err)
	require.Len(t, s.Invocations(), 2)

	long := lambdatest.Answer{Status: http.StatusTooManyRequests, Code: "TooManyRequestsException", Retry: "2"}
	s = server(t)
	answers(s, long, long, long)
	_, err = invoke(t, s, nil)
	var later interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &later)
	require.Equal(t, 2*time.Second, later.RetryAfter())
}

func TestAnAnswerThatIsLostBringsTheSameEventAgain(t *testing.T) {
	t.Parallel()
	s := server(t)
	answers(s, lambdatest.Answer{Lose: true})
	_, err := invoke(t, s, nil)
	require.NoError(t, err)
	twice := s.Invocations()
	require.Len(t, twice, 2)
	require.Equal(t, twice[0].Event, twice[1].Event)
}

func TestAFunctionThatDoesNotAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	s := server(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the server is closed, which waits for its requests
	s.Do = func(lambdatest.Invocation, int) lambdatest.Answer {
		<-release
		return lambdatest.Answer{}
	}
	_, err := invoke(t, s, func(o *lambda.Options) { o.Timeout = 200 * time.Millisecond })
	require.ErrorIs(t, err, awserror.ErrUnreachable)
}

func TestFunctionsAreNamedAsLambdaNamesThem(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"f", "my-function:v1", "f:$LATEST", arn, "111122223333:function:f", "arn:aws-cn:lambda:cn-north-1:111122223333:function:f"} {
		require.NoError(t, lambda.Options{Function: good}.Validate().Err(), good)
	}
	for _, bad := range []string{"", "a b", "a/b", "f:", strings.Repeat("f", 65), "arn:aws:s3:::f", "https://f.example"} {
		require.Error(t, lambda.Options{Function: bad}.Validate().Err(), bad)
	}
}
