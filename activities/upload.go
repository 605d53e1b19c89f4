package activities

import (
	"context"
	"errors"
	"io"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"consign/internal/defect"
	"consign/internal/plan"
	"consign/internal/upload"
	"consign/internal/workspace"
)

const stepUpload = "upload"

// UploadInput says which of the files to send: Count of them, from the one at position First.
type UploadInput struct {
	Folder
	Target Target      `json:"target"`
	From   FilesResult `json:"from"`
	Names  plan.Names  `json:"names"`
	First  int         `json:"first,omitempty"`
	Count  int         `json:"count"`
	// Facts asks for the delivery's side files too. They list all files, so the call that sends the last ones has them.
	Facts *Facts `json:"facts,omitempty"`
}

// UploadResult says what waits in S3 to be published.
type UploadResult struct {
	Objects []Uploaded `json:"objects"`
	Sides   SideFiles  `json:"sides,omitzero"`
}

// Uploaded is an object whose parts are all in S3, and which nobody can read yet.
type Uploaded struct {
	Key      string    `json:"key"`
	UploadID string    `json:"upload_id,omitempty"` // empty for an object without bytes, which Publish puts
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	CRC32C   string    `json:"crc32c"`
	SHA256   string    `json:"sha256"`
	Opened   time.Time `json:"opened,omitzero"`        // when the upload was
	Plain    string    `json:"plain_sha256,omitempty"` // before encryption
}

// object is what S3 is told of it.
func (u Uploaded) object(delivery string) upload.Object {
	return upload.Object{Key: u.Key, Size: u.Bytes, CRC32C: u.CRC32C, Delivery: delivery, Opened: u.Opened}
}

// shown is what it is once it can be read.
func (u Uploaded) shown(t Target, done upload.Completed) Object {
	return Object{
		Bucket: t.Upload.Bucket, Key: u.Key, Rows: u.Rows, Bytes: u.Bytes,
		ETag: done.ETag, Version: done.Version, Checksum: done.Checksum,
	}
}

// Upload sends files to the bucket in parts and leaves the uploads open: nothing can be read before Publish.
//
// What S3 has already, by its own list of parts, is compared with the file and not sent again. Which upload sends which
// file is noted on the disk before the first part leaves.
func (s *Steps) Upload(ctx context.Context, in UploadInput) (_ UploadResult, err error) {
	defer s.fail(ctx, "Upload", &err)
	defer s.renew(in.Target)(&err)
	ctx, run, end, err := s.work(ctx, stepUpload, in.Folder)
	if err != nil {
		return UploadResult{}, err
	}
	defer end()
	from, err := arriving(run, in.Delivery, in.From)
	if err != nil {
		return UploadResult{}, err
	}
	again, err := s.noteSent(ctx, run, sending{in.Target, in.Delivery, in.Names})
	if err != nil {
		return UploadResult{}, err
	}
	journal, err := run.Step(in.Delivery, stepUpload)
	if err != nil {
		return UploadResult{}, err
	}
	begun, err := uploadsOf(journal)
	if err != nil {
		return UploadResult{}, err
	}
	progress := startProgress(ctx, "Upload", filesResult("", in.of(from.got)).Bytes) // before STS is asked, which may be silent
	defer progress.stop()
	bucket, err := s.bucket(ctx, in.Target)
	if err != nil {
		return UploadResult{}, err
	}
	sender := sender{
		bucket: bucket, from: from.step, journal: journal, begun: begun, delivery: in.Delivery, clock: s.options.Clock,
		again: again, insists: insists(activity.GetInfo(ctx)), progress: progress,
	}
	result := UploadResult{}
	if result.Objects, err = sender.sendAll(ctx, in, from); err != nil {
		return UploadResult{}, err
	}
	if in.Facts != nil {
		if result.Sides, err = sender.sides(ctx, run, in, from.got); err != nil {
			return result, err
		}
	}
	return result, s.vacate(run, in)
}

// of are those of a delivery's files that this call sends.
func (in UploadInput) of(files []workspace.File) []workspace.File {
	return files[min(in.First, len(files)):min(in.First+in.Count, len(files))]
}

// sendAll sends the call's files in their order, each as soon as it is there. Several go side by side only if each is a
// single part, for a larger one keeps all connections busy by itself.
func (s sender) sendAll(ctx context.Context, in UploadInput, from *arrivals) ([]Uploaded, error) {
	last := min(in.First+in.Count, in.From.Files)
	objects := make([]Uploaded, max(last-in.First, 0))
	most := int64(max(in.Target.Upload.Concurrency, 1))
	connections := semaphore.NewWeighted(most)
	group, sending := errgroup.WithContext(ctx)
	send := func(i int) error {
		f, err := from.file(sending, in.First+i+1)
		if err != nil {
			return err
		}
		key, err := in.Names.Key(f.Number)
		if err != nil {
			return err
		}
		takes := int64(1)
		if f.Bytes > upload.PartSize(f.Bytes, in.Target.Upload.PartSize) {
			takes = most
		}
		if err := connections.Acquire(sending, takes); err != nil {
			return context.Cause(sending)
		}
		group.Go(defect.Guarded(func() (err error) {
			defer connections.Release(takes)
			objects[i], err = s.send(sending, key, f)
			return err
		}))
		return nil
	}
	var stopped error // by the end of the step, or of one file, which is what is wrong then
	for i := 0; i < len(objects) && stopped == nil; i++ {
		stopped = send(i)
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return objects, stopped
}

// vacate gives the run's place on the host to the next one when the last file is in S3: Publish needs no host. The files
// stay until Discard, should S3 lose an upload.
func (s *Steps) vacate(run *workspace.Run, in UploadInput) error {
	if in.First+in.Count < in.From.Files {
		return nil
	}
	return s.options.Host.Release(run)
}

// uploadsOf returns the uploads that the journal knows, by file number.
func uploadsOf(journal *workspace.Step) (map[int]workspace.File, error) {
	noted, _, err := journal.Files(nil)
	begun := map[int]workspace.File{}
	for _, f := range noted {
		begun[f.Number] = f
	}
	return begun, err
}

type sender struct {
	bucket   *upload.Bucket
	from     *workspace.Step
	journal  *workspace.Step
	begun    map[int]workspace.File
	delivery string
	clock    func() time.Time
	progress *progress
	again    bool // files were being sent before, on this host
	insists  bool // on having looked for uploads that nobody knows
}

func (s sender) send(ctx context.Context, key string, f workspace.File) (_ Uploaded, err error) {
	sent := Uploaded{Key: key, Rows: f.Rows, Bytes: f.Bytes, CRC32C: f.CRC32C, SHA256: f.SHA256, Plain: f.Plain}
	if f.Bytes == 0 {
		return sent, nil
	}
	file, err := s.from.Open(f)
	if err != nil {
		return Uploaded{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	err = s.fill(ctx, upload.Object{Key: key, Size: f.Bytes, CRC32C: f.CRC32C, Sums: f.Sums, Delivery: s.delivery}, f, file, &sent)
	return sent, err
}

// fill brings the bytes into the upload that the journal knows, or into a new one, and tells sent which.
func (s sender) fill(ctx context.Context, o upload.Object, f workspace.File, from io.ReaderAt, sent *Uploaded) error {
	if err := s.resume(ctx, o, f, sent); err != nil {
		return err
	}
	progress := s.progress.follow()
	for fresh := sent.UploadID == ""; ; fresh = true {
		if fresh {
			if err := s.start(ctx, o, f, sent); err != nil {
				return err
			}
		}
		_, err := s.bucket.Send(ctx, o, sent.UploadID, from, progress)
		if !fresh && errors.Is(err, upload.ErrUploadLost) { // aborted meanwhile, by a lifecycle rule say: once more
			continue
		}
		return err
	}
}

// insistent is how many tries of the step want to have looked for uploads that nobody knows, while the store is busy or its
// answers get lost: a quarter of a minute, by default. Then these are the lifecycle rule's, for the delivery is worth more.
const insistent = 4

// insists reports whether a try of the step is one of these. The last one is not, or else the run would be parked for the list,
// and again whenever somebody retries it.
func insists(try activity.Info) bool {
	last := try.RetryPolicy != nil && try.Attempt == try.RetryPolicy.MaximumAttempts
	return try.Attempt <= insistent && !last
}

// resume finds the upload of these bytes in the journal, and ends others that nobody would look for again.
func (s sender) resume(ctx context.Context, o upload.Object, f workspace.File, sent *Uploaded) error {
	noted := s.begun[f.Number]
	switch {
	case noted.CRC32C == f.CRC32C, noted.CRC32C == "": // begun while the file was written
		sent.UploadID, sent.Opened = noted.Upload, noted.Opened
	case noted.Upload != "": // of other bytes
		if err := s.bucket.Abort(ctx, o.Key, noted.Upload); err != nil {
			return err
		}
	}
	if noted.Upload == "" && (s.again || f.Number <= 1) { // AssumeRole tried with the first one's key
		if err := s.bucket.AbortStrays(ctx, o.Key, ""); err != nil && s.insists {
			return err
		}
	}
	return nil
}

// start opens an upload and notes it on the disk before the first part leaves. One that cannot be noted is aborted, and
// the answer to the opening is not given up lightly: nobody would know of the upload.
func (s sender) start(ctx context.Context, o upload.Object, f workspace.File, sent *Uploaded) (err error) {
	ctx, end := upload.Outlast(ctx)
	defer end()
	if sent.UploadID, err = s.bucket.Start(ctx, o); err != nil {
		return err
	}
	sent.Opened = s.clock().UTC().Truncate(time.Second)
	f.Upload, f.Opened = sent.UploadID, sent.Opened
	if err := s.journal.Enter(f); err != nil {
		return errors.Join(err, s.bucket.Abort(ctx, o.Key, sent.UploadID))
	}
	return nil
}
