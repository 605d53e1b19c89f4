package activities

import (
	"context"
	"errors"
	"os"
	"time"

	"go.temporal.io/sdk/activity"

	"consign/internal/defect"
	"consign/internal/plan"
	"consign/internal/upload"
	"consign/internal/workspace"
)

// The one file of a delivery is sent while it is being made: the step that makes it, Render or Archive, opens the upload when
// the first part is on the disk, notes it in Upload's journal before that part leaves, and sends each further part when its
// last byte is written. Upload finds the upload in its journal and, by S3's list of parts, what is left to send. Nothing can
// be read before Publish, as ever.
//
// A head start is a favour. What goes wrong with it is a line of the log, and Upload's to do; if the step itself fails or
// begins anew, what was sent is taken back.

// lastParts is how long parts that are on their way are waited for when the file is whole. On a line that is slower Upload
// sends them again.
const lastParts = 5 * time.Second

// A headStart sends a file while it is written. A nil one does nothing.
type headStart struct {
	steps  *Steps
	run    *workspace.Run
	to     sending
	growth *upload.Growth
	file   *os.File
	cancel context.CancelFunc
	over   chan struct{} // closed when nothing is sent any more; nil: nothing was followed
}

// headStart makes ready to send the file that a step makes, if the plan allows it: to is not nil then.
func (s *Steps) headStart(run *workspace.Run, delivery string, names plan.Names, to *Target) *headStart {
	if to == nil {
		return nil
	}
	return &headStart{steps: s, run: run, to: sending{*to, delivery, names}, growth: upload.NewGrowth()}
}

// follow sends what is written to out from now on. It is called before the first byte is, for the file that is delivered.
func (h *headStart) follow(ctx context.Context, out *outFile) {
	if h == nil {
		return
	}
	file, err := os.Open(out.f.Name()) // out closes its own
	if err != nil {
		activity.GetLogger(ctx).Warn("the file is not sent while it is written", "error", err)
		return
	}
	h.file, h.over = file, make(chan struct{})
	out.digest.wrote = h.growth.Wrote
	ctx, h.cancel = context.WithCancel(ctx)
	go func() {
		defer close(h.over)
		err := h.send(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		activity.GetLogger(ctx).Warn("the file is not sent while it is written: Upload will send it", "error", err)
		h.steps.sessions.forget(sessionKey(h.to.Target))
	}()
}

// send opens the upload when there is a part to send, and sends until the file has ended.
func (h *headStart) send(ctx context.Context) (err error) {
	defer defect.Recover(&err)
	if !h.growth.Reaches(ctx, upload.PartSize(0, h.to.Target.Upload.PartSize)) {
		return nil
	}
	bucket, err := h.steps.bucket(ctx, h.to.Target)
	if err != nil {
		return err
	}
	key, err := h.to.Names.Key(1)
	if err != nil {
		return err
	}
	o := upload.Object{Key: key, Delivery: h.to.Delivery}
	id, err := h.open(ctx, bucket, o)
	if err != nil {
		return err
	}
	return bucket.Follow(ctx, o, id, h.file, h.growth)
}

// open returns the upload that an earlier attempt has begun, or a new one. Others that are open under the key are aborted: a
// lost host may have left one, or AssumeRole's trial, if the answer to its opening got lost.
func (h *headStart) open(ctx context.Context, bucket *upload.Bucket, o upload.Object) (string, error) {
	if _, err := h.steps.noteSent(ctx, h.run, h.to); err != nil {
		return "", err
	}
	journal, err := h.run.Step(h.to.Delivery, stepUpload)
	if err != nil {
		return "", err
	}
	begun, err := uploadsOf(journal)
	if err != nil || begun[1].Upload != "" {
		return begun[1].Upload, err
	}
	if err := bucket.AbortStrays(ctx, o.Key, ""); err != nil {
		return "", err
	}
	ctx, end := upload.Outlast(ctx)
	defer end()
	id, err := bucket.Begin(ctx, o)
	if err != nil {
		return "", err
	}
	opened := h.steps.options.Clock().UTC().Truncate(time.Second)
	if err := journal.Enter(workspace.File{Number: 1, Upload: id, Opened: opened}); err != nil {
		return "", errors.Join(err, bucket.Abort(ctx, o.Key, id))
	}
	return id, nil
}

// settle is called when the file is whole. Parts that are on their way arrive, if they are fast.
func (h *headStart) settle() {
	if h == nil || h.over == nil {
		return
	}
	h.growth.End()
	timer := time.NewTimer(lastParts)
	defer timer.Stop()
	select {
	case <-h.over:
	case <-timer.C:
	}
	h.stop()
}

// stop returns when nothing is sent any more. Stopping twice is safe.
func (h *headStart) stop() {
	if h == nil || h.over == nil {
		return
	}
	h.cancel()
	<-h.over
	_ = h.file.Close() // it was only read
}
