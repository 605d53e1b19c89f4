// Package upload sends files into objects of an S3 bucket, in parts, and shows none of them before it is told to.
//
// Start opens an upload, Send fills it and can go on where it was interrupted, Verify compares S3's list of parts with
// the file, Complete shows the object. All state is S3's own: every call can be made again, by another process, on
// another host, and an answer that got lost is found again.
package upload

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"consign/internal/awsclient"
	"consign/internal/awserror"
)

// A Bucket is somebody's bucket with the settings to write into it. It is safe for concurrent use.
type Bucket struct {
	o      Options
	client *s3.Client
	http   *http.Client
	// encrypts is set once the store has said that it encrypts as it is asked to: of an upload, or of a part.
	encrypts atomic.Bool
}

// An Object is a file as it will be in the bucket. All of it is known before the first byte is sent, but of one that is sent
// while it is made: see Begin.
type Object struct {
	Key         string
	Size        int64
	CRC32C      string // of the whole file: base64 of four bytes, big-endian, as S3 writes it
	Sums        []byte // CRC32C of each MiB of it, four bytes each, big-endian; nil: the file is read for them
	Delivery    string // the delivery id, kept in the object's metadata: it tells our objects from others'
	ContentType string // empty: S3's default, binary/octet-stream

	// Opened is about when Start was called; zero if nobody knows. It tells an object that lay there before, and is to
	// be replaced, from one that has replaced ours.
	Opened time.Time
}

// The metadata by which an object is known to be the one that we sent.
const (
	metaDelivery = "consign-delivery"
	metaCRC32C   = "consign-crc32c" // not of an object that was begun before all its bytes were there
)

func (o Object) metadata() map[string]string {
	known := map[string]string{metaDelivery: o.Delivery}
	if o.CRC32C != "" {
		known[metaCRC32C] = o.CRC32C
	}
	return known
}

// Completed is an object that can be read.
type Completed struct {
	ETag     string
	Version  string // empty in buckets without versions
	Checksum string // CRC32C of the whole object, as S3 computed it
}

// Open returns the bucket, and finds its region if the options leave it open. It says nothing about rights: Try does.
func (c *Connections) Open(ctx context.Context, creds aws.CredentialsProvider, o Options) (*Bucket, error) {
	if err := o.Validate().Err(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	b := &Bucket{o: o, http: c.client(o)}
	if o.Region == "" {
		region, err := b.findRegion(ctx)
		if err != nil {
			return nil, err
		}
		b.o.Region = region
	}
	b.client = b.newClient(awserror.Marked(creds), b.o.Region)
	return b, nil
}

// Region returns the region of the bucket.
func (b *Bucket) Region() string { return b.o.Region }

func (b *Bucket) newClient(creds aws.CredentialsProvider, region string) *s3.Client {
	return s3.New(s3.Options{
		Region:       region,
		Credentials:  creds,
		HTTPClient:   b.http,
		Retryer:      newRetryer(b.o.Attempts),
		UsePathStyle: b.o.PathStyle,
		BaseEndpoint: awsclient.Optional(b.o.Endpoint),
		UseARNRegion: true,
		// We give checksums of our own where they matter. Those that the SDK would add by itself come as a trailer,
		// which many S3-compatible stores do not understand.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// newRetryer tries a request again after what may pass by itself. The SDK's own quota is off: it is shared by all parts
// and, once used up by one bad minute, makes every later hiccup final.
func newRetryer(attempts int) aws.Retryer {
	return retry.NewStandard(func(so *retry.StandardOptions) {
		so.MaxAttempts = attempts
		so.RateLimiter = ratelimit.None
		so.Retryables = append(so.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{
			"OperationAborted":             {}, // 409: another completion of the key is under way
			"ConditionalRequestConflict":   {}, // 409: likewise, with If-None-Match
			"BadDigest":                    {}, // the part was damaged on its way
			"XAmzContentChecksumMismatch":  {}, // likewise
			"XAmzContentSHA256Mismatch":    {}, // likewise
			"IncompleteBody":               {}, // the connection broke and S3 noticed first
			"InternalError":                {}, // also as an answer with status 200
			"KMS.ThrottlingException":      {},
			"ServiceUnavailable":           {},
			"RequestTimeTooSkewed":         {}, // the SDK corrects its clock by the answer
			"XMinioServerNotInitialized":   {}, // MinIO is just starting
			"XMinioReadQuorum":             {},
			"XMinioWriteQuorum":            {},
			"SlowDownRead":                 {},
			"SlowDownWrite":                {},
			"TooManyRequests":              {},
			"XMinioBackendDown":            {},
			"XMinioIAMNotInitialized":      {},
			"XMinioBucketMetadataNotReady": {},
		}})
	})
}
