package upload

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"consign/internal/awserror"
)

// An Error is a refusal or a failure of the store, without the SDK's own errors: their text may hold what a log must
// not. It wraps one of the sentinels, and the context's error if that was the reason.
type Error struct {
	Code   string // S3's; empty without an answer
	Status int    // of HTTP; 0 without an answer
	Right  Right  // what was refused, of a refusal

	cause   error
	context error // context.Canceled or DeadlineExceeded, if that was it
	detail  string
	request string
	after   time.Duration
}

// Error returns the sentinel's words, the details and S3's code.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.cause.Error())
	if e.detail != "" {
		b.WriteString(": " + e.detail)
	}
	var about []string
	if e.Code != "" {
		about = append(about, e.Code)
	}
	if e.Status != 0 {
		about = append(about, "HTTP "+strconv.Itoa(e.Status))
	}
	if e.request != "" {
		about = append(about, "request "+e.request)
	}
	if len(about) > 0 {
		b.WriteString(" (" + strings.Join(about, ", ") + ")")
	}
	return b.String()
}

// Unwrap returns the sentinel and the context's error.
func (e *Error) Unwrap() []error {
	if e.context != nil {
		return []error{e.cause, e.context}
	}
	return []error{e.cause}
}

// RetryAfter is how long the store asks to be left alone; 0 if it does not say.
func (e *Error) RetryAfter() time.Duration { return e.after }

// An operation is a request as errors speak of it.
type operation struct {
	doing string // "upload", "complete": before the object's name
	right string // what the role must be allowed
	store bool   // writes object data: encryption, ACL and tags need rights of their own
	whole bool   // is about the bucket, not one object
}

var (
	opCreate   = operation{doing: "open upload of", right: "s3:PutObject", store: true}
	opPart     = operation{doing: "upload", right: "s3:PutObject", store: true}
	opComplete = operation{doing: "complete", right: "s3:PutObject", store: true}
	opPut      = operation{doing: "put", right: "s3:PutObject", store: true}
	opParts    = operation{doing: "list the parts of", right: "s3:ListMultipartUploadParts"}
	opAbort    = operation{doing: "abort upload of", right: "s3:AbortMultipartUpload"}
	opHead     = operation{doing: "look at", right: "s3:GetObject"}
	opGet      = operation{doing: "read", right: "s3:GetObject"}
	opFind     = operation{doing: "look for open uploads of", right: "s3:ListBucketMultipartUploads", whole: true}
	opRegion   = operation{doing: "find the region of", whole: true}
)

// fail says what was being done and translates the error. It is the only place where errors of the SDK end.
func (b *Bucket) fail(op operation, key string, err error) error {
	if err == nil {
		return nil
	}
	name := b.o.Bucket
	if key != "" {
		name += "/" + key
	}
	return fmt.Errorf("%s %s: %w", op.doing, name, b.translate(op, key, err))
}

// failPart is fail for one part.
func (b *Bucket) failPart(key string, number int, err error) error {
	var file *fileError
	if errors.As(err, &file) {
		return fmt.Errorf("upload %s/%s part %d: %w", b.o.Bucket, key, number, file.err)
	}
	return fmt.Errorf("upload %s/%s part %d: %w", b.o.Bucket, key, number, b.translate(opPart, key, err))
}

// translate is the edge: what the SDK, HTTP and the net say, in this package's words, by code and type.
func (b *Bucket) translate(op operation, key string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if own := awserror.OfCredentials(err); own != nil {
		return own
	}
	if a := awserror.AnswerOf(err); a != nil {
		return b.translateAnswer(op, key, err, a)
	}
	if end := awserror.Ended(err); end != nil {
		return &Error{cause: ErrUnreachable, context: end, detail: end.Error()}
	}
	detail := awserror.Root(err)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		detail = join(detail, b.hosted())
	}
	return &Error{cause: ErrUnreachable, detail: detail}
}

// hosted says, of a store that need not have a host for each bucket as Amazon has, that it is asked by one. A store that has
// none takes the beginning of the key for the bucket.
func (b *Bucket) hosted() string {
	u, err := url.Parse(b.o.Endpoint)
	if b.o.Endpoint == "" || b.o.PathStyle || err != nil || net.ParseIP(u.Hostname()) != nil {
		return ""
	}
	return "the bucket is asked for as the host " + b.o.Bucket + "." + u.Hostname() + ": a store without a host for each bucket needs path_style: true"
}

func (b *Bucket) translateAnswer(op operation, key string, err error, a *awserror.Answer) *Error {
	e := &Error{Status: a.Status, request: a.Header.Get("X-Amz-Request-Id"), after: retryAfter(a.Header)}
	var said string
	e.Code, said = awserror.Said(err)
	head := a.Request != nil && a.Request.Method == http.MethodHead
	if code := a.Header.Get("X-Minio-Error-Code"); code != "" && head {
		e.Code = code // MinIO answers HEAD, which has no body, with a header
	}
	e.cause = classify(e.Code, e.Status)
	if e.Code == "" && a.Status < http.StatusMultipleChoices { // one of success that broke off, or is none of S3's
		e.cause, said = errEmpty.cause, errEmpty.detail
	}
	region := a.Header.Get("X-Amz-Bucket-Region")
	if _, known := failures[e.Code]; head && !known && e.Status == http.StatusBadRequest {
		e.cause = b.badHead(region)
	}
	if errors.Is(e.cause, ErrAccessDenied) {
		if e.Right = rightOf(said); strings.HasPrefix(e.Right.Action, "kms:") {
			e.cause = ErrKMS
		} else if e.Right.Action == "" && op.right != "" {
			e.Right = Right{Action: op.right, Resource: b.resource(unless(op.whole, key))}
		}
	}
	switch {
	case errors.Is(e.cause, ErrWrongRegion) && region != "": // else its words name it, if anything does
		e.detail = "it is in " + region + ", not in " + b.o.Region
	case errors.Is(e.cause, ErrAccessDenied):
		e.detail = join(b.missing(op, key), awserror.Redact(said, a.Request))
	case errors.Is(e.cause, ErrNoSuchBucket):
		e.detail = join(awserror.Redact(said, a.Request), b.hosted())
	case !errors.Is(e.cause, ErrSignature): // its message repeats what was signed, tokens included
		e.detail = awserror.Redact(said, a.Request)
	}
	return e
}

// badHead is what is wrong with a HEAD that is answered with status 400. The settings have no part in it, and Amazon gives no
// reason but the bucket's region: if the request was signed for that, the session has expired.
func (b *Bucket) badHead(region string) error {
	if region != "" && region != b.o.Region {
		return ErrWrongRegion
	}
	return ErrExpired
}

func classify(code string, status int) error {
	if cause, ok := failures[code]; ok {
		return cause
	}
	if strings.HasPrefix(code, "KMS.") && status < http.StatusInternalServerError { // else KMS itself has failed
		return ErrKMS
	}
	if cause, ok := statuses[status]; ok {
		return cause
	}
	if status >= 500 {
		return ErrServer
	}
	return ErrOther
}

// missing says which right the role would need.
func (b *Bucket) missing(op operation, key string) string {
	if op.right == "" {
		return ""
	}
	resource := b.resource(unless(op.whole, key))
	text := "needs " + op.right
	if op.store && b.acl() != "" {
		text += ", s3:PutObjectAcl"
	}
	if op.store && len(b.o.Tags) > 0 {
		text += ", s3:PutObjectTagging"
	}
	text += " on " + resource
	if op.store && b.sse() == "aws:kms" {
		text += ", and kms:GenerateDataKey and kms:Decrypt on the key " + b.o.KMSKeyID
	}
	if b.o.BucketOwner != "" {
		text += "; and the bucket must belong to account " + b.o.BucketOwner
	}
	return text
}

func unless(no bool, text string) string {
	if no {
		return ""
	}
	return text
}

// resource returns the ARN of the bucket, or of one of its objects.
func (b *Bucket) resource(key string) string {
	arn := "arn:" + Partition(b.o.Region) + ":s3:::" + b.o.Bucket
	slash := "/"
	if accessPoint.MatchString(b.o.Bucket) {
		arn, slash = b.o.Bucket, "/object/"
	}
	if key == "" {
		return arn
	}
	return arn + slash + key
}

// retryAfter reads seconds, for S3 never gives a date, or Amazon's own header, which has milliseconds.
func retryAfter(h http.Header) time.Duration {
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
		return time.Duration(s) * time.Second
	}
	if ms, err := strconv.Atoi(h.Get("X-Amz-Retry-After")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return 0
}

func join(texts ...string) string {
	var kept []string
	for _, t := range texts {
		if t != "" {
			kept = append(kept, t)
		}
	}
	return strings.Join(kept, "; ")
}
