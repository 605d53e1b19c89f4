package archive

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"consign/internal/defect"
)

// blockSize is how much is compressed on its own. A block cannot refer to the one before it: at 1 MiB this costs a third
// of a percent of size, and a block takes a few milliseconds, long enough to hand it to a goroutine.
const blockSize = 1 << 20

// emptyEnd is a last block without content (RFC 1951, section 3.2.6).
const emptyEnd = "\x03\x00"

// encoders are what the entries of an archive share: the compressors with their tables (a megabyte each), the blocks,
// and the right to compress.
type encoders struct {
	threads int
	running chan struct{} // one token per compressing goroutine
	flates  sync.Pool
	blocks  sync.Pool
}

func newEncoders(o Options) *encoders {
	level := o.Level
	if level == 0 {
		level = DefaultLevel
	}
	e := &encoders{threads: max(o.Threads, 1)}
	e.running = make(chan struct{}, e.threads)
	e.flates.New = func() any {
		w, err := flate.NewWriter(io.Discard, level)
		if err != nil {
			panic(err) // Validate has seen the level
		}
		return w
	}
	e.blocks.New = func() any { return &block{done: make(chan struct{}, 1)} }
	return e
}

// A block is a piece of content and what it becomes.
type block struct {
	in   []byte
	out  bytes.Buffer
	err  error
	done chan struct{}
}

// compress ends the block on a byte, so that the next one can follow, or ends the stream.
func (e *encoders) compress(b *block, last bool) {
	defer defect.Recover(&b.err) // of a compressor that is somebody else's
	w := e.flates.Get().(*flate.Writer)
	defer e.flates.Put(w)
	b.out.Reset()
	w.Reset(&b.out)
	end := w.Flush
	if last {
		end = w.Close
	}
	if _, b.err = w.Write(b.in); b.err == nil {
		b.err = end()
	}
}

// start compresses b on a goroutine, which ends whether or not somebody waits for it.
func (e *encoders) start(b *block) {
	go func() {
		e.running <- struct{}{}
		e.compress(b, false)
		<-e.running
		b.done <- struct{}{}
	}()
}

// A deflater compresses a stream block by block, several at once, and writes them in order. Everything but the
// compressing happens in the goroutine of the caller, so that nothing is left behind if the caller gives up.
type deflater struct {
	w       io.Writer
	shared  *encoders
	current *block
	waiting []*block // being compressed, in order
	err     error
}

func newDeflater(w io.Writer, shared *encoders) *deflater {
	return &deflater{w: w, shared: shared}
}

func (d *deflater) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && d.err == nil {
		if d.current == nil {
			d.current = d.shared.blocks.Get().(*block)
			d.current.in = d.current.in[:0]
		}
		piece := p[:min(len(p), blockSize-len(d.current.in))]
		d.current.in = append(d.current.in, piece...)
		p, written = p[len(piece):], written+len(piece)
		if len(d.current.in) == blockSize {
			d.err = d.full()
		}
	}
	return written, d.err
}

// full hands the current block over.
func (d *deflater) full() error {
	b := d.current
	d.current = nil
	if d.shared.threads == 1 {
		d.shared.compress(b, false)
		return d.emit(b)
	}
	// Twice as many blocks as threads, so that there is work while the oldest is being written.
	if len(d.waiting) == 2*d.shared.threads {
		if err := d.oldest(); err != nil {
			return err
		}
	}
	d.waiting = append(d.waiting, b)
	d.shared.start(b)
	return nil
}

// oldest waits for the first of the waiting blocks and writes it.
func (d *deflater) oldest() error {
	b := d.waiting[0]
	d.waiting[0], d.waiting = nil, d.waiting[1:] // the block goes to another entry, and must not be held by this one
	<-b.done
	return d.emit(b)
}

func (d *deflater) emit(b *block) error {
	if b.err != nil {
		return b.err
	}
	_, err := d.w.Write(b.out.Bytes())
	d.shared.blocks.Put(b)
	return err
}

// Close writes what is left and the end of the stream.
func (d *deflater) Close() error {
	for len(d.waiting) > 0 && d.err == nil {
		d.err = d.oldest()
	}
	if d.err != nil {
		return d.err
	}
	if b := d.current; b != nil {
		d.current = nil
		d.shared.compress(b, true)
		d.err = d.emit(b)
		return d.err
	}
	_, d.err = io.WriteString(d.w, emptyEnd)
	return d.err
}
