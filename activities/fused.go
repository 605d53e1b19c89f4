package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"consign/internal/archive"
	"consign/internal/plan"
	"consign/internal/render"
	"consign/internal/workspace"
)

// A result that becomes one file is compressed and encrypted on its way to the disk, by Render: the processor is busy
// while the source is waited for, nothing is written only to be read again, and what is rendered does not lie on the disk
// as it is. Render enters the file in the journals of Archive and Encrypt, which find it done in their turn. An
// interrupted Render begins anew, and this with it.
//
// A result of several files is rendered by itself, for Archive and Encrypt work side by side with Upload then. So is one
// that goes into a tar or tgz, whose headers tell the size of what follows: Archive encrypts that on the way.

// A destination takes the files of a Render.
type destination interface {
	create(number int) (io.WriteCloser, error)
	// finish enters the finished files in the journal and returns them.
	finish(made []render.File) ([]workspace.File, error)
	// close lets go of what is not finished. The reason is known already.
	close()
}

// oneFile reports whether all that is rendered goes into one file, from its beginning to its end.
func (in RenderInput) oneFile() bool {
	whole := in.Render.SplitRows == 0 && in.Render.SplitMegabytes == 0
	if !in.Packed {
		return whole
	}
	return in.Archive != nil && (in.Archive.Encoding == archive.ZIP || whole && in.Archive.Encoding == archive.GZIP)
}

// destination decides what of the next steps is done along with Render. A file that is delivered as it is gets its head start.
func (s *Steps) destination(ctx context.Context, run *workspace.Run, step *workspace.Step, in RenderInput, ahead *headStart) (destination, error) {
	cipher := s.cipher(in.Encryption)
	if !in.oneFile() || !in.Packed && cipher.none() {
		if !in.oneFile() || in.Encryption != nil {
			ahead = nil
		}
		return &ownFiles{step: step, passing: in.Packed, follow: func(out *outFile) { ahead.follow(ctx, out) }}, nil
	}
	makes := stepRender
	if in.Packed {
		makes = stepArchive
	}
	out, err := s.outlet(run, in.Delivery, makes, cipher)
	if err != nil {
		return nil, err
	}
	f := &fused{step: step, names: in.Names, out: out}
	if in.Packed {
		if err := f.packs(*in.Archive, s.options.Threads); err != nil {
			return nil, errors.Join(err, out.Close())
		}
	}
	out.sendAhead(ctx, ahead, in.Encryption)
	return f, nil
}

// ownFiles are files of Render's own.
type ownFiles struct {
	step    *workspace.Step
	passing bool           // only Archive reads them
	follow  func(*outFile) // is called before the first byte of each
	outs    []*outFile
}

func (o *ownFiles) create(number int) (io.WriteCloser, error) {
	var sha hash.Hash
	if !o.passing {
		sha = sha256.New()
	}
	out, err := create(o.step, fileName(number), sha)
	if err != nil {
		return nil, err
	}
	o.follow(out)
	o.outs = append(o.outs, out)
	return out, nil
}

func (o *ownFiles) finish(made []render.File) ([]workspace.File, error) {
	files := make([]workspace.File, 0, len(o.outs))
	for i, f := range made {
		files = append(files, o.outs[i].file(f.Number, f.Rows))
	}
	return files, o.step.Finish(files...)
}

func (*ownFiles) close() {} // Render's writer closes each

// fused is one file, into which what is rendered goes at once.
type fused struct {
	step    *workspace.Step // Render's
	names   plan.Names
	archive *archive.Options // nil: the rendered file is only encrypted
	zip     *archive.Archive // nil: it is not a zip
	out     *outlet
	entries []*fusedEntry
}

// A fusedEntry is a rendered file on its way into the packed one, by a goroutine of its own.
type fusedEntry struct {
	digest *digestWriter
	into   io.Closer
	crc32c string // when it is closed
}

func (e *fusedEntry) Write(p []byte) (int, error) { return e.digest.Write(p) }

// Close returns when all has gone into the packed file, and lets go of what it went through: a zip may have thousands of
// entries, of which the checksums are kept. Closing twice is safe.
func (e *fusedEntry) Close() error {
	if e.digest == nil {
		return nil
	}
	passed := e.digest.Close()
	err := cmp.Or(e.into.Close(), passed)
	e.crc32c = e.digest.CRC32C()
	e.digest, e.into = nil, nil
	return err
}

// packs says how the rendered files are packed.
func (f *fused) packs(o archive.Options, threads int) (err error) {
	o.Modified, o.Threads = f.names.Now, threads
	f.archive = &o
	if o.Encoding == archive.ZIP {
		f.zip, err = archive.New(f.out, o)
	}
	return err
}

func (f *fused) create(number int) (io.WriteCloser, error) {
	if f.archive == nil {
		return leftOpen{f.out}, nil
	}
	into, err := f.pack(number)
	if err != nil {
		return nil, err
	}
	e := &fusedEntry{digest: newDigestWriter(into, nil), into: into}
	f.entries = append(f.entries, e)
	return e, nil
}

// pack opens what packs a rendered file.
func (f *fused) pack(number int) (io.WriteCloser, error) {
	if f.zip == nil {
		return archive.Gzip(f.out, *f.archive)
	}
	name, err := f.names.Entry(number)
	if err != nil {
		return nil, err
	}
	entry, err := f.zip.Create(name)
	return leftOpen{entry}, err
}

func (f *fused) finish(made []render.File) ([]workspace.File, error) {
	if f.zip != nil {
		if err := f.zip.Close(); err != nil {
			return nil, err
		}
	}
	if err := f.out.Close(); err != nil {
		return nil, err
	}
	rows := int64(0)
	for _, m := range made {
		rows += m.Rows
	}
	file, err := f.out.finish(rows)
	if err != nil || f.archive == nil {
		return []workspace.File{file}, err
	}
	files := make([]workspace.File, len(made))
	for i, m := range made {
		files[i] = workspace.File{
			Name: fileName(m.Number), Number: m.Number, Rows: m.Rows, Bytes: m.Bytes, CRC32C: f.entries[i].crc32c,
		}
	}
	return files, f.step.Enter(files...)
}

func (f *fused) close() { _ = f.out.Close() }

// leftOpen is a part of something that is closed later.
type leftOpen struct{ io.Writer }

func (leftOpen) Close() error { return nil }
