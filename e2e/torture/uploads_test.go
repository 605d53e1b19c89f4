package torture_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// awake is how long a host may take that was asleep, and opens an upload as it wakes up, to see that its run is over and to abort
// it: the other uploads of the run were aborted long before.
const awake = 30 * time.Second

// openUploads looks for every upload that was ever opened, by its id, whoever got the answer, and for those that the store has
// under the keys.
func (w *world) openUploads() (open []string) {
	for _, d := range deliveries() {
		for _, key := range d.all() {
			open = append(open, w.judgeUploads(key)...)
		}
	}
	name := bucket
	for _, x := range w.s3.exchanges() {
		if x.kind != "create" || x.upload == "" {
			continue
		}
		_, err := w.stack.S3.Client().ListParts(context.Background(), &s3.ListPartsInput{Bucket: &name, Key: &x.key, UploadId: &x.upload})
		var gone *types.NoSuchUpload
		if err == nil || !errors.As(err, &gone) && !strings.Contains(err.Error(), "NoSuchUpload") {
			open = append(open, fmt.Sprintf("an upload of %s, opened at %.1fs, is still open (%v)", x.key, x.asked.Seconds(), err))
		}
	}
	return open
}

// judgeUploads looks for uploads of a key whose opening the front has not seen answered.
func (w *world) judgeUploads(key string) []string {
	name := bucket
	open, err := w.stack.S3.Client().ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &name, Prefix: &key})
	if err != nil {
		return []string{err.Error()}
	}
	if len(open.Uploads) > 0 {
		return []string{fmt.Sprintf("%d uploads of %s are open", len(open.Uploads), key)}
	}
	return nil
}
