package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"

	"consign/internal/encrypt"
	"consign/internal/plan"
	"consign/internal/workspace"
)

// A cipher is how a step encrypts what it makes, on the way to the disk. The zero value does not.
type cipher struct {
	recipients []*encrypt.Recipient
	options    encrypt.Options
}

// cipher is that of a step that may do Encrypt's work along with its own. It may not if the files before encryption are to be
// kept, or a key cannot be used: what is wrong with it is for Encrypt to say, which finds the file and can be tried again.
func (s *Steps) cipher(e *plan.Encryption) cipher {
	if e == nil || s.options.KeepPlain {
		return cipher{}
	}
	recipients, err := s.recipients(e)
	if err != nil {
		return cipher{}
	}
	return cipher{recipients, encrypt.Options{AEAD: e.AEAD}}
}

func (c cipher) none() bool { return len(c.recipients) == 0 }

// An outlet takes the one file that a step makes: into the step's folder, or through the cipher into that of Encrypt, so
// that nothing is written only to be read again, and what the step makes does not lie on the disk as it is.
type outlet struct {
	run            *workspace.Run
	delivery, step string
	out            *outFile
	folder         *workspace.Step // of out
	closed         bool

	// nil without a cipher.
	message io.WriteCloser
	digest  *digestWriter // before it, on a goroutine of its own
}

// outlet opens an outlet for a step. What an earlier attempt has left of Encrypt's is removed.
func (s *Steps) outlet(run *workspace.Run, delivery, step string, c cipher) (_ *outlet, err error) {
	o := &outlet{run: run, delivery: delivery, step: step}
	if err := run.RemoveStep(delivery, stepEncrypt); err != nil {
		return nil, err
	}
	folder := step
	if !c.none() {
		folder = stepEncrypt
	}
	if o.folder, err = run.Step(delivery, folder); err != nil {
		return nil, err
	}
	if o.out, err = create(o.folder, fileName(1), sha256.New()); err != nil {
		return nil, err
	}
	if c.none() {
		return o, nil
	}
	if o.message, err = encrypt.New(o.out, c.recipients, c.options, s.options.Clock()); err != nil {
		_ = o.out.Close() // a key that has just expired, say: Encrypt will tell
		return s.outlet(run, delivery, step, cipher{})
	}
	o.digest = newDigestWriter(o.message, sha256.New()) // the receipt tells it
	return o, nil
}

// sendAhead gives the file a head start, unless it is still to be encrypted.
func (o *outlet) sendAhead(ctx context.Context, h *headStart, e *plan.Encryption) {
	if e == nil || o.digest != nil {
		h.follow(ctx, o.out)
	}
}

// Write takes what the step makes.
func (o *outlet) Write(p []byte) (int, error) {
	if o.digest != nil {
		return o.digest.Write(p)
	}
	return o.out.Write(p)
}

// Close closes the file when all is written. Closing twice is safe.
func (o *outlet) Close() error {
	if o.closed {
		return nil
	}
	o.closed = true
	var passed, sealed error
	if o.digest != nil {
		passed = o.digest.Close()
		sealed = o.message.Close()
	}
	return cmp.Or(o.out.Close(), sealed, passed) // an error shows in all stages before the one it comes from
}

// drop lets go of a file that will not be finished.
func (o *outlet) drop() {
	_ = o.Close() // what is wrong is known
	o.out.drop()
}

// finish enters the closed file in the journals, that of Encrypt first, and returns it as the step made it.
func (o *outlet) finish(rows int64) (workspace.File, error) {
	file := o.out.file(1, rows)
	if o.digest == nil {
		return file, o.folder.Finish(file)
	}
	made := workspace.File{
		Name: file.Name, Number: 1, Rows: rows, Bytes: o.digest.size, SHA256: o.digest.SHA256(), CRC32C: o.digest.CRC32C(),
	}
	file.Plain = made.SHA256
	if err := o.folder.Finish(file); err != nil {
		return workspace.File{}, err
	}
	own, err := o.run.Step(o.delivery, o.step)
	if err != nil {
		return workspace.File{}, err
	}
	return made, own.Enter(made)
}
