package torture_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"consign/activities"
	"consign/workflows"
)

// told returns what a delivery's campaign was told when the run was over.
func (w *world) told(d delivery) (told []workflows.Completion) {
	_, events := w.history("crm-" + d.name)
	for _, e := range events {
		if signal := e.GetWorkflowExecutionSignaledEventAttributes(); signal.GetSignalName() == workflows.SignalCompleted {
			told = append(told, completion(signal.GetInput()))
		}
	}
	return told
}

// ended returns how a run has closed, and the completion that it has left.
func (w *world) ended(d delivery) (enums.EventType, workflows.Completion) {
	_, events := w.history(d.workflow())
	if len(events) == 0 {
		return enums.EVENT_TYPE_UNSPECIFIED, workflows.Completion{}
	}
	last := events[len(events)-1]
	if last.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED {
		return last.GetEventType(), completion(last.GetWorkflowExecutionCanceledEventAttributes().GetDetails())
	}
	return last.GetEventType(), completion(last.GetWorkflowExecutionCompletedEventAttributes().GetResult())
}

// completion reads what a run tells of its end, but for what the signal cannot say yet. It is empty if there is none.
func completion(from *common.Payloads) (c workflows.Completion) {
	_ = converter.GetDefaultDataConverter().FromPayloads(from, &c)
	c.NotNotified, c.KeptUntil = nil, time.Time{}
	return c
}

// judgeEnd looks how a run has ended, and holds what its campaign was told against the bucket. It returns the keys that are to
// be there.
func (w *world) judgeEnd(d delivery) (violations, keys []string) {
	say := func(format string, args ...any) {
		violations = append(violations, d.name+": "+fmt.Sprintf(format, args...))
	}
	closed, c := w.ended(d)
	told := w.told(d)
	switch planned := c.DataTemplate != ""; {
	case !planned && len(told) > 0, planned && len(told) != 1: // the plan says whom to tell
		say("its campaign was told %d times", len(told))
	case planned && !reflect.DeepEqual(told[0], c):
		say("its campaign was told %+v, and it says of itself %+v", told[0], c)
	}
	switch {
	case closed == enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED && c.Status == workflows.Completed:
		keys = d.all()
		violations = append(violations, w.judgeDelivery(d, c)...)
	case closed == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED && c.Status == workflows.Aborted && w.aborts(d):
		keys = w.seenOf(d, c)
		if there := w.poller.size(d.done) >= 0; there != (c.SuccessFile == d.done) && !w.mayNotKnow(c) {
			say("its success file is there: %v, and its campaign was told %+v", there, c)
		}
	default:
		say("it ended as %s, %s", closed, c.Status)
	}
	for _, o := range c.Objects {
		if err := w.judgeObject(c, o); err != nil {
			say("%v", err)
		}
	}
	return violations, keys
}

// aborts reports whether somebody has aborted the delivery's run.
func (w *world) aborts(d delivery) bool {
	return slices.ContainsFunc(w.faults, func(f fault) bool { return f.kind == abortRun && deliveries()[f.run].name == d.name })
}

// mayNotKnow reports whether a run could not find out what is there: the store was away, which it tells, or did what it was asked
// for when nobody waited for it any more.
func (w *world) mayNotKnow(c workflows.Completion) bool {
	return slices.ContainsFunc(c.Warnings, func(text string) bool { return strings.Contains(text, "is not known") }) ||
		slices.ContainsFunc(w.faults, func(f fault) bool { return f.kind == spoilS3 && f.front == frontLate })
}

// seenOf are the keys of a run that was aborted: the objects that its campaign was told of, and beside all of them, if the run
// was at its end, what goes with them.
func (w *world) seenOf(d delivery, c workflows.Completion) []string {
	var keys []string
	for _, o := range c.Objects {
		keys = append(keys, o.Key)
	}
	if len(keys) < len(d.keys) {
		return keys
	}
	for _, key := range append(slices.Clone(d.sides), d.done) {
		if w.poller.size(key) >= 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// judgeDelivery looks at a delivery that is said to be complete.
func (w *world) judgeDelivery(d delivery, c workflows.Completion) []string {
	violations := w.judgeOrder(d)
	if err := w.judgeRows(d); err != nil {
		violations = append(violations, fmt.Sprintf("%s: %v", d.name, err))
	}
	if err := w.judgeReceipt(d, c); err != nil {
		violations = append(violations, fmt.Sprintf("%s: its receipt: %v", d.name, err))
	}
	if err := w.judgeManifest(d); err != nil {
		violations = append(violations, fmt.Sprintf("%s: its manifest: %v", d.name, err))
	}
	keys, bytes := []string{}, int64(0)
	for _, o := range c.Objects {
		keys, bytes = append(keys, o.Key), bytes+o.Bytes
	}
	if !slices.Equal(keys, d.keys) || c.Rows != int64(*rows) || c.Bytes != bytes || c.SuccessFile != d.done || c.Receipt != d.side(".receipt.json") || c.Manifest != d.side(".manifest") {
		violations = append(violations, fmt.Sprintf("%s: its campaign was told %+v", d.name, c))
	}
	return violations
}

// judgeObject compares an object with what was told of it.
func (w *world) judgeObject(c workflows.Completion, o activities.Object) error {
	found, err := w.stack.S3.Client().HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &o.Bucket, Key: &o.Key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return err
	}
	sum := ""
	if found.ChecksumCRC32C != nil {
		sum = *found.ChecksumCRC32C
	}
	if strings.Trim(*found.ETag, `"`) != o.ETag || *found.ContentLength != o.Bytes || sum != o.Checksum || found.Metadata["consign-delivery"] != c.DeliveryID {
		return fmt.Errorf("%s has %d bytes, %s, %s, %v, and was told as %+v of %s", o.Key, *found.ContentLength, *found.ETag, sum, found.Metadata, o, c.DeliveryID)
	}
	return nil
}

// judgeReceipt compares what the receipt says with the objects.
func (w *world) judgeReceipt(d delivery, c workflows.Completion) error {
	key := d.side(".receipt.json")
	if key == "" {
		return nil
	}
	type object struct {
		Key    string `json:"key"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	}
	var said struct {
		Delivery string   `json:"delivery_id"`
		Rows     int64    `json:"rows"`
		Objects  []object `json:"objects"`
	}
	text, err := w.fetch(key)
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		return err
	}
	var want []object
	for _, key := range d.keys {
		text, err := w.fetch(key)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		want = append(want, object{key, int64(len(text)), hex.EncodeToString(sum[:])})
	}
	if said.Delivery != c.DeliveryID || said.Rows != int64(*rows) || !slices.Equal(said.Objects, want) {
		return fmt.Errorf("it says %+v, not %+v of %s", said, want, c.DeliveryID)
	}
	if bytes.Contains(text, []byte(marker)) {
		return fmt.Errorf("%s holds a value of a row", key)
	}
	return nil
}

// judgeManifest compares what the manifest lists with the objects.
func (w *world) judgeManifest(d delivery) error {
	key := d.side(".manifest")
	if key == "" {
		return nil
	}
	type entry struct {
		URL  string `json:"url"`
		Meta struct {
			Length int64 `json:"content_length"`
		} `json:"meta"`
	}
	var said struct{ Entries []entry }
	text, err := w.fetch(key)
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil {
		return err
	}
	var want []entry
	for _, key := range d.keys {
		e := entry{URL: "s3://" + bucket + "/" + key}
		e.Meta.Length = w.poller.size(key)
		want = append(want, e)
	}
	if !slices.Equal(said.Entries, want) {
		return fmt.Errorf("it lists %+v, not %+v", said.Entries, want)
	}
	return nil
}

// fetch reads an object.
func (w *world) fetch(key string) ([]byte, error) {
	name := bucket
	out, err := w.stack.S3.Client().GetObject(context.Background(), &s3.GetObjectInput{Bucket: &name, Key: &key})
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Body.Close() }()
	return io.ReadAll(out.Body)
}
