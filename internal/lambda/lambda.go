// Package lambda invokes a function with an event, waits for its end, and keeps what it answers to itself.
package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"consign/internal/awsclient"
	"consign/internal/awserror"
	"consign/internal/problem"
)

// ErrFunction says that the function was invoked and has failed. What it said about that stays there: it may be a row's value.
var ErrFunction = errors.New("the function failed")

// Options say which function.
type Options struct {
	Function string        `json:"function"` // a name, a name with alias or version, or an ARN
	Region   string        `json:"region,omitempty"`
	Endpoint string        `json:"endpoint,omitempty"` // empty: Amazon's
	Timeout  time.Duration `json:"-"`                  // of the whole invocation; 0: a little more than a function may take
}

// functionName is the forms that Invoke takes: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
var (
	functionName = regexp.MustCompile(`^(arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:|[0-9]{12}:function:)?[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]{1,128})?$`)
	regionOf     = regexp.MustCompile(`^arn:aws[a-z-]*:lambda:([a-z0-9-]+):`)
)

// Validate reports everything that is wrong with the options.
func (o Options) Validate() problem.List {
	var l problem.List
	if o.Function == "" {
		l.AddHint("function", "the function's name or ARN; an alias or a version behind a colon", "is missing")
	} else if !functionName.MatchString(o.Function) {
		l.AddHint("function", "the function's name or ARN; an alias or a version behind a colon", "%q is not a function", o.Function)
	}
	if o.Region != "" && !awsclient.IsRegion(o.Region) {
		l.AddHint("region", "as in eu-west-1", "%q is not a region", o.Region)
	}
	if m := regionOf.FindStringSubmatch(o.Function); m != nil && o.Region != "" && o.Region != m[1] {
		l.AddHint("region", "leave it out: the ARN has it", "the function is in %s", m[1])
	}
	if o.Endpoint != "" && !awsclient.IsServer(o.Endpoint) { // nor is it quoted
		l.AddHint("endpoint", "write https://host, or leave it out for Amazon's", "this is not the URL of a server alone")
	}
	return l
}

// MaxEvent is how many bytes a function that is waited for may be given.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const MaxEvent = 6 << 20

// Limits. A function may take 15 minutes.
const (
	attempts       = 3
	defaultTimeout = 15*time.Minute + 30*time.Second
)

// An Invoked is a function that has ended well.
type Invoked struct {
	Version string // that ran: an alias points to one
	Request string // Lambda's id of the invocation, by which the function's log has it
}

// Invoke invokes the function with the event and waits for it. The SDK tries again what did not reach the function or
// was throttled; what then reaches it twice carries the same event.
func Invoke(ctx context.Context, creds aws.CredentialsProvider, o Options, event []byte) (Invoked, error) {
	doing := "invoke " + o.Function
	if m := regionOf.FindStringSubmatch(o.Function); m != nil {
		o.Region = m[1]
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.Timeout, defaultTimeout))
	defer cancel()
	api := lambda.New(lambda.Options{
		Region: o.Region, BaseEndpoint: awsclient.Optional(o.Endpoint), Credentials: awserror.Marked(creds),
		HTTPClient: awsclient.NewAPI(0), Retryer: awsclient.Retryer(attempts),
	})
	out, err := api.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &o.Function, InvocationType: types.InvocationTypeRequestResponse, LogType: types.LogTypeNone, Payload: event,
	})
	if err != nil {
		return Invoked{}, fmt.Errorf("%s: %w", doing, awserror.Translate(err))
	}
	request := requestID(out)
	if kind := aws.ToString(out.FunctionError); kind != "" {
		return Invoked{}, fmt.Errorf("%s: %w: %s (%s, request %s)", doing, ErrFunction, typeOf(out.Payload), word(kind), word(request))
	}
	if request == "" && aws.ToString(out.ExecutedVersion) == "" {
		return Invoked{}, fmt.Errorf("%s: %w", doing, awserror.ErrSilent)
	}
	return Invoked{Version: aws.ToString(out.ExecutedVersion), Request: request}, nil
}

// wordOnly is what the name of an error looks like. What does not is text, which may hold anything.
var wordOnly = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.$:-]{0,99}$`)

// typeOf returns the type of the function's error, and nothing else of what it has answered.
func typeOf(answer []byte) string {
	var e struct {
		Type string `json:"errorType"`
	}
	if err := json.Unmarshal(answer, &e); err != nil || e.Type == "" {
		return "it gave no error type"
	}
	return word(e.Type)
}

func word(s string) string {
	if !wordOnly.MatchString(s) && !requestOnly.MatchString(s) {
		return "an unnamed one"
	}
	return s
}

var requestOnly = regexp.MustCompile(`^[0-9a-f-]{1,64}$`)

// requestID is Lambda's id of the invocation.
func requestID(out *lambda.InvokeOutput) string {
	id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
	return id
}
