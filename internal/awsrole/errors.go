package awsrole

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"consign/internal/awserror"
)

// What can go wrong. Every error of this package wraps one of these, by an awserror.Error.
var (
	// ErrDenied: the role may not be assumed. Either its trust policy does not name us, or the external ID is another,
	// or our own identity has no right to sts:AssumeRole on it.
	ErrDenied = errors.New("the role may not be assumed")
	// ErrOpenRole: the role can be assumed without its external ID.
	ErrOpenRole = errors.New("the role can be assumed by anybody who knows its name")
	// ErrBadKey: STS does not know the access key, or its session token.
	ErrBadKey = errors.New("the access key is not known")
	// ErrSignature: the secret access key is not the one that belongs to the access key.
	ErrSignature = errors.New("the secret access key is wrong")
	// ErrOwnRole, ErrOwnKey and ErrOwnSecret: as those above, and it is ours: the role in between, or the key with which
	// a role is asked for. Whose role that is has no part in it.
	ErrOwnRole   = fmt.Errorf("our own identity: %w", ErrDenied)
	ErrOwnKey    = fmt.Errorf("our own identity: %w", ErrBadKey)
	ErrOwnSecret = fmt.Errorf("our own identity: %w", ErrSignature)
	// ErrClock: this host's clock is wrong by more than STS forgives.
	ErrClock = errors.New("this host's clock is wrong")
	// ErrExpired: the credentials that the role is assumed with have expired.
	ErrExpired = errors.New("the credentials have expired")
	// ErrNoCredentials: there are none to begin with.
	ErrNoCredentials = errors.New("no AWS credentials are there")
	// ErrNoneYet: what gives this host its credentials, the instance or the container, does not do so for now. It is worth
	// trying again.
	ErrNoneYet = errors.New("no AWS credentials are there for now")
	// ErrPolicy: the session policy is too long once packed, or not well formed.
	ErrPolicy = errors.New("the session policy is not accepted")
	// ErrRegion: STS is not active in this region for the account.
	ErrRegion = errors.New("STS is not active in this region")
	// ErrRefused: STS does not accept the request as the settings make it: a role's ARN that is none, a duration that
	// the role does not allow.
	ErrRefused = errors.New("STS does not accept the settings")
	// ErrThrottled: STS asks for less. See Error.RetryAfter.
	ErrThrottled = errors.New("too many requests for now")
	// ErrServer: STS failed. It is worth trying again.
	ErrServer = errors.New("STS failed")
	// ErrUnreachable: no connection: DNS, connect, TLS, or one that broke.
	ErrUnreachable = errors.New("STS cannot be reached")
	// ErrOther: a code that this package does not know. It is worth trying again.
	ErrOther = errors.New("STS answered with an error")
)

// failures is the codes of STS and what they mean here.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors and CommonErrors.html.
var failures = map[string]error{
	"AccessDenied":                ErrDenied,
	"AccessDeniedException":       ErrDenied,
	"NotAuthorized":               ErrDenied,
	"OptInRequired":               ErrDenied,
	"InvalidClientTokenId":        ErrBadKey,
	"InvalidAccessKeyId":          ErrBadKey,
	"UnrecognizedClientException": ErrBadKey,
	"InvalidToken":                ErrBadKey,
	"MissingAuthenticationToken":  ErrBadKey,
	"IncompleteSignature":         ErrBadKey,
	"SignatureDoesNotMatch":       ErrSignature,
	"InvalidSignatureException":   ErrSignature,
	"RequestExpired":              ErrClock,
	"RequestTimeTooSkewed":        ErrClock,
	"RequestInTheFuture":          ErrClock,
	"ExpiredToken":                ErrExpired,
	"ExpiredTokenException":       ErrExpired,
	"MalformedPolicyDocument":     ErrPolicy,
	"PackedPolicyTooLarge":        ErrPolicy,
	"RegionDisabledException":     ErrRegion,
	"ValidationError":             ErrRefused,
	"ValidationException":         ErrRefused,
	"InvalidParameterValue":       ErrRefused,
	"InvalidParameterCombination": ErrRefused,
	"InvalidAction":               ErrRefused,
	"NotImplemented":              ErrRefused,
	"MethodNotAllowed":            ErrRefused, // of a store without an STS
	"NoSuchEntity":                ErrRefused,
	"Throttling":                  ErrThrottled,
	"ThrottlingException":         ErrThrottled,
	"RequestLimitExceeded":        ErrThrottled,
	"TooManyRequestsException":    ErrThrottled,
	"SlowDown":                    ErrThrottled,
	"ServiceUnavailable":          ErrServer,
	"InternalFailure":             ErrServer,
	"InternalError":               ErrServer,
	"InvalidIdentityToken":        ErrNoCredentials,
	"IDPRejectedClaim":            ErrNoCredentials,
	"IDPCommunicationError":       ErrServer,
}

// fail says what was being done and translates the error. It is the only place where errors of the SDK end.
func (o Options) fail(doing string, err error) error {
	own := awserror.OfCredentials(err)
	if own != nil {
		err = own
	} else if o.RoleARN != "" && doing == "get credentials" {
		doing = "assume role " + o.RoleARN
	}
	e := translate(err)
	if o.Own || o.AccessKeyID.IsZero() && (own != nil || !errors.Is(e, ErrDenied)) { // the role's owner denies, if anybody
		same := *e
		if cause, ok := owns[e.Cause]; ok {
			same.Cause = cause
		}
		e = &same
	}
	return fmt.Errorf("%s: %w", doing, e)
}

// owns is what is said of our own keys and roles instead.
var owns = map[error]error{ErrDenied: ErrOwnRole, ErrBadKey: ErrOwnKey, ErrSignature: ErrOwnSecret}

// translate is the edge: what the SDK, HTTP and the net say, in this package's words, by code and type.
func translate(err error) *awserror.Error {
	var known *awserror.Error
	if errors.As(err, &known) {
		return known
	}
	if a := awserror.AnswerOf(err); a != nil {
		return translateAnswer(err, a)
	}
	return awserror.Unanswered(err, ErrUnreachable)
}

func translateAnswer(err error, a *awserror.Answer) *awserror.Error {
	e, said := awserror.Answered(err, a)
	cause, known := failures[e.Code]
	switch {
	case known:
		e.Cause = cause
	case e.Status == http.StatusTooManyRequests:
		e.Cause = ErrThrottled
	case e.Status >= http.StatusInternalServerError:
		e.Cause = ErrServer
	case e.Status == http.StatusForbidden:
		e.Cause = ErrDenied
	default:
		e.Cause = ErrOther
	}
	if errors.Is(e.Cause, ErrSignature) {
		// STS repeats here all that was signed, tokens included; and it has no code of its own for a wrong clock.
		if skewed(a) {
			e.Cause = ErrClock
		}
		return e
	}
	e.Detail = awserror.Redact(said, a.Request)
	return e
}

// forgiven is by how much a clock may be wrong for STS: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
const forgiven = 5 * time.Minute

// skewed compares the time that the request was signed with to STS's own.
func skewed(a *awserror.Answer) bool {
	if a.Request == nil {
		return false
	}
	signed, err := time.Parse("20060102T150405Z", a.Request.Header.Get("X-Amz-Date"))
	theirs, err2 := http.ParseTime(a.Header.Get("Date"))
	return err == nil && err2 == nil && signed.Sub(theirs).Abs() > forgiven
}
