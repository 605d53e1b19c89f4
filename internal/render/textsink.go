package render

import (
	"sort"
	"sync"

	"consign/internal/defect"
	"consign/internal/table"
)

const (
	// chunkBytes is how much text is handed on at once: large enough that handing on costs nothing, small enough that
	// wide rows do not cost memory. A batch of twenty columns is half of it.
	chunkBytes = 1 << 20
	// chunksAhead is how many chunks of one batch may wait for their turn.
	chunksAhead = 3
	// keepBytes is the size above which a buffer is not used again: one row of 64 MiB must not stay for ever.
	keepBytes = 4 * chunkBytes
)

// A textSink encodes batches in several goroutines and writes their text, in order, in one more.
type textSink struct {
	out     *output
	failure *failure
	encoder textEncoder
	frame   frame

	jobs    chan *textJob // to whichever goroutine encodes next
	order   chan *textJob // the same, to the one that writes
	free    chan *chunk
	running sync.WaitGroup
}

// A textJob is a batch with the text that becomes of it.
type textJob struct {
	batch    *table.Batch
	firstRow int64
	chunks   chan *chunk // closed when the batch has been encoded
}

// A chunk is the text of some whole rows.
type chunk struct {
	text []byte
	ends []int // where each row ends
	err  error // what was wrong with the row after them
}

func newTextSink(out *output, f *failure, e textEncoder, threads int) *textSink {
	s := &textSink{
		out: out, failure: f, encoder: e, frame: e.frame(),
		order: make(chan *textJob, threads+1),
		jobs:  make(chan *textJob, threads+2), // those in order and the one being written: sending never waits
		free:  make(chan *chunk, (threads+2)*chunksAhead),
	}
	for range threads {
		s.running.Go(s.encodeAll)
	}
	s.running.Go(s.writeAll)
	return s
}

func (s *textSink) write(b *table.Batch, firstRow int64) error {
	j := &textJob{batch: b, firstRow: firstRow, chunks: make(chan *chunk, chunksAhead)}
	s.order <- j
	s.jobs <- j
	return s.failure.get()
}

// encodeAll encodes batches until there are no more. After a failure it only releases them.
func (s *textSink) encodeAll() {
	for j := range s.jobs {
		for row := 0; row < j.batch.Rows && !s.failure.failed.Load(); {
			c := s.buffer()
			row = s.encode(c, j, row)
			failed := c.err != nil
			j.chunks <- c
			if failed {
				break
			}
		}
		j.batch.Release()
		close(j.chunks)
	}
}

// encode puts the text of a batch's rows from row on into a chunk, and returns the row that the next one begins with.
func (s *textSink) encode(c *chunk, j *textJob, row int) (next int) {
	defer defect.Recover(&c.err)
	c.text, c.ends, next, c.err = s.encoder.appendRows(c.text, c.ends, j.batch, row, j.firstRow, chunkBytes)
	return next
}

// writeAll writes chunks in the order of the batches. So the first error is that of the first bad row, however many
// goroutines encode.
func (s *textSink) writeAll() {
	for j := range s.order {
		for c := range j.chunks {
			if !s.failure.failed.Load() {
				s.failure.set(s.place(c))
				s.failure.set(c.err)
			}
			s.recycle(c)
		}
	}
}

// place writes a chunk's rows to the open file, and to as many more as the limits ask for.
func (s *textSink) place(c *chunk) error {
	start := 0 // of the rows not yet written, in the text
	for from := 0; from < len(c.ends); {
		if s.out.current == nil {
			if err := s.begin(); err != nil {
				return err
			}
		}
		skip := 0
		if s.out.file.Rows == 0 {
			skip = s.frame.skip
		}
		n := s.fitting(c.ends[from:], start+skip)
		if n == 0 {
			if err := s.finish(); err != nil {
				return err
			}
			continue
		}
		end := c.ends[from+n-1]
		if _, err := s.out.Write(c.text[start+skip : end]); err != nil {
			return err
		}
		s.out.count(n)
		from, start = from+n, end
	}
	return nil
}

// fitting returns how many of the rows that end at ends, of which the first begins at start, go into the open file. A
// row that is larger than the limit goes into a file of its own.
func (s *textSink) fitting(ends []int, start int) int {
	n := len(ends)
	file := &s.out.file
	if s.out.splitRows > 0 {
		n = min(n, int(s.out.splitRows-file.Rows))
	}
	if s.out.splitBytes > 0 {
		room := s.out.splitBytes - file.Bytes - int64(len(s.frame.tail))
		n = sort.Search(n, func(i int) bool { return int64(ends[i]-start) > room })
		if n == 0 && file.Rows == 0 {
			n = 1
		}
	}
	return n
}

func (s *textSink) begin() error {
	if err := s.out.begin(); err != nil {
		return err
	}
	_, err := s.out.Write([]byte(s.frame.head))
	return err
}

func (s *textSink) finish() error {
	if _, err := s.out.Write([]byte(s.frame.tail)); err != nil {
		return err
	}
	return s.out.finish()
}

func (s *textSink) close() error {
	s.wait()
	if err := s.failure.get(); err != nil {
		return err
	}
	if s.out.current == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	return s.finish()
}

func (s *textSink) abort() { s.wait() }

// wait ends the goroutines. After a failure they let everything in flight go by.
func (s *textSink) wait() {
	close(s.jobs)
	close(s.order)
	s.running.Wait()
}

func (s *textSink) buffer() *chunk {
	select {
	case c := <-s.free:
		return c
	default:
		return &chunk{text: make([]byte, 0, chunkBytes/2)}
	}
}

func (s *textSink) recycle(c *chunk) {
	if cap(c.text) > keepBytes {
		return
	}
	c.text, c.ends, c.err = c.text[:0], c.ends[:0], nil
	select {
	case s.free <- c:
	default:
	}
}
