package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"consign/internal/archive"
	"consign/internal/defect"
	"consign/internal/encrypt"
	"consign/internal/plan"
	"consign/internal/workspace"
)

const (
	stepArchive = "archive"
	stepEncrypt = "encrypt"
)

// ArchiveInput says which files to pack, and how.
type ArchiveInput struct {
	Folder
	From    FilesResult     `json:"from"`
	Archive archive.Options `json:"archive"`
	Names   plan.Names      `json:"names"`
	// Encryption is what the next step does: an archive of all files is encrypted on its way to the disk.
	Encryption *plan.Encryption `json:"encryption,omitempty"`
	// Target is where to send an archive of all files while it is written; nil: it is not.
	Target *Target `json:"target,omitempty"`
}

// Archive compresses each file, or packs all of them into one archive. It may find that Render has done it.
func (s *Steps) Archive(ctx context.Context, in ArchiveInput) (_ FilesResult, err error) {
	defer s.fail(ctx, "Archive", &err)
	ctx, run, end, err := s.work(ctx, stepArchive, in.Folder)
	if err != nil {
		return FilesResult{}, err
	}
	defer end()
	in.Archive.Modified = in.Names.Now
	in.Archive.Threads = s.options.Threads
	if archive.Single(in.Archive.Encoding) {
		return s.pack(ctx, run, in)
	}
	atOnce := 1
	if in.From.small() {
		atOnce, in.Archive.Threads = s.options.Threads, 1
	}
	return s.each(ctx, run, stepArchive, in.Delivery, in.From, atOnce, func(w io.Writer) (io.WriteCloser, error) {
		return archive.Gzip(w, in.Archive)
	})
}

// smallFile is the size up to which files are compressed side by side, with a thread for each: a larger one is many blocks
// of 1 MiB, which keep all threads busy by themselves.
const smallFile = 4 << 20

func (f FilesResult) small() bool { return f.Bytes <= smallFile*int64(f.Files) }

// pack writes all files into one archive. An interrupted one begins anew.
func (s *Steps) pack(ctx context.Context, run *workspace.Run, in ArchiveInput) (_ FilesResult, err error) {
	to, err := run.Step(in.Delivery, stepArchive)
	if err != nil {
		return FilesResult{}, err
	}
	if made, _, err := to.Files(nil); err != nil {
		return FilesResult{}, err
	} else if len(made) == 1 {
		return filesResult(stepArchive, made), nil
	}
	from, files, err := filesOf(run, in.Delivery, in.From)
	if err != nil {
		return FilesResult{}, err
	}
	progress := startProgress(ctx, "Archive", in.From.Bytes)
	defer progress.stop()
	out, err := s.outlet(run, in.Delivery, stepArchive, s.cipher(in.Encryption))
	if err != nil {
		return FilesResult{}, err
	}
	defer func() {
		if err != nil {
			out.drop()
		}
	}()
	ahead := s.headStart(run, in.Delivery, in.Names, in.Target)
	defer ahead.stop()
	out.sendAhead(ctx, ahead, in.Encryption)
	a, err := archive.New(out, in.Archive)
	if err != nil {
		return FilesResult{}, err
	}
	for _, f := range files {
		if err := add(ctx, a, in.Names, from, f, progress); err != nil {
			return FilesResult{}, err
		}
	}
	packed := a.Close()
	if err := cmp.Or(out.Close(), packed); err != nil {
		return FilesResult{}, err
	}
	made, err := out.finish(in.From.Rows)
	if err == nil {
		ahead.settle()
	}
	return filesResult(stepArchive, []workspace.File{made}), err
}

func add(ctx context.Context, a *archive.Archive, names plan.Names, from *workspace.Step, f workspace.File, p *progress) (err error) {
	entry, err := names.Entry(f.Number)
	if err != nil {
		return err
	}
	in, err := read(ctx, from, f, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	return a.Add(entry, f.Bytes, in)
}

// each passes every file of a step through a stage, several at a time. What an earlier attempt has finished is not done
// again, and if all is, the files that it was made of may be gone already, or never have been.
func (s *Steps) each(ctx context.Context, run *workspace.Run, name, delivery string, input FilesResult, atOnce int, stage func(io.Writer) (io.WriteCloser, error)) (FilesResult, error) {
	to, err := run.Step(delivery, name)
	if err != nil {
		return FilesResult{}, err
	}
	made, done, err := to.Files(nil)
	if err != nil {
		return FilesResult{}, err
	}
	if len(made) == input.Files {
		return allOf(run, delivery, name, input.Files, done)
	}
	finished := map[int]bool{}
	for _, f := range made {
		finished[f.Number] = true
	}
	from, err := arriving(run, delivery, input)
	if err != nil {
		return FilesResult{}, err
	}
	progress := startProgress(ctx, title(name), input.Bytes)
	defer progress.stop()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	err = from.each(ctx, func(f workspace.File) {
		if finished[f.Number] {
			progress.add(f.Bytes)
			return
		}
		group.Go(defect.Guarded(func() error { return convert(ctx, from.step, f, to, progress, stage) }))
	})
	// If a file fails, that ends the wait for the next one too, and is what is wrong.
	if failed := group.Wait(); failed != nil {
		return FilesResult{}, failed
	}
	if err != nil {
		return FilesResult{}, err
	}
	return allOf(run, delivery, name, input.Files, false)
}

// allOf is the result of a step that has made all its files. It says Done in the journal, unless an earlier attempt did:
// nobody needs to wait for more.
func allOf(run *workspace.Run, delivery, name string, files int, done bool) (FilesResult, error) {
	step, all, err := filesOf(run, delivery, FilesResult{Step: name, Files: files})
	result := filesResult(name, all)
	if err == nil && !done {
		err = step.Done(result)
	}
	return result, err
}

// title is the activity whose folder is called name.
func title(name string) string {
	return string(name[0]-'a'+'A') + name[1:]
}

// EncryptInput says which files to encrypt to whom.
type EncryptInput struct {
	Folder
	From       FilesResult      `json:"from"`
	Encryption *plan.Encryption `json:"encryption"`
}

// Encrypt encrypts every file to the plan's recipients, whose keys it reads from the configuration and compares with the
// plan's fingerprints; it may find that the step before has done it. The plain files go once all encrypted ones are there,
// unless workspace.keep wants them.
func (s *Steps) Encrypt(ctx context.Context, in EncryptInput) (_ FilesResult, err error) {
	defer s.fail(ctx, "Encrypt", &err)
	ctx, run, end, err := s.work(ctx, stepEncrypt, in.Folder)
	if err != nil {
		return FilesResult{}, err
	}
	defer end()
	recipients, err := s.recipients(in.Encryption)
	if err != nil {
		return FilesResult{}, err
	}
	now := s.options.Clock()
	result, err := s.each(ctx, run, stepEncrypt, in.Delivery, in.From, s.options.Threads, func(w io.Writer) (io.WriteCloser, error) {
		return encrypt.New(w, recipients, encrypt.Options{AEAD: in.Encryption.AEAD}, now)
	})
	if err != nil {
		return FilesResult{}, err
	}
	return result, s.removeEncrypted(run, in)
}

// removeEncrypted removes the files that are encrypted now. If they are to be kept, those from which they were made stay.
func (s *Steps) removeEncrypted(run *workspace.Run, in EncryptInput) error {
	switch {
	case !s.options.KeepPlain:
		return s.removePlain(run, in.Delivery)
	case in.From.Step == stepArchive:
		return run.RemoveFiles(in.Delivery, stepRender)
	}
	return nil
}

func (s *Steps) removePlain(run *workspace.Run, delivery string) error {
	return errors.Join(run.RemoveFiles(delivery, stepRender), run.RemoveFiles(delivery, stepArchive))
}

// recipients reads the plan's public keys. A key, or a subkey, that was replaced since the plan was made is not used unseen: some
// of the files may be encrypted to the old one.
func (s *Steps) recipients(e *plan.Encryption) ([]*encrypt.Recipient, error) {
	c, err := s.options.Config()
	if err != nil {
		return nil, err
	}
	recipients := make([]*encrypt.Recipient, 0, len(e.Recipients))
	for _, want := range e.Recipients {
		text, err := c.PublicKey(want.Key)
		if err != nil {
			return nil, err
		}
		r, err := encrypt.ParseRecipient(text, s.options.Clock())
		if err != nil {
			return nil, fmt.Errorf("public key %s: %w", want.Fingerprint, err)
		}
		if r.Fingerprint() != want.Fingerprint {
			return nil, fmt.Errorf("public key %s: %w: it is now %s", want.Fingerprint, ErrPlanStale, r.Fingerprint())
		}
		if want.EncryptsTo != "" && r.EncryptsTo() != want.EncryptsTo {
			return nil, fmt.Errorf("public key %s: %w: its subkey to encrypt to is now %s, and was %s", want.Fingerprint, ErrPlanStale, r.EncryptsTo(), want.EncryptsTo)
		}
		recipients = append(recipients, r)
	}
	return recipients, nil
}
