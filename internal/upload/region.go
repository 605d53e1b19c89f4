package upload

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"consign/internal/awserror"
)

// firstRegion is asked where a bucket is. It knows all buckets but those of China and the government, whose region must
// be set.
const firstRegion = "us-east-1"

// partitions are the parts of Amazon that are apart from the first, by how the names of their regions begin.
var partitions = []struct{ region, name string }{
	{"cn-", "aws-cn"},
	{"us-gov-", "aws-us-gov"},
	{"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
}

// Partition returns the part of Amazon that a region is in, as the ARNs of its buckets name it.
func Partition(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.region) {
			return p.name
		}
	}
	return "aws"
}

// findRegion asks, without credentials: S3 names the region in a header of every answer, also of a refusal. Stores of
// others that name none take any.
func (b *Bucket) findRegion(ctx context.Context) (string, error) {
	b.o.Region = firstRegion
	anonymous := b.newClient(aws.AnonymousCredentials{}, firstRegion)
	out, err := anonymous.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.o.Bucket})
	if err == nil && aws.ToString(out.BucketRegion) != "" {
		return *out.BucketRegion, nil
	}
	if err != nil {
		answer := awserror.AnswerOf(err)
		if answer == nil {
			return "", b.fail(opRegion, "", err)
		}
		if region := answer.Header.Get("X-Amz-Bucket-Region"); region != "" {
			return region, nil
		}
		if answer.Status == http.StatusNotFound {
			detail := join("one of China or of a government is found nowhere else: then set region", b.hosted())
			return "", b.fail(opRegion, "", &Error{Status: answer.Status, cause: ErrNoSuchBucket, detail: detail})
		}
		if answer.Status >= http.StatusInternalServerError {
			return "", b.fail(opRegion, "", err)
		}
	}
	if b.o.Endpoint != "" {
		return firstRegion, nil
	}
	return "", fmt.Errorf("find the region of %s: %w: S3 does not say which; set region", b.o.Bucket, ErrWrongRegion)
}
