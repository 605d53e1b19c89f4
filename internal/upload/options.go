package upload

import (
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"consign/internal/problem"
)

// S3's limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	MinPartSize = 5 << 20  // of every part but the last
	MaxPartSize = 5 << 30  //
	MaxParts    = 10_000   // of one object
	MaxSize     = 5 << 40  // of one object
	maxTags     = 10       // of one object
	maxKey      = 1024     // bytes
	defaultPart = 16 << 20 // measured: 16 MiB by 4 is as fast as any, at 45 MB of memory
)

const (
	defaultConcurrency = 4
	maxConcurrency     = 64
	defaultAttempts    = 5
	defaultStall       = 60 * time.Second
)

// Options are a destination's settings for its bucket, and how to write into it. Empty settings have not been decided:
// Validate accepts them, and Open takes their defaults.
type Options struct {
	Bucket       string            `json:"bucket"`                  // a name, or the ARN of an access point
	Region       string            `json:"region,omitempty"`        // empty: found
	Endpoint     string            `json:"endpoint,omitempty"`      // of an S3-compatible store; empty: Amazon's
	SSE          string            `json:"sse,omitempty"`           // none, s3, or kms
	KMSKeyID     string            `json:"kms_key_id,omitempty"`    // implies kms
	ACL          string            `json:"acl,omitempty"`           // none, or bucket-owner-full-control
	StorageClass string            `json:"storage_class,omitempty"` // empty: STANDARD
	BucketOwner  string            `json:"bucket_owner,omitempty"`  // account id; a bucket that changed hands gets nothing
	OnConflict   string            `json:"on_conflict,omitempty"`   // overwrite, or fail
	PathStyle    bool              `json:"path_style,omitempty"`    // for stores without a host name per bucket
	Tags         map[string]string `json:"tags,omitempty"`          //
	PartSize     int64             `json:"part_size,omitempty"`     // bytes; grows where an object needs it
	Concurrency  int               `json:"concurrency,omitempty"`   // parts under way at once

	Attempts int           `json:"-"` // tries of one request; 0: five, over about ten seconds
	Stall    time.Duration `json:"-"` // a try in which no byte moves for so long is given up; 0: one minute
}

func (o Options) withDefaults() Options {
	o.PartSize = cmp.Or(o.PartSize, defaultPart)
	o.Concurrency = cmp.Or(o.Concurrency, defaultConcurrency)
	o.Attempts = cmp.Or(o.Attempts, defaultAttempts)
	o.Stall = cmp.Or(o.Stall, defaultStall)
	o.Region = cmp.Or(o.Region, arnRegion(o.Bucket))
	return o
}

var (
	bucketName  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	bucketIP    = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`)
	accessPoint = regexp.MustCompile(`^arn:(aws[a-z-]*):s3:([a-z0-9-]*):(\d{12}):accesspoint[/:][A-Za-z0-9.-]+$`)
	regionName  = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	account     = regexp.MustCompile(`^\d{12}$`)
	tagText     = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// storageClasses that S3 has; the value tells whether an object can be read at once.
var storageClasses = map[string]bool{
	"STANDARD": true, "REDUCED_REDUNDANCY": true, "STANDARD_IA": true, "ONEZONE_IA": true, "INTELLIGENT_TIERING": true,
	"GLACIER_IR": true, "GLACIER": false, "DEEP_ARCHIVE": false, "EXPRESS_ONEZONE": true,
}

// Readable reports whether objects of a storage class can be read as soon as they are there.
func Readable(class string) bool {
	readable, known := storageClasses[class]
	return readable || !known
}

// arnRegion returns the region of an access point's ARN, and nothing for the name of a bucket.
func arnRegion(bucket string) string {
	if m := accessPoint.FindStringSubmatch(bucket); m != nil {
		return m[2]
	}
	return ""
}

// Validate reports everything that is wrong. What has not been decided is not wrong.
func (o Options) Validate() problem.List {
	var list problem.List
	o.validateBucket(&list)
	oneOf(&list, "sse", o.SSE, "none", "s3", "kms")
	oneOf(&list, "acl", o.ACL, "none", "bucket-owner-full-control")
	oneOf(&list, "on_conflict", o.OnConflict, "overwrite", "fail")
	if o.KMSKeyID != "" && o.SSE != "" && o.SSE != "kms" {
		list.Add("kms_key_id", "a KMS key does not go with sse: %s", o.SSE)
	}
	if readable, known := storageClasses[o.StorageClass]; o.StorageClass != "" && !known {
		list.AddHint("storage_class", "the names are S3's: STANDARD, STANDARD_IA, ...", "%q is not a storage class", o.StorageClass)
	} else if known && !readable {
		list.Warn("storage_class", "objects in %s must be restored before anybody can read them", o.StorageClass)
	}
	if o.BucketOwner != "" && !account.MatchString(o.BucketOwner) {
		list.AddHint("bucket_owner", `write it in quotes: "012345678901"`, "%q is not an account id of 12 digits", o.BucketOwner)
	}
	if o.PartSize != 0 && (o.PartSize < MinPartSize || o.PartSize > MaxPartSize) {
		list.Add("part_size", "%d bytes is not between 5 MiB and 5 GiB", o.PartSize)
	}
	if o.Concurrency < 0 || o.Concurrency > maxConcurrency {
		list.Add("concurrency", "%d is not between 1 and %d", o.Concurrency, maxConcurrency)
	}
	o.validateTags(&list)
	return list
}

func (o Options) validateBucket(list *problem.List) {
	name := bucketName.MatchString(o.Bucket) && !bucketIP.MatchString(o.Bucket) && !strings.Contains(o.Bucket, "..")
	if o.Bucket != "" && !name && !accessPoint.MatchString(o.Bucket) {
		list.AddHint("bucket", "3 to 63 small letters, digits, points and hyphens, or arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME",
			"%q is neither the name of a bucket nor the ARN of an access point", o.Bucket)
	}
	if r := arnRegion(o.Bucket); r != "" && o.Region != "" && r != o.Region {
		list.Add("region", "%q is not the region of the access point, which is %q", o.Region, r)
	}
	if o.Region != "" && !regionName.MatchString(o.Region) {
		list.AddHint("region", "as in eu-west-1", "%q is not a region", o.Region)
	}
	if o.Endpoint == "" {
		return
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		list.Add("endpoint", "this is not a URL, as https://s3.example.com is")
		return
	}
	if u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		list.Add("endpoint", "only scheme, host and port belong here")
	}
}

func (o Options) validateTags(list *problem.List) {
	if len(o.Tags) > maxTags {
		list.Add("tags", "%d tags, and S3 allows %d", len(o.Tags), maxTags)
	}
	for _, k := range slices.Sorted(maps.Keys(o.Tags)) {
		switch v := o.Tags[k]; {
		case k == "" || utf8.RuneCountInString(k) > 128 || utf8.RuneCountInString(v) > 256:
			list.Add("tags", "tag %q: a key has 1 to 128 characters and a value up to 256", k)
		case strings.HasPrefix(k, "aws:"):
			list.Add("tags", "tag %q: aws: is Amazon's own", k)
		case !tagText.MatchString(k) || !tagText.MatchString(v):
			list.AddHint("tags", "letters, digits, spaces and _ . : / = + - @", "tag %q holds a character that S3 does not allow", k)
		}
	}
}

func oneOf(list *problem.List, key, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		list.Add(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}
